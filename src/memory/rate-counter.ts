// Counters that say how much of a rate has been used up, in shared memory: one word each, charged by any
// thread without a lock. Used by source-limits/source-counters.ts. Owns nothing: the words belong to the caller's buffer.
//
// The word is the time up to which what was let through is paid for, each one costing 1 ÷ rate seconds
// (GCRA). It may be ahead of the clock by a burst. It is charged by compare-and-exchange: no charge is lost,
// and none is made twice. Plain loads and stores would be no faster (bench/handle.ts), and a thread interrupted
// between the two would take back what all others have charged meanwhile.
// Each thread has its own clock, read once per batch, so words may be ahead of it by more than a burst:
// such a counter is full. Only one that is further ahead than clocks can differ (the lag) is a remnant
// from before the clock wrapped.
// A counter holds time, not a number, so it stays right when the rate changes.
//
// A source has two counters, in rows that different bits of its hash point to, and is refused only when both
// are full. A thread interrupted between the two may leave one charge
// unused: then one request beyond the limit gets through.

/** Attempts of one charge, each lost to another thread. */
const TRIES_MAX = 16

export class RateCounters {
  /** The clock, in the unit of all times here. */
  now = 0
  private readonly words: Int32Array
  private readonly lag: number

  /** `lag`: by how much the clocks of threads can differ. */
  constructor(words: Int32Array, lag: number) {
    this.words = words
    this.lag = lag
  }

  // HOT: no allocation below this line.

  /** Charges both counters, as far as they have room; false when neither has. */
  chargeBoth(first: number, second: number, cost: number, burst: number): boolean {
    // No short circuit: each row is charged whatever the other says.
    const one = this.charge(first, cost, burst)
    const other = this.charge(second, cost, burst)
    return one || other
  }

  /** Whether `chargeBoth` would refuse. */
  bothFull(first: number, second: number, cost: number, burst: number): boolean {
    return this.isFull(first, cost, burst) && this.isFull(second, cost, burst)
  }

  /** Charges one counter; false, and nothing changed, when it is full. */
  private charge(at: number, cost: number, burst: number): boolean {
    const words = this.words
    const now = this.now
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const word = Atomics.load(words, at)
      let ahead = (word - now) | 0
      // Never used, drained long ago, or so long ago that the clock has wrapped.
      if (word === 0 || ahead < 0 || ahead > burst + this.lag) ahead = 0
      if (ahead + cost > burst) return false
      // Never 0, which every so many hours would be a time that is a burst ahead.
      const charged = (now + ahead + cost) | 0 || 1
      if (Atomics.compareExchange(words, at, word, charged) === word) return true
    }
    // So many others got through meanwhile that one more does not matter.
    return true
  }

  private isFull(at: number, cost: number, burst: number): boolean {
    const word = Atomics.load(this.words, at)
    const ahead = (word - this.now) | 0
    return word !== 0 && ahead + cost > burst && ahead <= burst + this.lag
  }
}
