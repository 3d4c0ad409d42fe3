// bittorrent-tracker's client, the reference of this protocol and a part of webtorrent: announces,
// offers and answers, scrapes, failures, a shared socket, and a tracker that goes and comes back.

import { describe, expect, spyOn, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { Client } from 'bittorrent-tracker'
import { Here } from '../here.ts'
import { waitUntil } from '../process.ts'
import { Tracker, WS } from '../tracker.ts'
import { TEST_MS } from '../transfer.ts'

const ANSWER_MS = 20_000
/** The client's own, after which it connects again, plus what it adds at random. */
const RECONNECT_MS = 10_000

describe.concurrent('the reference client', () => {
  test(
    'announces, and reads the counts and the interval',
    async () => {
      await using scene = await Scene.open()
      const infoHash = id()
      const seeder = scene.client({ infoHash })
      const first = nextUpdate(seeder)
      seeder.start({ left: 0, numwant: 0 })
      expect(await first).toMatchObject({ complete: 1, incomplete: 0, interval: 120 })

      const leecher = scene.client({ infoHash })
      const second = nextUpdate(leecher)
      leecher.start({ left: 5, numwant: 0 })
      expect(await second).toMatchObject({ complete: 1, incomplete: 1 })

      const third = nextUpdate(leecher)
      leecher.complete({ numwant: 0, left: 0 })
      expect(await third).toMatchObject({ complete: 2, incomplete: 0 })

      const fourth = nextUpdate(leecher)
      leecher.stop({ left: 0 })
      expect(await fourth).toMatchObject({ complete: 1, incomplete: 0 })
    },
    TEST_MS,
  )

  test(
    'is connected to the peer that its offer went to, and that peer to it',
    async () => {
      await using scene = await Scene.open()
      const infoHash = id()
      const seeder = scene.client({ infoHash })
      const announced = nextUpdate(seeder)
      seeder.start({ left: 0, numwant: 0 })
      await announced

      const leecher = scene.client({ infoHash })
      const met = Promise.all([nextPeer(seeder), nextPeer(leecher)])
      leecher.start({ left: 5, numwant: 1 })
      const [atSeeder, atLeecher] = await met
      expect(atSeeder.id).toBe(leecher.peerId)
      expect(atLeecher.id).toBe(seeder.peerId)
      expect([atSeeder.initiator, atLeecher.initiator]).toEqual([false, true])

      const greeting = within<string>('data', (resolve) =>
        atLeecher.on('data', (data) => resolve(Buffer.from(data).toString())),
      )
      atSeeder.on('connect', () => atSeeder.send('hello'))
      expect(await greeting).toBe('hello')
      for (const peer of [atSeeder, atLeecher]) peer.destroy()
    },
    TEST_MS,
  )

  test(
    'scrapes one torrent, several, and one that nobody has',
    async () => {
      await using scene = await Scene.open()
      const infoHash = id()
      const unknown = id()
      const seeder = scene.client({ infoHash })
      const announced = nextUpdate(seeder)
      seeder.start({ left: 0, numwant: 0 })
      await announced

      const one = scraped(seeder, 1)
      seeder.scrape()
      expect(await one).toEqual({ [infoHash]: [1, 0] })
      const several = scraped(seeder, 2)
      seeder.scrape({ infoHash: [unknown, infoHash] })
      expect(await several).toEqual({ [infoHash]: [1, 0], [unknown]: [0, 0] })
    },
    TEST_MS,
  )

  test(
    'gets a failure as a warning, and announces on over the same socket',
    async () => {
      await using scene = await Scene.open()
      const url = scene.url()
      const infoHash = id()
      const wrong = scene.client({ url, infoHash, peerId: id().slice(2) })
      const warning = nextWarning(wrong)
      wrong.start({ left: 5, numwant: 0 })
      expect((await warning).message).toMatch(/peer.?id/i)

      const right = scene.client({ url, infoHash })
      const update = nextUpdate(right)
      right.start({ left: 5, numwant: 0 })
      expect(await update).toMatchObject({ complete: 0, incomplete: 1 })
    },
    TEST_MS,
  )

  test(
    'shares one socket with other clients, even in one torrent',
    async () => {
      await using scene = await Scene.open()
      const url = scene.url()
      const infoHash = id()
      const seeder = scene.client({ url, infoHash })
      const leecher = scene.client({ url, infoHash })
      const other = scene.client({ url, infoHash: id() })
      const first = nextUpdate(seeder)
      seeder.start({ left: 0, numwant: 0 })
      expect(await first).toMatchObject({ complete: 1, incomplete: 0 })
      const second = nextUpdate(leecher)
      leecher.start({ left: 5, numwant: 0 })
      expect(await second).toMatchObject({ complete: 1, incomplete: 1 })
      const third = nextUpdate(other)
      other.start({ left: 5, numwant: 0 })
      expect(await third).toMatchObject({ complete: 0, incomplete: 1 })

      const scrape = scraped(other, 1)
      other.scrape({ infoHash })
      expect(await scrape).toEqual({ [infoHash]: [1, 1] })
    },
    TEST_MS,
  )

  test(
    'comes back by itself to a tracker that was started again',
    async () => {
      await using scene = await Scene.open()
      const client = scene.client({ infoHash: id() })
      const first = nextUpdate(client)
      client.start({ left: 5, numwant: 0 })
      await first

      // It waits 10 s and up to 5 minutes more.
      const random = spyOn(Math, 'random').mockReturnValue(0)
      const update = nextUpdate(client, RECONNECT_MS + ANSWER_MS)
      expect(await scene.tracker.stop()).toBe(0)
      await waitUntil(() => random.mock.calls.length > 0, ANSWER_MS)
      random.mockRestore()
      await scene.restart()
      expect(await update).toMatchObject({ complete: 0, incomplete: 1 })
    },
    TEST_MS,
  )
})

/** A tracker and its clients; announces without offers need not wait for candidates. */
class Scene implements AsyncDisposable {
  tracker: Tracker
  readonly #here: Here
  readonly #clients: Client[] = []

  private constructor(here: Here, tracker: Tracker) {
    this.#here = here
    this.tracker = tracker
  }

  static async open(): Promise<Scene> {
    const here = new Here()
    return new Scene(here, await Tracker.start(here, '127.0.0.1:0', WS))
  }

  async restart(): Promise<void> {
    this.tracker = await Tracker.start(this.#here, `127.0.0.1:${this.tracker.port}`, WS)
  }

  /** The client keeps one socket per URL; a path of its own, which trackers ignore, makes another. */
  url(): string {
    return `${this.tracker.url('127.0.0.1')}/${id()}`
  }

  client(options: { infoHash: string; url?: string; peerId?: string }): Client {
    const { infoHash, url = this.url(), peerId = id() } = options
    const rtcConfig = { iceServers: [] }
    const client = new Client({ infoHash, peerId, announce: url, port: 6881, rtcConfig })
    this.#clients.push(client)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await this.#here[Symbol.asyncDispose]()
  }
}

function id(): string {
  return randomBytes(20).toString('hex')
}

function nextUpdate(client: Client, timeoutMs?: number) {
  return within<TrackerNumbers & { interval: number }>(
    'update',
    (resolve) => client.once('update', resolve),
    timeoutMs,
  )
}

function nextPeer(client: Client) {
  return within<TrackerPeer>('peer', (resolve) => client.once('peer', resolve))
}

function nextWarning(client: Client) {
  return within<Error>('warning', (resolve) => client.once('warning', resolve))
}

/** Complete and incomplete by info hash, once `count` torrents have been reported. */
function scraped(client: Client, count: number) {
  return within<Record<string, number[]>>('scrape', (resolve) => {
    const found: Record<string, number[]> = {}
    client.on('scrape', ({ infoHash, complete, incomplete }) => {
      found[infoHash] = [complete, incomplete]
      if (Object.keys(found).length === count) resolve(found)
    })
  })
}

function within<T>(
  name: string,
  listen: (resolve: (value: T) => void) => void,
  timeoutMs = ANSWER_MS,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new Error(`no ${name} in ${timeoutMs} ms`)), timeoutMs)
  listen(resolve)
  return promise.finally(() => clearTimeout(timer))
}
