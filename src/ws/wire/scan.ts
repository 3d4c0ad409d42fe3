// Reads JSON in place: moves over a text and checks it, without building values. Called by parse.ts.
//
// What a message carries for other clients is passed on as text, so all of it has to be valid JSON: no client
// may be sent text that it cannot read. The scanner is as strict as JSON.parse, never recurses, and never
// throws.
//
// It reads a copy of the text in UTF-8, which also tells how many bytes the message had. In strings it checks
// four bytes at once, which takes two thirds of the time of single bytes; with charCodeAt it took longer than
// JSON.parse (bench/ws-message.ts, Bun 1.4.5, November 2026). A zero byte marks the end, so that no loop has to
// check the length. Positions are returned as those in the text, not in the copy.

import { hashWords } from '../../memory/half-sip-hash.ts'
import {
  BACKSLASH,
  BEYOND_UTF16,
  characterAt,
  DIGITS,
  ESCAPES,
  FIRST_OF_2,
  FIRST_OF_3,
  FIRST_OF_4,
  FIRST_SURROGATE,
  FOLLOWING,
  QUOTE,
  SECOND_SURROGATE,
  SPACE,
  special,
} from './utf8.ts'

const TAB = 9
const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const PLUS = 43
const COMMA = 44
export const MINUS = 45
const POINT = 46
export const ZERO = 48
export const NINE = 57
const COLON = 58
export const OPEN_BRACKET = 91
const UPPER_E = 69
const CLOSE_BRACKET = 93
const LOWER_E = 101
const LOWER_F = 102
const LOWER_N = 110
const LOWER_T = 116
const LOWER_U = 117
export const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/** Clients nest three levels deep: offers, their items, and their descriptions. */
export const NESTING_MAX = 16

/** 20 bytes, like every hash and id of the protocol: one character each, up to U+00FF. */
const ID_CHARACTERS = 20
const BYTE_MAX = 255

/** For ids of other lengths: three times the ids of all known clients. */
export const SHORT_CHARACTERS_MAX = 64
const SHORT_WORDS = ID_CHARACTERS / 4

/** The most bytes per unit of UTF-16. */
const UTF8_MAX = 3
/** Enough for any text of a third of the default limit; it grows with the first longer one. */
const FIRST_BYTES = 65_536

export class JsonScanner {
  text = ''
  /** The text's length in UTF-8 bytes. */
  length = 0
  /** Whether the last number was zero. */
  zero = false
  /** Whether something required was missing. */
  broken = false
  /** The byte that is read next. Meaningless after a failure. */
  private next = 0
  /** How far that is ahead of its position in the text. */
  private extra = 0
  /** The last string: its first byte, its closing quote, and whether it has escapes. */
  private stringAt = 0
  private stringEnd = 0
  private escaped = false
  private bytes = Buffer.from(new ArrayBuffer(FIRST_BYTES))
  private words = new Int32Array(this.bytes.buffer)
  private readonly inObject = new Uint8Array(NESTING_MAX)
  private readonly short = new Int32Array(SHORT_CHARACTERS_MAX)
  private escapeEnd = 0

  open(text: string): void {
    this.text = text
    this.next = 0
    this.extra = 0
    this.broken = false
    const most = text.length * UTF8_MAX
    if (most >= this.bytes.length) this.grow(most + 1)
    this.length = this.bytes.write(text, 0, 'utf8')
    this.bytes[this.length] = 0
  }

  private grow(length: number): void {
    this.bytes = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(length))))
    this.words = new Int32Array(this.bytes.buffer)
  }

  /** Whether the last string, which has escapes, means `word`. */
  private means(word: Uint8Array): boolean {
    const text = this.bytes.toString('utf8', this.stringAt - 1, this.stringEnd + 1)
    return Buffer.from(JSON.parse(text) as string).equals(word)
  }

  // HOT: no allocation below this line.

  /** The position in the text of the next character. Meaningless after a failure. */
  get at(): number {
    return this.next - this.extra
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
    return this.next === this.length
  }

  /** Moves past the next character if it is this one. */
  private take(code: number): boolean {
    if (this.peek() !== code) return false
    this.next++
    return true
  }

  /** Enters an object: true if it has a first key, which comes next; `ended` distinguishes failures. */
  enterObject(): boolean {
    this.next++
    return !this.take(CLOSE_BRACE)
  }

  enterArray(): boolean {
    this.next++
    return !this.take(CLOSE_BRACKET)
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

  takeColon(): boolean {
    return this.take(COLON)
  }

  /** Skips the next value. */
  skipValue(): boolean {
    const { inObject } = this
    let depth = 0
    for (;;) {
      const code = this.peek()
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        const object = code === OPEN_BRACE
        if (object ? this.enterObject() : this.enterArray()) {
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
    let extra = this.extra
    let escaped = false
    for (;;) {
      at = this.nextSpecial(at)
      let code = bytes[at]
      if (code === QUOTE) {
        this.next = at + 1
        this.extra = extra
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
        // Counts each byte except the first, which counts as two if it begins two units of UTF-16.
        if (code < FIRST_OF_2) extra++
        else if (code >= FIRST_OF_4) extra--
        code = bytes[++at]
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
    const { text } = this
    const from = this.at + 1
    let at = from
    let extra = 0
    let word = 0
    for (let i = 0; i < ID_CHARACTERS; i++) {
      let code = text.charCodeAt(at)
      if (code === BACKSLASH) {
        const start = this.next + 1 + at - from + extra
        code = this.escapeAt(start)
        if (code < 0) return false
        at += this.escapeEnd - start
      } else {
        if (code < SPACE || code === QUOTE) return false
        // From U+0080 on, a character has two bytes.
        extra += code >> 7
        at++
      }
      if (code > BYTE_MAX) return false
      word |= code << ((i & 3) << 3)
      if ((i & 3) === 3) {
        words[to + (i >> 2)] = word
        word = 0
      }
    }
    if (text.charCodeAt(at) !== QUOTE) return false
    this.next += 1 + at + 1 - from + extra
    this.extra += extra
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
    let extra = this.extra
    let count = 0
    while (bytes[at] !== QUOTE) {
      let code = bytes[at]
      if (code === BACKSLASH) {
        code = this.escapeAt(at)
        if (code < 0) return false
        at = this.escapeEnd
      } else if (code >= FOLLOWING) {
        const size = code < FIRST_OF_3 ? 2 : code < FIRST_OF_4 ? 3 : 4
        code = characterAt(bytes, at, size)
        at += size
        extra += size - 1
        if (size === 4) {
          if (count === SHORT_CHARACTERS_MAX) return false
          extra--
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
    this.extra = extra
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
    if (code === LOWER_T) return this.skipWord('true')
    if (code === LOWER_F) return this.skipWord('false')
    if (code === LOWER_N) return this.skipWord('null')
    return this.skipNumber()
  }

  skipWord(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false
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
