// What a conformance check is, and how one fails or is left out. Every file with «checks» in its name has a list of
// them; conformance.ts runs them. Nothing here comes from the tracker's own code: a fault in both would hide.

import type { Endpoint } from './endpoint.ts'

/** A promise of our documents, or of a BEP or RFC, that a client can see kept or broken. */
export interface Check<Session> {
  /** protocol/group/claim. Programs know it by this: never renamed. */
  readonly name: string
  /** One sentence: what a tracker does that passes. */
  readonly says: string
  /** The BEP or RFC, or else the section of our documents. */
  readonly source: string
  /** Throws Unmet or Skip. */
  readonly run: (session: Session) => Promise<void>
}

/** The tracker does something else; the message says what. */
export class Unmet extends Error {
  override name = 'Unmet'
}

/** This cannot be seen from here; the message says why. */
export class Skip extends Error {
  override name = 'Skip'
}

/** For checks that need an info hash of their own making. */
export function mustTakeAnyHash({ endpoint }: { readonly endpoint: Endpoint }): void {
  if (endpoint.hashes.areListed) throw new Skip('it needs an info hash that is not listed')
}

/** Ours alone: where BEPs and RFCs leave freedom, a tracker may differ without fault. */
export function isSpecified(check: { readonly source: string }): boolean {
  return /^(BEP|RFC) /.test(check.source)
}

export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Unmet(otherwise)
}

export function mustBe(what: string, got: unknown, wanted: unknown): void {
  must(got === wanted, `${what} is ${shown(got)} instead of ${shown(wanted)}`)
}

const SHOWN_MAX = 120

/** What a stranger sent, for a terminal: no control characters, and not too much of it. */
export function shown(value: unknown): string {
  const text = Buffer.isBuffer(value) ? `0x${value.toString('hex')}` : describe(value)
  const printable = text.replace(/[^\x20-\x7e]/g, (c) => `\\u${hex4(c.charCodeAt(0))}`)
  return printable.length > SHOWN_MAX ? `${printable.slice(0, SHOWN_MAX)}…` : printable
}

function hex4(code: number): string {
  return code.toString(16).padStart(4, '0')
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`
  if (typeof value === 'object' && value !== null) return JSON.stringify(value) ?? ''
  return String(value)
}
