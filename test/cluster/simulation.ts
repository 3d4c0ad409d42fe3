// Many links in simulated time: an engine that loses, repeats, delays and cuts off, and a model of the swarms of each node.
// Used by link.test.ts.
import type { Engine } from '../../src/cluster/engine.ts'
import {
  ageOfRecord,
  BATCH_AGE_UNIT,
  BATCH_HEAD_WORDS,
  BATCH_RECORDS,
  KIND_LEFT,
  KIND_SEEN,
  kindOfRecord,
  RECORD_ADDRESS,
  RECORD_AGE_SHIFT,
  RECORD_KIND_SHIFT,
  RECORD_SEEDER_BIT,
  RECORD_WORDS_IPV4,
} from '../../src/cluster/layout.ts'
import { Link } from '../../src/cluster/link.ts'
import type { Records, SwarmWalk } from '../../src/cluster/records.ts'

/** Few, so that walks have several parts. */
const PART_RECORDS = 5
const TAKEN_MAX = 50
const PORT = 6881
const TURN_MILLISECONDS = 20

interface Entry {
  readonly seen: number
  readonly seeder: boolean
}

/** What happened to a peer, and when. */
interface Noted {
  readonly key: number
  readonly kind: number
  readonly seeder: boolean
  readonly second: number
}

/** `entry`: null if it has left. */
export interface Announced {
  readonly entry: Entry | null
  readonly by: SimulatedNode
}

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** What the network does to a message. */
export interface Weather {
  loss: number
  repeat: number
  /** Milliseconds: at least, and up to so much more. */
  delay: number
  spread: number
}

export const CALM: Weather = { loss: 0, repeat: 0, delay: 2, spread: 3 }

/** Time, and what happens in it. */
export class Simulation {
  now = 1_000_000
  weather: Weather = { ...CALM }
  readonly nodes: SimulatedNode[] = []
  /** The truth: what a peer announced last, when, and to whom. */
  readonly truth = new Map<number, Announced>()
  readonly random: () => number
  /** Nodes in different parts do not hear each other. */
  private readonly events: Event[] = []
  private order = 0
  /** Messages that a stopped engine holds. */
  private held: (() => void)[] | null = null

  constructor(random: () => number) {
    this.random = random
  }

  add(name: string, options: { maxPeerAge?: number; sentBytesMax?: number } = {}): SimulatedNode {
    const node = new SimulatedNode(this, name, options)
    this.nodes.push(node)
    return node
  }

  after(milliseconds: number, run: () => void): void {
    const event = { at: this.now + milliseconds, order: this.order++, run }
    let low = 0
    let high = this.events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.events[middle].at <= event.at) low = middle + 1
      else high = middle
    }
    this.events.splice(low, 0, event)
  }

  /** Runs for so long. */
  run(milliseconds: number): void {
    const end = this.now + milliseconds
    for (let next = this.events[0]; next !== undefined && next.at <= end; next = this.events[0]) {
      this.events.shift()
      this.now = next.at
      next.run()
    }
    this.now = end
  }

  /** The engine is stopped: it takes messages, and delivers nothing until `release`. */
  hold(): void {
    this.held ??= []
  }

  release(): void {
    const { held } = this
    this.held = null
    for (const run of held ?? []) run()
  }

  deliver(from: SimulatedNode, subject: string, bytes: Uint8Array): void {
    const copy = bytes.slice()
    const { part } = from.engine
    for (const node of this.nodes) {
      if (node === from) continue
      const { loss, repeat, delay, spread } = this.weather
      const times = this.random() < loss ? 0 : this.random() < repeat ? 2 : 1
      for (let i = 0; i < times; i++) {
        const arrive = () => node.engine.arrive(part, subject, copy)
        const send = () => this.after(delay + spread * this.random(), arrive)
        if (this.held === null) send()
        else this.held.push(send)
      }
    }
  }
}

class SimulatedEngine implements Engine {
  /** Those in the same part hear each other; null = no connection. */
  part: number | null = 0
  private readonly simulation: Simulation
  private readonly node: SimulatedNode
  private readonly subscriptions: {
    pattern: RegExp
    receive: (b: Uint8Array, s: string) => void
  }[] = []

  constructor(simulation: Simulation, node: SimulatedNode) {
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
    if (this.part === null || this.part !== part || !this.node.isAlive) return
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

/** A tracker: swarms as a map, and a link. */
export class SimulatedNode implements Records {
  readonly name: string
  readonly engine: SimulatedEngine
  readonly link: Link
  readonly told: string[] = []
  isAlive = true
  isStopped = false
  readonly peers = new Map<number, Entry>()
  /** Who has left, and when. */
  private readonly left = new Map<number, number>()
  lost = 0
  private readonly noted: Noted[] = []
  private readonly simulation: Simulation
  private readonly maxPeerAge: number

  constructor(
    simulation: Simulation,
    name: string,
    { maxPeerAge = 1200, sentBytesMax }: { maxPeerAge?: number; sentBytesMax?: number },
  ) {
    this.simulation = simulation
    this.name = name
    this.maxPeerAge = maxPeerAge
    this.engine = new SimulatedEngine(simulation, this)
    this.link = new Link({
      node: name,
      subject: 'aq',
      engine: this.engine,
      records: this,
      maxPeerAge,
      ...(sentBytesMax === undefined ? {} : { sentBytesMax }),
      clock: () => simulation.now,
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

  /** A client announces here. */
  announce(key: number, seeder: boolean): void {
    const seen = this.second()
    this.peers.set(key, { seen, seeder })
    this.simulation.truth.set(key, { entry: { seen, seeder }, by: this })
    this.noted.push({ key, kind: KIND_SEEN, seeder, second: seen })
  }

  leave(key: number): void {
    const second = this.second()
    this.peers.delete(key)
    this.left.set(key, second)
    this.simulation.truth.set(key, { entry: null, by: this })
    this.noted.push({ key, kind: KIND_LEFT, seeder: false, second })
  }

  /** What has waited to be taken is lost. */
  overflow(): void {
    this.lost += this.noted.length
    this.noted.length = 0
  }

  kill(): void {
    this.isAlive = false
    this.engine.part = null
    this.simulation.nodes.splice(this.simulation.nodes.indexOf(this), 1)
  }

  /** Who is here, with which role, in a fixed order; without those that have expired. */
  swarm(): string[] {
    const limit = this.second() - this.maxPeerAge
    return [...this.peers]
      .filter(([, { seen }]) => seen >= limit)
      .map(([key, { seeder }]) => `${key}${seeder ? ' seeds' : ''}`)
      .sort()
  }

  second(): number {
    return Math.floor(this.simulation.now / 1000)
  }

  collect(): number {
    return this.noted.length
  }

  take(out: Int32Array, at: number, _: number, ipv4: boolean): number {
    return ipv4 ? write(out, at, this.noted.splice(0, TAKEN_MAX), this.second()) : 0
  }

  apply(words: Int32Array, addedAge: number): void {
    for (let i = 0; i < words[BATCH_RECORDS]; i++) {
      const at = BATCH_HEAD_WORDS + i * RECORD_WORDS_IPV4
      const key = words[at + RECORD_ADDRESS]
      const last = words[at + RECORD_WORDS_IPV4 - 1]
      const seen = this.second() - ageOfRecord(last) * words[BATCH_AGE_UNIT] - addedAge
      if (seen < this.second() - this.maxPeerAge) continue
      const known = this.peers.get(key)
      if (kindOfRecord(last) === KIND_LEFT) {
        if (known !== undefined && known.seen <= seen) this.peers.delete(key)
        this.left.set(key, Math.max(seen, this.left.get(key) ?? 0))
      } else if (seen > (this.left.get(key) ?? 0) && seen > (known?.seen ?? 0)) {
        this.peers.set(key, { seen, seeder: last < 0 })
      }
    }
  }

  /** Who has left and who is here, as others are told of it. */
  heardOf(seconds: number): Noted[] {
    const limit = this.second() - seconds
    const left = [...this.left].map(([key, second]) => ({
      key,
      kind: KIND_LEFT,
      seeder: false,
      second,
    }))
    const here = [...this.peers].map(([key, { seen, seeder }]) => ({
      key,
      kind: KIND_SEEN,
      seeder,
      second: seen,
    }))
    return [...left, ...here].filter(({ second }) => second >= limit)
  }

  openWalk(seconds: number): SwarmWalk {
    const left = this.heardOf(seconds)
    const next = (out: Int32Array, at: number) =>
      write(out, at, left.splice(0, PART_RECORDS), this.second())
    return {
      ipv4: true,
      ageUnit: 1,
      next,
      get isDone() {
        return left.length === 0
      },
    }
  }
}

function write(out: Int32Array, to: number, records: readonly Noted[], now: number): number {
  records.forEach(({ key, kind, seeder, second }, index) => {
    const at = to + index * RECORD_WORDS_IPV4
    out.fill(0, at, at + RECORD_WORDS_IPV4)
    out[at + RECORD_ADDRESS] = key
    out[at + RECORD_WORDS_IPV4 - 1] =
      PORT |
      ((now - second) << RECORD_AGE_SHIFT) |
      (kind << RECORD_KIND_SHIFT) |
      (seeder ? RECORD_SEEDER_BIT : 0)
  })
  return records.length
}
