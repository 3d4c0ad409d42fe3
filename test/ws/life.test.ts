// Which connections and peers last: those that show life, in whatever way, and none is judged before what
// it has sent has been read.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { OPCODE_PING, WsClient } from '../support/ws-client.ts'
import { announce, newHash } from './messages.ts'

setDefaultTimeout(180_000)

const BASE = "[network]\naddress = '127.0.0.1:0'\n[protocol]\npeer_announce_interval = 1\n"

function withWs(cleaning: string, use: (tracker: Tracker) => Promise<void>): Promise<void> {
  return withTracker({ executable: WS_EXECUTABLE, settings: `${BASE}[cleaning]\n${cleaning}` }, use)
}

const connect = (tracker: Tracker, answersPings = true) =>
  WsClient.connect(tracker.at(), { answersPings })

async function leechers(client: WsClient, info_hash: string): Promise<number> {
  const { files = {} } = await client.ask({ action: 'scrape', info_hash })
  return files[info_hash].incomplete
}

/** Long enough to see that something does not happen. */
async function passes(seconds: number): Promise<void> {
  const since = performance.now()
  await waitUntil('time has passed', () => performance.now() - since > seconds * 1000)
}

test('without a peer a connection is closed when it sends no message, though it answers pings', () =>
  withWs('max_connection_age = 2\nping_interval_seconds = 1\n', async (tracker) => {
    const [silent, busy] = [await connect(tracker), await connect(tracker)]
    const timer = setInterval(() => busy.send({ action: 'scrape', info_hash: 'h'.repeat(20) }), 500)
    const end = await waitFor(silent.closed, 60_000)
    clearInterval(timer)
    expect(end?.code).toBe(1000)
    expect(silent.pings).toBeGreaterThan(0)
    expect(await busy.next()).toMatchObject({ action: 'scrape' })
    busy.destroy()
  }))

test('who announces once and answers pings keeps connection and peers', () =>
  withWs(
    'interval = 1\nmax_peer_age = 2\nmax_connection_age = 2\nping_interval_seconds = 1\n',
    async (tracker) => {
      const [seeder, watcher] = [await connect(tracker), await connect(tracker)]
      const hashes = [newHash(), newHash()]
      for (const hash of hashes) await seeder.ask(announce(hash, 1))
      const since = performance.now()
      while (performance.now() - since < 6000) {
        for (const hash of hashes) expect(await leechers(watcher, hash)).toBe(1)
        await passes(0.2)
      }
      expect(await seeder.ask(announce(hashes[0], 1))).toMatchObject({ incomplete: 1 })
      for (const client of [seeder, watcher]) client.destroy()
    },
  ))

test('so does who announces once and sends pings, as the Go client does', () =>
  withWs(
    'interval = 1\nmax_peer_age = 2\nmax_connection_age = 2\nping_interval_seconds = 60\n',
    async (tracker) => {
      const [seeder, watcher] = [await connect(tracker), await connect(tracker)]
      const hash = newHash()
      await seeder.ask(announce(hash, 1))
      const timer = setInterval(() => seeder.sendFrame(OPCODE_PING, new Uint8Array(0)), 500)
      const since = performance.now()
      while (performance.now() - since < 6000) {
        expect(await leechers(watcher, hash)).toBe(1)
        await passes(0.2)
      }
      clearInterval(timer)
      // From now on both are silent.
      expect((await waitFor(seeder.closed, 60_000))?.code).toBe(1000)
      watcher.destroy()
      const newcomer = await connect(tracker)
      expect(await leechers(newcomer, hash)).toBe(0)
      newcomer.destroy()
    },
  ))

test('peers of a connection that has fallen silent are forgotten before it is closed', () =>
  withWs(
    'interval = 1\nmax_peer_age = 2\nmax_connection_age = 900\nping_interval_seconds = 900\n',
    async (tracker) => {
      const [silent, watcher] = [await connect(tracker), await connect(tracker)]
      const hash = newHash()
      await silent.ask(announce(hash, 1))
      await waitUntil('its peer is forgotten', async () => (await leechers(watcher, hash)) === 0)
      expect(await silent.ask(announce(hash, 1))).toMatchObject({ incomplete: 1 })
      for (const client of [silent, watcher]) client.destroy()
    },
  ))

test.each([1, 2])(
  'after a pause of %d workers all clients and their peers are still there',
  (workers) => {
    const settings =
      `socket_workers = ${workers}\n${BASE}[cleaning]\n` +
      'interval = 1\nmax_peer_age = 4\nmax_connection_age = 4\nping_interval_seconds = 2\n'
    return withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
      const hash = newHash()
      const clients = await Promise.all(Array.from({ length: 50 }, () => connect(tracker)))
      let ended = 0
      for (const client of clients) void client.closed.then(() => ended++)
      for (const [i, client] of clients.entries()) await client.ask(announce(hash, i))
      await tracker.pause()
      const timer = setInterval(() => {
        for (const [i, client] of clients.entries()) client.send(announce(hash, i))
      }, 1000)
      await passes(9)
      tracker.signal('SIGCONT')
      await passes(3)
      clearInterval(timer)
      expect(ended).toBe(0)
      const watcher = await connect(tracker)
      expect(await leechers(watcher, hash)).toBe(50)
      watcher.destroy()
      for (const client of clients) client.destroy()
    })
  },
)
