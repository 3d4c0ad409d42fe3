// A tracker in simulated time: real swarms, rings, graves and records (node.ts) with a real link. Its clock has a beginning of
// its own. Used by simulation.ts.
import { ClusterClock } from '../../src/cluster/cluster-clock.ts'
import type { Engine } from '../../src/cluster/engine.ts'
import { BATCH_RECORDS_MAX } from '../../src/cluster/layout.ts'
import { Link } from '../../src/cluster/link.ts'
import type { Records, SwarmWalk } from '../../src/cluster/records.ts'
import { SwarmRecords } from '../../src/cluster/swarm-records.ts'
import { PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../../src/swarm/layout.ts'
import { findTorrent, INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { Harness, peerAt, testBuffers } from '../swarm/harness.ts'
import { peersOfRow } from '../swarm/invariants.ts'
import { type Event, TestNode } from './node.ts'

const TURN_MILLISECONDS = 20
/** Few, so that walks and outages have several messages. */
const PART_RECORDS = 5
const TAKEN_MAX = 50
const TORRENTS = 3
const MAX_PEER_AGE = 1200
/** As in persistence: the seconds of a snapshot are those of another process. */
const RESTORED_OLDER_SEC = 2
const LIMITS = { maxTorrents: 64, maxPeers: 60_000, workers: 1, kinds: ['ipv4', 'ipv6'] } as const
const ARENA_PAGES = 256
/** Before the simulation began, at most: the machine of a node may have started at any time. */
const UPTIME_SECONDS = 100_000

export interface SimulatedOptions {
  readonly maxPeerAge?: number
  readonly sentBytesMax?: number
  /** That can wait to be taken: a power of 2. */
  readonly records?: number
  /** Peers that the process had kept on disk: what `snapshot` returned. */
  readonly snapshot?: Snapshot
}

/** What a peer announced last: null if it left. */
export interface Announced {
  readonly entry: { readonly seen: number; readonly seeder: boolean } | null
  readonly by: SimulatedNode
}

/** What simulation.ts is to a node. */
export interface World {
  readonly now: number
  readonly random: () => number
  readonly nodes: SimulatedNode[]
  /** The truth: what a peer announced last, when, and to whom. */
  readonly truth: Map<number, Announced>
  after(milliseconds: number, run: () => void): void
  deliver(from: SimulatedNode, subject: string, bytes: Uint8Array): void
}

/** Who was there, in which role, and when it was seen, in seconds of the simulation. */
export type Snapshot = ReadonlyMap<number, { readonly seen: number; readonly seeder: boolean }>

export class SimulatedNode {
  readonly name: string
  readonly engine: SimulatedEngine
  readonly link: Link
  readonly clock = new ClusterClock()
  readonly told: string[] = []
  isAlive = true
  isStopped = false
  private readonly simulation: World
  private readonly options: SimulatedOptions
  /** Seconds. */
  private readonly phase: number
  private readonly infoHash = new Int32Array(INFO_HASH_WORDS)
  private madeParts: TestNode | null = null

  constructor(simulation: World, name: string, options: SimulatedOptions) {
    const { maxPeerAge = MAX_PEER_AGE, sentBytesMax } = options
    this.simulation = simulation
    this.name = name
    this.options = options
    this.phase = simulation.random() * UPTIME_SECONDS
    this.engine = new SimulatedEngine(simulation, this)
    this.link = new Link({
      node: name,
      subject: 'aq',
      engine: this.engine,
      records: new SmallParts(() => this.records()),
      clusterClock: this.clock,
      maxPeerAge,
      ...(sentBytesMax === undefined ? {} : { sentBytesMax }),
      clock: () => this.milliseconds,
      random: simulation.random,
      tell: (severity, text) => this.told.push(`${severity}: ${text}`),
    })
    const turn = (): void => {
      if (!this.isAlive) return
      if (!this.isStopped) this.link.turn()
      simulation.after(TURN_MILLISECONDS, turn)
    }
    simulation.after(TURN_MILLISECONDS * simulation.random(), turn)
  }

  /** Made when they are needed: some hundreds of nodes do nothing with theirs. */
  get parts(): TestNode {
    this.madeParts ??= this.makeParts()
    return this.madeParts
  }

  /** A client announces here. */
  announce(key: number, seeder: boolean, event: Event = 'again'): void {
    const { now, random, truth } = this.simulation
    const worker = random() < 0.5 ? 0 : 1
    this.parts.announce(now / 1000, key % TORRENTS, key, { seeder, event, worker })
    const entry = event === 'stopped' ? null : { seen: now / 1000, seeder }
    truth.set(key, { entry, by: this })
  }

  leave(key: number): void {
    this.announce(key, false, 'stopped')
  }

  /** What has waited to be taken is lost. */
  overflow(): void {
    const { packer } = this.parts
    packer.collect(this.second())
    const out = new Int32Array(BATCH_RECORDS_MAX * 7)
    packer.overflowed += packer.take(out, 0, BATCH_RECORDS_MAX, 7, this.second())
  }

  kill(): void {
    this.isAlive = false
    this.engine.part = null
    this.simulation.nodes.splice(this.simulation.nodes.indexOf(this), 1)
  }

  /** Who is here, with which role, in a fixed order. */
  swarm(): string[] {
    return [...this.snapshot()].map(([key, { seeder }]) => `${key}${seeder ? ' seeds' : ''}`).sort()
  }

  snapshot(): Snapshot {
    const found = new Map<number, { seen: number; seeder: boolean }>()
    const { harness } = this.parts
    const now = this.second()
    for (let torrent = 0; torrent < TORRENTS; torrent++) {
      const table = harness.tableOf('ipv4', torrent)
      harness.writeInfoHash(torrent, this.infoHash)
      const row = findTorrent(table, this.infoHash, 0, harness.hashOf(torrent))
      if (row === 0) continue
      for (const at of peersOfRow(table, row)) {
        const last = table.words[at + table.stride - 1]
        const stored = (now - (last >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
        const age = stored > PEER_SEEN_MASK / 2 ? stored - PEER_SEEN_MASK - 1 : stored
        const seen = this.simulation.now / 1000 - age
        found.set(peerAt('ipv4', table.words, at), { seen, seeder: last < 0 })
      }
    }
    return found
  }

  /** Of this node's clock. */
  get milliseconds(): number {
    return this.simulation.now + this.phase * 1000
  }

  /** Of this node's clock. */
  second(): number {
    return Math.floor(this.simulation.now / 1000 + this.phase)
  }

  private makeParts(): TestNode {
    const { clock, phase } = this
    const { maxPeerAge = MAX_PEER_AGE, snapshot, records = 4096 } = this.options
    const harness = new Harness(testBuffers(LIMITS, ARENA_PAGES))
    const sizes = { ringWords: records * 16, waitingMax: records, gravesMax: 5000 }
    for (const [key, { seen, seeder }] of snapshot ?? []) {
      const now = Math.floor(seen + phase) - RESTORED_OLDER_SEC
      harness.announce('ipv4', key % TORRENTS, key, { seeder, now })
    }
    return new TestNode({ harness, phase, clock, workers: 2, ...sizes, maxPeerAge })
  }

  private records(): SwarmRecords {
    const { clock } = this
    const { applier, graves, harness, packer } = this.parts
    const { swarms } = harness
    return new SwarmRecords({ swarms, graves, packer, applier, clock })
  }
}

/** The real ones, in small portions. */
class SmallParts implements Records {
  private readonly make: () => SwarmRecords
  private made: SwarmRecords | null = null

  constructor(make: () => SwarmRecords) {
    this.make = make
  }

  get lost(): number {
    return this.records.lost
  }

  collect(second: number): number {
    return this.records.collect(second)
  }

  take(out: Int32Array, at: number, _: number, ipv4: boolean, second: number): number {
    return this.records.take(out, at, TAKEN_MAX, ipv4, second)
  }

  apply(batch: Int32Array, addedAge: number, second: number): void {
    this.records.apply(batch, addedAge, second)
  }

  openWalk(seconds: number, second: number): SwarmWalk {
    const walk = this.records.openWalk(seconds, second)
    return {
      get isDone() {
        return walk.isDone
      },
      get ipv4() {
        return walk.ipv4
      },
      get ageUnit() {
        return walk.ageUnit
      },
      next: (out, at, _, second) => walk.next(out, at, PART_RECORDS, second),
    }
  }

  private get records(): SwarmRecords {
    this.made ??= this.make()
    return this.made
  }
}

export class SimulatedEngine implements Engine {
  /** Those in the same part hear each other; null = no connection. */
  part: number | null = 0
  /** Nothing arrives, but it is heard. */
  isDeaf = false
  private readonly simulation: World
  private readonly node: SimulatedNode
  private readonly subscriptions: {
    pattern: RegExp
    receive: (b: Uint8Array, s: string) => void
  }[] = []

  constructor(simulation: World, node: SimulatedNode) {
    this.simulation = simulation
    this.node = node
  }

  publish(subject: string, bytes: Uint8Array): boolean {
    if (this.part === null) return false
    this.simulation.deliver(this.node, subject, bytes)
    return true
  }

  subscribe(subject: string, receive: (bytes: Uint8Array, subject: string) => void): void {
    const pattern = new RegExp(`^${subject.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`)
    this.subscriptions.push({ pattern, receive })
  }

  arrive(part: number | null, subject: string, bytes: Uint8Array): void {
    if (this.part === null || this.part !== part || !this.node.isAlive || this.isDeaf) return
    for (const { pattern, receive } of this.subscriptions) {
      if (pattern.test(subject)) receive(bytes, subject)
    }
  }

  isConnected(): boolean {
    return this.part !== null
  }

  onStatus(): void {}

  onRefusal(): void {}

  async close(): Promise<void> {}
}
