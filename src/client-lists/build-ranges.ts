// Makes a set of ranges (ranges.ts) of prefixes in any order. Called by the readers of list files, in the main
// thread, whose other work goes on in between. Owns the rows until they are finished.
import { comparable, INDEX_WORDS, indexOf, type RangeData } from './ranges.ts'

const WORD_BITS = 32
const ROWS_AT_FIRST = 1024
/** Rows that are sorted at once: a few milliseconds. */
const SLICE_ROWS = 1 << 16

export class RangeBuilder {
  count = 0
  private readonly keyWords: number
  /** Of each range the first key, then the last one, in comparable words. */
  private rows: Int32Array

  /** `keyWords`: words of a key. */
  constructor(keyWords: number) {
    this.keyWords = keyWords
    this.rows = new Int32Array(ROWS_AT_FIRST * keyWords * 2)
  }

  /** Adds all keys that begin with the first `bits` of the key at `words[0]`, which is in the order of memory. */
  add(words: ArrayLike<number>, bits: number): void {
    const { keyWords } = this
    const size = keyWords * 2
    if ((this.count + 1) * size > this.rows.length) this.grow()
    const at = this.count * size
    for (let i = 0; i < keyWords; i++) {
      // Of this word, the bits that differ within the range.
      const open = Math.min(WORD_BITS, Math.max(0, (i + 1) * WORD_BITS - bits))
      const mask = open === WORD_BITS ? -1 : (1 << open) - 1
      const word = comparable(words[i])
      this.rows[at + i] = comparableOf(word, ~mask, 0)
      this.rows[at + keyWords + i] = comparableOf(word, ~mask, mask)
    }
    this.count++
  }

  /** Sorts and joins the ranges. The builder is used up. Throws RangeError when the system refuses the memory. */
  async finish(): Promise<RangeData> {
    const rows = await sorted(this.rows, this.count, this.keyWords)
    const count = join(rows, this.count, this.keyWords)
    const { keyWords } = this
    const words = new SharedArrayBuffer((INDEX_WORDS + count * keyWords * 2) * 4)
    const table = new Int32Array(words)
    const endsAt = INDEX_WORDS + count * keyWords
    for (let row = 0; row < count; row++) {
      const from = row * keyWords * 2
      for (let i = 0; i < keyWords; i++) {
        table[INDEX_WORDS + row * keyWords + i] = rows[from + i]
        table[endsAt + row * keyWords + i] = rows[from + keyWords + i]
      }
      table[indexOf(rows[from]) + 1]++
    }
    for (let i = 1; i < INDEX_WORDS; i++) table[i] += table[i - 1]
    return { words, count }
  }

  private grow(): void {
    const larger = new Int32Array(this.rows.length * 2)
    larger.set(this.rows)
    this.rows = larger
  }
}

/** A comparable word with some bits of its number kept, and others set. */
function comparableOf(word: number, kept: number, set: number): number {
  const sign = 0x80000000 | 0
  return (((word ^ sign) & kept) | set) ^ sign
}

/** Sorts rows by merging ever longer runs, in slices. A list that is sorted, as most are, is one run. */
async function sorted(rows: Int32Array, count: number, keyWords: number): Promise<Int32Array> {
  const size = keyWords * 2
  let from = rows
  let to: Int32Array = new Int32Array(0)
  for (let run = 1; run < count && !isSorted(from, count, keyWords); run *= 2) {
    if (to.length === 0) to = new Int32Array(rows.length)
    let done = 0
    for (let at = 0; at < count; at += run * 2) {
      const middle = Math.min(at + run, count)
      const end = Math.min(at + run * 2, count)
      merge({ from, to, at, middle, end }, keyWords)
      done += end - at
      if (done < SLICE_ROWS) continue
      done = 0
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    const sortedOnce = to
    to = from
    from = sortedOnce
  }
  return from.subarray(0, count * size)
}

interface Runs {
  readonly from: Int32Array
  readonly to: Int32Array
  readonly at: number
  readonly middle: number
  readonly end: number
}

function merge({ from, to, at, middle, end }: Runs, keyWords: number): void {
  const size = keyWords * 2
  let left = at
  let right = middle
  for (let row = at; row < end; row++) {
    const takesLeft =
      right === end ||
      (left < middle && compareKeys(from, left * size, from, right * size, keyWords) <= 0)
    const taken = takesLeft ? left++ : right++
    for (let i = 0; i < size; i++) to[row * size + i] = from[taken * size + i]
  }
}

function isSorted(rows: Int32Array, count: number, keyWords: number): boolean {
  const size = keyWords * 2
  for (let row = 1; row < count; row++) {
    if (compareKeys(rows, (row - 1) * size, rows, row * size, keyWords) > 0) return false
  }
  return true
}

/** Joins ranges that overlap, which prefixes do if one contains the other; returns how many are left. */
function join(rows: Int32Array, count: number, keyWords: number): number {
  const size = keyWords * 2
  let last = -1
  for (let row = 0; row < count; row++) {
    const at = row * size
    const isInside = last >= 0 && compareKeys(rows, at, rows, last * size + keyWords, keyWords) <= 0
    if (!isInside) {
      last++
      rows.copyWithin(last * size, at, at + size)
    } else if (compareKeys(rows, at + keyWords, rows, last * size + keyWords, keyWords) > 0) {
      rows.copyWithin(last * size + keyWords, at + keyWords, at + size)
    }
  }
  return last + 1
}

function compareKeys(
  a: Int32Array,
  at: number,
  b: Int32Array,
  bt: number,
  keyWords: number,
): number {
  for (let i = 0; i < keyWords; i++) {
    const left = a[at + i]
    const right = b[bt + i]
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}
