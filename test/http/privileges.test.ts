// aquatic_http that root starts with drop_privileges: a low port, another root directory, no rights; then it serves,
// reloads, and stops as nobody. What is the same in all trackers: test/udp/privileges.test.ts.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { inFolder } from '../support/folder.ts'
import { announceTarget, askOnce, HttpConnection } from '../support/http-client.ts'
import { HTTP_EXECUTABLE, type Tracker, withTracker } from '../support/tracker.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'
const NOBODY = '65534'
/** Of this machine, and hardly anybody's. */
const LOW_ADDRESS = '127.0.0.78:1'

const settings = (address: string, more = '', privileges = '') =>
  `socket_workers = 2\n[network]\naddress = '${address}'\n${more}\n` +
  '[limits]\nmax_torrents = 1000\nmax_peers = 10000\nmax_connections = 500\n' +
  `[privileges]\ndrop_privileges = true\n${privileges}\n`

function expectNobody({ pid }: Tracker): void {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/status`, 'latin1')
    expect(/^Uid:\s+(.*)$/m.exec(text)?.[1].split('\t')).toEqual(Array(4).fill(NOBODY))
    expect(/^CapPrm:\s+(.*)$/m.exec(text)?.[1]).toBe('0000000000000000')
  }
}

async function useAndStop(tracker: Tracker): Promise<void> {
  const to = tracker.at()
  for (const port of [1001, 1002]) await askOnce(to, announceTarget({ port }))
  const { body } = await askOnce(to, announceTarget({ port: 1003 }))
  expect(readDictionary(body)).toMatchObject({ incomplete: 2 })
  const kept = await HttpConnection.open(to)
  for (let i = 0; i < 3; i++) expect((await kept.ask('/health')).status).toBe(200)
  tracker.signal('SIGTERM')
  const { code, stderr } = await tracker.waitForEnd()
  expect(stderr).not.toContain('failed')
  expect(code).toBe(0)
}

describe.skipIf(!isRoot)(`with drop_privileges${needsRoot}`, () => {
  test('it serves on a port for which nobody has no right', () =>
    withTracker(
      { executable: HTTP_EXECUTABLE, settings: settings(LOW_ADDRESS) },
      async (tracker) => {
        expect(tracker.at().port).toBe(1)
        expectNobody(tracker)
        await useAndStop(tracker)
      },
    ))

  test('it serves in another root directory, and keeps its swarms there', () =>
    inFolder(async (folder) => {
      chmodSync(folder, 0o777)
      const more = `[persistence]\npath = '${join(folder, 'state')}'\n`
      const options = {
        executable: HTTP_EXECUTABLE,
        settings: settings('127.0.0.1:0', more, `chroot_path = '${folder}'`),
      }
      await withTracker(options, async (tracker) => {
        expect(readlinkSync(`/proc/${tracker.pid}/root`)).toBe(folder)
        expectNobody(tracker)
        await useAndStop(tracker)
      })
      expect(readdirSync(join(folder, 'state'))).toContain('aquatic_http.snapshot')
      await withTracker(options, async (tracker) => {
        const { body } = await askOnce(tracker.at(), announceTarget({ port: 1009 }))
        expect(readDictionary(body)).toMatchObject({ incomplete: 3 })
      })
    }))

  test('it takes changed settings of a file in its root directory', () =>
    inFolder(async (folder) => {
      chmodSync(folder, 0o755)
      const file = join(folder, 'http.toml')
      const root = `chroot_path = '${folder}'`
      writeFileSync(file, settings('127.0.0.1:0', 'keep_alive = true', root), { mode: 0o644 })
      await withTracker({ executable: HTTP_EXECUTABLE, file }, async (tracker) => {
        expect((await askKept(tracker)).fields.connection).toBeUndefined()
        writeFileSync(file, settings('127.0.0.1:0', 'keep_alive = false', root))
        tracker.signal('SIGHUP')
        await tracker.waitForOutput(/keep_alive/)
        expect((await askKept(tracker)).fields.connection).toBe('close')
      })
    }))
})

async function askKept(tracker: Tracker) {
  const connection = await HttpConnection.open(tracker.at())
  const answer = await connection.ask('/health')
  connection.close()
  return answer
}
