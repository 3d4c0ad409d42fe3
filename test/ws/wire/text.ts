// Messages as the tests write them, as text, in memory as the scanner wants them: bytes at any position, with others
// around them.
import { expect } from 'bun:test'
import { newRegion, type Region } from '../../../src/memory/region.ts'
import { parse } from '../../../src/ws/wire/parse.ts'
import type { Request } from '../../../src/ws/wire/request.ts'
import { JsonScanner } from '../../../src/ws/wire/scan.ts'

/** What stands before and behind a message: it would be read on as part of it. */
const AROUND = '"'.charCodeAt(0)
const FIRST_BYTES = 65_536

let region = newRegion(FIRST_BYTES)
let place = 0

export interface Placed {
  readonly region: Region
  readonly from: number
  readonly to: number
}

/** Valid until the next call. */
export function placed(message: string | Uint8Array): Placed {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message
  place = (place + 1) % 7
  if (region.bytes.length < bytes.length + 16) region = newRegion(bytes.length + 16)
  const to = place + bytes.length
  region.bytes.fill(AROUND, 0, place)
  region.bytes.set(bytes, place)
  region.bytes.fill(AROUND, to, to + 8)
  return { region, from: place, to }
}

export function parseText(request: Request, message: string | Uint8Array): boolean {
  const { region, from, to } = placed(message)
  const valid = parse(request, region, from, to)
  // What is behind it is as it was.
  expect(region.bytes[to]).toBe(AROUND)
  return valid
}

/** A part of a message that has been parsed. */
export function part({ source }: Request, from: number, to: number): string {
  return Buffer.from(source.bytes.subarray(from, to)).toString()
}

/** A scanner at the beginning of a message, and where that is. */
export function scannerOn(message: string | Uint8Array): { scanner: JsonScanner; from: number } {
  const { region, from, to } = placed(message)
  const scanner = new JsonScanner()
  scanner.open(region, from, to)
  return { scanner, from }
}
