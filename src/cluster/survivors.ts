// Nodes that die are heard to their end by some, and a little less by others. So who outlives them tell each other how far they have heard
// each run that has ended; who has heard less asks who has heard more (asking.ts). Called by link.ts. Says nothing while
// all that are known go on.
import { HEARD, type Heard, NODES_MAX, writeControl } from './control.ts'
import type { Engine } from './engine.ts'
import { isAfter } from './holes.ts'
import type { Node, Nodes } from './nodes.ts'
import { ALL_NODES, type Subjects } from './subjects.ts'

const TELL_EACH_MILLISECONDS = 2000
/** From when a run has ended, or a node is heard again that may have heard more or less. */
const TELL_MILLISECONDS = 30_000

export interface SurvivorsOptions {
  readonly engine: Engine
  readonly nodes: Nodes
  readonly subjects: Subjects
  /** Of this node. */
  readonly start: number
}

export class Survivors {
  private readonly options: SurvivorsOptions
  /** Runs that go on, as of the last look. */
  private going = new Set<number>()
  private tellUntil = 0
  private toldAt = 0

  constructor(options: SurvivorsOptions) {
    this.options = options
  }

  /** While this node may speak. */
  turn(now: number): void {
    if (now - this.toldAt < TELL_EACH_MILLISECONDS) return
    this.toldAt = now
    const { engine, nodes, subjects, start } = this.options
    const going = new Set(nodes.heard(now).map((node) => node.start))
    if (going.size !== this.going.size || [...going].some((run) => !this.going.has(run))) {
      this.going = going
      this.tellUntil = now + TELL_MILLISECONDS
    }
    if (now >= this.tellUntil || going.size === 0) return
    const heard = heardOf([...nodes.all(), ...nodes.ended].filter((node) => !node.isHeard(now)))
    if (heard.length === 0) return
    const message = { kind: HEARD, ticket: 0, start, heard } as const
    engine.publish(subjects.answer(ALL_NODES), writeControl(message))
  }

  /** Another node has told how far it has heard some runs. */
  heard(from: Node, heard: readonly Heard[], now: number): void {
    const { nodes, start: own } = this.options
    for (const { name, start, ...extent } of heard) {
      if (start === own) continue
      const run = nodes.find(name, start) ?? nodes.hearsay(name, start, now)
      if (run.isHeard(now)) continue
      if (run.isMore(from.name, extent)) run.heardMore = from.name
      // The other one may not know what this one has.
      if (!isAfter(run.holes.extent().highest, extent.sequence)) continue
      this.tellUntil = Math.max(this.tellUntil, now + 2 * TELL_EACH_MILLISECONDS)
    }
  }
}

/** How far some runs have been heard, for others. */
export function heardOf(runs: readonly Node[]): Heard[] {
  return runs
    .filter(({ start }) => start !== 0)
    .slice(0, NODES_MAX - 1)
    .map(({ name, start, holes }) => ({ name, start, ...holes.extent() }))
}
