// Writes the parts of a message one after the other: constants, numbers, and parts of clients' messages. One per worker,
// used by serialize.ts and by those who call it. Owns only its position.
import { copyBytes, newRegion, type Region } from '../../memory/region.ts'

/** A constant part of messages. */
export type Phrase = Uint8Array

export function phrase(text: string): Phrase {
  return new TextEncoder().encode(text)
}

/** Up to 2^32 − 1. */
export const NUMBER_BYTES_MAX = 10

const ZERO = 48

export class Writer {
  target: Region = newRegion(4)
  /** The end of what has been written. */
  at = 0
  private readonly digits = new Uint8Array(NUMBER_BYTES_MAX)

  // HOT: no allocation below this line.

  start(target: Region, at: number): void {
    this.target = target
    this.at = at
  }

  phrase(text: Phrase): void {
    const { bytes } = this.target
    const { at } = this
    for (let i = 0; i < text.length; i++) bytes[at + i] = text[i]
    this.at = at + text.length
  }

  byte(value: number): void {
    this.target.bytes[this.at++] = value
  }

  /** From 0 to 2^32 − 1. */
  number(value: number): void {
    const { digits } = this
    const { bytes } = this.target
    let left = value
    let first = NUMBER_BYTES_MAX
    do {
      const rest = Math.floor(left / 10)
      digits[--first] = ZERO + left - rest * 10
      left = rest
    } while (left > 0)
    let { at } = this
    while (first < NUMBER_BYTES_MAX) bytes[at++] = digits[first++]
    this.at = at
  }

  /** The bytes of another region up to `to`. */
  part(source: Region, from: number, to: number): void {
    copyBytes(this.target, this.at, source, from, to - from)
    this.at += to - from
  }
}
