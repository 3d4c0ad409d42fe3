// With the real executables, which ask themselves.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { EXECUTABLE, listenOn, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const SECONDS = '10'

async function ask(
  executable: string,
  address: string,
  seconds = SECONDS,
  more: Readonly<Record<string, string>> = {},
) {
  const env = { PATH: process.env.PATH ?? '', AQUATIC_NETWORK_ADDRESS: address, ...more }
  const child = Bun.spawn([executable, '--health-check', seconds], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env,
  })
  const stderr = await new Response(child.stderr).text()
  return { code: await child.exited, stderr }
}

describe('aquatic_udp', () => {
  test('is healthy when it answers, also behind a wildcard address and on several', () =>
    withTracker({ settings: listenOn('0.0.0.0:0', '127.0.0.1:0', '[::1]:0') }, async (tracker) => {
      const [wildcard, ipv4, ipv6] = tracker.endpoints.map(({ port }) => port)
      const list = `0.0.0.0:${wildcard}, 127.0.0.1:${ipv4}, [::1]:${ipv6}`
      expect(await ask(EXECUTABLE, list)).toEqual({ code: 0, stderr: '' })
    }))

  test('is not when one of its addresses is silent', () =>
    withTracker({}, (tracker) =>
      withClient('127.0.0.1', async (silent) => {
        const list = `127.0.0.1:${tracker.at().port}, 127.0.0.1:${silent.port}`
        const stderr = `unhealthy: 127.0.0.1:${silent.port}: no answer in 0.5 s\n`
        expect(await ask(EXECUTABLE, list, '0.5')).toEqual({ code: 1, stderr })
      }),
    ))

  test('fails at once if nothing listens, in one line', async () => {
    const port = await withClient('127.0.0.1', async (gone) => gone.port)
    const startedMs = performance.now()
    const stderr = `unhealthy: 127.0.0.1:${port}: connection refused: nothing listens there\n`
    expect(await ask(EXECUTABLE, `127.0.0.1:${port}`)).toEqual({ code: 1, stderr })
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })

  test.each(['0', '-1', 'soon', '60.01', '61'])(
    'refuses to wait for %p seconds',
    async (seconds) => {
      const { code, stderr } = await ask(EXECUTABLE, '127.0.0.1:1', seconds)
      expect(code).toBe(2)
      expect(stderr).toContain('--health-check')
    },
  )

  test('cannot be found on a port that the system chose', async () => {
    const { code, stderr } = await ask(EXECUTABLE, '127.0.0.1:0')
    expect(code).toBe(1)
    expect(stderr).toContain('127.0.0.1:0 is a port that the system chose')
  })
})

describe('aquatic_ws', () => {
  test('is healthy when it answers a scrape', () =>
    withTracker({ executable: WS_EXECUTABLE }, async (tracker) => {
      expect(await ask(WS_EXECUTABLE, tracker.address())).toEqual({ code: 0, stderr: '' })
    }))

  test('is healthy when its list of networks denies this machine, as published ones do', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'networks')
      writeFileSync(path, '0.0.0.0/8\n127.0.0.0/8\n')
      const settings = `[network]\naddress = '127.0.0.1:0'\n[network_list]\nmode = 'deny'\npath = '${path}'\n`
      await withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
        const more = { AQUATIC_NETWORK_LIST_MODE: 'deny', AQUATIC_NETWORK_LIST_PATH: path }
        const answer = await ask(WS_EXECUTABLE, tracker.address(), SECONDS, more)
        expect(answer).toEqual({ code: 0, stderr: '' })
      })
    }))

  test('is not when something else has its port', async () => {
    const other = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('hello') })
    try {
      const { code, stderr } = await ask(WS_EXECUTABLE, `127.0.0.1:${other.port}`)
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `unhealthy: 127.0.0.1:${other.port}: no WebSocket connection\n`,
      })
    } finally {
      other.stop(true)
    }
  })
})
