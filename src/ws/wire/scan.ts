// Reads JSON in place: moves over the bytes of a message and checks them, without building values. Called by parse.ts.
//
// What a message carries for other clients is passed on as it is, so all of it has to be valid JSON in valid UTF-8: no
// client may be sent what it cannot read. The scanner is as strict as JSON.parse, never recurses, and never throws.
//
// In strings it checks four bytes at once, which takes two thirds of the time of single bytes (bench/ws-message.ts, Bun
// 1.4.5, November 2026). While a message is read, a zero stands behind it, so that no loop has to check the length.

import { hashWords } from '../../memory/half-sip-hash.ts'
import type { Region } from '../../memory/region.ts'
import {
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  LINE_FEED,
  LOWER_E,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  LOWER_U,
  MINUS,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  PLUS,
  POINT,
  TAB,
  UPPER_E,
  ZERO,
} from './characters.ts'
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

/** Clients nest three levels deep: offers, their items, and their descriptions. */
export const NESTING_MAX = 16

/** 20 bytes, like every hash and id of the protocol: one character each, up to U+00FF. */
const ID_CHARACTERS = 20
const BYTE_MAX = 255

/** For ids of other lengths: three times the ids of all known clients. */
export const SHORT_CHARACTERS_MAX = 64
const SHORT_WORDS = ID_CHARACTERS / 4

const TRUE = new TextEncoder().encode('true')
const FALSE = new TextEncoder().encode('false')
export const NULL = new TextEncoder().encode('null')

export class JsonScanner {
  /** Whether the last number was zero. */
  zero = false
  /** Whether something required was missing. */
  broken = false
  /** The byte that is read next. Meaningless after a failure. */
  private next = 0
  /** The last string: its first byte, its closing quote, and whether it has escapes. */
  private stringAt = 0
  private stringEnd = 0
  private escaped = false
  private bytes: Uint8Array = new Uint8Array(0)
  private words: Int32Array = new Int32Array(0)
  private end = 0
  /** What stood where the zero is now. */
  private behind = 0
  private readonly inObject = new Uint8Array(NESTING_MAX)
  private readonly short = new Int32Array(SHORT_CHARACTERS_MAX)
  private escapeEnd = 0

  // HOT: no allocation below this line.

  /** The region must have at least one more word; until `close` it is changed. */
  open({ bytes, words }: Region, from: number, to: number): void {
    this.bytes = bytes
    this.words = words
    this.next = from
    this.end = to
    this.broken = false
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

  /** Moves to the next character that is not a space, and returns its code; 0 at the end. */
  peek(): number {
    const { bytes } = this
    let at = this.next
    let code = bytes[at]
    while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB) {
      code = bytes[++at]
    }
    this.next = at
    return code
  }

  /** True if nothing follows. */
  atEnd(): boolean {
    this.peek()
    return this.next === this.end
  }

  /** Moves past the next character if it is this one. */
  private take(code: number): boolean {
    if (this.peek() !== code) return false
    this.next++
    return true
  }

  /** Enters an object or array, which ends with `close`: true if it has anything in it, which comes next. */
  enter(close: number): boolean {
    this.next++
    return !this.take(close)
  }

  /** After a value in an object or array: true if another follows; false at its end, or if `broken`. */
  hasNext(object: boolean): boolean {
    if (this.take(COMMA)) return true
    if (!this.take(object ? CLOSE_BRACE : CLOSE_BRACKET)) this.broken = true
    return false
  }

  /** Skips a key and its colon. */
  skipKey(): boolean {
    return this.peek() === QUOTE && this.skipString() && this.take(COLON)
  }

  /** Skips the next value. */
  skipValue(): boolean {
    const { inObject } = this
    let depth = 0
    for (;;) {
      const code = this.peek()
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        const object = code === OPEN_BRACE
        if (this.enter(object ? CLOSE_BRACE : CLOSE_BRACKET)) {
          if (depth === NESTING_MAX) return false
          inObject[depth++] = object ? 1 : 0
          if (object && !this.skipKey()) return false
          continue
        }
      } else if (code === QUOTE) {
        if (!this.skipString()) return false
      } else if (!this.skipScalar(code)) {
        return false
      }
      // A value has ended, and perhaps also its container.
      for (;;) {
        if (depth === 0) return true
        const object = inObject[depth - 1] === 1
        if (this.hasNext(object)) {
          if (object && !this.skipKey()) return false
          break
        }
        if (this.broken) return false
        depth--
      }
    }
  }

  /** Skips the string whose quote is next. */
  skipString(): boolean {
    const { bytes } = this
    const start = this.next + 1
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
        if (ESCAPES[bytes[at + 1]] !== 0) at += 2
        else if (this.escapeAt(at) < 0) return false
        else at = this.escapeEnd
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
    const { bytes } = this
    let at = this.next + 1
    let word = 0
    let wrong = 0
    for (let i = 0; i < ID_CHARACTERS; i++) {
      let code = bytes[at]
      const kind = IN_ID[code]
      if (kind === OTHERWISE) {
        if (code !== BACKSLASH) return false
        code = this.escapeAt(at)
        if (code < 0 || code > BYTE_MAX) return false
        at = this.escapeEnd
      } else {
        // One byte or two, which is as good as random: computed, since a branch would be mispredicted.
        const following = bytes[at + 1]
        const two = -kind
        wrong |= two & ((following & 0xc0) ^ FOLLOWING)
        code = (code & ~two) | (two & (((code & 3) << 6) | (following & 0x3f)))
        at += 1 + kind
      }
      word |= code << ((i & 3) << 3)
      if ((i & 3) === 3) {
        words[to + (i >> 2)] = word
        word = 0
      }
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

  private skipScalar(code: number): boolean {
    if (code === LOWER_T) return this.skipWord(TRUE)
    if (code === LOWER_F) return this.skipWord(FALSE)
    if (code === LOWER_N) return this.skipWord(NULL)
    return this.skipNumber()
  }

  private skipWord(word: Uint8Array): boolean {
    if (!this.comes(word)) return false
    this.next += word.length
    return true
  }

  /** Skips a number; sets `zero`. */
  skipNumber(): boolean {
    const { bytes } = this
    let at = this.next
    if (bytes[at] === MINUS) at++
    const whole = this.skipDigits(at)
    let zero = bytes[at] === ZERO
    if (whole === at || (zero && whole > at + 1)) return false
    at = whole
    if (bytes[at] === POINT) {
      const end = this.skipDigits(at + 1)
      if (end === at + 1) return false
      for (let i = at + 1; i < end; i++) if (bytes[i] !== ZERO) zero = false
      at = end
    }
    if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
      at++
      if (bytes[at] === MINUS || bytes[at] === PLUS) at++
      const end = this.skipDigits(at)
      if (end === at) return false
      at = end
    }
    this.zero = zero
    this.next = at
    return true
  }

  private skipDigits(from: number): number {
    const { bytes } = this
    let at = from
    while (bytes[at] >= ZERO && bytes[at] <= NINE) at++
    return at
  }
}
