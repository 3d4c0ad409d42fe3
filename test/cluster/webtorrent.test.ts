// WebTorrent swarms over several nodes: real trackers with a real nats-server between them, and clients that say byte by byte what
// they want.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { metricSum } from '../support/metrics.ts'
import { NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { ALL_EXECUTABLE, servedOn, Tracker, WS_EXECUTABLE } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { type Message, WsClient } from '../support/ws-client.ts'
import { announce, answer, newHash, offer } from '../ws/messages.ts'

const TEST_MS = 120_000

interface NodeOptions {
  readonly executable?: string
  readonly workers?: number
}

class WebNodes {
  readonly nodes = new Map<string, Tracker>()
  private readonly server: NatsServer
  private readonly clients: WsClient[] = []

  constructor(server: NatsServer) {
    this.server = server
  }

  async start(name: string, options: NodeOptions = {}): Promise<void> {
    const { executable = WS_EXECUTABLE, workers = 1 } = options
    const settings = [
      "log_level = 'info'",
      servedOn(executable, '127.0.0.1:0', workers),
      `[cluster]\nservers = '${this.server.address}'\nnode = '${name}'`,
      "[operations]\naddress = '127.0.0.1:0'\n",
    ]
    await this.nodes.get(name)?.discard()
    const tracker = new Tracker({ executable, settings: settings.join('\n') })
    this.nodes.set(name, tracker)
    await tracker.waitForStart()
    await tracker.waitForOutput(new RegExp(`joined as ${name}\\b`))
  }

  async startAll(options: Readonly<Record<string, NodeOptions>>): Promise<void> {
    await Promise.all(Object.entries(options).map(([name, each]) => this.start(name, each)))
  }

  of(name: string): Tracker {
    const tracker = this.nodes.get(name)
    if (tracker === undefined) throw new Error(`there is no node ${name}`)
    return tracker
  }

  async connect(name: string): Promise<WsClient> {
    const [, port] =
      /(?:WebTorrent: |listening on )127\.0\.0\.1:(\d+)/.exec(this.of(name).stderr) ?? []
    const client = await WsClient.connect({ host: '127.0.0.1', port: Number(port) })
    this.clients.push(client)
    return client
  }

  connectMany(name: string, count: number): Promise<WsClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect(name)))
  }

  /** Waits until a node counts so many of a torrent. */
  async counts(name: string, hash: string, complete: number, incomplete: number): Promise<void> {
    const client = await this.connect(name)
    let last: Message = {}
    await waitUntil(`${name} counts ${complete} and ${incomplete}`, async () => {
      last = await client.ask({ action: 'scrape', info_hash: hash })
      const counts = last.files?.[hash]
      return counts?.complete === complete && counts.incomplete === incomplete
    }).catch((error) => {
      throw new Error(`${error.message}; it has ${JSON.stringify(last)}\n${this.of(name).stderr}`)
    })
    client.destroy()
  }

  /** Waits until a node shows so many peers of others. */
  foreign(name: string, peers: number): Promise<void> {
    return waitUntil(`${name} shows ${peers} peers of others`, async () => {
      return (await metricSum(this.of(name), 'tracker_cluster_webtorrent_peers')) === peers
    })
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy()
    for (const node of this.nodes.values()) await node.discard()
  }
}

async function withWebNodes(
  options: Readonly<Record<string, NodeOptions>>,
  use: (all: WebNodes, server: NatsServer) => Promise<void>,
): Promise<void> {
  await withNats('', async (server) => {
    const all = new WebNodes(server)
    try {
      await all.startAll(options)
      await use(all, server)
    } finally {
      await all.close()
    }
  })
}

/** Clients of two nodes meet, one completes its download, and both leave. */
async function exchange(all: WebNodes): Promise<void> {
  const hash = newHash()
  const [one, other] = [await all.connect('a'), await all.connect('b')]
  await one.ask(announce(hash, 1))
  await all.counts('b', hash, 0, 1)
  await other.ask(announce(hash, 2, { left: 0 }))
  await all.counts('a', hash, 1, 1)
  await all.foreign('b', 1)
  for (let i = 0; i < 3; i++) {
    await meet(hash, [one, 1], [other, 2], 2 * i)
    await meet(hash, [other, 2], [one, 1], 2 * i + 1)
  }
  await one.ask(announce(hash, 1, { left: 0, event: 'completed' }))
  await all.counts('b', hash, 1, 1)
  const scraped = await other.ask({ action: 'scrape', info_hash: hash })
  expect(scraped.files?.[hash].downloaded).toBe(1)
  await one.ask(announce(hash, 1, { event: 'stopped' }))
  await all.counts('b', hash, 0, 1)
  other.destroy()
  await all.counts('a', hash, 0, 0)
}

/** An offer of one client reaches the other, and its answer comes back. Both have announced. */
async function meet(
  hash: string,
  from: [WsClient, number],
  to: [WsClient, number],
  number: number,
) {
  const response = await from[0].ask(announce(hash, from[1], { offers: [offer(number)] }))
  expect(response.interval).toBeGreaterThan(0)
  const offered = await to[0].next()
  expect(offered).toMatchObject({ ...offer(number), action: 'announce', info_hash: hash })
  to[0].send(answer(hash, to[1], offered))
  const answered = await from[0].next()
  expect(answered).toMatchObject({
    ...{ action: 'announce', info_hash: hash, offer_id: offer(number).offer_id },
    answer: { type: 'answer', sdp: 'answer' },
  })
  expect(answered.peer_id).toBe(announce(hash, to[1]).peer_id)
  expect(offered.peer_id).toBe(announce(hash, from[1]).peer_id)
}

describe.skipIf(WHY_NO_NATS !== '')(`WebTorrent over several nodes${WHY_NO_NATS}`, () => {
  const several = { a: { workers: 2 }, b: { executable: ALL_EXECUTABLE, workers: 2 } }

  test(
    'with several workers, and in the tracker of all protocols',
    async () => {
      await withWebNodes(several, async (all) => {
        await exchange(all)
        await all.foreign('b', 0)
      })
    },
    TEST_MS,
  )
})

// The tests of two nodes have the same ones, with a torrent for each.
describe.skipIf(WHY_NO_NATS !== '')(`WebTorrent over two nodes${WHY_NO_NATS}`, () => {
  let server: NatsServer
  let all: WebNodes

  beforeAll(async () => {
    server = await NatsServer.start()
    all = new WebNodes(server)
    await all.startAll({ a: {}, b: {} })
  }, TEST_MS)
  afterAll(async () => {
    await all?.close()
    await server?.stop()
  }, TEST_MS)

  test('offers and answers go both ways, and leaves are told', () => exchange(all), TEST_MS)

  test(
    'peers of this node come first, and one of several offers goes to another node',
    async () => {
      const hash = newHash()
      const [offerer, own, second] = await all.connectMany('a', 3)
      const remote = await all.connect('b')
      await own.ask(announce(hash, 2))
      await remote.ask(announce(hash, 3))
      await all.counts('a', hash, 0, 2)
      await offerer.ask(announce(hash, 1, { offers: [offer(1)] }))
      expect(await own.next()).toMatchObject(offer(1))
      await second.ask(announce(hash, 4))
      await offerer.ask(announce(hash, 1, { offers: [offer(2), offer(3)] }))
      expect([...(await own.settled()), ...(await second.settled())]).toHaveLength(1)
      expect(await remote.next()).toMatchObject(offer(3))
      // With more offers than peers everybody gets one.
      await offerer.ask(announce(hash, 1, { offers: [4, 5, 6, 7, 8].map(offer) }))
      for (const client of [own, second, remote]) {
        const { offer_id } = await client.next()
        expect([4, 5, 6].map((n) => offer(n).offer_id)).toContain(offer_id as string)
      }
    },
    TEST_MS,
  )

  test(
    'an answer that no offer was sent for reaches nobody, nor does a second one',
    async () => {
      const hash = newHash()
      const [one, other] = [await all.connect('a'), await all.connect('b')]
      await one.ask(announce(hash, 1))
      await other.ask(announce(hash, 2))
      for (const node of ['a', 'b']) await all.counts(node, hash, 0, 2)
      await one.ask(announce(hash, 1, { offers: [offer(1)] }))
      const offered = await other.next()
      const wrong = await other.ask(answer(hash, 2, { ...offered, offer_id: offer(2).offer_id }))
      expect(wrong['failure reason']).toStartWith('No such offer')
      other.send(answer(hash, 2, offered))
      expect(await one.next()).toMatchObject({ offer_id: offered.offer_id })
      const again = await other.ask(answer(hash, 2, offered))
      expect(again['failure reason']).toStartWith('No such offer')
      expect(await one.settled()).toEqual([])
    },
    TEST_MS,
  )

  test(
    'one client at two nodes is no receiver of its own offers',
    async () => {
      const hash = newHash()
      const here = await all.connect('a')
      const [there, other] = await all.connectMany('b', 2)
      await there.ask(announce(hash, 1))
      await other.ask(announce(hash, 2))
      await all.counts('a', hash, 0, 2)
      for (let i = 0; i < 8; i++) {
        await here.ask(announce(hash, 1, { offers: [offer(i)] }))
        expect(await other.next()).toMatchObject(offer(i))
      }
      expect(await there.settled()).toEqual([])
    },
    TEST_MS,
  )

  test(
    'what happens while there is no server is told afterwards, and nobody waits',
    async () => {
      const hash = newHash()
      const [one, other] = [await all.connect('a'), await all.connect('b')]
      await one.ask(announce(hash, 1))
      await other.ask(announce(hash, 2))
      await all.counts('b', hash, 0, 2)
      await server.kill()
      await all.of('a').waitForOutput(/no connection/)
      await one.ask(announce(hash, 1, { event: 'stopped' }))
      const third = await all.connect('a')
      await third.ask(announce(hash, 3, { left: 0 }))
      await server.run()
      await all.counts('b', hash, 1, 1)
      await all.counts('a', hash, 1, 1)
      await meet(hash, [other, 2], [third, 3], 7)
    },
    TEST_MS,
  )

  test(
    'a node that was killed has no peers when it is back, and is told everything',
    async () => {
      const hash = newHash()
      const [one, other] = [await all.connect('a'), await all.connect('b')]
      await one.ask(announce(hash, 1))
      await other.ask(announce(hash, 2))
      for (const node of ['a', 'b']) await all.counts(node, hash, 0, 2)
      all.of('a').signal('SIGKILL')
      // Sooner than it would be taken for dead.
      await all.start('a')
      await all.counts('b', hash, 0, 1)
      await all.counts('a', hash, 0, 1)
      const back = await all.connect('a')
      await back.ask(announce(hash, 1))
      await all.counts('b', hash, 0, 2)
      await meet(hash, [back, 1], [other, 2], 1)
      // It says goodbye.
      all.of('a').signal('SIGTERM')
      await all.of('b').waitForOutput(/a has left/)
      await all.counts('b', hash, 0, 1)
    },
    TEST_MS,
  )
})
