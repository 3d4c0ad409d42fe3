// Reads the header of the PROXY protocol (version 1 in text, version 2 in binary) at the start of a proxy's
// connection, which names the client. Called by proxy-protocol.ts.
//
//  v1  PROXY TCP4 source destination port port CR LF │ TCP6 … │ PROXY UNKNOWN anything CR LF
//  v2  0 signature │ 12 version and command │ 13 family and transport │ 14 length u16 │ 16 source, destination,
//      port u16, port u16 │ further fields: type u8, length u16, value
//
// Strict, because proxies are programs that get it right: anything else that begins with these bytes was not
// meant for us.
import { readIPv6 } from '../os/message.ts'
import { Peer } from '../swarm/peers/peer.ts'
import { readPlainAddress } from './address-text.ts'
import { CRC32C_BYTES, crc32c } from './crc32c.ts'

/** The header is invalid. */
export const BAD_HEADER = -1
/** A TLS proxy's fields can hold names from a certificate, but not whole certificates. */
export const HEADER_BYTES_MAX = 4096

const INCOMPLETE = 0
/** From the specification, CR LF included. */
const TEXT_BYTES_MAX = 107
const LF = 10
const CR = 13
const SPACE = 0x20
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const PORT_MAX = 65535

const encoder = new TextEncoder()
const PROXY = encoder.encode('PROXY ')
const UNKNOWN = encoder.encode('UNKNOWN')
const TCP4 = encoder.encode('TCP4 ')
const TCP6 = encoder.encode('TCP6 ')
const SIGNATURE = encoder.encode('\r\n\r\n\0\r\nQUIT\n')

const COMMAND_AT = 12
const FAMILY_AT = 13
const LENGTH_AT = 14
const FIELDS_AT = 16
/** Version 2 in the upper half. */
const LOCAL = 0x20
const FORWARDED = 0x21
/** Family in the upper half, transport in the lower; only streams come over a stream. */
const UNSPECIFIED = 0
const TCP_IPV4 = 0x11
const TCP_IPV6 = 0x21
const UNIX_STREAM = 0x31
const ADDRESSES_IPV4 = 12
const ADDRESSES_IPV6 = 36
const ADDRESSES_UNIX = 216
const FIELD_HEAD = 3
const FIELD_CRC32C = 3

const words = new Int32Array(4)

/** The content of a header. */
export class ProxyHeader {
  /** False: the proxy speaks for itself, as in its health checks, or does not know the client. */
  hasClient = false
  /** Its address. */
  readonly client = new Peer()
  /** Its port as a number; that of a Peer is as on the wire. */
  port = 0
}

// HOT: no allocation below this line.

/** Reads the header at `bytes[from]`; returns its size, 0 if it is incomplete before `to`, or BAD_HEADER. */
export function readProxyHeader(
  header: ProxyHeader,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  header.hasClient = false
  if (from === to) return INCOMPLETE
  return bytes[from] === SIGNATURE[0]
    ? readBinary(header, bytes, from, to)
    : readText(header, bytes, from, to)
}

function readText(header: ProxyHeader, bytes: Uint8Array, from: number, to: number): number {
  if (!begins(bytes, from, to, PROXY)) return BAD_HEADER
  const most = to - from < TEXT_BYTES_MAX ? to : from + TEXT_BYTES_MAX
  let at = from + PROXY.length
  while (at < most && bytes[at] !== LF) at++
  if (at >= most) return to - from < TEXT_BYTES_MAX ? INCOMPLETE : BAD_HEADER
  if (bytes[at - 1] !== CR) return BAD_HEADER
  const isGood = readLine(header, bytes, from + PROXY.length, at - 1)
  return isGood ? at + 1 - from : BAD_HEADER
}

/** The part after PROXY, without the end of the line. */
function readLine(header: ProxyHeader, bytes: Uint8Array, from: number, to: number): boolean {
  if (hasText(bytes, from, to, UNKNOWN)) {
    const end = from + UNKNOWN.length
    return end === to || bytes[end] === SPACE
  }
  const ofIPv4 = hasText(bytes, from, to, TCP4)
  if (!ofIPv4 && !hasText(bytes, from, to, TCP6)) return false
  const source = from + TCP4.length
  const destination = wordEnd(bytes, source, to) + 1
  const sourcePort = wordEnd(bytes, destination, to) + 1
  const destinationPort = wordEnd(bytes, sourcePort, to) + 1
  if (destinationPort > to || portAt(bytes, destinationPort, to) < 0) return false
  header.port = portAt(bytes, sourcePort, destinationPort - 1)
  if (header.port < 0) return false
  // The destination first, since it is overwritten by the source.
  if (!readPlainAddress(header.client, ofIPv4, bytes, destination, sourcePort - 1)) return false
  header.hasClient = readPlainAddress(header.client, ofIPv4, bytes, source, destination - 1)
  return header.hasClient
}

function wordEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && bytes[at] !== SPACE) at++
  return at
}

/** Digits without a leading zero; −1 for anything else. */
function portAt(bytes: Uint8Array, from: number, to: number): number {
  const digits = to - from
  if (digits < 1 || digits > 5 || (digits > 1 && bytes[from] === DIGIT_0)) return -1
  let port = 0
  for (let at = from; at < to; at++) {
    if (bytes[at] < DIGIT_0 || bytes[at] > DIGIT_9) return -1
    port = port * 10 + bytes[at] - DIGIT_0
  }
  return port > PORT_MAX ? -1 : port
}

function readBinary(header: ProxyHeader, bytes: Uint8Array, from: number, to: number): number {
  if (!begins(bytes, from, to, SIGNATURE)) return BAD_HEADER
  if (to - from < FIELDS_AT) return INCOMPLETE
  const command = bytes[from + COMMAND_AT]
  if (command !== LOCAL && command !== FORWARDED) return BAD_HEADER
  const size = FIELDS_AT + shortAt(bytes, from + LENGTH_AT)
  if (size > HEADER_BYTES_MAX) return BAD_HEADER
  if (to - from < size) return INCOMPLETE
  // The rest of the header must be ignored then.
  if (command === LOCAL) return size
  const family = bytes[from + FAMILY_AT]
  if (family === UNSPECIFIED) return size
  const addresses = addressBytes(family)
  const fields = from + FIELDS_AT + addresses
  const end = from + size
  if (addresses === 0 || fields > end || !areFields(bytes, from, fields, end)) return BAD_HEADER
  if (family !== UNIX_STREAM) readAddresses(header, bytes, from + FIELDS_AT, family === TCP_IPV4)
  return size
}

/** 0 for what cannot come over a stream. */
function addressBytes(family: number): number {
  if (family === TCP_IPV4) return ADDRESSES_IPV4
  if (family === TCP_IPV6) return ADDRESSES_IPV6
  return family === UNIX_STREAM ? ADDRESSES_UNIX : 0
}

function readAddresses(header: ProxyHeader, bytes: Uint8Array, at: number, ofIPv4: boolean): void {
  header.hasClient = true
  if (ofIPv4) {
    header.client.setIPv4(wordAt(bytes, at))
    header.port = shortAt(bytes, at + 8)
    return
  }
  for (let i = 0; i < 4; i++) words[i] = wordAt(bytes, at + i * 4)
  readIPv6(header.client, words, 0)
  header.port = shortAt(bytes, at + 32)
}

/** Whether the addresses are followed by complete fields, with the right checksum if there is one. */
function areFields(bytes: Uint8Array, header: number, from: number, to: number): boolean {
  let at = from
  while (at < to) {
    if (at + FIELD_HEAD > to) return false
    const type = bytes[at]
    const value = at + FIELD_HEAD
    const end = value + shortAt(bytes, at + 1)
    if (end > to) return false
    if (type === FIELD_CRC32C) {
      if (end - value !== CRC32C_BYTES) return false
      const told = (shortAt(bytes, value) << 16) | shortAt(bytes, value + 2)
      if (told !== crc32c(bytes, header, to, value)) return false
    }
    at = end
  }
  return true
}

/** Whether the bytes, as far as there are any, match `text`. */
function begins(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length && from + i < to; i++) {
    if (bytes[from + i] !== text[i]) return false
  }
  return true
}

function hasText(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  return to - from >= text.length && begins(bytes, from, to, text)
}

function shortAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1]
}

/** As words of memory have it. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}
