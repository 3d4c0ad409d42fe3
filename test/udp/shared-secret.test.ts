// Trackers that share the secret of their connection ids: each takes the others' ids, whatever its machine's uptime is; one with
// another secret takes none. And what the file must hold.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { at } from '../aquatic/harness.ts'
import { inFolder } from '../support/folder.ts'
import { announceRequest, readAnnounce } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  EXECUTABLE,
  listenOn,
  runTracker,
  servedOn,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(60_000)

/** The monotonic clock of another machine. */
const ELSEWHERE = ['unshare', '--fork', '--kill-child', '--time', '--monotonic', '200000', '--']
const mayBeElsewhere = Bun.spawnSync([...ELSEWHERE, 'true']).exitCode === 0

const settings = (path: string) =>
  `${listenOn('127.0.0.1:0')}[protocol]\nconnection_id_secret_path = '${path}'\n`

function secretFile(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Whether `second` serves a client that has its id from `first`. */
function takes(first: Endpoint, second: Endpoint): Promise<boolean> {
  return withClient('127.0.0.1', async (client) => {
    const packet = announceRequest(await client.connect(first), { port: 1001 })
    if (await client.isSilent(packet, second)) return false
    const answer = await client.request(packet, second)
    return readAnnounce(answer.packet, 4).interval > 0
  })
}

test('ids of trackers with one secret are valid at each other, and nowhere else', () =>
  inFolder((folder) => {
    const one = secretFile(folder, 'one', `${'a1'.repeat(32)}\n`)
    const other = secretFile(folder, 'other', `${'a1'.repeat(31)}a2\n`)
    const prefix = mayBeElsewhere ? ELSEWHERE : []
    return withTracker({ settings: settings(one) }, (a) =>
      withTracker({ settings: settings(one), prefix }, (b) =>
        withTracker({ settings: settings(other) }, async (c) => {
          expect(await takes(a.at(), b.at())).toBe(true)
          expect(await takes(b.at(), a.at())).toBe(true)
          expect(await takes(a.at(), c.at())).toBe(false)
          expect(await takes(c.at(), b.at())).toBe(false)
        }),
      ),
    )
  }))

test('without the setting no other tracker takes an id', () =>
  withTracker({}, (a) =>
    withTracker({}, async (b) => {
      expect(await takes(a.at(), a.at())).toBe(true)
      expect(await takes(a.at(), b.at())).toBe(false)
    }),
  ))

test('aquatic_udp and aquatic may share one', () =>
  inFolder((folder) => {
    const path = secretFile(folder, 'secret', 'x'.repeat(32))
    const env = { AQUATIC_UDP_PROTOCOL_CONNECTION_ID_SECRET_PATH: path }
    const all = {
      executable: ALL_EXECUTABLE,
      settings: servedOn(ALL_EXECUTABLE, '127.0.0.1:0'),
      env,
    }
    return withTracker(all, (a) =>
      withTracker({ settings: settings(path) }, async (b) => {
        expect(await takes(at(a, 'udp'), b.at())).toBe(true)
        expect(await takes(b.at(), at(a, 'udp'))).toBe(true)
      }),
    )
  }))

describe('a file that holds no secret', () => {
  test.each([
    ['that is too short', 'a'.repeat(31)],
    ['with a space', `${'a'.repeat(40)} b`],
    ['that is empty', ''],
  ])('%s is refused at the start and by --check, and not shown', (_, text) =>
    inFolder(async (folder) => {
      const path = secretFile(folder, 'secret', text)
      for (const executable of [[EXECUTABLE], [EXECUTABLE, '--check']]) {
        const { code, stderr } = await runTracker({ executable, settings: settings(path) })
        expect(code).toBe(1)
        expect(stderr).toContain(`[protocol] connection_id_secret_path '${path}' has no secret`)
        expect(stderr).toContain('write 32 to 256 ASCII characters')
        if (text !== '') expect(stderr).not.toContain(text)
      }
    }),
  )

  test('one that is missing is refused too', async () => {
    const { code, stderr } = await runTracker({ settings: settings('/nowhere/secret') })
    expect(code).toBe(1)
    expect(stderr).toContain("connection_id_secret_path '/nowhere/secret' cannot be read")
  })
})
