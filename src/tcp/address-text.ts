// Reads addresses written as text, from bytes: in the parameters ip, ipv4 and ipv6 over HTTP, in a proxy's
// header field, in the PROXY protocol. Called by their parsers.
import { type AddressTarget, readIPv6 as readIPv6Words } from '../os/message.ts'

const DOT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const COLON = 0x3a
const LETTER_A = 0x61
/** Makes a letter lowercase. */
const SMALL = 0x20
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const GROUPS = 8
const OCTET_MAX = 255

const groups = new Int32Array(GROUPS)
const words = new Int32Array(4)
/** The result of `readIPv4`, as on the wire. */
let ipv4 = 0

// HOT: no allocation below this line.

/**
 * Whether `text[from]` to `to` is an address, with or without a port (192.0.2.1:5001, [2001:db8::1]:5001); it
 * is then in `peer`. An IPv4-mapped IPv6 address becomes the IPv4 address. The port is not read.
 */
export function readAddress(
  peer: AddressTarget,
  text: Uint8Array,
  from: number,
  to: number,
): boolean {
  if (from >= to) return false
  if (text[from] === BRACKET_OPEN) {
    let end = from + 1
    while (end < to && text[end] !== BRACKET_CLOSE) end++
    if (end === to || !isPort(text, end + 1, to)) return false
    return readIPv6(peer, text, from + 1, end)
  }
  let end = from
  while (end < to && text[end] !== COLON) end++
  if (readIPv4(text, from, end)) {
    if (!isPort(text, end, to)) return false
    peer.setIPv4(ipv4)
    return true
  }
  return readIPv6(peer, text, from, to)
}

/** The same without a port or brackets, for a known family. */
export function readPlainAddress(
  target: AddressTarget,
  ofIPv4: boolean,
  text: Uint8Array,
  from: number,
  to: number,
): boolean {
  if (!ofIPv4) return readIPv6(target, text, from, to)
  if (!readIPv4(text, from, to)) return false
  target.setIPv4(ipv4)
  return true
}

/** Nothing, or a colon and digits. */
function isPort(text: Uint8Array, from: number, to: number): boolean {
  if (from === to) return true
  if (text[from] !== COLON || to - from > 6 || to - from < 2) return false
  for (let at = from + 1; at < to; at++) {
    if (text[at] < DIGIT_0 || text[at] > DIGIT_9) return false
  }
  return true
}

/** Four numbers up to 255 without leading zeros, which some parsers read as octal. */
function readIPv4(text: Uint8Array, from: number, to: number): boolean {
  let at = from
  let address = 0
  for (let i = 0; i < 4; i++) {
    if (i > 0) {
      if (at >= to || text[at] !== DOT) return false
      at++
    }
    const start = at
    let octet = 0
    while (at < to && text[at] >= DIGIT_0 && text[at] <= DIGIT_9 && at - start < 3) {
      octet = octet * 10 + text[at] - DIGIT_0
      at++
    }
    if (at === start || octet > OCTET_MAX || (text[start] === DIGIT_0 && at - start > 1)) {
      return false
    }
    address |= octet << (i * 8)
  }
  ipv4 = address
  return at === to
}

function readIPv6(peer: AddressTarget, text: Uint8Array, from: number, to: number): boolean {
  let at = from
  let count = 0
  let gap = -1
  if (to - from >= 2 && text[from] === COLON && text[from + 1] === COLON) {
    gap = 0
    at += 2
  }
  while (at < to) {
    const end = groupEnd(text, at, to)
    if (end < to && text[end] === DOT) {
      if (count > GROUPS - 2 || !readIPv4(text, at, to)) return false
      groups[count++] = ((ipv4 & 0xff) << 8) | ((ipv4 >>> 8) & 0xff)
      groups[count++] = ((ipv4 >>> 8) & 0xff00) | (ipv4 >>> 24)
      at = to
      break
    }
    if (count === GROUPS || end === at || end - at > 4) return false
    groups[count++] = groupAt(text, at, end)
    if (end === to) {
      at = to
      break
    }
    if (text[end] !== COLON) return false
    at = end + 1
    if (at === to) return false
    if (text[at] === COLON) {
      if (gap >= 0) return false
      gap = count
      at++
    }
  }
  if (gap < 0 ? count !== GROUPS : count >= GROUPS) return false
  spread(count, gap)
  return setWords(peer)
}

function groupEnd(text: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && hexDigit(text[at]) >= 0) at++
  return at
}

/** −1 for other bytes. */
function hexDigit(byte: number): number {
  if (byte >= DIGIT_0 && byte <= DIGIT_9) return byte - DIGIT_0
  const letter = (byte | SMALL) - LETTER_A
  return letter >= 0 && letter < 6 ? letter + 10 : -1
}

function groupAt(text: Uint8Array, from: number, to: number): number {
  let group = 0
  for (let at = from; at < to; at++) group = (group << 4) | hexDigit(text[at])
  return group
}

/** Puts zeros in place of `::`, before group `gap`. */
function spread(count: number, gap: number): void {
  if (gap < 0) return
  const zeros = GROUPS - count
  for (let i = count - 1; i >= gap; i--) groups[i + zeros] = groups[i]
  for (let i = gap; i < gap + zeros; i++) groups[i] = 0
}

function setWords(peer: AddressTarget): boolean {
  for (let i = 0; i < 4; i++)
    words[i] = bigEndian(groups[i * 2]) | (bigEndian(groups[i * 2 + 1]) << 16)
  readIPv6Words(peer, words, 0)
  return true
}

function bigEndian(group: number): number {
  return ((group & 0xff) << 8) | (group >>> 8)
}
