// The tracker over a restart, with a folder to keep its state in: a clean stop, a new root directory, a
// damaged file, and kill -9 at random moments under load.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { KILL_LOOP_LIMITS, killAtRandomMoments } from '../support/kill-loop.ts'
import { announceRequest, readAnnounce } from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { listenOn, runTracker, type Tracker, withTracker } from '../support/tracker.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0

function keeping(path: string, more = '') {
  const settings = `log_level = 'info'\n${listenOn('127.0.0.1:0')}
    [persistence]\npath = '${path}'\n${more}\n`
  return { settings }
}

const hashOf = (number: number) =>
  new Uint8Array(20)
    .fill(7)
    .with(0, number & 255)
    .with(1, number >> 8)

async function stop(tracker: Tracker): Promise<string> {
  tracker.signal('SIGTERM')
  const { code, stderr } = await tracker.waitForEnd()
  expect(code).toBe(0)
  return stderr
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe('after a restart', () => {
    test.each(['', '[cleaning]\nmax_connection_age = 86400\n'])(
      'peers, roles and completed downloads are there, and ids are still valid %j',
      (more) =>
        inFolder(async (folder) => {
          const client = await UdpClient.open()
          const infoHash = hashOf(1)
          const id = await withTracker(keeping(join(folder, 'state'), more), async (tracker) => {
            await client.announce(tracker.at(), { infoHash, port: 1001, left: 1n })
            await client.announce(tracker.at(), { infoHash, port: 1001, left: 0n, event: 1 })
            await client.announce(tracker.at(), { infoHash, port: 1002, left: 1n })
            const connectionId = await client.connect(tracker.at())
            expect(await stop(tracker)).toContain('snapshot written: 2 peers')
            return connectionId
          })
          const state = join(folder, 'state')
          expect(statSync(state).mode & 0o777).toBe(0o700)
          expect(readdirSync(state).sort()).toEqual([
            'aquatic_udp.key',
            'aquatic_udp.lock',
            'aquatic_udp.snapshot',
          ])
          for (const name of readdirSync(state)) {
            expect(statSync(join(state, name)).mode & 0o777).toBe(0o600)
          }
          await withTracker(keeping(state, more), async (tracker) => {
            expect(tracker.stderr).toContain('restored 2 peers from a snapshot')
            const request = announceRequest(id, { infoHash, port: 1003, left: 1n })
            const { peers } = readAnnounce((await client.request(request, tracker.at())).packet, 4)
            expect([...peers].sort()).toEqual(['127.0.0.1:1001', '127.0.0.1:1002'])
            expect(await client.scrape(tracker.at(), infoHash)).toMatchObject({
              seeders: 1,
              completed: 1,
              leechers: 2,
            })
          })
          client.close()
        }),
    )

    test('peers that are too old by then are gone', () =>
      inFolder(async (folder) => {
        const young = '[cleaning]\nmax_peer_age = 1\n[protocol]\npeer_announce_interval = 1'
        await withClient('127.0.0.1', async (client) => {
          await withTracker(keeping(folder, young), async (tracker) => {
            await client.announce(tracker.at(), { infoHash: hashOf(1) })
            await stop(tracker)
          })
          const written = statSync(join(folder, 'aquatic_udp.snapshot')).mtimeMs
          await waitUntil('the peer is too old', () => Date.now() > written + 3000)
          await withTracker(keeping(folder, young), (tracker) => {
            expect(tracker.stderr).toContain('restored 0 peers')
            expect(tracker.stderr).toContain('(1 too old)')
          })
        })
      }))

    test('without a folder nothing is written and nothing known', () =>
      inFolder(async (folder) => {
        await withTracker({ settings: listenOn('127.0.0.1:0'), cwd: folder }, async (tracker) => {
          await withClient('127.0.0.1', (client) => client.announce(tracker.at()))
          await stop(tracker)
        })
        expect(readdirSync(folder)).toEqual([])
      }))
  })

  describe('a file that cannot be used', () => {
    test.each([
      ['aquatic_udp.snapshot', 'is damaged: its checksum is wrong'],
      ['aquatic_udp.key', 'is damaged: its checksum is wrong'],
    ])('%s is set aside, with one line, and the tracker starts', (name, reason) =>
      inFolder(async (folder) => {
        await withTracker(keeping(folder), async (tracker) => {
          await withClient('127.0.0.1', (client) => client.announce(tracker.at()))
          await stop(tracker)
        })
        const path = join(folder, name)
        const bytes = readFileSync(path)
        bytes[40] ^= 1
        writeFileSync(path, bytes)
        await withTracker(keeping(folder), (tracker) => {
          const lines = tracker.stderr.split('\n').filter((line) => line.includes('warning'))
          expect(lines).toEqual([
            `aquatic_udp: warning: ${path} ${reason}; it is not used, and was renamed to ${path}.refused`,
          ])
          expect(readFileSync(`${path}.refused`)).toEqual(bytes)
        })
      }),
    )

    test('of a folder that cannot be made stops the start', () =>
      inFolder(async (folder) => {
        writeFileSync(join(folder, 'file'), '')
        const { code, stderr } = await runTracker(keeping(join(folder, 'file/state')))
        expect(code).toBe(1)
        expect(stderr).toMatch(
          /^aquatic_udp: cannot create the folder \[persistence\] path '.*state'/,
        )
      }))
  })

  describe.skipIf(!isRoot)('in a new root directory, without rights', () => {
    const inJail = (folder: string) =>
      `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'`

    test('the state is kept as well', () =>
      inFolder(async (folder) => {
        const state = join(folder, 'state')
        for (const known of [0, 1]) {
          await withTracker(keeping(state, inJail(folder)), async (tracker) => {
            const { seeders, leechers } = await withClient('127.0.0.1', (client) =>
              client.announce(tracker.at(), { infoHash: hashOf(1), port: 1000 + known, left: 1n }),
            )
            expect([seeders, leechers]).toEqual([0, known])
            tracker.signal('SIGUSR2')
            await tracker.waitForOutput(/snapshot written: /)
            await stop(tracker)
          })
        }
        expect(statSync(join(state, 'aquatic_udp.snapshot')).uid).toBe(65534)
      }))

    test('a folder that the user may not write to stops the start', () =>
      inFolder(async (folder) => {
        mkdirSync(join(folder, 'state'), { mode: 0o755 })
        const { code, stderr } = await runTracker(keeping(join(folder, 'state'), inJail(folder)))
        expect(code).toBe(1)
        expect(stderr).toContain('cannot write to the folder [persistence] path')
        expect(stderr).toContain('It must be writable by the user')
      }))

    test('a folder outside of the root directory is a mistake in the settings', () =>
      inFolder(async (folder) => {
        const { code, stderr } = await runTracker(keeping('/var/lib/x', inJail(folder)))
        expect(code).toBe(1)
        expect(stderr).toContain('is not below [privileges] chroot_path')
      }))
  })

  describe('kill -9', () => {
    test('at random moments under load loses nothing that was written, and damages nothing', () =>
      inFolder(async (folder) => {
        await killAtRandomMoments({
          options: keeping(folder, KILL_LOOP_LIMITS),
          many: 3000,
          few: 200,
          restored: ({ stderr }) => Number(stderr.match(/restored (\d+) peers/)?.[1]),
          open: async (tracker) => {
            const client = await UdpClient.open()
            const id = await client.connect(tracker.at())
            return {
              add: (first, count) => announceMany(client, tracker, id, first, count),
              known: () => peersOf(client, tracker),
              close: () => client.close(),
            }
          },
        })
        expect(existsSync(join(folder, 'aquatic_udp.snapshot.refused'))).toBe(false)
      }))
  })

  const ONE_TORRENT = hashOf(9)

  /** Announces peers `first` and following, without waiting for the answers. */
  async function announceMany(
    client: UdpClient,
    tracker: Tracker,
    id: Buffer,
    first: number,
    count: number,
  ): Promise<void> {
    for (let done = 0; done < count; done += 50) {
      const packets = Array.from({ length: 50 }, (_, i) =>
        announceRequest(id, { infoHash: ONE_TORRENT, port: 1 + ((first + done + i) % 65_000) }),
      )
      client.sendMany(packets, tracker.at())
      await new Promise(setImmediate)
    }
  }

  async function peersOf(client: UdpClient, tracker: Tracker): Promise<number> {
    const { seeders, leechers } = await client.scrape(tracker.at(), ONE_TORRENT)
    return seeders + leechers
  }
})
