// Counters of sources: two rows, and a source has one in each, by a keyed hash of its address. It is refused
// only when both are over. Nothing is looked up, taken or evicted: what is in a counter drains by itself, and
// whoever does not know the key cannot choose with whom to share. That somebody shares both of his with heavy
// users of whom there are n happens with a probability of (n ÷ 65,536)². A flood from random sources spreads over
// all counters and fills none. What a counter is: memory/rate-counter.ts.
//
// The ground of source-limits.ts and of ws/worker/request-limits.ts, which say what lies in a slot of a row. The
// memory is shared by all workers; each has a view of its own, with its clock and the source in hand.
import { randomFillSync } from 'node:crypto'
import { hashWords } from '../memory/half-sip-hash.ts'
import { RateCounters } from '../memory/rate-counter.ts'

/** Time runs in 2^18ths of a second, as words that wrap after 4.5 hours. */
const SECOND_SHIFT = 18
export const SECOND = 1 << SECOND_SHIFT

/** Workers read their clocks every batch, or some times a second; by this much they differ if one has stood still. */
export const CLOCK_LAG_SEC = 16

const ROW_BITS = 16
export const ROW_SLOTS = 1 << ROW_BITS
const ROW_MASK = ROW_SLOTS - 1

/** Tells the hash of an IPv6 /48 from that of the /64 at its front. */
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

/** Memory for all workers; also when nothing is limited, which may change. It is spent as it is touched. */
export function createSourceCounters(words: number): SourceCounterData {
  const [key0, key1] = randomFillSync(new Int32Array(2))
  return { words: new SharedArrayBuffer(words * 4), key0, key1 }
}

export abstract class SourceCounters {
  protected readonly words: Int32Array
  protected readonly rates: RateCounters
  protected second = 0
  /** The counters of the source in hand, in both rows. */
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

  /** Sets the time (seconds of the monotonic clock) for what follows. */
  setTime(second: number): void {
    this.second = second | 0
    this.rates.now = second << SECOND_SHIFT
  }

  /** Of an address that has so many words; the second one of those that have one is 0. */
  protected hash(count: number, word0: number, word1: number): number {
    this.source[0] = word0
    this.source[1] = word1
    return hashWords(this.source, 0, count, this.key0, this.key1)
  }

  /** Of the /48 whose words these are, with zeros behind it. */
  protected networkHash(word0: number, word1: number): number {
    this.source[2] = NETWORK_BITS
    return this.hash(3, word0, word1)
  }

  /** Makes a source the one in hand; `rows`: where they begin. */
  protected open(hash: number, rows: number, slotWords: number): void {
    this.first = rows + (hash & ROW_MASK) * slotWords
    this.other = rows + (ROW_SLOTS + (hash >>> ROW_BITS)) * slotWords
  }

  /** Charges a counter of the source in hand, at a place in its slots; false when they are full. */
  protected chargeSource(place: number, cost: number, burst: number): boolean {
    return this.rates.chargeBoth(this.first + place, this.other + place, cost, burst)
  }

  /** Whether `chargeSource` would refuse. */
  protected isFull(place: number, cost: number, burst: number): boolean {
    return this.rates.bothFull(this.first + place, this.other + place, cost, burst)
  }
}
