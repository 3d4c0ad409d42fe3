// A new process takes the place of a running aquatic_ws: it gets the counts, and clients come to it as the
// old one closes their connections. The two are different builds: the compiled executable, and the source.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { Certificates, nameShown } from '../support/certificates.ts'
import { inFolder, waitForFiles } from '../support/folder.ts'
import {
  type Endpoint,
  listenOn,
  runTracker,
  type StartOptions,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce, newHash } from './messages.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const FROM_SOURCE = [process.execPath, join(import.meta.dir, '../../bin/aquatic_ws.ts')]

interface Options extends Partial<StartOptions> {
  readonly port?: number
  readonly workers?: number
  /** Lines of [network]. */
  readonly tls?: string
  readonly more?: string
  readonly takeOver?: boolean
}

function settingsFor(folder: string, options: Options = {}): StartOptions {
  const { port = 0, workers = 1, tls = '', more = '', takeOver = true, ...rest } = options
  const settings = `log_level = 'info'\nsocket_workers = ${workers}\n${listenOn(`127.0.0.1:${port}`)}${tls}
    [persistence]\npath = '${join(folder, 'state')}'\ntake_over = ${takeOver}\n${more}\n`
  return { executable: WS_EXECUTABLE, settings, ...rest }
}

/** Connects, announces and leaves, again and again. How long nobody gets an answer, bench/take-over-ws.ts tells. */
async function newcomers(to: Endpoint, done: () => boolean) {
  const hash = newHash()
  let answered = 0
  let refused = 0
  while (!done()) {
    try {
      const client = await WsClient.connect(to)
      await client.ask(announce(hash, 1)).finally(() => client.destroy())
      answered++
    } catch {
      // In the old one's queue when that stopped listening, or among the first that it closed.
      refused++
    }
  }
  return { answered, refused }
}

async function downloaded(to: Endpoint, hash: string): Promise<number | undefined> {
  const client = await WsClient.connect(to)
  const { files } = await client.ask({ action: 'scrape', info_hash: hash })
  client.destroy()
  return files?.[hash]?.downloaded
}

async function complete(client: WsClient, hash: string, peer: number): Promise<void> {
  await client.ask(announce(hash, peer, { left: 1 }))
  await client.ask(announce(hash, peer, { left: 0, event: 'completed' }))
}

describe.each([
  ['the executable by the source', [WS_EXECUTABLE], FROM_SOURCE],
  ['the source by the executable', FROM_SOURCE, [WS_EXECUTABLE]],
])('%s', (_, older, newer) => {
  test.each([1, 3])('is replaced under load, with %d workers', (workers) =>
    inFolder((folder) =>
      withTracker(settingsFor(folder, { workers, executable: older }), async (old) => {
        const to = old.at()
        const hash = newHash()
        const clients = await Promise.all(Array.from({ length: 200 }, () => WsClient.connect(to)))
        for (const [peer, client] of clients.entries()) await complete(client, hash, peer)
        let done = false
        const load = newcomers(to, () => done)
        const options = settingsFor(folder, { port: to.port, workers, executable: newer })
        await withTracker(options, async (tracker) => {
          const { code, stderr } = await old.waitForEnd()
          expect(code).toBe(0)
          expect(stderr).toContain('another process is taking over')
          expect(tracker.stderr).toMatch(
            /restored the completed downloads of (1 torrent|\d+ torrents)\n/,
          )
          expect(tracker.stderr).toMatch(
            /taken over, with the changes made meanwhile: the completed/,
          )
          // Each is told, and nobody is cut off.
          for (const client of clients) expect((await client.closed).code).toBe(1001)
          expect(await downloaded(to, hash)).toBe(200)
          const client = await WsClient.connect(to)
          await complete(client, hash, 1000)
          expect(await downloaded(to, hash)).toBe(201)
          client.destroy()
          done = true
          const { answered, refused } = await load
          expect(answered).toBeGreaterThan(20)
          expect(refused).toBeLessThan(answered)
          await waitForFiles(join(folder, 'state'), [
            'aquatic_ws.counts',
            'aquatic_ws.lock',
            'aquatic_ws.sock',
          ])
        })
      }),
    ),
  )
})

test('downloads that complete at the old process while it closes connections are not lost', () =>
  inFolder((folder) =>
    withTracker(settingsFor(folder), async (old) => {
      const to = old.at()
      const hash = newHash()
      // So many that closing them takes a while; the last of them are told last.
      const clients = await Promise.all(Array.from({ length: 400 }, () => WsClient.connect(to)))
      const last = clients[clients.length - 1]
      await complete(last, hash, 1)
      const takeOver = withTracker(settingsFor(folder, { port: to.port }), async () => {
        await old.waitForEnd()
        return downloaded(to, hash)
      })
      await old.waitForOutput(/stopping/)
      let completed = 1
      try {
        for (;;) {
          await complete(last, hash, 1)
          completed++
        }
      } catch {
        // Now it has been told.
      }
      const known = await takeOver
      expect(completed).toBeGreaterThan(1)
      // The answer to the last one may have been on its way.
      expect(known).toBeGreaterThanOrEqual(completed)
      for (const client of clients) client.destroy()
    }),
  ))

test('SIGTERM ends a process at once that closes connections', () =>
  inFolder((folder) =>
    withTracker(settingsFor(folder), async (old) => {
      const to = old.at()
      const clients = await Promise.all(Array.from({ length: 900 }, () => WsClient.connect(to)))
      const taker = withTracker(settingsFor(folder, { port: to.port }), () => old.waitForEnd())
      await old.waitForOutput(/stopping/)
      old.signal('SIGTERM')
      expect((await taker).code).toBe(0)
      for (const client of clients) client.destroy()
    }),
  ))

test('new certificates do not bring connections back to a process that gives its place', async () => {
  const files = new Certificates()
  for (const name of ['old', 'renewed', 'new']) files.make(name, 'ec')
  const tls = (
    name: string,
  ) => `use_tls = true\ntls_certificate_path = '${files.path(`${name}.pem`)}'
    tls_private_key_path = '${files.path(`${name}-key.pem`)}'`
  await inFolder((folder) =>
    withTracker(settingsFor(folder, { tls: tls('old') }), async (old) => {
      const to = old.at()
      // Closing them takes most of a second.
      const clients = await Promise.all(
        Array.from({ length: 900 }, () => WsClient.connect(to, { tls: true })),
      )
      const options = settingsFor(folder, { port: to.port, tls: tls('new') })
      const taker = withTracker(options, () => old.waitForEnd())
      await old.waitForOutput(/stopping/)
      for (const part of ['', '-key']) {
        files.write(`old${part}.pem`, files.read(`renewed${part}.pem`))
      }
      old.signal('SIGUSR1')
      let ended = false
      const end = taker.then(() => {
        ended = true
      })
      const names = new Set<string>()
      while (!ended) names.add(await nameShown(to))
      await end
      expect(names).toContain('new')
      expect(names).not.toContain('renewed')
      for (const client of clients) client.destroy()
    }),
  )
  files.remove()
})

describe('a tracker keeps serving', () => {
  test('when another uses its folder by mistake', () =>
    inFolder((folder) =>
      withTracker(settingsFor(folder), async (old) => {
        const { code, stderr } = await runTracker(settingsFor(folder, { takeOver: false }))
        expect(code).toBe(1)
        expect(stderr).toMatch(/^aquatic_ws: another tracker uses the folder [^\n]+\n$/)
        expect(await downloaded(old.at(), newHash())).toBe(0)
      }),
    ))

  test('when the new one cannot start, and keeps its connections', () =>
    inFolder((folder) =>
      withTracker(settingsFor(folder), async (old) => {
        const { port } = old.at()
        const client = await WsClient.connect(old.at())
        const more = "[privileges]\ndrop_privileges = true\nuser = 'no-such-user'"
        expect((await runTracker(settingsFor(folder, { port, more }))).code).toBe(1)
        const inUse = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('') })
        const busy = `[operations]\naddress = '127.0.0.1:${inUse.port}'`
        const failing = await runTracker(settingsFor(folder, { port, more: busy }))
        await inUse.stop(true)
        expect([failing.code, failing.stderr.includes('[operations] address')]).toEqual([1, true])
        await old.waitForOutput(/the other process went away: this one keeps serving/)
        expect(await client.ask(announce(newHash(), 1))).toMatchObject({ incomplete: 1 })
        client.destroy()
      }),
    ))
})

test.skipIf(!isRoot)('a tracker in a new root directory, without rights, is replaced', () =>
  inFolder((folder) => {
    const more = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'`
    return withTracker(settingsFor(folder, { more }), async (old) => {
      const hash = newHash()
      const client = await WsClient.connect(old.at())
      await complete(client, hash, 1)
      const { port } = old.at()
      await withTracker(settingsFor(folder, { more, port }), async (tracker) => {
        expect((await old.waitForEnd()).code).toBe(0)
        await waitUntil(
          'the new one serves',
          async () => (await downloaded(tracker.at(), hash)) === 1,
        )
      })
    })
  }),
)
