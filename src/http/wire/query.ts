// Reads the parameters of an announce or a scrape (BEP 3, 7, 21, 23, 48) into the request. Called by parse.ts,
// which has read the path.
//
// Names, numbers and events are read undecoded: no client encodes them. Ids are percent-decoded, with digits in
// any case, and `+` is a plus sign. If a parameter appears twice, the last one counts: clients append theirs to
// those in the tracker's URL.

import { ascii, DIGIT_0, DIGIT_9, isText, SPACE } from '../../http-head/layout.ts'
import { readAddress } from '../../tcp/address-text.ts'
import { AMPERSAND, HEX, INFO_HASH_BYTES, INFO_HASH_WORDS, PERCENT } from './layout.ts'
import { ANNOUNCE, type HttpRequest } from './request.ts'

/** Names with what follows them. */
const INFO_HASH = ascii('info_hash=')
const PEER_ID = ascii('peer_id=')
const PORT = ascii('port=')
const LEFT = ascii('left=')
const COMPACT = ascii('compact=')
const NUM_WANT = ascii('numwant=')
const EVENT = ascii('event=')
const IP = ascii('ip=')
const IPV4 = ascii('ipv4=')
const IPV6 = ascii('ipv6=')
const LETTER_C = 0x63
const LETTER_E = 0x65
const LETTER_I = 0x69
const LETTER_L = 0x6c
const LETTER_N = 0x6e
const LETTER_P = 0x70

const COMPLETED = ascii('completed')
const STOPPED = ascii('stopped')

const NUMBER_MAX = 0x7fffffff
const PORT_MAX = 0xffff

/** The longest address has 45 characters; brackets, a port and a zone add more. */
const ADDRESS_BYTES_MAX = 64
const address = new Uint8Array(ADDRESS_BYTES_MAX)

/** The result of `decode`: the number of bytes, or −1 if a percent sign is not followed by two digits. */
let decoded = 0
/** The result of `readNumber`. */
let number = 0

// HOT: no allocation below this line.

/** Called before a target is read. */
export function clearQuery(request: HttpRequest): void {
  const { announce } = request
  announce.peer.port = 0
  announce.seeder = false
  announce.completed = false
  announce.stopped = false
  request.infoHashCount = 0
  request.compact = true
  request.wanted = -1
  request.hasClaimed = false
  request.hasClaimedIPv4 = false
  request.hasClaimedIPv6 = false
}

/** Parameters from `from` to a space or other end of the target, or `to`; returns where that is. */
export function readQuery(
  request: HttpRequest,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  const announce = request.kind === ANNOUNCE
  if (announce) clearPeerId(request)
  let at = from
  for (;;) {
    at = announce
      ? readAnnounceParameter(request, bytes, at, to)
      : readScrapeParameter(request, bytes, at, to)
    while (at < to) {
      const byte = bytes[at]
      if (byte === AMPERSAND || byte <= SPACE) break
      at++
    }
    if (at >= to || bytes[at] !== AMPERSAND) return at
    at++
  }
}

/**
 * Returns a position in the parameter, or its end. Switches on the first letter, since most parameters are not
 * used.
 */
function readAnnounceParameter(
  request: HttpRequest,
  bytes: Uint8Array,
  at: number,
  to: number,
): number {
  let end = at
  switch (bytes[at]) {
    case LETTER_I:
      if (starts(bytes, at, to, INFO_HASH)) {
        return readInfoHash(request, bytes, at + INFO_HASH.length, to)
      }
      if (request.readsAddresses) readClaims(request, bytes, at, to)
      return at
    case LETTER_P:
      if (starts(bytes, at, to, PEER_ID)) return readPeerId(request, bytes, at + PEER_ID.length, to)
      return starts(bytes, at, to, PORT) ? readPort(request, bytes, at + PORT.length, to) : at
    case LETTER_L:
      if (!starts(bytes, at, to, LEFT)) return at
      end = readNumber(bytes, at + LEFT.length, to)
      request.announce.seeder = number === 0
      return end
    case LETTER_C:
      if (!starts(bytes, at, to, COMPACT)) return at
      end = readNumber(bytes, at + COMPACT.length, to)
      request.compact = number !== 0
      return end
    case LETTER_N:
      if (!starts(bytes, at, to, NUM_WANT)) return at
      end = readNumber(bytes, at + NUM_WANT.length, to)
      request.wanted = number
      return end
    case LETTER_E:
      return starts(bytes, at, to, EVENT) ? readEvent(request, bytes, at + EVENT.length, to) : at
    default:
      return at
  }
}

function readPort(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  const end = readNumber(bytes, from, to)
  const valid = number > 0 && number <= PORT_MAX
  request.announce.peer.port = valid ? ((number & 0xff) << 8) | (number >>> 8) : 0
  return end
}

function readClaims(request: HttpRequest, bytes: Uint8Array, at: number, to: number): void {
  if (starts(bytes, at, to, IP)) {
    request.hasClaimed = claims(request.claimed, bytes, at + IP.length, to)
  } else if (starts(bytes, at, to, IPV4)) {
    const { claimedIPv4 } = request
    request.hasClaimedIPv4 = claims(claimedIPv4, bytes, at + IPV4.length, to) && claimedIPv4.ipv4
  } else if (starts(bytes, at, to, IPV6)) {
    const { claimedIPv6 } = request
    request.hasClaimedIPv6 = claims(claimedIPv6, bytes, at + IPV6.length, to) && !claimedIPv6.ipv4
  }
}

function readScrapeParameter(
  request: HttpRequest,
  bytes: Uint8Array,
  at: number,
  to: number,
): number {
  if (!starts(bytes, at, to, INFO_HASH)) return at
  const count = request.infoHashCount
  if (count < 0 || count >= request.scrapeMax) return at
  const end = decode(request.bytes, count * INFO_HASH_BYTES, bytes, at + INFO_HASH.length, to)
  request.infoHashCount = decoded === INFO_HASH_BYTES ? count + 1 : -1
  return end
}

function readInfoHash(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  const end = decode(request.bytes, 0, bytes, from, to)
  request.infoHashCount = decoded === INFO_HASH_BYTES ? 1 : -1
  return end
}

/** A peer id that does not have 20 bytes is ignored. */
function readPeerId(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  const end = decode(request.bytes, INFO_HASH_BYTES, bytes, from, to)
  if (decoded !== INFO_HASH_BYTES) clearPeerId(request)
  return end
}

function clearPeerId({ words }: HttpRequest): void {
  for (let i = INFO_HASH_WORDS; i < 2 * INFO_HASH_WORDS; i++) words[i] = 0
}

/** Whether a parameter begins with a name; `text` has the equals sign too. */
function starts(bytes: Uint8Array, at: number, to: number, text: Uint8Array): boolean {
  const size = text.length
  if (at + size > to) return false
  for (let i = 0; i < size; i++) if (bytes[at + i] !== text[i]) return false
  return true
}

/** `started`, `paused` (BEP 21) and unknown events count as none. */
function readEvent(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  let end = from
  while (end < to && bytes[end] > SPACE && bytes[end] !== AMPERSAND) end++
  request.announce.completed = isText(bytes, from, end, COMPLETED)
  request.announce.stopped = isText(bytes, from, end, STOPPED)
  return end
}

/**
 * Reads digits into `number`, capped at NUMBER_MAX; −1 if the value has anything else. Returns a position in
 * the value, or its end.
 */
function readNumber(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  let read = 0
  let byte = 0
  while (at < to) {
    byte = bytes[at]
    if (byte < DIGIT_0 || byte > DIGIT_9) break
    read = read * 10 + byte - DIGIT_0
    if (read > NUMBER_MAX) read = NUMBER_MAX
    at++
  }
  const ends = at >= to || byte <= SPACE || byte === AMPERSAND
  number = ends && at > from ? read : -1
  return at
}

/** Whether the value is an address, which is then in `peer`. */
function claims(
  peer: HttpRequest['claimed'],
  bytes: Uint8Array,
  from: number,
  to: number,
): boolean {
  decode(address, 0, bytes, from, to)
  return decoded <= ADDRESS_BYTES_MAX && readAddress(peer, address, 0, decoded)
}

/**
 * Decodes a value to `out[outAt]`, as many bytes as fit there or an id has; `decoded` says how many it
 * has. Returns its end.
 */
function decode(
  out: Uint8Array,
  outAt: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  const most = out === address ? ADDRESS_BYTES_MAX : INFO_HASH_BYTES
  let at = from
  let count = 0
  let broken = false
  while (at < to) {
    let byte = bytes[at]
    if (byte <= SPACE || byte === AMPERSAND) break
    at++
    if (byte === PERCENT) {
      byte = at + 1 < to ? (HEX[bytes[at]] << 4) | HEX[bytes[at + 1]] : -1
      if (byte < 0) {
        broken = true
        continue
      }
      at += 2
    }
    if (count < most) out[outAt + count] = byte
    count++
  }
  decoded = broken ? -1 : count
  return at
}
