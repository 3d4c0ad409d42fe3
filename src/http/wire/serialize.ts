// Writes answers, head and bencoded body, straight into the buffer from which they are sent. Called by
// worker/handle.ts and worker/respond.ts. `request.out` has room for the largest answer from `request.to` on;
// functions that finish an answer return where it ends.
//
// Bencode needs its keys in order (BEP 3). Heads have only what clients read: Date, Server and Cache-Control,
// which no client was found to use, would make an answer a third longer.
import { ascii, DIGIT_0 } from '../../http-head/layout.ts'
import type { HttpRequest } from './request.ts'

/** A constant answer, with its heads: for a connection that stays open, of HTTP/1.1 or 1.0, and for one that ends. */
export interface FixedAnswer {
  readonly keep: Uint8Array
  readonly keepOld: Uint8Array
  readonly close: Uint8Array
  readonly body: Uint8Array
}

/** `more`: header fields, each with its end of line. */
export function fixedAnswer(
  status: string,
  body: string | Uint8Array,
  more = '',
  type = 'text/plain; charset=utf-8',
): FixedAnswer {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  const head = (connection: string) =>
    ascii(
      `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${more}${connection}` +
        `Content-Length: ${bytes.length}\r\n\r\n`,
    )
  return {
    keep: head(''),
    keepOld: head('Connection: keep-alive\r\n'),
    close: head('Connection: close\r\n'),
    body: bytes,
  }
}

/** The beginning of a failure, with its reason. */
export function failureText(reason: string): Uint8Array {
  return ascii(`d14:failure reason${reason.length}:${reason}8:intervali`)
}

/** The end of an announce's answer, with what its client should know. */
export function warningText(warning: string): Uint8Array {
  return ascii(`15:warning message${warning.length}:${warning}e`)
}

const HEAD = ascii('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n')
const CLOSE = ascii('Connection: close\r\n')
/** HTTP/1.0 clients that want to continue wait for it. */
const KEEP_ALIVE = ascii('Connection: keep-alive\r\n')
const LENGTH = ascii('Content-Length: ')
/** Digits reserved for the length: nearly all answers have 100 to 999 bytes. */
const LENGTH_DIGITS = 3
const HEAD_END = ascii('\r\n\r\n')
/** 301 and not 308: requests are GET or HEAD, and old clients know it. */
const MOVED = ascii('HTTP/1.1 301 Moved Permanently\r\nLocation: ')
const LINE_END = ascii('\r\n')
const EMPTY_BODY = ascii('Content-Length: 0\r\n\r\n')

const COMPLETE = ascii('d8:completei')
const DOWNLOADED = ascii('e10:downloadedi')
const EXTERNAL_IPV4 = ascii('e11:external ip4:')
const EXTERNAL_IPV6 = ascii('e11:external ip16:')
const INCOMPLETE = ascii('10:incompletei')
const INTERVAL = ascii('e8:intervali')
const MIN_INTERVAL = ascii('e12:min intervali')
const PEERS = ascii('e5:peers')
const NO_PEERS = ascii('0:')
const PEERS_IPV6 = ascii('6:peers6')
const LIST_PEER = ascii('d2:ip')
const LIST_PEER_PORT = ascii('4:porti')
const END_TWICE = ascii('ee')
const RETRY_NEVER = ascii('e8:retry in5:nevere')
const RETRY_IN = ascii('e8:retry ini')
const SCRAPE_HEAD = ascii('d5:filesd')
const SCRAPE_HASH = ascii('20:')
const SCRAPE_INCOMPLETE = ascii('e10:incompletei')
const SCRAPE_FLAGS = ascii('e5:flagsd20:min_request_intervali')
const SCRAPE_END = ascii('eee')

const PEER_BYTES_IPV4 = 6
const PEER_BYTES_IPV6 = 18
const HEX_DIGITS = ascii('0123456789abcdef')
const LETTER_E = 0x65
const LETTER_L = 0x6c
const COLON = 0x3a
const DOT = 0x2e
/** An IPv6 address as text, not shortened. */
const TEXT_BYTES_IPV6 = 39

// HOT: no allocation below this line.

/** Begins an answer of status 200; returns where its body begins. */
export function beginAnswer(request: HttpRequest): number {
  const { out } = request
  const at = putConnection(request, put(out, request.to, HEAD))
  request.lengthAt = put(out, at, LENGTH)
  request.bodyAt = request.lengthAt + LENGTH_DIGITS + HEAD_END.length
  return request.bodyAt
}

/** Ends the body at `end`: writes its length, and moves the body if that does not take three digits. */
export function endAnswer(request: HttpRequest, end: number): number {
  const { out, lengthAt, bodyAt } = request
  const length = end - bodyAt
  const shift = digitsOf(length) - LENGTH_DIGITS
  if (shift !== 0) out.copyWithin(bodyAt + shift, bodyAt, end)
  put(out, putNumber(out, lengthAt, length), HEAD_END)
  return (request.headOnly ? bodyAt : end) + shift
}

/** Writes a constant answer of any status. */
export function writeFixed(request: HttpRequest, answer: FixedAnswer): number {
  const { out, close, old } = request
  const kept = old ? answer.keepOld : answer.keep
  const at = put(out, request.to, close ? answer.close : kept)
  return request.headOnly ? at : put(out, at, answer.body)
}

/**
 * Redirects to `place`, such as https://example.com, with the path and query that the client requested in
 * `bytes`.
 */
export function writeRedirect(request: HttpRequest, bytes: Uint8Array, place: Uint8Array): number {
  const { out, targetFrom, targetTo } = request
  let at = put(out, put(out, request.to, MOVED), place)
  for (let from = targetFrom; from < targetTo; from++) out[at++] = bytes[from]
  return put(out, putConnection(request, put(out, at, LINE_END)), EMPTY_BODY)
}

/** What happens to the connection, if it is not what the client's version of HTTP takes for granted. */
function putConnection(request: HttpRequest, at: number): number {
  if (request.close) return put(request.out, at, CLOSE)
  return request.old ? put(request.out, at, KEEP_ALIVE) : at
}

/**
 * A failure with its reason, from `failureText`. Status 200, because clients read no other body;
 * `interval`, which some of them obey; `retry in` (BEP 31), minutes, 0 for never.
 */
export function writeFailure(
  request: HttpRequest,
  text: Uint8Array,
  interval: number,
  retryMinutes: number,
): number {
  const { out } = request
  let at = putNumber(out, put(out, beginAnswer(request), text), interval)
  if (retryMinutes === 0) at = put(out, at, RETRY_NEVER)
  else at = put(out, putNumber(out, put(out, at, RETRY_IN), retryMinutes), END_TWICE)
  return endAnswer(request, at)
}

/** The torrent's figures in the answer to an announce; the peers follow. */
export function writeCounts(
  request: HttpRequest,
  at: number,
  seeders: number,
  leechers: number,
  completed: number,
): number {
  const { out, source } = request
  let to = putNumber(out, put(out, at, COMPLETE), seeders)
  to = putNumber(out, put(out, to, DOWNLOADED), completed)
  if (source.ipv4) {
    to = putWord(out, put(out, to, EXTERNAL_IPV4), source.a0)
  } else {
    to = putWord(out, put(out, to, EXTERNAL_IPV6), source.a0)
    to = putWord(out, putWord(out, to, source.a1), source.a2)
    to = putWord(out, to, source.a3)
  }
  return putNumber(out, put(out, to, INCOMPLETE), leechers)
}

export function writeIntervals(
  out: Uint8Array,
  at: number,
  interval: number,
  minInterval: number,
): number {
  const to = putNumber(out, put(out, at, INTERVAL), interval)
  return putNumber(out, put(out, to, MIN_INTERVAL), minInterval)
}

/**
 * IPv4 peers, and the end of the answer. `runs`: address and number of peers of each of `runCount` runs in
 * `memory`.
 */
export function writePeersIPv4(
  out: Uint8Array,
  at: number,
  memory: Int32Array,
  runs: Int32Array,
  runCount: number,
): number {
  let to = putNumber(out, put(out, at, PEERS), countPeers(runs, runCount) * PEER_BYTES_IPV4)
  out[to++] = COLON
  for (let i = 0; i < runCount; i++) {
    let peer = runs[i * 2]
    const end = peer + runs[i * 2 + 1] * 2
    for (; peer < end; peer += 2) {
      const address = memory[peer]
      const port = memory[peer + 1]
      out[to] = address
      out[to + 1] = address >>> 8
      out[to + 2] = address >>> 16
      out[to + 3] = address >>> 24
      out[to + 4] = port
      out[to + 5] = port >>> 8
      to += PEER_BYTES_IPV4
    }
  }
  out[to] = LETTER_E
  return to + 1
}

/** IPv6 peers (BEP 7), beside `peers`, which some clients miss when there are none. */
export function writePeersIPv6(
  out: Uint8Array,
  at: number,
  memory: Int32Array,
  runs: Int32Array,
  runCount: number,
): number {
  const bytes = countPeers(runs, runCount) * PEER_BYTES_IPV6
  let to = put(out, put(out, at, PEERS), NO_PEERS)
  if (bytes > 0) {
    to = putNumber(out, put(out, to, PEERS_IPV6), bytes)
    out[to++] = COLON
  }
  for (let i = 0; i < runCount; i++) {
    let peer = runs[i * 2]
    const end = peer + runs[i * 2 + 1] * 5
    for (; peer < end; peer += 5) {
      to = putWord(out, to, memory[peer])
      to = putWord(out, to, memory[peer + 1])
      to = putWord(out, to, memory[peer + 2])
      to = putWord(out, to, memory[peer + 3])
      const port = memory[peer + 4]
      out[to] = port
      out[to + 1] = port >>> 8
      to += 2
    }
  }
  out[to] = LETTER_E
  return to + 1
}

/** Peers of either family as a list (BEP 3), for clients that ask for it. `stride`: words of a peer. */
export function writePeerList(
  out: Uint8Array,
  at: number,
  memory: Int32Array,
  runs: Int32Array,
  runCount: number,
  stride: number,
): number {
  let to = put(out, at, PEERS)
  out[to++] = LETTER_L
  for (let i = 0; i < runCount; i++) {
    let peer = runs[i * 2]
    const end = peer + runs[i * 2 + 1] * stride
    for (; peer < end; peer += stride) {
      to = put(out, to, LIST_PEER)
      to = stride === 2 ? putIPv4Text(out, to, memory[peer]) : putIPv6Text(out, to, memory, peer)
      const port = memory[peer + stride - 1]
      to = put(out, to, LIST_PEER_PORT)
      to = putNumber(out, to, ((port & 0xff) << 8) | ((port >>> 8) & 0xff))
      to = put(out, to, END_TWICE)
    }
  }
  out[to] = LETTER_E
  out[to + 1] = LETTER_E
  return to + 2
}

/** Adds a warning, from `warningText`, to the answer to an announce that ends at `end`. */
export function writeWarning(out: Uint8Array, end: number, warning: Uint8Array): number {
  return put(out, end - 1, warning)
}

/** The beginning of a scrape's body; the entries follow in the order of their info hashes. */
export function writeScrapeHead(out: Uint8Array, at: number): number {
  return put(out, at, SCRAPE_HEAD)
}

/** The torrent with the info hash at `words[infoHash]`. */
export function writeScrapeHash(
  out: Uint8Array,
  at: number,
  words: Int32Array,
  infoHash: number,
): number {
  let to = put(out, at, SCRAPE_HASH)
  for (let i = 0; i < 5; i++) to = putWord(out, to, words[infoHash + i])
  return to
}

export function writeScrapeCounts(
  out: Uint8Array,
  at: number,
  seeders: number,
  completed: number,
  leechers: number,
): number {
  let to = putNumber(out, put(out, at, COMPLETE), seeders)
  to = putNumber(out, put(out, to, DOWNLOADED), completed)
  to = putNumber(out, put(out, to, SCRAPE_INCOMPLETE), leechers)
  return put(out, to, END_TWICE)
}

/** The end of the files, and how long to wait before the next scrape. */
export function writeScrapeEnd(out: Uint8Array, at: number, interval: number): number {
  out[at] = LETTER_E
  const to = putNumber(out, put(out, at, SCRAPE_FLAGS), interval)
  return put(out, to, SCRAPE_END)
}

function countPeers(runs: Int32Array, runCount: number): number {
  let count = 0
  for (let i = 0; i < runCount; i++) count += runs[i * 2 + 1]
  return count
}

function put(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const size = bytes.length
  for (let i = 0; i < size; i++) out[at + i] = bytes[i]
  return at + size
}

/** The bytes of a word in memory order. */
function putWord(out: Uint8Array, at: number, word: number): number {
  out[at] = word
  out[at + 1] = word >>> 8
  out[at + 2] = word >>> 16
  out[at + 3] = word >>> 24
  return at + 4
}

function digitsOf(number: number): number {
  let digits = 1
  for (let rest = number; rest >= 10; rest = (rest / 10) | 0) digits++
  return digits
}

/** A whole number from 0 to 2^31 − 1. */
function putNumber(out: Uint8Array, at: number, number: number): number {
  const end = at + digitsOf(number)
  let rest = number
  for (let to = end - 1; to >= at; to--) {
    const tenth = (rest / 10) | 0
    out[to] = DIGIT_0 + rest - tenth * 10
    rest = tenth
  }
  return end
}

/** A string: its length, then the address. */
function putIPv4Text(out: Uint8Array, at: number, address: number): number {
  const a = address & 0xff
  const b = (address >>> 8) & 0xff
  const c = (address >>> 16) & 0xff
  const d = address >>> 24
  let to = putNumber(out, at, digitsOf(a) + digitsOf(b) + digitsOf(c) + digitsOf(d) + 3)
  out[to++] = COLON
  to = putNumber(out, to, a)
  out[to++] = DOT
  to = putNumber(out, to, b)
  out[to++] = DOT
  to = putNumber(out, to, c)
  out[to++] = DOT
  return putNumber(out, to, d)
}

function putIPv6Text(out: Uint8Array, at: number, memory: Int32Array, peer: number): number {
  let to = putNumber(out, at, TEXT_BYTES_IPV6)
  out[to++] = COLON
  for (let i = 0; i < 16; i++) {
    const byte = memory[peer + (i >>> 2)] >>> ((i & 3) * 8)
    if (i > 0 && (i & 1) === 0) out[to++] = COLON
    out[to++] = HEX_DIGITS[(byte >>> 4) & 15]
    out[to++] = HEX_DIGITS[byte & 15]
  }
  return to
}
