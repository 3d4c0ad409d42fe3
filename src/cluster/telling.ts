// What the cluster's thread tells the operator, bounded: other nodes and the engine decide how often there is something to
// tell. Used by link.ts.

export type Tell = (severity: 'info' | 'warning' | 'error', text: string) => void

/** Lines at once, as when a large cluster comes up, and afterwards one in each so many milliseconds. */
const LINES_MAX = 600
const LINE_MILLISECONDS = 1000

/** A refusal names a subject, and those that a node uses are few. */
const REFUSALS_MAX = 16

/** Passes on so much of what is to be told. */
export function boundedTell(tell: Tell, clock: () => number): Tell {
  let paidUntil = Number.NEGATIVE_INFINITY
  let untold = 0
  return (severity, text) => {
    const now = clock()
    const paid = Math.max(paidUntil, now - LINES_MAX * LINE_MILLISECONDS) + LINE_MILLISECONDS
    if (paid > now) {
      untold++
      return
    }
    paidUntil = paid
    if (untold > 0) tell('warning', `${untold} messages about the cluster were not logged`)
    untold = 0
    tell(severity, text)
  }
}

/** What the engine refuses while it is connected. It is known until the connection ends, and told once. */
export class Refusals {
  readonly now: string[] = []
  private readonly told = new Set<string>()
  private readonly tell: Tell

  constructor(tell: Tell) {
    this.tell = tell
  }

  add(reason: string): void {
    if (this.now.length < REFUSALS_MAX && !this.now.includes(reason)) this.now.push(reason)
    if (this.told.size >= REFUSALS_MAX || this.told.has(reason)) return
    this.told.add(reason)
    this.tell('error', `the NATS server refuses what this node needs: ${reason}`)
  }

  clear(): void {
    this.now.length = 0
  }
}
