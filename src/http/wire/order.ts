// Sorts the info hashes of a scrape as the keys of its answer have to be (BEP 3). Called by worker/respond.ts
// once per scrape.
import { INFO_HASH_WORDS, SCRAPE_HASHES_MAX } from './layout.ts'

/** Gaps of Shell's sort for up to 255 hashes (Ciura's): about 2,000 comparisons at worst, and no memory. */
const GAPS = Uint8Array.of(132, 57, 23, 10, 4, 1)

/** The indexes of the hashes, sorted. */
export const order = new Uint8Array(SCRAPE_HASHES_MAX)

// HOT: no allocation below this line.

/** Fills `order` for the `count` hashes in `words`; returns how many are left without duplicates. */
export function orderInfoHashes(words: Int32Array, count: number): number {
  for (let i = 0; i < count; i++) order[i] = i
  for (let g = 0; g < GAPS.length; g++) {
    const gap = GAPS[g]
    for (let i = gap; i < count; i++) {
      const moving = order[i]
      let to = i
      while (to >= gap && compare(words, order[to - gap], moving) > 0) {
        order[to] = order[to - gap]
        to -= gap
      }
      order[to] = moving
    }
  }
  let kept = 0
  for (let i = 0; i < count; i++) {
    if (kept > 0 && compare(words, order[kept - 1], order[i]) === 0) continue
    order[kept] = order[i]
    kept++
  }
  return kept
}

/** Below 0, 0 or above 0 if the bytes of hash `a` sort before, equal to or after those of `b`. */
function compare(words: Int32Array, a: number, b: number): number {
  const atA = a * INFO_HASH_WORDS
  const atB = b * INFO_HASH_WORDS
  for (let i = 0; i < INFO_HASH_WORDS; i++) {
    const wordA = words[atA + i]
    const wordB = words[atB + i]
    if (wordA !== wordB) return bigEndian(wordA) < bigEndian(wordB) ? -1 : 1
  }
  return 0
}

function bigEndian(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
}
