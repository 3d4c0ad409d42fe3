// Reads JSON in place: moves over a text, checks it, and makes nothing of it. Called by parse.ts.
// Owns its position only.
//
// What a message carries for other clients is passed on as the text it came in, so all of it has to
// be valid JSON: another client must not be sent what it cannot read. The scanner is as strict as
// JSON.parse, never recurses, and never throws.

const TAB = 9
const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const SPACE = 32
export const QUOTE = 34
const COMMA = 44
const MINUS = 45
const POINT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
export const OPEN_BRACKET = 91
const BACKSLASH = 92
const CLOSE_BRACKET = 93
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
  private readonly inObject = new Uint8Array(NESTING_MAX)
  private escapeEnd = 0

  open(text: string): void {
    this.text = text
    this.at = 0
  }

  // HOT: no allocation below this line.

  /** Moves to the next character that is no space, and returns its code; −1 at the end. */
  peek(): number {
    const text = this.text
    let at = this.at
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (code > SPACE) break
      if (code !== SPACE && code !== LINE_FEED && code !== CARRIAGE_RETURN && code !== TAB) break
      at++
    }
    this.at = at
    return at < text.length ? text.charCodeAt(at) : -1
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

  broken = false

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
    const text = this.text
    const length = text.length
    let at = this.at + 1
    this.escaped = false
    while (at < length) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.at = at + 1
        return true
      }
      if (code === BACKSLASH) {
        if (this.escapeAt(at) < 0) return false
        this.escaped = true
        at = this.escapeEnd
      } else if (code < SPACE) {
        return false
      } else {
        at++
      }
    }
    return false
  }

  /**
   * Reads the string whose quote is next as 20 bytes into five words, the first byte lowest. False,
   * with the position unchanged, when it is no string of 20 characters up to U+00FF.
   */
  readId(words: Int32Array, to: number): boolean {
    const text = this.text
    let at = this.at + 1
    let word = 0
    for (let i = 0; i < ID_CHARACTERS; i++) {
      if (at >= text.length) return false
      let code = text.charCodeAt(at)
      if (code === BACKSLASH) {
        code = this.escapeAt(at)
        at = this.escapeEnd
      } else {
        if (code < SPACE || code === QUOTE) return false
        at++
      }
      if (code < 0 || code > BYTE_MAX) return false
      word |= code << ((i & 3) << 3)
      if ((i & 3) === 3) {
        words[to + (i >> 2)] = word
        word = 0
      }
    }
    if (at >= text.length || text.charCodeAt(at) !== QUOTE) return false
    this.at = at + 1
    return true
  }

  /** The character that an escape means, or −1; sets `escapeEnd`. */
  private escapeAt(at: number): number {
    const text = this.text
    if (at + 1 >= text.length) return -1
    const code = text.charCodeAt(at + 1)
    if (code !== LOWER_U) {
      this.escapeEnd = at + 2
      const meaning = code < ESCAPES.length ? ESCAPES[code] : 0
      return meaning === 0 ? -1 : meaning
    }
    if (at + 6 > text.length) return -1
    let value = 0
    for (let i = at + 2; i < at + 6; i++) {
      const digit = hexDigit(text.charCodeAt(i))
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
    const text = this.text
    let at = this.at
    if (text.charCodeAt(at) === MINUS) at++
    const whole = this.skipDigits(at)
    if (whole === at || (whole > at + 1 && text.charCodeAt(at) === ZERO)) return false
    let zero = text.charCodeAt(at) === ZERO
    at = whole
    if (text.charCodeAt(at) === POINT) {
      const end = this.skipDigits(at + 1)
      if (end === at + 1) return false
      for (let i = at + 1; i < end; i++) if (text.charCodeAt(i) !== ZERO) zero = false
      at = end
    }
    // E and e.
    if ((text.charCodeAt(at) | 32) === 101) {
      at++
      const sign = text.charCodeAt(at)
      if (sign === MINUS || sign === 43) at++
      const end = this.skipDigits(at)
      if (end === at) return false
      at = end
    }
    this.zero = zero
    this.at = at
    return true
  }

  private skipDigits(from: number): number {
    const text = this.text
    let at = from
    while (text.charCodeAt(at) >= ZERO && text.charCodeAt(at) <= NINE) at++
    return at
  }
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO
  const lower = code | 32
  return lower >= 97 && lower <= LOWER_F ? lower - 87 : -1
}
