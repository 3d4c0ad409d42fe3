// The public page as it is sent: bytes, and the header fields that go with them. Made by public-page.ts every ten
// seconds, sent by server.ts and by the workers of HTTP (http/worker/handle.ts).
import type { PublicFigures } from './figures.ts'
import { CONTENT_SECURITY_POLICY, pageHtml } from './page.ts'

export const JSON_NAME = 'status.json'

export const PAGE_TYPE = 'text/html; charset=utf-8'
export const JSON_TYPE = 'application/json; charset=utf-8'
export const TEXT_TYPE = 'text/plain; charset=utf-8'

/** A page is as old as this (seconds) before it is prepared anew. */
const AGE_SECONDS = 10

export const HEADERS = {
  'Cache-Control': `max-age=${AGE_SECONDS}`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
} as const

/**
 * A page has this many bytes at most, head included: the room that a worker of HTTP has for an answer
 * (ANSWER_BYTES_MAX). Names and URLs are limited by the settings, everything else by its kind.
 */
export const PAGE_BYTES_MAX = 32_768
export const HEAD_BYTES_MAX = 1024

export interface PreparedPage {
  readonly html: Uint8Array
  readonly json: Uint8Array
}

export function preparePage(figures: PublicFigures): PreparedPage {
  return {
    html: withinLimit(pageHtml(figures, JSON_NAME)),
    json: withinLimit(jsonText(figures)),
  }
}

/** A line for each field, so that people can read it too. */
function jsonText(figures: PublicFigures): string {
  const fields = Object.entries(figures)
  const lines = fields.map(([name, value]) => `  "${name}": ${JSON.stringify(value)}`)
  return `{\n${lines.join(',\n')}\n}\n`
}

function withinLimit(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > PAGE_BYTES_MAX - HEAD_BYTES_MAX) {
    throw new RangeError(`a public page of ${bytes.length} bytes`)
  }
  return bytes
}
