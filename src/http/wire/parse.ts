// Reads a request to an HTTP tracker into the worker's request: any head (http-head/read-head.ts), and what its path and
// query mean. Called by worker/handle.ts with the bytes of a connection.
import { KEY_BYTES_MAX } from '../../access-keys/key-hash.ts'
import { ascii, isText, QUESTION_MARK, SLASH, SPACE } from '../../http-head/layout.ts'
import { readHead } from '../../http-head/read-head.ts'
import { clearQuery, readQuery } from './query.ts'
import {
  ANNOUNCE,
  HEALTH,
  type HttpRequest,
  PAGE,
  SCRAPE,
  STATUS,
  UNKNOWN_METHOD,
  UNKNOWN_PATH,
} from './request.ts'

const ANNOUNCE_PATH = ascii('announce')
const SCRAPE_PATH = ascii('scrape')
const HEALTH_PATH = ascii('health')
const STATUS_PATH = ascii('status.json')

// HOT: no allocation below this line.

/** As `readHead`. */
export function parse(
  request: HttpRequest,
  bytes: Uint8Array,
  from: number,
  to: number,
  searched = 0,
): number {
  return readHead(request, readTarget, bytes, from, to, searched)
}

function readTarget(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  clearQuery(request)
  request.keyFrom = 0
  request.keyTo = 0
  request.kind = UNKNOWN_METHOD
  let at = from
  if (!request.isKnownMethod) return at
  while (at < to && bytes[at] > SPACE && bytes[at] !== QUESTION_MARK) at++
  request.kind = kindOf(request, bytes, from, at)
  if (at < to && bytes[at] === QUESTION_MARK && request.kind <= SCRAPE) {
    return readQuery(request, bytes, at + 1, to)
  }
  return at
}

/** The meaning of a path: /announce, /KEY/announce, /announce/KEY, the same of scrape, /, /health and /status.json. */
function kindOf(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  const first = from + 1
  if (first >= to) return PAGE
  let slash = first
  while (slash < to && bytes[slash] !== SLASH) slash++
  const kind = kindOfSegment(bytes, first, slash)
  if (slash >= to - 1 && kind !== UNKNOWN_PATH) return kind
  if (slash >= to - 1) return UNKNOWN_PATH
  for (let at = slash + 1; at < to; at++) if (bytes[at] === SLASH) return UNKNOWN_PATH
  const behind = kindOfSegment(bytes, slash + 1, to)
  if (behind === ANNOUNCE || behind === SCRAPE) return keyed(request, behind, first, slash)
  if (kind === ANNOUNCE || kind === SCRAPE) return keyed(request, kind, slash + 1, to)
  return UNKNOWN_PATH
}

function kindOfSegment(bytes: Uint8Array, from: number, to: number): number {
  if (isText(bytes, from, to, ANNOUNCE_PATH)) return ANNOUNCE
  if (isText(bytes, from, to, SCRAPE_PATH)) return SCRAPE
  if (isText(bytes, from, to, HEALTH_PATH)) return HEALTH
  return isText(bytes, from, to, STATUS_PATH) ? STATUS : UNKNOWN_PATH
}

function keyed(request: HttpRequest, kind: number, from: number, to: number): number {
  if (from === to || to - from > KEY_BYTES_MAX) return UNKNOWN_PATH
  request.keyFrom = from
  request.keyTo = to
  return kind
}
