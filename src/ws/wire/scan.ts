// Reads JSON in place: moves over the bytes of a message and checks them, without building values. Called by parse.ts.
//
// What a message carries for other clients is passed on as it is, so all of it has to be valid JSON in valid UTF-8: no
// client may be sent what it cannot read. The scanner is as strict as JSON.parse, never recurses, and never throws.

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
import { StringScanner } from './strings.ts'
import { QUOTE, SPACE } from './utf8.ts'

/** Clients nest three levels deep: offers, their items, and their descriptions. */
export const NESTING_MAX = 16

const TRUE = new TextEncoder().encode('true')
const FALSE = new TextEncoder().encode('false')
export const NULL = new TextEncoder().encode('null')

export class JsonScanner extends StringScanner {
  /** Whether the last number was zero. */
  zero = false
  /** Whether something required was missing. */
  broken = false
  private readonly inObject = new Uint8Array(NESTING_MAX)

  // HOT: no allocation below this line.

  override open(region: Region, from: number, to: number): void {
    super.open(region, from, to)
    this.broken = false
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

  private skipScalar(code: number): boolean {
    if (code === LOWER_T) return this.skipWord(TRUE)
    if (code === LOWER_F) return this.skipWord(FALSE)
    if (code === LOWER_N) return this.skipWord(NULL)
    return this.skipNumber()
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
