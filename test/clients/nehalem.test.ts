// The x64 executables on the oldest processor that is promised: an emulated Nehalem of 2008, which has
// neither AVX nor AVX2. An instruction that it lacks would end the process with SIGILL.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { version } from '../../package.json'
import { EXECUTABLE, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(300_000)

const QEMU = Bun.which('qemu-x86_64') ?? Bun.which('qemu-x86_64-static') ?? 'qemu-x86_64'
const NEHALEM = [QEMU, '-cpu', 'Nehalem']
const isX64 = process.arch === 'x64'

test.skipIf(!isX64)('aquatic_udp starts, serves and stops', () =>
  withTracker({ prefix: NEHALEM }, (tracker) =>
    withClient('127.0.0.1', async (client) => {
      await client.announce(tracker.at(), { port: 1001 })
      const { peers } = await client.announce(tracker.at(), { port: 1002 })
      expect(peers).toEqual(['127.0.0.1:1001'])
      tracker.signal('SIGTERM')
      expect((await tracker.waitForEnd()).code).toBe(0)
    }),
  ),
)

test.skipIf(!isX64)('aquatic_ws starts', () => {
  const path = process.env.AQUATIC_WS_EXECUTABLE ?? EXECUTABLE.replace(/aquatic_udp$/, 'aquatic_ws')
  const { exitCode, stdout } = Bun.spawnSync([...NEHALEM, path, '-v'])
  const text = `aquatic_ws ${version}\n`
  expect({ code: exitCode, text: stdout.toString() }).toEqual({ code: 0, text })
})
