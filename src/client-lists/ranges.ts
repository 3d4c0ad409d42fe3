// A set of ranges in shared memory, and whether a key is in one: networks as ranges of addresses, and beginnings of
// peer ids as ranges of these. Filled by build-ranges.ts in the main thread, and never written again; read by the
// gate of each worker (gate.ts).
//
//  index: 65,537 words │ starts: a key for each range │ ends: the same
//
// A key is one to five words, as numbers that compare like its bytes. The ranges are sorted and do not overlap, so
// the last one that starts at a key or before decides. `index` has, for each value of a key's first 16 bits, how
// many ranges start with less: a look-up searches only among those that start with the same.
//
// A hash table of every prefix length would need a look-up for each length in use, up to 128 for IPv6; a trie reads
// one cache line for each level.
import { swapBytes } from '../memory/byte-order.ts'

export const INDEX_WORDS = 65_537
const INDEX_SHIFT = 16
/** Turns the order of signed words into that of unsigned ones. */
const SIGN = 0x80000000 | 0

/** The form in which workers receive it. */
export interface RangeData {
  readonly words: SharedArrayBuffer
  readonly count: number
}

export const NO_RANGES: RangeData = { words: new SharedArrayBuffer(INDEX_WORDS * 4), count: 0 }

export class Ranges {
  private readonly words: Int32Array
  private readonly keyWords: number
  private readonly endsAt: number
  private readonly key: Int32Array

  /** `keyWords`: words of a key. */
  constructor({ words, count }: RangeData, keyWords: number) {
    this.words = new Int32Array(words)
    this.keyWords = keyWords
    this.endsAt = INDEX_WORDS + count * keyWords
    this.key = new Int32Array(keyWords)
  }

  // HOT: no allocation below this line.

  /** Sets word `i` of the key to look up, as it lies in memory. */
  setKey(i: number, word: number): void {
    this.key[i] = comparable(word)
  }

  /** Whether the key is in one of the ranges. */
  hasKey(): boolean {
    const { words, keyWords } = this
    const first = this.key[0]
    const bucket = indexOf(first)
    let low = words[bucket]
    let high = words[bucket + 1]
    // The ranges before `low` start at the key or before, those from `high` on behind it.
    while (low < high) {
      const middle = (low + high) >>> 1
      // Nearly always the first word decides.
      const start = words[INDEX_WORDS + middle * keyWords]
      if (start > first || (start === first && this.compare(INDEX_WORDS, middle) < 0)) high = middle
      else low = middle + 1
    }
    return low > 0 && this.compare(this.endsAt, low - 1) <= 0
  }

  /** Below 0 if the key is less than the one of range `index` at `base`, above 0 if it is more. */
  private compare(base: number, index: number): number {
    const { words, key, keyWords } = this
    const at = base + index * keyWords
    for (let i = 0; i < keyWords; i++) {
      const mine = key[i]
      const other = words[at + i]
      if (mine !== other) return mine < other ? -1 : 1
    }
    return 0
  }
}

/** A word of four bytes as it lies in memory, as a number that compares like the bytes. */
export function comparable(word: number): number {
  return swapBytes(word) ^ SIGN
}

/** Where the index has the ranges that start with this first word, which is comparable. */
export function indexOf(first: number): number {
  return (first ^ SIGN) >>> INDEX_SHIFT
}
