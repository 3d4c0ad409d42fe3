// Counters of sources: there are two rows, and a source has one counter in each, by a keyed hash of its
// address. It is refused only if both are over the limit. There is no look-up, allocation or eviction: counters
// drain by themselves, and without the key nobody can choose with whom to share one. With n heavy users, the
// probability that someone shares both counters with them is (n ÷ 65,536)². A flood from random sources spreads
// over all counters and fills none. A single counter is in memory/rate-counter.ts.
//
// The base of source-limits.ts and ws/worker/request-limits.ts, which define the slots of a row. The memory is
// shared by all workers; each has its own view, with its clock and current source.
import { randomFillSync } from 'node:crypto'
import { hashWords } from '../memory/half-sip-hash.ts'
import { RateCounters } from '../memory/rate-counter.ts'

/** Time runs in 2^18ths of a second, as words that wrap after 4.5 hours. */
const SECOND_SHIFT = 18
export const SECOND = 1 << SECOND_SHIFT

/**
 * Workers read their clocks every batch, or some times a second; they differ by up to this if one has stalled.
 */
export const CLOCK_LAG_SEC = 16

const ROW_BITS = 16
export const ROW_SLOTS = 1 << ROW_BITS
const ROW_MASK = ROW_SLOTS - 1

/** Distinguishes the hash of an IPv6 /48 from that of its first /64. */
const NETWORK_BITS = 48

/** What all workers share. */
export interface SourceCounterData {
  readonly words: SharedArrayBuffer
  readonly key0: number
  readonly key1: number
}

/** Words of two rows. */
export function rowWords(slotWords: number): number {
  return ROW_SLOTS * slotWords * 2
}

/**
 * Memory for all workers, even if nothing is limited, since that can change. Pages cost nothing until touched.
 */
export function createSourceCounters(words: number): SourceCounterData {
  const [key0, key1] = randomFillSync(new Int32Array(2))
  return { words: new SharedArrayBuffer(words * 4), key0, key1 }
}

export abstract class SourceCounters {
  protected readonly words: Int32Array
  protected readonly rates: RateCounters
  protected second = 0
  /** The current source's counters in both rows. */
  protected first = 0
  protected other = 0
  private readonly key0: number
  private readonly key1: number
  private readonly source = new Int32Array(3)

  constructor({ words, key0, key1 }: SourceCounterData) {
    this.words = new Int32Array(words)
    this.rates = new RateCounters(this.words, CLOCK_LAG_SEC * SECOND)
    this.key0 = key0
    this.key1 = key1
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for later calls. */
  setTime(second: number): void {
    this.second = second | 0
    this.rates.now = second << SECOND_SHIFT
  }

  /** The hash of an address of `count` words. `word1` is 0 if there is only one. */
  protected hash(count: number, word0: number, word1: number): number {
    this.source[0] = word0
    this.source[1] = word1
    return hashWords(this.source, 0, count, this.key0, this.key1)
  }

  /** The hash of a /48; the rest of its two words is 0. */
  protected networkHash(word0: number, word1: number): number {
    this.source[2] = NETWORK_BITS
    return this.hash(3, word0, word1)
  }

  /** Makes a source the current one; `rows`: where they begin. */
  protected open(hash: number, rows: number, slotWords: number): void {
    this.first = rows + (hash & ROW_MASK) * slotWords
    this.other = rows + (ROW_SLOTS + (hash >>> ROW_BITS)) * slotWords
  }

  /** Charges the current source's counter at a place in its slots; false if they are full. */
  protected chargeSource(place: number, cost: number, burst: number): boolean {
    return this.rates.chargeBoth(this.first + place, this.other + place, cost, burst)
  }

  /** Whether `chargeSource` would refuse. */
  protected isFull(place: number, cost: number, burst: number): boolean {
    return this.rates.bothFull(this.first + place, this.other + place, cost, burst)
  }
}
