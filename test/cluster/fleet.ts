// Real trackers as nodes of one cluster, with clients, for the tests of what a cluster does when something fails. Knows which peers
// there are, and waits until every node knows the same.
import { metricSum } from '../support/metrics.ts'
import { randomWords } from '../support/random.ts'
import { EXECUTABLE, listenOn, type StartOptions, Tracker } from '../support/tracker.ts'
import { UdpClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { Steady } from './steady.ts'

const TORRENTS = 8
const STOPPED = 3
const COMPLETED = 1
const FIRST_PORT = 10_000
/** Its announces ask; it is in no answer. */
const ASKER_PORT = 9
const EVENTS = ['announced', 'completed', 'started', 'stopped']
/** Of each peer. */
const REMEMBERED = 6
/** It takes some seconds. A machine that does other things is ten times slower; a fault that is not repaired lasts. */
const EQUAL_WITHIN_MS = 120_000
const LOGGED_WITHIN_MS = 120_000
const TELL_MS = 4000
const TELL_TRIES = 30

export interface NodeOptions {
  /** Where its engine is. */
  readonly servers: string | readonly string[]
  /** Lines of [cluster], and further sections. */
  readonly cluster?: string
  readonly more?: string
  readonly maxPeerAge?: number
  /** A free port of this machine if not given. */
  readonly listen?: string
  readonly operations?: string
  readonly start?: StartOptions
}

interface Peer {
  readonly port: number
  readonly torrent: number
  /** Whose client it is. */
  node: string
  isSeeder: boolean
}

export class Fleet {
  readonly client: UdpClient
  readonly nodes = new Map<string, Tracker>()
  private readonly started: Tracker[] = []
  /** By port, of those that have not stopped. */
  readonly peers = new Map<number, Peer>()
  announces = 0
  /** What a peer has done last, for who looks why it is missing or too many. */
  private readonly doings = new Map<number, string[]>()
  private readonly random = randomWords(Number(process.env.TEST_SEED ?? 7))
  private nextPort = FIRST_PORT

  /** `hostname`: where its clients are. */
  static async with<T>(use: (fleet: Fleet) => Promise<T>, hostname = '127.0.0.1'): Promise<T> {
    const fleet = new Fleet(await UdpClient.open(hostname), hostname)
    try {
      return await use(fleet)
    } finally {
      await fleet.close()
    }
  }

  private readonly hostname: string

  private constructor(client: UdpClient, hostname: string) {
    this.client = client
    this.hostname = hostname
  }

  async close(): Promise<void> {
    for (const tracker of this.started) await tracker.discard()
    this.client.close()
  }

  /** Starts a node, or starts it again; the process that had the name is left as it is. */
  async start(name: string, options: NodeOptions): Promise<Tracker> {
    const {
      servers,
      cluster = '',
      more = '',
      maxPeerAge = 600,
      listen = '127.0.0.1:0',
      operations = '127.0.0.1:0',
      start = {},
    } = options
    const list = [servers].flat().map((server) => `'${server}'`)
    const settings = [
      "log_level = 'info'",
      listenOn(listen).trim(),
      `[cleaning]\ninterval = 1\nmax_peer_age = ${maxPeerAge}`,
      '[source_limits]\npeers_per_torrent = 0',
      // A machine that gives it no core for a while would have it turn peers away.
      '[pressure]\nenabled = false',
      `[operations]\naddress = '${operations}'`,
      `[cluster]\nservers = [${list}]\nnode = '${name}'\n${cluster}`,
      more,
    ]
    const tracker = new Tracker({ executable: EXECUTABLE, ...start, settings: settings.join('\n') })
    this.started.push(tracker)
    await tracker.waitForStart()
    this.nodes.set(name, tracker)
    return tracker
  }

  /** Several that have joined and hear each other. `optionsOf`: what differs. */
  async startAll(
    names: readonly string[],
    options: NodeOptions,
    optionsOf: (name: string) => Partial<NodeOptions> = () => ({}),
  ): Promise<void> {
    await Promise.all(names.map((name) => this.start(name, { ...options, ...optionsOf(name) })))
    for (const name of names) await this.joined(name)
    for (const name of names) {
      for (const other of names)
        if (other !== name) await this.logs(name, new RegExp(`hears ${other}\\b`))
    }
  }

  /** Waits until a node hears another one, or does not any more. */
  hears(name: string, other: string, isHeard = true): Promise<void> {
    const up = `tracker_cluster_node_up{node="${other}"}`
    const ask = async () => (await metricSum(this.of(name), up)) === (isHeard ? 1 : 0)
    return waitUntil(`${name} hears ${other}: ${isHeard}`, ask, LOGGED_WITHIN_MS)
  }

  joined(name: string): Promise<void> {
    return this.logs(name, new RegExp(`joined as ${name}\\b`))
  }

  async logs(name: string, pattern: RegExp): Promise<void> {
    await this.of(name).waitForOutput(pattern, LOGGED_WITHIN_MS)
  }

  of(name: string): Tracker {
    const tracker = this.nodes.get(name)
    if (tracker === undefined) throw new Error(`there is no node ${name}`)
    return tracker
  }

  /** A client announces to one of the nodes. */
  async announce(node: string, torrent: number, port: number, left: bigint, event = 0) {
    this.announces++
    if (port !== ASKER_PORT) this.remember(port, `${EVENTS[event]} at ${node}`)
    const to = this.of(node).at()
    return this.client.announce(to, {
      infoHash: infoHash(torrent),
      port,
      left,
      event,
      numWant: 200,
    })
  }

  private remember(port: number, what: string): void {
    const before = this.doings.get(port) ?? []
    const line = `${Math.round(performance.now())} ms ${what}`
    this.doings.set(port, [...before, line].slice(-REMEMBERED))
  }

  async join(
    node: string,
    torrent = this.pick(TORRENTS),
    isSeeder = this.pick(4) === 0,
  ): Promise<Peer> {
    const peer = { port: this.nextPort++, torrent, node, isSeeder }
    await this.announce(node, torrent, peer.port, isSeeder ? 0n : 1n)
    this.peers.set(peer.port, peer)
    return peer
  }

  async leave({ port, node, torrent }: Peer): Promise<void> {
    await this.announce(node, torrent, port, 1n, STOPPED)
    this.peers.delete(port)
  }

  /** Clients of a node that is gone announce to others from now on. What it had not told is known again then. */
  async moveClients(from: string, to: readonly string[]): Promise<void> {
    for (const peer of this.peers.values()) {
      if (peer.node !== from) continue
      peer.node = to[this.pick(to.length)]
      await this.renew(peer)
    }
  }

  /** Does something while a client announces to these nodes all the time: each of them has to answer each of its requests. */
  meanwhile<T>(names: readonly string[], use: () => Promise<T>): Promise<T> {
    return Steady.during(
      this.hostname,
      names.map((name) => () => this.of(name).at()),
      use,
    )
  }

  /** So many announces of clients of these nodes: they come, stay, complete and leave; those of `staying` do not leave. */
  async churn(names: readonly string[], count: number, staying = ''): Promise<void> {
    for (let i = 0; i < count; i++) {
      const own = [...this.peers.values()].filter(({ node }) => names.includes(node))
      const peer = own[this.pick(own.length)]
      const what = this.pick(8)
      if (peer === undefined || what < 3) await this.join(names[this.pick(names.length)])
      else if (what < 5 && own.length > 40 && peer.node !== staying) await this.leave(peer)
      else if (what === 5 && !peer.isSeeder) await this.complete(peer)
      else await this.renew(peer)
    }
  }

  async complete(peer: Peer): Promise<void> {
    await this.announce(peer.node, peer.torrent, peer.port, 0n, COMPLETED)
    peer.isSeeder = true
  }

  async renew({ node, torrent, port, isSeeder }: Peer): Promise<void> {
    await this.announce(node, torrent, port, isSeeder ? 0n : 1n)
  }

  /** All at once, so that a slow machine does it within the age of peers. */
  async renewAll(): Promise<void> {
    await Promise.all([...this.peers.values()].map((peer) => this.renew(peer)))
  }

  scrape(node: string, torrent: number) {
    return this.client.scrape(this.of(node).at(), infoHash(torrent))
  }

  async metrics(node: string): Promise<string> {
    return (await fetch(`${await this.of(node).operationsUrl()}metrics`)).text()
  }

  /** What the operator's endpoint complains of. */
  async trouble(node: string): Promise<string> {
    return (await fetch(`${await this.of(node).operationsUrl()}health`)).text()
  }

  /** What a client of the node is told, by torrent: each peer, and how many seeders there are. */
  async known(node: string): Promise<string> {
    const lines = Array.from({ length: TORRENTS }, async (_, torrent) => {
      const { peers, seeders } = await this.announce(node, torrent, ASKER_PORT, 1n)
      const ports = peers.map((peer) => Number(peer.slice(peer.lastIndexOf(':') + 1)))
      return lineOf(torrent, ports, seeders)
    })
    return (await Promise.all(lines)).join('\n')
  }

  /** What they would be told if all nodes were one. */
  expected(): string {
    return Array.from({ length: TORRENTS }, (_, torrent) => {
      const peers = [...this.peers.values()].filter((peer) => peer.torrent === torrent)
      const seeders = peers.filter(({ isSeeder }) => isSeeder).length
      const ports = peers.map(({ port }) => port)
      return lineOf(torrent, ports, seeders)
    }).join('\n')
  }

  /** Waits until all these nodes know all peers and no others; returns the milliseconds it took. */
  async equal(
    names: readonly string[],
    what: string,
    since = performance.now(),
    renews = false,
  ): Promise<number> {
    const expected = this.expected()
    const told = new Map<string, string>()
    await waitUntil(
      `after ${what}, ${names} know the same`,
      async () => {
        if (renews) await this.renewAll()
        for (const name of names) {
          told.set(name, await this.known(name))
          if (told.get(name) !== expected) return false
        }
        return true
      },
      EQUAL_WITHIN_MS,
    ).catch((error) => {
      const all = [...told].map(([name, text]) => `${name}:\n${difference(expected, text)}`)
      const wrong = new Set(all.join().match(/\b1\d{4}\b/g))
      for (const port of wrong) all.push(`${port}: ${this.doings.get(Number(port))?.join(', ')}`)
      all.push(`ended ${Math.round(since)} ms`)
      for (const name of names) all.push(`log of ${name}:`, this.of(name).stderr)
      throw new Error(`${error.message}\n${all.join('\n')}`)
    })
    const took = Math.round(performance.now() - since)
    if (process.env.AQUATIC_TEST_TIMES)
      console.log(
        `${what}: equal after ${took} ms, ${this.client.resent} of ${this.announces} announces sent again`,
      )
    return took
  }

  /** The fault has ended: waits until clients that come and go are known to all again. */
  async repaired(names: readonly string[], what: string): Promise<void> {
    const since = performance.now()
    await this.churn(names, 20)
    await this.equal(names, what, since)
  }

  /** Waits until a peer is known, or is not, at another node. */
  async seen(node: string, { torrent, port }: Peer, isThere = true): Promise<void> {
    await waitUntil(
      `${port} is ${isThere ? '' : 'not '}known at ${node}`,
      async () => {
        const { peers } = await this.announce(node, torrent, ASKER_PORT, 1n)
        return peers.some((peer) => peer.endsWith(`:${port}`)) === isThere
      },
      EQUAL_WITHIN_MS,
    )
  }

  /**
   * Waits until another node hears at once what happens at this one. What was lost before does not count: who cannot be
   * asked cannot tell it again.
   */
  async tells(from: string, to: string): Promise<void> {
    for (let tries = 0; tries < TELL_TRIES; tries++) {
      const peer = await this.join(from)
      const isKnown = async () => (await this.known(to)).includes(String(peer.port))
      const isHeard = await waitUntil('it is heard', isKnown, TELL_MS).then(
        () => true,
        () => false,
      )
      if (isHeard) return
      await this.leave(peer)
    }
    throw new Error(`${to} does not hear of ${from}:\n${this.of(to).stderr}`)
  }

  pick(count: number): number {
    return count === 0 ? 0 : this.random() % count
  }
}

function lineOf(torrent: number, ports: readonly number[], seeders: number): string {
  return `${torrent}: ${ports.toSorted((a, b) => a - b).join(' ')} seeders:${seeders}`
}

function difference(expected: string, told: string): string {
  const lines = told.split('\n')
  return expected
    .split('\n')
    .map((line, i) => {
      const [want, got] = [line, lines[i]].map((text) => new Set(text.split(' ').slice(1)))
      const missing = [...want].filter((port) => !got.has(port))
      const extra = [...got].filter((port) => !want.has(port))
      return `  torrent ${i}: missing ${missing.join(' ')} · too many ${extra.join(' ')}`
    })
    .join('\n')
}

export function infoHash(torrent: number): Uint8Array {
  return new Uint8Array(20).fill(0x40 + torrent)
}
