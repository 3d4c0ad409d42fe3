// What each node may cost this one: so much at once, and then so much a second. Used by answering.ts. Bounded: a node whose
// budget is full again is forgotten, and so many others are known at most.
import { NODES_MAX } from './control.ts'

export class Budgets {
  private readonly perMillisecond: number
  private readonly atOnceMilliseconds: number
  /** Until when what a node has spent is accounted for. */
  private readonly paid = new Map<string, number>()

  constructor(perSecond: number, atOnce: number) {
    this.perMillisecond = perSecond / 1000
    this.atOnceMilliseconds = atOnce / this.perMillisecond
  }

  /** When the node may have so much more: `now`, if that is already; never, if too many other nodes have spent. */
  freeAt(node: string, amount: number, now: number): number {
    const paid = this.paidOf(node, now)
    if (paid === undefined) return Number.POSITIVE_INFINITY
    return Math.max(now, paid + amount / this.perMillisecond - this.atOnceMilliseconds)
  }

  spend(node: string, amount: number, now: number): void {
    const paid = this.paidOf(node, now)
    if (paid !== undefined) this.paid.set(node, paid + amount / this.perMillisecond)
  }

  private paidOf(node: string, now: number): number | undefined {
    const { paid } = this
    if (paid.size >= NODES_MAX && !paid.has(node)) {
      for (const [name, until] of paid) if (until <= now) paid.delete(name)
      if (paid.size >= NODES_MAX) return undefined
    }
    return Math.max(paid.get(node) ?? now, now)
  }
}
