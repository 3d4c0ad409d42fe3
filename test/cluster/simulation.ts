// Many nodes (simulated-node.ts) in simulated time, and an engine that loses, repeats, delays and cuts off.
// Used by link.test.ts, link-limits.test.ts and schedules.test.ts.
import {
  type Announced,
  SimulatedNode,
  type SimulatedOptions,
  type World,
} from './simulated-node.ts'

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
export class Simulation implements World {
  now = 1_000_000
  weather: Weather = { ...CALM }
  readonly nodes: SimulatedNode[] = []
  /** The truth: what a peer announced last, when, and to whom. */
  readonly truth = new Map<number, Announced>()
  readonly random: () => number
  private readonly events: Event[] = []
  private order = 0
  /** Messages that a stopped engine holds. */
  private held: (() => void)[] | null = null

  constructor(random: () => number) {
    this.random = random
  }

  get second(): number {
    return Math.floor(this.now / 1000)
  }

  add(name: string, options: SimulatedOptions = {}): SimulatedNode {
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
