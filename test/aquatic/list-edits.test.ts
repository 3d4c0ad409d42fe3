// Info hashes that are added to the access list and removed while the tracker runs: in force in all workers of all
// protocols when that is answered, and after any end of the process.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../support/folder.ts'
import { type Tracker, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce } from '../ws/messages.ts'
import { announceOverHttp, at, settingsFor } from './harness.ts'

setDefaultTimeout(180_000)

const TOKEN = 'f'.repeat(32)
const A = 'a'.repeat(20)
const B = 'b'.repeat(20)
const hexOf = (infoHash: string) => Buffer.from(infoHash).toString('hex')

interface Site {
  readonly folder: string
  readonly list: string
  readonly options: ReturnType<typeof settingsFor>
}

async function atSite(
  mode: 'allow' | 'deny',
  workers: string,
  use: (site: Site) => Promise<void>,
  more = '',
): Promise<void> {
  const folder = newFolder()
  const list = join(folder, 'list')
  writeFileSync(list, `${hexOf(A)}\n`)
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`)
  const lines = { udp: workers, http: 'socket_workers = 2', ws: 'socket_workers = 2' }
  const options = settingsFor({
    lines,
    more:
      `[access_list]\nmode = '${mode}'\npath = '${list}'\n[cleaning]\ninterval = 1\n` +
      `[operations]\naddress = '127.0.0.1:0'\ntoken_path = '${join(folder, 'token')}'\n${more.replace('STATE', join(folder, 'state'))}`,
  })
  try {
    await use({ folder, list, options })
  } finally {
    removeFolder(folder)
  }
}

async function edit(tracker: Tracker, method: 'PUT' | 'DELETE', infoHash: string): Promise<string> {
  const url = `${await tracker.operationsUrl()}access-list/${hexOf(infoHash)}`
  const headers = { authorization: `Bearer ${TOKEN}` }
  return (await fetch(url, { method, headers })).text()
}

/** Whether a torrent is served, by protocol; asked by several clients, so that all workers are. */
async function served(tracker: Tracker, infoHash: string): Promise<Record<string, boolean>> {
  const overUdp = Array.from({ length: 4 }, (_, i) =>
    withClient('127.0.0.1', (client) =>
      client
        .announce(at(tracker, 'udp'), {
          infoHash: new TextEncoder().encode(infoHash),
          port: 100 + i,
        })
        .then(() => true)
        .catch(() => false),
    ),
  )
  const overHttp = Array.from({ length: 4 }, async (_, i) => {
    const answer = await announceOverHttp(at(tracker, 'http'), { infoHash, port: 200 + i })
    return !Object.hasOwn(answer, 'failure reason')
  })
  const overWs = Array.from({ length: 4 }, async (_, i) => {
    const client = await WsClient.connect(at(tracker, 'ws'))
    const answer = await client.ask(announce(infoHash, i))
    client.destroy()
    return !Object.hasOwn(answer, 'failure reason')
  })
  const all = await Promise.all([overUdp, overHttp, overWs].map((each) => Promise.all(each)))
  return Object.fromEntries(
    ['udp', 'http', 'ws'].map((name, i) => {
      const same = all[i].every((each) => each === all[i][0])
      if (!same) throw new Error(`workers of ${name} do not agree`)
      return [name, all[i][0]]
    }),
  )
}

const everywhere = (is: boolean) => ({ udp: is, http: is, ws: is })

describe.each(['socket_workers = 2', 'request_workers = 2'])('%j', (workers) => {
  test.each(['allow', 'deny'] as const)(
    'an edit of a list with mode %s is in force at once',
    (mode) =>
      atSite(mode, workers, ({ options }) =>
        withTracker(options, async (tracker) => {
          const allows = mode === 'allow'
          expect(await served(tracker, A)).toEqual(everywhere(allows))
          expect(await served(tracker, B)).toEqual(everywhere(!allows))
          for (let round = 0; round < 2; round++) {
            expect(await edit(tracker, 'PUT', B)).toBe('listed now\n')
            expect(await served(tracker, B)).toEqual(everywhere(allows))
            expect(await edit(tracker, 'PUT', B)).toBe('listed, as before\n')
            expect(await edit(tracker, 'DELETE', B)).toBe('not listed now\n')
            expect(await served(tracker, B)).toEqual(everywhere(!allows))
            expect(await edit(tracker, 'DELETE', A)).toBe('not listed now\n')
            expect(await served(tracker, A)).toEqual(everywhere(!allows))
            await edit(tracker, 'PUT', A)
          }
          expect(tracker.stderr).toContain(
            `access list: ${hexOf(B)} added; 1 info hash differs from`,
          )
          const metrics = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
          expect(metrics.includes('\ntracker_access_list_edits 0\n')).toBe(true)
        }),
      ),
  )
})

test('the peers of a removed torrent go at the next cleaning', () =>
  atSite('allow', 'socket_workers = 2', ({ options }) =>
    withTracker(options, async (tracker) => {
      await served(tracker, A)
      const metric = async () => {
        const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
        const lines = text.split('\n').filter((line) => /^\w+_torrents\{/.test(line))
        return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
      }
      // WebTorrent's peers have left with their connections.
      await waitUntil('the torrent is counted', async () => (await metric()) >= 1)
      await edit(tracker, 'DELETE', A)
      await waitUntil('it is gone', async () => (await metric()) === 0)
      await edit(tracker, 'PUT', A)
      const answer = await announceOverHttp(at(tracker, 'http'), { infoHash: A, port: 999 })
      expect([answer.complete, answer.incomplete]).toEqual([0, 0])
    }),
  ))

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'edits are in force after an end by %s and a start',
  (signal) =>
    atSite('allow', 'socket_workers = 2', async ({ options }) => {
      await withTracker(options, async (tracker) => {
        await edit(tracker, 'PUT', B)
        await edit(tracker, 'DELETE', A)
        tracker.signal(signal)
        await tracker.waitForEnd()
      })
      await withTracker(options, async (tracker) => {
        expect(await served(tracker, A)).toEqual(everywhere(false))
        expect(await served(tracker, B)).toEqual(everywhere(true))
      })
    }),
)

test('edits outlive a list that is written anew without them, and end with one that has them', () =>
  atSite('allow', 'socket_workers = 2', ({ options, list }) =>
    withTracker(options, async (tracker) => {
      const rewrite = async (...infoHashes: string[]) => {
        tracker.stderr = tracker.stderr.replaceAll('access list (', '')
        writeFileSync(`${list}.tmp`, infoHashes.map((each) => `${hexOf(each)}\n`).join(''))
        renameSync(`${list}.tmp`, list)
        await tracker.waitForOutput(/access list \(it has changed\): mode allow/)
      }
      const edits = async () => {
        const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
        return Number(/\ntracker_access_list_edits (\d+)/.exec(text)?.[1])
      }
      await edit(tracker, 'PUT', B)
      expect(await edits()).toBe(1)
      await rewrite(A, 'c'.repeat(20))
      await waitUntil('the list', async () => (await served(tracker, 'c'.repeat(20))).udp)
      expect(await served(tracker, B)).toEqual(everywhere(true))
      expect(await edits()).toBe(1)
      await rewrite(A, B)
      expect(await edits()).toBe(0)
      await rewrite(A)
      await waitUntil('the file decides', async () => !(await served(tracker, B)).udp)
    }),
  ))

test('a process that takes over has the edits of both', () =>
  atSite(
    'allow',
    'socket_workers = 2',
    async ({ options, folder }) => {
      await withTracker(options, async (old) => {
        await edit(old, 'PUT', B)
        const settings = (options.settings ?? '').replace(
          /address = '127.0.0.1:0'/g,
          (() => {
            const ports = (['udp', 'http', 'ws'] as const).map((name) => at(old, name).port)
            return () => `address = '127.0.0.1:${ports.shift() ?? 0}'`
          })(),
        )
        await withTracker({ ...options, settings }, async (next) => {
          await next.waitForOutput(/operations at/)
          await old.waitForEnd()
          await waitUntil('it has them', async () => (await served(next, B)).udp)
          expect(await edit(next, 'DELETE', B)).toBe('not listed now\n')
          expect(await served(next, B)).toEqual(everywhere(false))
        })
      })
      expect(folder).not.toBe('')
    },
    `[persistence]\npath = 'STATE'\ntake_over = true\n`,
  ))

test('a token that cannot be used stops the start, and --check says so', () =>
  atSite('allow', 'socket_workers = 1', async ({ options, folder }) => {
    writeFileSync(join(folder, 'token'), 'short\n')
    await withTracker(options, () => {}).then(
      () => expect.unreachable(),
      (error) => expect(String(error)).toContain('openssl rand -hex 32'),
    )
  }))
