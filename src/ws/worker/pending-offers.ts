// The offerers of the offers that a connection was sent and has not answered yet. One per connection that has
// been sent an offer; signal.ts adds and takes.
//
// An answer is passed on only if it matches one of these, and each is good for one answer. A key stands for
// info hash, both peer ids and the offer id: a keyed hash of all four, for which no client can find collisions
// (signal.ts). Two maps instead of a time in each entry: each `rotate` drops the entries from before the last
// one.

/**
 * Offers that one connection may leave unanswered while they are remembered. A client that reaches this gets no
 * more, since it cannot even answer those it has.
 */
export const PENDING_OFFERS_MAX = 1024

const GENERATION_BITS = 65536

/** What `take` found; valid until the next call. */
export const taken = { connection: 0, generation: 0 }

export class PendingOffers {
  /** Second of the last rotation. */
  rotatedAt: number
  private young = new Map<number, number>()
  private old: Map<number, number> | null = null

  constructor(now: number) {
    this.rotatedAt = now
  }

  get full(): boolean {
    return this.young.size + (this.old === null ? 0 : this.old.size) >= PENDING_OFFERS_MAX
  }

  add(key: number, connection: number, generation: number): void {
    this.young.set(key, (connection >>> 0) * GENERATION_BITS + generation)
  }

  /** Forgets the offer and fills `taken` with its offerer; false if there is no such offer. */
  take(key: number): boolean {
    let value = this.young.get(key)
    if (value !== undefined) {
      this.young.delete(key)
    } else {
      value = this.old?.get(key)
      if (value === undefined) return false
      this.old?.delete(key)
    }
    taken.generation = value % GENERATION_BITS
    taken.connection = ((value - taken.generation) / GENERATION_BITS) | 0
    return true
  }

  /** Forgets the offers from before the last rotation; true if none are left. */
  rotate(): boolean {
    if (this.young.size === 0) {
      this.old = null
      return true
    }
    this.old = this.young
    this.young = new Map()
    return false
  }
}
