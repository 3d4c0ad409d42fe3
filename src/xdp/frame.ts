// Reads received frames, and writes the headers of those to send: Ethernet, IPv4 or IPv6, UDP. Called once per packet
// by udp/worker/xdp-source.ts, and by the load generator. Owns nothing.
//
// A frame has passed the program (program.ts), but is not trusted: each length is compared with the frame's, and both
// checksums are verified as the kernel does. A packet from the same machine may have come without its checksum
// computed, for the card to complete: then the sum of the pseudo header stands in its place, which is accepted.
import { swapHalf } from '../memory/byte-order.ts'
import { fold, sumOf } from './checksum.ts'
import {
  ETHERNET_BYTES,
  IPV4_BYTES,
  IPV6_BYTES,
  SEND_PAYLOAD_IPV4,
  SEND_PAYLOAD_IPV6,
  UDP_BYTES,
} from './layout.ts'
import { IPV4_MAPPED, OwnAddresses } from './own-addresses.ts'

// What `read` returns.
export const FRAME_IPV4 = 0
export const FRAME_IPV6 = 1
/** Not a whole UDP packet of a form that we take. */
export const BAD_FORM = 2
export const BAD_LENGTH = 3
export const BAD_CHECKSUM = 4
/** From an address, of IP or of Ethernet, that no sender can have. */
export const BAD_SOURCE = 5

// As the machine reads them.
const TYPE_IPV4 = 0x0008
const TYPE_IPV6 = 0xdd86
const FRAGMENT_MASK = 0xff3f
const UDP = 17
const UDP_OF_PSEUDO_HEADER = UDP << 8
const TIME_TO_LIVE = 64
const LOOPBACK_LAST = 1 << 24

export class FrameReader {
  /** The word where the IP header begins. */
  ip = 0
  /** The word where the payload begins, and its bytes. */
  payload = 0
  bytes = 0
  /** From which nothing can come. */
  readonly own = new OwnAddresses()

  // HOT: no allocation below this line.

  /** The frame of `length` bytes from byte `address` on, which is two more than a multiple of four. */
  read(words: Int32Array, address: number, length: number): number {
    if (length < ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES) return BAD_LENGTH
    const ip = (address + ETHERNET_BYTES) >> 2
    this.ip = ip
    const type = words[ip - 1] >>> 16
    if (isBadSender(words, ip)) return BAD_SOURCE
    if (type === TYPE_IPV4) return this.readIPv4(words, ip, length - ETHERNET_BYTES)
    return type === TYPE_IPV6 ? this.readIPv6(words, ip, length - ETHERNET_BYTES) : BAD_FORM
  }

  private readIPv4(words: Int32Array, ip: number, length: number): number {
    const head = words[ip]
    if ((head & 0xff) !== 0x45) return BAD_FORM
    if (((words[ip + 1] >>> 16) & FRAGMENT_MASK) !== 0) return BAD_FORM
    if (((words[ip + 2] >>> 8) & 0xff) !== UDP) return BAD_FORM
    const total = swapHalf(head >>> 16)
    const udp = words[ip + 6]
    const udpBytes = swapHalf(udp & 0xffff)
    if (total > length || udpBytes < UDP_BYTES || udpBytes > total - IPV4_BYTES) return BAD_LENGTH
    if (fold(sumOf(words, ip, IPV4_BYTES)) !== 0xffff) return BAD_CHECKSUM
    if (udp >>> 16 !== 0) {
      const pseudo = sumOf(words, ip + 3, 8) + UDP_OF_PSEUDO_HEADER + (udp & 0xffff)
      if (!isSummed(words, ip + 5, udpBytes, pseudo)) return BAD_CHECKSUM
    }
    const source = words[ip + 3]
    const first = source & 0xff
    if (first === 0 || first === 127 || first >= 224 || source === words[ip + 4]) return BAD_SOURCE
    if (this.own.hasIPv4(source)) return BAD_SOURCE
    this.payload = ip + 7
    this.bytes = udpBytes - UDP_BYTES
    return FRAME_IPV4
  }

  private readIPv6(words: Int32Array, ip: number, length: number): number {
    if (length < IPV6_BYTES + UDP_BYTES) return BAD_LENGTH
    const second = words[ip + 1]
    if ((words[ip] & 0xf0) !== 0x60 || ((second >>> 16) & 0xff) !== UDP) return BAD_FORM
    const total = swapHalf(second & 0xffff)
    const udp = words[ip + 11]
    const udpBytes = swapHalf(udp & 0xffff)
    if (total > length - IPV6_BYTES || udpBytes < UDP_BYTES || udpBytes > total) return BAD_LENGTH
    // Without a checksum nothing is valid (RFC 8200, 8.1).
    if (udp >>> 16 === 0) return BAD_CHECKSUM
    const pseudo = sumOf(words, ip + 2, 32) + UDP_OF_PSEUDO_HEADER + (udp & 0xffff)
    if (!isSummed(words, ip + 10, udpBytes, pseudo)) return BAD_CHECKSUM
    if (isBadSource(words, ip + 2, ip + 6) || this.own.hasIPv6(words, ip + 2)) return BAD_SOURCE
    this.payload = ip + 12
    this.bytes = udpBytes - UDP_BYTES
    return FRAME_IPV6
  }
}

/**
 * Drivers put a frame where the headroom ends (layout.ts), but nothing obliges them to: moves one that lies elsewhere by up
 * to three bytes, to where its IP header begins at a whole word. Returns where it is.
 */
export function alignFrame(bytes: Uint8Array, address: number, length: number): number {
  const aligned = ((address - 2) & -4) + 2
  if (aligned !== address) bytes.copyWithin(aligned, address, address + length)
  return aligned
}

/** Whether the UDP packet at word `at` has the checksum that it should, or `pseudo` in its place. */
function isSummed(words: Int32Array, at: number, bytes: number, pseudo: number): boolean {
  if (fold(pseudo + sumOf(words, at, bytes)) === 0xffff) return true
  return words[at + 1] >>> 16 === fold(pseudo)
}

/**
 * Whether the Ethernet address that the answer would go to is of a group, or none: it would reach everybody in the network.
 * Its first four bytes are in one word, the other two begin the next.
 */
function isBadSender(words: Int32Array, ip: number): boolean {
  const first = words[ip - 2]
  return (first & 1) !== 0 || (first === 0 && (words[ip - 1] & 0xffff) === 0)
}

/** Multicast, unspecified, loopback, an IPv4 address, or that of the destination. */
function isBadSource(words: Int32Array, source: number, destination: number): boolean {
  const first = words[source]
  const third = words[source + 2]
  const last = words[source + 3]
  if ((first & 0xff) === 0xff) return true
  if (first === 0 && words[source + 1] === 0) {
    if (third === IPV4_MAPPED) return true
    if (third === 0 && (last === 0 || last === LOOPBACK_LAST)) return true
  }
  return (
    first === words[destination] &&
    words[source + 1] === words[destination + 1] &&
    third === words[destination + 2] &&
    last === words[destination + 3]
  )
}

/**
 * Writes the headers of the answer to the IPv4 packet whose header is at word `ip` of `words`, in the chunk at byte
 * `chunk` of `out`, where the `bytes` of payload are already. Returns the length of the frame, which begins at
 * SEND_BYTES_AT (layout.ts). `id`: any 16 bits.
 */
export function writeAnswerIPv4(
  out: Int32Array,
  chunk: number,
  bytes: number,
  words: Int32Array,
  ip: number,
  id: number,
): number {
  const at = chunk >> 2
  writeEthernet(out, at, words, ip)
  const to = at + SEND_PAYLOAD_IPV4 - 7
  const udpBytes = swapHalf(bytes + UDP_BYTES)
  const source = words[ip + 4]
  const destination = words[ip + 3]
  const ports = words[ip + 5]
  out[to] = 0x45 | (swapHalf(bytes + UDP_BYTES + IPV4_BYTES) << 16)
  // «Don't fragment» is not set, as on the sockets (os/udp-socket.ts).
  out[to + 1] = id
  out[to + 2] = TIME_TO_LIVE | (UDP << 8)
  out[to + 3] = source
  out[to + 4] = destination
  out[to + 5] = (ports >>> 16) | (ports << 16)
  out[to + 6] = udpBytes
  const addresses = sumOf(out, to + 3, 8)
  const head = sumOf(out, to, 12)
  out[to + 2] |= ~fold(head + addresses) << 16
  const pseudo = addresses + UDP_OF_PSEUDO_HEADER + udpBytes
  out[to + 6] |= checksum(pseudo + sumOf(out, to + 5, bytes + UDP_BYTES)) << 16
  return ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + bytes
}

/** The same for IPv6. */
export function writeAnswerIPv6(
  out: Int32Array,
  chunk: number,
  bytes: number,
  words: Int32Array,
  ip: number,
): number {
  const at = chunk >> 2
  writeEthernet(out, at, words, ip)
  const to = at + SEND_PAYLOAD_IPV6 - 12
  const udpBytes = swapHalf(bytes + UDP_BYTES)
  const ports = words[ip + 10]
  out[to] = 0x60
  out[to + 1] = udpBytes | (UDP << 16) | (TIME_TO_LIVE << 24)
  for (let i = 0; i < 4; i++) {
    out[to + 2 + i] = words[ip + 6 + i]
    out[to + 6 + i] = words[ip + 2 + i]
  }
  out[to + 10] = (ports >>> 16) | (ports << 16)
  out[to + 11] = udpBytes
  const pseudo = sumOf(out, to + 2, 32) + UDP_OF_PSEUDO_HEADER + udpBytes
  out[to + 11] |= checksum(pseudo + sumOf(out, to + 10, bytes + UDP_BYTES)) << 16
  return ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES + bytes
}

/** With the addresses of the request swapped; the chunk begins at word `at`. */
function writeEthernet(out: Int32Array, at: number, words: Int32Array, ip: number): void {
  const from = ip - 4
  const middle = words[from + 2]
  const end = words[from + 3]
  out[at] = middle << 16
  out[at + 1] = (middle >>> 16) | (end << 16)
  out[at + 2] = (words[from] >>> 16) | (words[from + 1] << 16)
  out[at + 3] = (words[from + 1] >>> 16) | (end & 0xffff0000)
}

/** 0 would mean that there is none. */
function checksum(sum: number): number {
  const result = ~fold(sum) & 0xffff
  return result === 0 ? 0xffff : result
}
