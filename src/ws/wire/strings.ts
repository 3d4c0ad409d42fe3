// Reads the strings of a message in place. Extended by scan.ts, with the rest of JSON; owns the position.
//
// It checks four bytes at once, which takes two thirds of the time of single bytes (bench/ws-message.ts, Bun 1.4.5,
// November 2026), and that they are UTF-8. While a message is read, a zero stands behind it, so that no loop has to check
// the length.
import { hashWords } from '../../memory/half-sip-hash.ts'
import type { Region } from '../../memory/region.ts'
import { LOWER_U } from './characters.ts'
import {
  BACKSLASH,
  BEYOND_UTF16,
  characterAt,
  DIGITS,
  ESCAPES,
  FIRST_SURROGATE,
  FOLLOWING,
  IN_ID,
  OTHERWISE,
  QUOTE,
  SECOND_SURROGATE,
  SPACE,
  sequenceAt,
  special,
} from './utf8.ts'

/** 20 bytes, like every hash and id of the protocol: one character each, up to U+00FF. */
const ID_CHARACTERS = 20
const BYTE_MAX = 255

/** For ids of other lengths: three times the ids of all known clients. */
export const SHORT_CHARACTERS_MAX = 64
const SHORT_WORDS = ID_CHARACTERS / 4

export class StringScanner {
  /** The byte that is read next. Meaningless after a failure. */
  protected next = 0
  /** The last string: its first byte, its closing quote, and whether it has escapes. */
  private stringAt = 0
  private stringEnd = 0
  private escaped = false
  protected bytes: Uint8Array = new Uint8Array(0)
  private words: Int32Array = new Int32Array(0)
  private view: DataView = new DataView(new ArrayBuffer(0))
  protected end = 0
  /** What stood where the zero is now. */
  private behind = 0
  private readonly short = new Int32Array(SHORT_CHARACTERS_MAX)
  private escapeEnd = 0

  // HOT: no allocation below this line.

  /** The region must have at least one more word; until `close` it is changed. */
  open({ bytes, words, view }: Region, from: number, to: number): void {
    this.bytes = bytes
    this.words = words
    this.view = view
    this.next = from
    this.end = to
    this.behind = bytes[to]
    bytes[to] = 0
  }

  close(): void {
    this.bytes[this.end] = this.behind
  }

  /** The position of the next byte. Meaningless after a failure. */
  get at(): number {
    return this.next
  }

  /** Skips the string whose quote is next. */
  skipString(): boolean {
    return this.skipRest(this.next + 1)
  }

  /** Skips the string whose first character is at `start`. */
  private skipRest(start: number): boolean {
    const { bytes } = this
    let at = start
    let escaped = false
    for (;;) {
      at = this.nextSpecial(at)
      let code = bytes[at]
      if (code === QUOTE) {
        this.next = at + 1
        this.stringAt = start
        this.stringEnd = at
        this.escaped = escaped
        return true
      }
      if (code === BACKSLASH) {
        escaped = true
        do {
          if (ESCAPES[bytes[at + 1]] !== 0) at += 2
          else if (this.escapeAt(at) < 0) return false
          else at = this.escapeEnd
        } while (bytes[at] === BACKSLASH)
        continue
      }
      if (code < SPACE) return false
      // A false positive.
      if (code < FOLLOWING) at++
      while (code >= FOLLOWING) {
        const size = sequenceAt(bytes, at)
        if (size === 0) return false
        at += size
        code = bytes[at]
      }
    }
  }

  /** Whether the string that `skipString` skipped last is this word. */
  wasString(word: Uint8Array): boolean {
    if (this.escaped) return this.means(word)
    const { bytes, stringAt } = this
    if (this.stringEnd - stringAt !== word.length) return false
    for (let i = 0; i < word.length; i++) if (bytes[stringAt + i] !== word[i]) return false
    return true
  }

  /** Whether the last string, which has escapes, means `word`, which is ASCII. */
  private means(word: Uint8Array): boolean {
    let at = this.stringAt
    for (let i = 0; i < word.length; i++) {
      if (at === this.stringEnd) return false
      let code = this.bytes[at]
      if (code === BACKSLASH) {
        code = this.escapeAt(at)
        at = this.escapeEnd
      } else at++
      if (code !== word[i]) return false
    }
    return at === this.stringEnd
  }

  /** Skips these bytes, which begin a string and quote it, with the rest of the string; false if others come. */
  skipStringAfter(start: Uint8Array): boolean {
    return this.comes(start) && this.skipRest(this.next + start.length)
  }

  /** Skips these bytes; false if others come. */
  skipWord(word: Uint8Array): boolean {
    if (!this.comes(word)) return false
    this.next += word.length
    return true
  }

  /** Back to a position. */
  return(at: number): void {
    this.next = at
  }

  /** Whether these bytes come next. */
  comes(word: Uint8Array): boolean {
    const { bytes, next } = this
    for (let i = 0; i < word.length; i++) if (bytes[next + i] !== word[i]) return false
    return true
  }

  /** The next byte with a special meaning in a string. */
  private nextSpecial(from: number): number {
    const { words } = this
    let index = from >> 2
    // Masks the bytes before it in its word.
    let found = special(words[index]) & (-1 << ((from & 3) << 3))
    while (found === 0) found = special(words[++index])
    // The lowest bit belongs to the first byte.
    return (index << 2) + ((31 - Math.clz32(found & -found)) >> 3)
  }

  /**
   * Reads the string whose quote is next as 20 bytes into five words, the first byte lowest. False, with the
   * position unchanged, if it is not a string of 20 characters up to U+00FF.
   */
  readId(words: Int32Array, to: number): boolean {
    return this.readPlainId(words, to) || this.readAnyId(words, to)
  }

  /** The same of one that is ASCII without escapes, as peer ids are. */
  private readPlainId(words: Int32Array, to: number): boolean {
    const { view } = this
    const from = this.next + 1
    if (this.end - from <= ID_CHARACTERS) return false
    for (let i = 0; i < SHORT_WORDS; i++) {
      const word = view.getInt32(from + i * 4, true)
      if (special(word) !== 0) return false
      words[to + i] = word
    }
    if (this.bytes[from + ID_CHARACTERS] !== QUOTE) return false
    this.next = from + ID_CHARACTERS + 1
    return true
  }

  private readAnyId(words: Int32Array, to: number): boolean {
    const { bytes } = this
    let at = this.next + 1
    let wrong = 0
    for (let i = to; i < to + SHORT_WORDS; i++) {
      let word = 0
      for (let shift = 0; shift < 32; shift += 8) {
        let code = bytes[at]
        if (IN_ID[code] === OTHERWISE) {
          if (code !== BACKSLASH) return false
          code = this.escapeAt(at)
          if (code < 0 || code > BYTE_MAX) return false
          at = this.escapeEnd
        } else {
          // One byte or two, which is as good as random: computed, since a branch would be mispredicted.
          const following = bytes[at + 1]
          const two = code >> 7
          wrong |= -two & (following ^ FOLLOWING) & 0xc0
          // Of the code, the first of two has bits 6 and 7, and the second the lower six after a bit 7.
          code += -two & (following - code + ((code & 1) << 6))
          at += 1 + two
        }
        word |= code << shift
      }
      words[i] = word
    }
    if (wrong !== 0 || bytes[at] !== QUOTE) return false
    this.next = at + 1
    return true
  }

  /**
   * Reads the string whose quote is next, with any characters, as a hash of five words that does not depend on
   * escapes. False, with the position unchanged, if it is not a string of at most SHORT_CHARACTERS_MAX
   * characters.
   */
  readShortString(words: Int32Array, to: number): boolean {
    const { bytes, short } = this
    let at = this.next + 1
    let count = 0
    while (bytes[at] !== QUOTE) {
      let code = bytes[at]
      if (code === BACKSLASH) {
        code = this.escapeAt(at)
        if (code < 0) return false
        at = this.escapeEnd
      } else if (code >= FOLLOWING) {
        const size = sequenceAt(bytes, at)
        if (size === 0) return false
        code = characterAt(bytes, at, size)
        at += size
        if (size === 4) {
          if (count === SHORT_CHARACTERS_MAX) return false
          short[count++] = FIRST_SURROGATE + ((code - BEYOND_UTF16) >> 10)
          code = SECOND_SURROGATE + (code & 0x3ff)
        }
      } else {
        if (code < SPACE) return false
        at++
      }
      if (count === SHORT_CHARACTERS_MAX) return false
      short[count++] = code
    }
    // Needs no secret key: a client that finds a collision spoils only its own offers.
    for (let i = 0; i < SHORT_WORDS; i++) words[to + i] = hashWords(short, 0, count, i, count)
    this.next = at + 1
    return true
  }

  /** The character that an escape stands for, or −1; sets `escapeEnd`. */
  private escapeAt(at: number): number {
    const { bytes } = this
    const code = bytes[at + 1]
    if (code !== LOWER_U) {
      this.escapeEnd = at + 2
      const meaning = ESCAPES[code]
      return meaning === 0 ? -1 : meaning
    }
    // The zero at the end is not a digit.
    const high = (DIGITS[bytes[at + 2]] << 12) | (DIGITS[bytes[at + 3]] << 8)
    const value = high | (DIGITS[bytes[at + 4]] << 4) | DIGITS[bytes[at + 5]]
    this.escapeEnd = at + 6
    return value
  }
}
