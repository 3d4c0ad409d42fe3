// Which of another node's batches have not arrived. Used for each node that is heard (nodes.ts). Sequences are 32-bit
// numbers that wrap, so they are compared by their difference. Bounded: with too many holes, two become one.

export interface Hole {
  /** First and last sequence that is missing. */
  from: number
  to: number
  /** When something was last known to have been complete, in milliseconds of the caller's clock. */
  readonly since: number
  /** When it was noticed. */
  readonly noticed: number
}

export interface Extent {
  readonly sequence: number
  readonly highest: number
  readonly missing: number
}

/** Each is a range in a request (control.ts). Between two of them is what has arrived, which is only asked for again. */
const HOLES_MAX = 16

export class Holes {
  /** In ascending order. */
  readonly list: Hole[] = []
  /** The last sequence that is known to exist. */
  highest: number

  constructor(highest: number) {
    this.highest = highest
  }

  /** Whether a batch has come. */
  has(sequence: number): boolean {
    return !isAfter(sequence, this.highest) && !this.list.some((hole) => isIn(sequence, hole))
  }

  /** A batch has come. False if it had come before. `since`: see Hole. */
  arrived(sequence: number, since: number, now: number): boolean {
    if (isAfter(sequence, this.highest)) {
      this.exists((sequence - 1) >>> 0, since, now)
      this.highest = sequence
      return true
    }
    const index = this.list.findIndex((hole) => isIn(sequence, hole))
    if (index < 0) return false
    const hole = this.list[index]
    const { from, to, since: begun, noticed } = hole
    this.list.splice(
      index,
      1,
      ...(from === sequence ? [] : [{ from, to: (sequence - 1) >>> 0, since: begun, noticed }]),
      ...(to === sequence ? [] : [{ from: (sequence + 1) >>> 0, to, since: begun, noticed }]),
    )
    this.limit()
    return true
  }

  /** The node has sent all up to this one. */
  exists(sequence: number, since: number, now: number): void {
    if (!isAfter(sequence, this.highest)) return
    const from = (this.highest + 1) >>> 0
    this.list.push({ from, to: sequence, since, noticed: now })
    this.highest = sequence
    this.limit()
  }

  /** Nothing up to this sequence is missed any more. */
  filledTo(sequence: number): void {
    while (this.list.length > 0 && !isAfter(this.list[0].from, sequence)) {
      const [hole] = this.list
      if (isAfter(hole.to, sequence)) {
        hole.from = (sequence + 1) >>> 0
        return
      }
      this.list.shift()
    }
  }

  /** How many batches are missing. */
  size(): number {
    return this.list.reduce((sum, { from, to }) => sum + ((to - from) >>> 0) + 1, 0)
  }

  isWhole(): boolean {
    return this.list.length === 0
  }

  /** The last sequence up to which nothing is missing. */
  wholeTo(): number {
    return this.list.length === 0 ? this.highest : (this.list[0].from - 1) >>> 0
  }

  /** What has come, in three numbers: up to which sequence all of it, the last one, and how many are missing between. */
  extent(): Extent {
    const { highest, list } = this
    const last = list.at(-1)
    const isAtEnd = last !== undefined && last.to === highest
    const end = isAtEnd ? (last.from - 1) >>> 0 : highest
    const missing = this.size() - ((highest - end) >>> 0)
    return { sequence: this.wholeTo(), highest: end, missing }
  }

  private limit(): void {
    while (this.list.length > HOLES_MAX) {
      const [first, second] = this.list.splice(0, 2)
      const { from, since, noticed } = first
      this.list.unshift({ from, to: second.to, since: Math.min(since, second.since), noticed })
    }
  }
}

/** Whether `sequence` is later than `other`. */
export function isAfter(sequence: number, other: number): boolean {
  return ((sequence - other) | 0) > 0
}

function isIn(sequence: number, { from, to }: Hole): boolean {
  return !isAfter(from, sequence) && !isAfter(sequence, to)
}
