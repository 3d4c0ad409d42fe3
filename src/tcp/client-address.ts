// Addresses and networks as texts: what they are as words, and the key under which connections are counted. Used at startup
// for what settings name, and by health checks.
import { isIPv4, isIPv6 } from 'node:net'

/** The sixth group of an IPv4-mapped IPv6 address, after zeros. */
const MAPPED = 0xffff
const IPV4_BITS = 32
const IPV6_BITS = 128

export const DEFAULT_PROXY_HEADER = 'X-Forwarded-For'
/** RFC 7239. All other headers have one address or a list. */
export const FORWARDED = 'forwarded'

/** In its usual form: four bytes, or sixteen. */
export function addressOfBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** The key under which connections are counted: an IPv4 address, or the /64 network of an IPv6 one. */
export interface AddressKey {
  high: number
  low: number
}

/** Parses an address or a network; null if the text is neither. */
export function parseNetwork(text: string): { address: string; bits: number } | null {
  const [address, bitsText, ...rest] = text.split('/')
  const most = isIPv4(address) ? IPV4_BITS : isIPv6(address) ? IPV6_BITS : 0
  if (most === 0 || address.includes('%') || rest.length > 0) return null
  if (bitsText === undefined) return { address, bits: most }
  const bits = Number(bitsText)
  if (!/^\d{1,3}$/.test(bitsText) || bits > most) return null
  // Fewer bits of ::ffff:0:0/96 would be more than IPv4 has, and so all of it.
  if (bits < addressWords(address).mappedBits) return null
  return { address, bits }
}

/** A header value that names this machine. */
export function headerOfHost(header: string): string {
  return header.toLowerCase() === FORWARDED ? 'for=127.0.0.1' : '127.0.0.1'
}

/** Turns an IPv4-mapped IPv6 address, in any notation, into the IPv4 address. */
export function withoutMapping(address: string): string {
  const lower = address.toLowerCase()
  if (!isIPv6(lower)) return lower
  const groups = groupsOfAddress(lower)
  if (groups[5] !== MAPPED || groups.some((group, i) => i < 5 && group !== 0)) return lower
  return [groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255].join('.')
}

/** IPv4 addresses are put in ::/32, where there are no clients. */
export function addressKey(address: string): AddressKey {
  if (isIPv4(address)) {
    const [a, b, c, d] = address.split('.').map(Number)
    return { high: 0, low: (a << 24) | (b << 16) | (c << 8) | d }
  }
  const groups = groupsOfAddress(address.split('%')[0])
  return { high: (groups[0] << 16) | groups[1], low: (groups[2] << 16) | groups[3] }
}

/**
 * An address as four words of memory, an IPv4 one in the first. One that is written as IPv6 is that IPv4 address; of its
 * network's bits, `mappedBits` are then those of the prefix.
 */
export function addressWords(text: string): {
  ipv4: boolean
  words: readonly number[]
  mappedBits: number
} {
  const address = withoutMapping(text)
  const ipv4 = isIPv4(address)
  const bytes = new Uint8Array(16)
  if (ipv4) bytes.set(address.split('.').map(Number))
  else bytes.set(groupsOfAddress(address).flatMap((group) => [group >> 8, group & 255]))
  const words = [...new Int32Array(bytes.buffer)]
  return { ipv4, words, mappedBits: ipv4 && !isIPv4(text) ? IPV6_BITS - IPV4_BITS : 0 }
}

function groupsOfAddress(ipv6: string): number[] {
  const [front, back] = ipv6.split('::')
  const groups = groupsOf(front)
  if (back === undefined) return groups
  const behind = groupsOf(back)
  const zeros = Array(Math.max(0, 8 - groups.length - behind.length)).fill(0)
  return [...groups, ...zeros, ...behind]
}

function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return Number.parseInt(group, 16)
    const [a, b, c, d] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
