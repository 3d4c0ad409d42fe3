// Reads the head of one HTTP/1 request (RFC 9112). Called with the bytes of a connection by whoever speaks HTTP on it:
// http/wire/parse.ts, which adds what a tracker's path and query mean, and ws/worker/handshake-stream.ts.
//
// It is lenient with clients: bare LF, a missing Host, header names in any case, absolute-form targets, raw
// bytes from 0x80 on are accepted. It is strict where leniency would let two readers of the same bytes see
// different requests: a folded line, a space before a colon, a bare CR or a control byte is refused, and the
// connection ends. A body is never read. A request with one is answered and the connection ends, so that
// nothing after a head is taken for a request, whatever its length fields say.
import { PROXY_FIELDS_MAX, type RequestHead } from './head.ts'
import {
  ascii,
  COLON,
  COMMA,
  CR,
  DELETE,
  DIGIT_0,
  DIGIT_9,
  HEAD_BYTES_MAX,
  isText,
  isToken,
  LF,
  LINE_BYTES_MAX,
  QUESTION_MARK,
  SLASH,
  SPACE,
  skipSpace,
  TAB,
  TOKEN,
  trimmedEnd,
} from './layout.ts'

// Why a head is refused. The connection has to end, since it is unknown where the next request begins.
export const BAD_LINE = -1
export const LINE_TOO_LONG = -2
export const HEAD_TOO_LARGE = -3
export const BAD_HEADER = -4
export const BAD_FRAMING = -5
export const BAD_VERSION = -6

const INCOMPLETE = 0

const METHOD_BYTES_MAX = 20
/** Empty lines before a request: RFC 9112 (2.2) asks to skip one, which old clients sent after a body. */
const EMPTY_BYTES_MAX = 4
const VERSION_BYTES = 8
/** Digits of a Content-Length that a number holds exactly. */
const LENGTH_DIGITS_MAX = 15

const GET = ascii('GET')
const HEAD = ascii('HEAD')
const HTTP = ascii('http://')
const HTTPS = ascii('https://')
const VERSION = ascii('HTTP/1.')
const VERSION_START = ascii('HTTP/')
const CONNECTION = ascii('connection')
const CONTENT_LENGTH = ascii('content-length')
const TRANSFER_ENCODING = ascii('transfer-encoding')
const UPGRADE = ascii('upgrade')
const WEBSOCKET = ascii('websocket')
const WEBSOCKET_KEY = ascii('sec-websocket-key')
const WEBSOCKET_PROTOCOL = ascii('sec-websocket-protocol')
const WEBSOCKET_VERSION = ascii('sec-websocket-version')
const ORIGIN = ascii('origin')
const CLOSE = ascii('close')
const KEEP_ALIVE = ascii('keep-alive')

/**
 * Reads the target from `from` on, a path if the method is known, as far as it understands it; returns a position up to
 * which nothing has to be looked at again.
 */
export type TargetReader<H extends RequestHead> = (
  head: H,
  bytes: Uint8Array,
  from: number,
  to: number,
) => number

/** The header fields of the current head. */
const fields = { close: false, keepAlive: false, length: -1, encoded: false, bad: false }

// HOT: no allocation below this line.

/**
 * Reads the request whose head begins at `bytes[from]`; returns the bytes of the head, 0 when it is not
 * all there before `to`, or why it is refused (below 0). `searched`: so many of the bytes have been here
 * before and were not a whole head; giving it keeps requests that come in pieces from being read over and over.
 */
export function readHead<H extends RequestHead>(
  head: H,
  readTarget: TargetReader<H>,
  bytes: Uint8Array,
  from: number,
  to: number,
  searched: number,
): number {
  if (searched > 0 && !hasHeadEnd(bytes, from, to, searched)) return unfinished(bytes, from, to)
  let at = skipEmptyLines(bytes, from, to)
  if (at < 0) return BAD_LINE
  at = readLine(head, readTarget, bytes, at, to)
  if (at > 0) at = readFields(head, bytes, at, to)
  if (at === INCOMPLETE) return unfinished(bytes, from, to)
  if (at < 0) return at
  return at - from > HEAD_BYTES_MAX ? HEAD_TOO_LARGE : at - from
}

/** Whether an empty line ends in the new bytes. */
function hasHeadEnd(bytes: Uint8Array, from: number, to: number, searched: number): boolean {
  // The LF of the last line may be the third byte before them: LF CR LF.
  let at = bytes.indexOf(LF, from + (searched > 2 ? searched - 2 : 0))
  while (at >= 0 && at + 1 < to) {
    if (bytes[at + 1] === LF) return true
    if (bytes[at + 1] === CR && at + 2 < to && bytes[at + 2] === LF) return true
    at = bytes.indexOf(LF, at + 1)
  }
  return false
}

/**
 * INCOMPLETE, or why no further bytes could make it a request, so that a client that fills HEAD_BYTES_MAX gets
 * an answer.
 */
function unfinished(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > LINE_BYTES_MAX) {
    const end = bytes.indexOf(LF, from + EMPTY_BYTES_MAX)
    if (end < 0 || end - from > LINE_BYTES_MAX) return LINE_TOO_LONG
  }
  return to - from >= HEAD_BYTES_MAX ? HEAD_TOO_LARGE : INCOMPLETE
}

function skipEmptyLines(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && (bytes[at] === CR || bytes[at] === LF)) at++
  return at - from > EMPTY_BYTES_MAX ? BAD_LINE : at
}

/** Method, target and version; returns where the header fields begin, INCOMPLETE, or why not. */
function readLine<H extends RequestHead>(
  head: H,
  readTarget: TargetReader<H>,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  let at = from
  while (at < to && TOKEN[bytes[at]] === 1) at++
  if (at - from > METHOD_BYTES_MAX) return BAD_LINE
  if (at === to) return INCOMPLETE
  if (bytes[at] !== SPACE || at === from) return BAD_LINE
  head.headOnly = isText(bytes, from, at, HEAD)
  head.isKnownMethod = head.headOnly || isText(bytes, from, at, GET)
  at = passTarget(head, readTarget, bytes, at + 1, to)
  if (at <= 0) return at
  if (at - from > LINE_BYTES_MAX) return LINE_TOO_LONG
  return readVersion(head, bytes, at + 1, to)
}

/** The target from `from` on; returns where the space after it is. */
function passTarget<H extends RequestHead>(
  head: H,
  readTarget: TargetReader<H>,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  let at = from
  if (at === to) return INCOMPLETE
  head.targetFrom = at
  if (head.isKnownMethod) {
    if (bytes[at] !== SLASH) at = skipAuthority(bytes, at, to)
    if (at <= 0) return at
    head.targetFrom = at
  }
  at = readTarget(head, bytes, at, to)
  while (at < to && bytes[at] > SPACE) at++
  head.targetTo = at
  if (at === to) return INCOMPLETE
  return bytes[at] === SPACE && at > from ? at : BAD_LINE
}

/** Skips `http://host` of an absolute-form target, as sent to proxies. */
function skipAuthority(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && bytes[at] > SPACE && bytes[at] !== COLON) at++
  if (at < to && bytes[at] !== COLON) return BAD_LINE
  if (at + 3 > to) return INCOMPLETE
  at += 3
  if (!isToken(bytes, from, at, HTTP) && !isToken(bytes, from, at, HTTPS)) return BAD_LINE
  const host = at
  while (at < to && bytes[at] > SPACE && bytes[at] !== SLASH && bytes[at] !== QUESTION_MARK) at++
  return at === host && at < to ? BAD_LINE : at
}

/** The version at `from`, and the end of the line; returns where the next line begins. */
function readVersion(head: RequestHead, bytes: Uint8Array, from: number, to: number): number {
  const end = from + VERSION_BYTES
  if (end >= to && !hasControl(bytes, from, to)) return INCOMPLETE
  const minor = bytes[end - 1] - DIGIT_0
  if (!isText(bytes, from, end - 1, VERSION) || minor < 0 || minor > 1) {
    const start = from + VERSION_START.length
    return isText(bytes, from, start, VERSION_START) ? BAD_VERSION : BAD_LINE
  }
  head.old = minor === 0
  if (bytes[end] === LF) return end + 1
  if (bytes[end] !== CR) return BAD_LINE
  if (end + 1 === to) return INCOMPLETE
  return bytes[end + 1] === LF ? end + 2 : BAD_LINE
}

/** Whether the line ends there or is invalid, so that further bytes cannot extend it. */
function hasControl(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] < SPACE) return true
  return false
}

/** The header fields; returns where the head ends. */
function readFields(head: RequestHead, bytes: Uint8Array, from: number, to: number): number {
  beginFields(head)
  fields.close = false
  fields.keepAlive = false
  fields.length = -1
  fields.encoded = false
  fields.bad = false
  let at = from
  while (at < to && bytes[at] !== LF && bytes[at] !== CR) {
    const name = at
    while (at < to && TOKEN[bytes[at]] === 1) at++
    if (at === to) return INCOMPLETE
    const nameEnd = at
    if (bytes[at] !== COLON || at === name) return BAD_HEADER
    at++
    at = valueEnd(bytes, at, to)
    if (at === to) return INCOMPLETE
    const end = at
    at = lineEnd(bytes, at, to)
    if (at <= 0) return at
    readField(head, bytes, name, nameEnd, end)
  }
  if (at === to) return INCOMPLETE
  at = lineEnd(bytes, at, to)
  return at <= 0 ? at : endOfHead(head, at)
}

function beginFields(head: RequestHead): void {
  head.proxyValueCount = 0
  head.asksForWebSocket = false
  head.asksForUpgrade = false
  head.webSocketKeys = 0
  head.webSocketProtocolFrom = 0
  head.webSocketProtocolTo = 0
  head.webSocketVersions = 0
  head.origins = 0
}

/** A value can have all bytes except controls other than tab (RFC 9110, 5.5). */
function valueEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to) {
    const byte = bytes[at]
    if (byte < SPACE ? byte !== TAB : byte === DELETE) break
    at++
  }
  return at
}

/** The position after the CR LF or LF at `at`. */
function lineEnd(bytes: Uint8Array, at: number, to: number): number {
  if (bytes[at] === LF) return at + 1
  if (bytes[at] !== CR) return BAD_HEADER
  if (at + 1 === to) return INCOMPLETE
  return bytes[at + 1] === LF ? at + 2 : BAD_HEADER
}

function endOfHead(head: RequestHead, at: number): number {
  if (fields.bad || (fields.encoded && fields.length >= 0)) return BAD_FRAMING
  head.hasBody = fields.encoded || fields.length > 0
  head.bodyBytes = fields.length
  const ends = fields.close || (head.old && !fields.keepAlive)
  head.close = ends || head.hasBody || !head.isKnownMethod
  return at
}

/** One field, whose value ends at `end`. */
function readField(
  head: RequestHead,
  bytes: Uint8Array,
  name: number,
  nameEnd: number,
  end: number,
): void {
  const size = nameEnd - name
  const from = nameEnd + 1
  if (size === CONNECTION.length && isToken(bytes, name, nameEnd, CONNECTION)) {
    readConnection(head, bytes, from, end)
  } else if (size === CONTENT_LENGTH.length && isToken(bytes, name, nameEnd, CONTENT_LENGTH)) {
    readLength(bytes, from, end)
  } else if (isToken(bytes, name, nameEnd, TRANSFER_ENCODING)) {
    fields.encoded = true
  } else if (isToken(bytes, name, nameEnd, UPGRADE)) {
    readUpgrade(head, bytes, from, end)
  } else if (isToken(bytes, name, nameEnd, WEBSOCKET_KEY)) {
    head.webSocketKeyFrom = skipSpace(bytes, from, end)
    head.webSocketKeyTo = trimmedEnd(bytes, head.webSocketKeyFrom, end)
    head.webSocketKeys++
  } else if (isToken(bytes, name, nameEnd, WEBSOCKET_VERSION)) {
    head.webSocketVersionFrom = skipSpace(bytes, from, end)
    head.webSocketVersionTo = trimmedEnd(bytes, head.webSocketVersionFrom, end)
    head.webSocketVersions++
  } else if (isToken(bytes, name, nameEnd, WEBSOCKET_PROTOCOL)) {
    readSubProtocol(head, bytes, from, end)
  } else if (isToken(bytes, name, nameEnd, ORIGIN)) {
    head.originFrom = skipSpace(bytes, from, end)
    head.originTo = trimmedEnd(bytes, head.originFrom, end)
    head.origins++
  }
  if (size !== head.proxyHeader.length || size === 0) return
  if (isToken(bytes, name, nameEnd, head.proxyHeader)) {
    keepProxyValue(head, from, end)
  }
}

/** A list of tokens. */
function readConnection(head: RequestHead, bytes: Uint8Array, from: number, to: number): void {
  let at = from
  while (at < to) {
    const start = skipSpace(bytes, at, to)
    let end = start
    while (end < to && TOKEN[bytes[end]] === 1) end++
    if (isToken(bytes, start, end, CLOSE)) fields.close = true
    else if (isToken(bytes, start, end, KEEP_ALIVE)) fields.keepAlive = true
    else if (isToken(bytes, start, end, UPGRADE)) head.asksForUpgrade = true
    at = end
    while (at < to && bytes[at] !== COMMA) at++
    at++
  }
}

/** A list of protocols, each with a version behind a slash or without. */
function readUpgrade(head: RequestHead, bytes: Uint8Array, from: number, to: number): void {
  let at = from
  while (at < to) {
    const start = skipSpace(bytes, at, to)
    let end = start
    while (end < to && TOKEN[bytes[end]] === 1) end++
    if (isToken(bytes, start, end, WEBSOCKET)) head.asksForWebSocket = true
    at = end
    while (at < to && bytes[at] !== COMMA) at++
    at++
  }
}

/** The first of a list of tokens, in the first field that has one. */
function readSubProtocol(head: RequestHead, bytes: Uint8Array, from: number, to: number): void {
  if (head.webSocketProtocolTo > 0) return
  const start = skipSpace(bytes, from, to)
  let end = start
  while (end < to && TOKEN[bytes[end]] === 1) end++
  const next = skipSpace(bytes, end, to)
  if (end === start || (next < to && bytes[next] !== COMMA)) return
  head.webSocketProtocolFrom = start
  head.webSocketProtocolTo = end
}

/** A length is a single number; repeated fields must agree. */
function readLength(bytes: Uint8Array, from: number, to: number): void {
  const start = skipSpace(bytes, from, to)
  let at = start
  let length = 0
  while (at < to && bytes[at] >= DIGIT_0 && bytes[at] <= DIGIT_9) {
    length = length * 10 + bytes[at] - DIGIT_0
    at++
  }
  const digits = at - start
  if (digits === 0 || digits > LENGTH_DIGITS_MAX || skipSpace(bytes, at, to) !== to) {
    fields.bad = true
  } else if (fields.length >= 0 && fields.length !== length) fields.bad = true
  fields.length = length
}

function keepProxyValue(head: RequestHead, from: number, to: number): void {
  const values = head.proxyValues
  if (head.proxyValueCount === PROXY_FIELDS_MAX) {
    values.copyWithin(0, 2)
    head.proxyValueCount--
  }
  const i = head.proxyValueCount * 2
  values[i] = from
  values[i + 1] = to
  head.proxyValueCount++
}
