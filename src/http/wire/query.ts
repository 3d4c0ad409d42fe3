// Reads the parameters of an announce or a scrape (BEP 3, 7, 21, 23, 48) into the request. Called by
// parse.ts, which has read the path. Owns a small buffer for addresses.
//
// Names, numbers and events are read as they stand: no client encodes them. Ids are percent-decoded, in
// any case, and `+` is a plus sign. Of a parameter that is there twice the last one counts: clients append
// theirs to what the tracker's URL has already.
import { readAddress } from './address.ts'
import {
  AMPERSAND,
  ascii,
  DIGIT_0,
  DIGIT_9,
  EQUALS,
  HEX,
  INFO_HASH_BYTES,
  isText,
  PERCENT,
  SPACE,
} from './layout.ts'
import { ANNOUNCE, type HttpRequest } from './request.ts'

const INFO_HASH = ascii('info_hash')
const PEER_ID = ascii('peer_id')
const PORT = ascii('port')
const LEFT = ascii('left')
const COMPACT = ascii('compact')
const NUM_WANT = ascii('numwant')
const EVENT = ascii('event')
const IP = ascii('ip')
const IPV4 = ascii('ipv4')
const IPV6 = ascii('ipv6')
const COMPLETED = ascii('completed')
const STOPPED = ascii('stopped')

const NUMBER_MAX = 0x7fffffff
const PORT_MAX = 0xffff

/** The longest address is of 45 characters; in brackets, with a port and a zone there are more. */
const ADDRESS_BYTES_MAX = 64
const address = new Uint8Array(ADDRESS_BYTES_MAX)

/** What `decode` found: bytes, or −1 when a percent sign has no two digits behind it. */
let decoded = 0

// HOT: no allocation below this line.

/** Before a target is read. */
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
  if (announce) request.words.fill(0, 5, 10)
  let at = from
  for (;;) {
    const name = at
    while (at < to && bytes[at] > SPACE && bytes[at] !== EQUALS && bytes[at] !== AMPERSAND) at++
    if (at < to && bytes[at] === EQUALS) {
      at = announce
        ? readAnnounceParameter(request, bytes, name, at, to)
        : readScrapeParameter(request, bytes, name, at, to)
    }
    while (at < to && bytes[at] > SPACE && bytes[at] !== AMPERSAND) at++
    if (at >= to || bytes[at] !== AMPERSAND) return at < to ? at : to
    at++
  }
}

/** `equals`: behind the name. Returns a place in the value, or its end. */
function readAnnounceParameter(
  request: HttpRequest,
  bytes: Uint8Array,
  name: number,
  equals: number,
  to: number,
): number {
  const value = equals + 1
  switch (equals - name) {
    case 9:
      return isText(bytes, name, equals, INFO_HASH)
        ? readInfoHash(request, bytes, value, to)
        : value
    case 7:
      if (isText(bytes, name, equals, PEER_ID)) return readPeerId(request, bytes, value, to)
      if (isText(bytes, name, equals, COMPACT)) return readCompact(request, bytes, value, to)
      if (isText(bytes, name, equals, NUM_WANT)) request.wanted = numberAt(bytes, value, to)
      return value
    case 5:
      return isText(bytes, name, equals, EVENT) ? readEvent(request, bytes, value, to) : value
    case 4:
      return readShortParameter(request, bytes, name, equals, to)
    case 2:
      if (!request.readsAddresses || !isText(bytes, name, equals, IP)) return value
      request.hasClaimed = claims(request.claimed, bytes, value, to)
      return value
    default:
      return value
  }
}

/** Those whose names have four letters. */
function readShortParameter(
  request: HttpRequest,
  bytes: Uint8Array,
  name: number,
  equals: number,
  to: number,
): number {
  const value = equals + 1
  if (isText(bytes, name, equals, PORT)) {
    const port = numberAt(bytes, value, to)
    const valid = port > 0 && port <= PORT_MAX
    request.announce.peer.port = valid ? ((port & 0xff) << 8) | (port >>> 8) : 0
  } else if (isText(bytes, name, equals, LEFT)) {
    request.announce.seeder = numberAt(bytes, value, to) === 0
  } else if (request.readsAddresses && isText(bytes, name, equals, IPV4)) {
    request.hasClaimedIPv4 = claims(request.claimedIPv4, bytes, value, to)
    if (!request.claimedIPv4.ipv4) request.hasClaimedIPv4 = false
  } else if (request.readsAddresses && isText(bytes, name, equals, IPV6)) {
    request.hasClaimedIPv6 = claims(request.claimedIPv6, bytes, value, to)
    if (request.claimedIPv6.ipv4) request.hasClaimedIPv6 = false
  }
  return value
}

function readScrapeParameter(
  request: HttpRequest,
  bytes: Uint8Array,
  name: number,
  equals: number,
  to: number,
): number {
  if (!isText(bytes, name, equals, INFO_HASH)) return equals + 1
  const count = request.infoHashCount
  if (count < 0 || count >= request.scrapeMax) return equals + 1
  const end = decode(request.bytes, count * INFO_HASH_BYTES, bytes, equals + 1, to)
  request.infoHashCount = decoded === INFO_HASH_BYTES ? count + 1 : -1
  return end
}

function readInfoHash(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  const end = decode(request.bytes, 0, bytes, from, to)
  request.infoHashCount = decoded === INFO_HASH_BYTES ? 1 : -1
  return end
}

/** One that is not of 20 bytes tells of no client, and hinders nothing. */
function readPeerId(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  const end = decode(request.bytes, INFO_HASH_BYTES, bytes, from, to)
  if (decoded !== INFO_HASH_BYTES) request.words.fill(0, 5, 10)
  return end
}

function readCompact(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  request.compact = numberAt(bytes, from, to) !== 0
  return from
}

/** `started`, `paused` (BEP 21) and unknown ones are as good as none. */
function readEvent(request: HttpRequest, bytes: Uint8Array, from: number, to: number): number {
  let end = from
  while (end < to && bytes[end] > SPACE && bytes[end] !== AMPERSAND) end++
  request.announce.completed = isText(bytes, from, end, COMPLETED)
  request.announce.stopped = isText(bytes, from, end, STOPPED)
  return end
}

/** A number of digits alone, at most NUMBER_MAX, which larger ones become; −1 for anything else. */
function numberAt(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  let number = 0
  while (at < to && bytes[at] >= DIGIT_0 && bytes[at] <= DIGIT_9) {
    number = number * 10 + bytes[at] - DIGIT_0
    if (number > NUMBER_MAX) number = NUMBER_MAX
    at++
  }
  const ends = at >= to || bytes[at] <= SPACE || bytes[at] === AMPERSAND
  return ends && at > from ? number : -1
}

/** Whether the value is an address, which is then in `peer`. */
function claims(
  peer: HttpRequest['claimed'],
  bytes: Uint8Array,
  from: number,
  to: number,
): boolean {
  decode(address, 0, bytes, from, to)
  if (decoded <= 0 || decoded > ADDRESS_BYTES_MAX) return false
  return readAddress(peer, address, 0, decoded)
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
