// Reads bencoded values strictly: what BEP 3 does not allow is noted, whether a client would mind or
// not. Called by judge.ts for each answer. Written for the load tester, and from the BEP and not from
// the tracker's own code, so that both can be wrong alone.
//
// Two degrees of wrong: what is no bencoding at all (the position becomes −1), and what is not the one
// way to write a value: keys out of order or twice, zeros in front, «-0» (`isCanonical` becomes false).

const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const COLON = 0x3a
const MINUS = 0x2d
const DICTIONARY = 0x64
const END = 0x65
const INTEGER = 0x69
const LIST = 0x6c
/** Answers of trackers are three deep. */
const DEPTH_MAX = 8
/** More digits are no exact number here, and nobody counts that far. */
const DIGITS_MAX = 20

export class Bencode {
  bytes: Uint8Array = new Uint8Array(0)
  end = 0
  isCanonical = true
  /** The integer that was read last. */
  number = 0
  /** Where the string that was read last lies. */
  from = 0
  length = 0

  // HOT: no allocation below this line.

  begin(bytes: Uint8Array, end: number): void {
    this.bytes = bytes
    this.end = end
    this.isCanonical = true
  }

  isDictionary(at: number): boolean {
    return at < this.end && this.bytes[at] === DICTIONARY
  }

  isList(at: number): boolean {
    return at < this.end && this.bytes[at] === LIST
  }

  isEnd(at: number): boolean {
    return at < this.end && this.bytes[at] === END
  }

  /** Reads an integer at `at`; returns what follows it, −1 when there is none. */
  integer(at: number): number {
    const { bytes, end } = this
    if (at >= end || bytes[at] !== INTEGER) return -1
    const isNegative = at + 1 < end && bytes[at + 1] === MINUS
    const first = isNegative ? at + 2 : at + 1
    const last = this.digits(first, END)
    if (last < 0) return -1
    if (isNegative && bytes[first] === DIGIT_0) this.isCanonical = false
    if (isNegative) this.number = -this.number
    return last + 1
  }

  /** Reads a string; returns what follows it, −1 when there is none. */
  string(at: number): number {
    const colon = this.digits(at, COLON)
    if (colon < 0) return -1
    const next = colon + 1 + this.number
    if (next > this.end) return -1
    this.from = colon + 1
    this.length = this.number
    return next
  }

  /** A number in front of `mark`; returns where that is. */
  private digits(first: number, mark: number): number {
    const { bytes, end } = this
    let at = first
    let number = 0
    while (at < end && bytes[at] >= DIGIT_0 && bytes[at] <= DIGIT_9) {
      number = number * 10 + bytes[at] - DIGIT_0
      at++
    }
    if (at === first || at >= end || bytes[at] !== mark || at - first > DIGITS_MAX) return -1
    if (bytes[first] === DIGIT_0 && at - first > 1) this.isCanonical = false
    this.number = number
    return at
  }

  /** Passes any value; returns what follows it. */
  skip(at: number, depth: number): number {
    const { bytes } = this
    if (at >= this.end || depth > DEPTH_MAX) return -1
    const type = bytes[at]
    if (type === INTEGER) return this.integer(at)
    if (type === LIST) return this.skipList(at + 1, depth + 1)
    if (type === DICTIONARY) return this.skipDictionary(at + 1, depth + 1)
    return this.string(at)
  }

  private skipList(first: number, depth: number): number {
    let at = first
    while (at >= 0 && !this.isEnd(at)) at = this.skip(at, depth)
    return at < 0 ? -1 : at + 1
  }

  private skipDictionary(first: number, depth: number): number {
    let at = first
    let keyFrom = -1
    let keyLength = 0
    while (!this.isEnd(at)) {
      at = this.key(at, keyFrom, keyLength)
      if (at < 0) return -1
      keyFrom = this.from
      keyLength = this.length
      at = this.skip(at, depth)
      if (at < 0) return -1
    }
    return at + 1
  }

  /** Reads a key, which must be above the one before it (`beforeFrom` −1 for none). */
  key(at: number, beforeFrom: number, beforeLength: number): number {
    const next = this.string(at)
    if (next < 0) return -1
    if (beforeFrom >= 0 && !this.isAbove(beforeFrom, beforeLength)) this.isCanonical = false
    return next
  }

  private isAbove(beforeFrom: number, beforeLength: number): boolean {
    const { bytes, from, length } = this
    const common = length < beforeLength ? length : beforeLength
    for (let i = 0; i < common; i++) {
      const difference = bytes[from + i] - bytes[beforeFrom + i]
      if (difference !== 0) return difference > 0
    }
    return length > beforeLength
  }

  /** Whether the string that was read last is this one. */
  is(text: Uint8Array): boolean {
    const { bytes, from, length } = this
    if (length !== text.length) return false
    for (let i = 0; i < length; i++) if (bytes[from + i] !== text[i]) return false
    return true
  }
}
