// aquatic_ws over a restart, with a folder to keep the counts of completed downloads in: a clean stop, a
// new root directory, a damaged file, and kill -9 at random moments.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { KILL_LOOP_LIMITS, killAtRandomMoments } from '../support/kill-loop.ts'
import {
  listenOn,
  runTracker,
  type StartOptions,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce, newHash } from './messages.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const SCRAPE_MAX = 255

function keeping(path: string, more = ''): StartOptions {
  const settings = `log_level = 'info'\nsocket_workers = 2\n${listenOn('127.0.0.1:0')}
    [persistence]\npath = '${path}'\n${more}\n`
  return { executable: WS_EXECUTABLE, settings }
}

async function withClient<T>(tracker: Tracker, use: (client: WsClient) => Promise<T>): Promise<T> {
  const client = await WsClient.connect(tracker.at())
  try {
    return await use(client)
  } finally {
    client.destroy()
  }
}

async function complete(client: WsClient, hash: string, peer = 1): Promise<void> {
  await client.ask(announce(hash, peer, { left: 1 }))
  await client.ask(announce(hash, peer, { left: 0, event: 'completed' }))
}

/** Completed downloads and peers, as a scrape tells them. */
async function countsOf(client: WsClient, hash: string): Promise<[number | undefined, number]> {
  const { files } = await client.ask({ action: 'scrape', info_hash: hash })
  const file = files?.[hash]
  return [file?.downloaded, (file?.complete ?? 0) + (file?.incomplete ?? 0)]
}

async function stop(tracker: Tracker): Promise<string> {
  tracker.signal('SIGTERM')
  const { code, stderr } = await tracker.waitForEnd()
  expect(code).toBe(0)
  return stderr
}

/** A tracker in which one torrent has been completed once, and that has been stopped. */
function completedOnce(options: StartOptions, hash: string): Promise<string> {
  return withTracker(options, (tracker) =>
    withClient(tracker, async (client) => {
      await complete(client, hash)
      return await stop(tracker)
    }),
  )
}

describe('after a restart', () => {
  test('completed downloads are there, before and after peers come back, and over the next one', () =>
    inFolder(async (folder) => {
      const hash = newHash()
      const state = join(folder, 'state')
      const log = await completedOnce(keeping(state), hash)
      expect(log).toContain('snapshot written: the completed downloads of 1 torrent,')
      expect(readdirSync(state).sort()).toEqual(['aquatic_ws.counts', 'aquatic_ws.lock'])
      expect(statSync(state).mode & 0o777).toBe(0o700)
      expect(statSync(join(state, 'aquatic_ws.counts')).mode & 0o777).toBe(0o600)
      // No client comes: what was kept is kept once more.
      await withTracker(keeping(state), (tracker) => stop(tracker))
      await withTracker(keeping(state), (tracker) =>
        withClient(tracker, async (client) => {
          expect(tracker.stderr).toContain('restored the completed downloads of 1 torrent\n')
          expect(await countsOf(client, hash)).toEqual([1, 0])
          await complete(client, hash, 2)
          expect(await countsOf(client, hash)).toEqual([2, 1])
          await stop(tracker)
        }),
      )
      await withTracker(keeping(state), (tracker) =>
        withClient(tracker, async (client) => {
          expect(await countsOf(client, hash)).toEqual([2, 0])
        }),
      )
    }))

  test('with count_downloads = false there are none', () =>
    inFolder(async (folder) => {
      const hash = newHash()
      await completedOnce(keeping(folder), hash)
      const off = '[protocol]\ncount_downloads = false'
      await withTracker(keeping(folder, off), (tracker) =>
        withClient(tracker, async (client) => {
          expect(await countsOf(client, hash)).toEqual([0, 0])
        }),
      )
    }))

  test('without a folder nothing is written', () =>
    inFolder(async (folder) => {
      const settings = listenOn('127.0.0.1:0')
      await completedOnce({ executable: WS_EXECUTABLE, settings, cwd: folder }, newHash())
      expect(readdirSync(folder)).toEqual([])
    }))
})

describe('a file that cannot be used', () => {
  test('is set aside, with one line, and the tracker starts', () =>
    inFolder(async (folder) => {
      await completedOnce(keeping(folder), newHash())
      const path = join(folder, 'aquatic_ws.counts')
      const bytes = readFileSync(path)
      bytes[40] ^= 1
      writeFileSync(path, bytes)
      await withTracker(keeping(folder), (tracker) => {
        const lines = tracker.stderr.split('\n').filter((line) => line.includes('warning'))
        expect(lines).toEqual([
          `aquatic_ws: warning: ${path} is damaged: its checksum is wrong; it is not used, and was renamed to ${path}.refused`,
        ])
        expect(readFileSync(`${path}.refused`)).toEqual(bytes)
      })
    }))
})

describe.skipIf(!isRoot)('in a new root directory, without rights', () => {
  const inJail = (folder: string) =>
    `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'`

  test('the counts are kept as well', () =>
    inFolder(async (folder) => {
      const hash = newHash()
      const state = join(folder, 'state')
      for (const known of [0, 1]) {
        await withTracker(keeping(state, inJail(folder)), (tracker) =>
          withClient(tracker, async (client) => {
            expect(await countsOf(client, hash)).toEqual([known, 0])
            await complete(client, hash)
            tracker.signal('SIGUSR2')
            await tracker.waitForOutput(/snapshot written: /)
            await stop(tracker)
          }),
        )
      }
      expect(statSync(join(state, 'aquatic_ws.counts')).uid).toBe(65534)
    }))

  test('a folder that the user may not write to stops the start', () =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, 'state'), { mode: 0o755 })
      const { code, stderr } = await runTracker(keeping(join(folder, 'state'), inJail(folder)))
      expect(code).toBe(1)
      expect(stderr).toContain('cannot write to the folder [persistence] path')
    }))
})

test('kill -9 at random moments loses nothing that was written, and damages nothing', () =>
  inFolder(async (folder) => {
    const hashOf = (number: number) => `kill-loop-${String(number).padStart(10, '0')}`
    await killAtRandomMoments({
      options: keeping(folder, `${KILL_LOOP_LIMITS}max_connections = 900`),
      many: 200,
      few: 10,
      restored: (_tracker, load, total) => load.known(total),
      open: async (tracker) => {
        const client = await WsClient.connect(tracker.at())
        return {
          add: async (first, count) => {
            for (let i = first; i < first + count; i++) {
              client.send(announce(hashOf(i), 1, { left: 1 }))
              client.send(announce(hashOf(i), 1, { left: 0, event: 'completed' }))
            }
            for (let i = 0; i < count * 2; i++) await client.next()
          },
          known: async (total) => {
            let known = 0
            for (let i = 0; i < total; i += SCRAPE_MAX) {
              const count = Math.min(SCRAPE_MAX, total - i)
              const info_hash = Array.from({ length: count }, (_, k) => hashOf(i + k))
              const { files = {} } = await client.ask({ action: 'scrape', info_hash })
              for (const { downloaded } of Object.values(files)) known += downloaded
            }
            return known
          },
          close: () => client.destroy(),
        }
      },
    })
    expect(existsSync(join(folder, 'aquatic_ws.counts.refused'))).toBe(false)
  }))
