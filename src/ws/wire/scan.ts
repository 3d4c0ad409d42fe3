// Reads JSON in place: moves over a text, checks it, and makes nothing of it. Called by parse.ts.
// Owns its position only.
//
// What a message carries for other clients is passed on as the text it came in, so all of it has to
// be valid JSON: another client must not be sent what it cannot read. The scanner is as strict as
// JSON.parse, never recurses, and never throws.
//
// It reads a copy of the text in UTF-16 units, not the text: charCodeAt took three times as long for
// the offers of a browser, longer than JSON.parse (bench/ws-message.ts, Bun 1.4.5, November 2026). A
// zero behind the end stands for it, so that no loop needs to look how long the text is.

import { hashWords } from '../../memory/half-sip-hash.ts'

const TAB = 9
const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const SPACE = 32
export const QUOTE = 34
const PLUS = 43
const COMMA = 44
export const MINUS = 45
const POINT = 46
export const ZERO = 48
export const NINE = 57
const COLON = 58
export const OPEN_BRACKET = 91
const UPPER_E = 69
const BACKSLASH = 92
const CLOSE_BRACKET = 93
const LOWER_E = 101
const LOWER_F = 102
const LOWER_N = 110
const LOWER_T = 116
const LOWER_U = 117
export const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/** Clients nest three levels deep: offers, their items, the descriptions in these. */
export const NESTING_MAX = 16

/** 20 bytes, as every hash and id of the protocol: a character each, up to U+00FF. */
const ID_CHARACTERS = 20
const BYTE_MAX = 255

/** Of a string that is an id of another length: three times as many as the ids of all known clients. */
export const SHORT_CHARACTERS_MAX = 64
const SHORT_WORDS = ID_CHARACTERS / 4

/** A message of the default limit, and the zero behind it. */
const FIRST_UNITS = 65_537

// What may stand behind a backslash, and what it means; 0 = nothing else may.
const ESCAPES = new Uint8Array(128)
for (const [character, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  ESCAPES[character.charCodeAt(0)] = meaning.charCodeAt(0)
}

export class JsonScanner {
  text = ''
  /** Where the next character is read. After a failure it is of no use. */
  at = 0
  /** Of the last string: it is spelled with escapes. */
  escaped = false
  /** Of the last number: it is zero. */
  zero = false
  /** Something that had to come next did not. */
  broken = false
  private units = new Uint16Array(FIRST_UNITS)
  private bytes = Buffer.from(this.units.buffer)
  private readonly inObject = new Uint8Array(NESTING_MAX)
  private readonly short = new Int32Array(SHORT_CHARACTERS_MAX)
  private escapeEnd = 0

  open(text: string): void {
    this.text = text
    this.at = 0
    this.broken = false
    if (text.length >= this.units.length) this.grow(text.length + 1)
    this.bytes.write(text, 0, 'utf16le')
    this.units[text.length] = 0
  }

  private grow(length: number): void {
    this.units = new Uint16Array(2 ** Math.ceil(Math.log2(length)))
    this.bytes = Buffer.from(this.units.buffer)
  }

  // HOT: no allocation below this line.

  /** Moves to the next character that is no space, and returns its code; 0 at the end. */
  peek(): number {
    const { units } = this
    let at = this.at
    let code = units[at]
    while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB) {
      code = units[++at]
    }
    this.at = at
    return code
  }

  /** True when nothing follows. */
  atEnd(): boolean {
    this.peek()
    return this.at === this.text.length
  }

  /** Moves behind the next character if it is this one. */
  private take(code: number): boolean {
    if (this.peek() !== code) return false
    this.at++
    return true
  }

  /** Enters an object: true when it has a first key, which comes next; `ended` tells failures apart. */
  enterObject(): boolean {
    this.at++
    return !this.take(CLOSE_BRACE)
  }

  enterArray(): boolean {
    this.at++
    return !this.take(CLOSE_BRACKET)
  }

  /** After a value in an object or array: true when another follows. False at its end, or `broken`. */
  hasNext(object: boolean): boolean {
    if (this.take(COMMA)) return true
    if (!this.take(object ? CLOSE_BRACE : CLOSE_BRACKET)) this.broken = true
    return false
  }

  /** Moves over a key and its colon. */
  skipKey(): boolean {
    return this.peek() === QUOTE && this.skipString() && this.take(COLON)
  }

  takeColon(): boolean {
    return this.take(COLON)
  }

  /** Moves over the value that comes next. */
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
      // A value has ended, and with it perhaps what it is in.
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

  /** Moves over the string whose quote is next. */
  skipString(): boolean {
    const { units } = this
    let at = this.at + 1
    this.escaped = false
    for (;;) {
      const code = units[at]
      if (code > BACKSLASH) {
        at++
      } else if (code === QUOTE) {
        this.at = at + 1
        return true
      } else if (code === BACKSLASH) {
        if (this.escapeAt(at) < 0) return false
        this.escaped = true
        at = this.escapeEnd
      } else if (code < SPACE) {
        return false
      } else {
        at++
      }
    }
  }

  /**
   * Reads the string whose quote is next as 20 bytes into five words, the first byte lowest. False,
   * with the position unchanged, when it is no string of 20 characters up to U+00FF.
   */
  readId(words: Int32Array, to: number): boolean {
    const { units } = this
    let at = this.at + 1
    let word = 0
    for (let i = 0; i < ID_CHARACTERS; i++) {
      let code = units[at]
      if (code === BACKSLASH) {
        code = this.escapeAt(at)
        if (code < 0) return false
        at = this.escapeEnd
      } else {
        if (code < SPACE || code === QUOTE) return false
        at++
      }
      if (code > BYTE_MAX) return false
      word |= code << ((i & 3) << 3)
      if ((i & 3) === 3) {
        words[to + (i >> 2)] = word
        word = 0
      }
    }
    if (units[at] !== QUOTE) return false
    this.at = at + 1
    return true
  }

  /**
   * Reads the string whose quote is next, of whatever characters, as five words that stand for it, however
   * it is spelled. False, with the position unchanged, when it is longer than SHORT_CHARACTERS_MAX, or none.
   */
  readShortString(words: Int32Array, to: number): boolean {
    const { units, short } = this
    let at = this.at + 1
    let count = 0
    while (units[at] !== QUOTE) {
      let code = units[at]
      if (code === BACKSLASH) {
        code = this.escapeAt(at)
        if (code < 0) return false
        at = this.escapeEnd
      } else {
        if (code < SPACE) return false
        at++
      }
      if (count === SHORT_CHARACTERS_MAX) return false
      short[count++] = code
    }
    // Without a secret: whoever finds two strings of equal words spoils offers of its own alone.
    for (let i = 0; i < SHORT_WORDS; i++) words[to + i] = hashWords(short, 0, count, i, count)
    this.at = at + 1
    return true
  }

  /** The character that an escape means, or −1; sets `escapeEnd`. */
  private escapeAt(at: number): number {
    const { units } = this
    const code = units[at + 1]
    if (code !== LOWER_U) {
      this.escapeEnd = at + 2
      const meaning = code < ESCAPES.length ? ESCAPES[code] : 0
      return meaning === 0 ? -1 : meaning
    }
    let value = 0
    for (let i = at + 2; i < at + 6; i++) {
      // The zero behind the end is no digit.
      const digit = hexDigit(units[i])
      if (digit < 0) return -1
      value = value * 16 + digit
    }
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
    this.at += word.length
    return true
  }

  /** Moves over a number; sets `zero`. */
  skipNumber(): boolean {
    const { units } = this
    let at = this.at
    if (units[at] === MINUS) at++
    const whole = this.skipDigits(at)
    let zero = units[at] === ZERO
    if (whole === at || (zero && whole > at + 1)) return false
    at = whole
    if (units[at] === POINT) {
      const end = this.skipDigits(at + 1)
      if (end === at + 1) return false
      for (let i = at + 1; i < end; i++) if (units[i] !== ZERO) zero = false
      at = end
    }
    if (units[at] === LOWER_E || units[at] === UPPER_E) {
      at++
      if (units[at] === MINUS || units[at] === PLUS) at++
      const end = this.skipDigits(at)
      if (end === at) return false
      at = end
    }
    this.zero = zero
    this.at = at
    return true
  }

  private skipDigits(from: number): number {
    const { units } = this
    let at = from
    while (units[at] >= ZERO && units[at] <= NINE) at++
    return at
  }
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO
  const lower = code | 32
  return lower >= 97 && lower <= LOWER_F ? lower - 87 : -1
}
