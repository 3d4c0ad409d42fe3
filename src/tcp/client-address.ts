// A client's address, from the socket or from trusted proxies, and the key under which its connections are
// counted. Called once per connection, by ws/worker/upgrade.ts.
import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** The sixth group of an IPv4-mapped IPv6 address, after zeros. */
const MAPPED = 0xffff
const IPV4_BITS = 32
const IPV6_BITS = 128

export const DEFAULT_PROXY_HEADER = 'X-Forwarded-For'
/** RFC 7239. All other headers have one address or a list. */
const FORWARDED = 'forwarded'

/** The key under which connections are counted: an IPv4 address, or the /64 network of an IPv6 one. */
export interface AddressKey {
  high: number
  low: number
}

/** Whether a header was used, or why not. */
export type HeaderUse = 'believed' | 'not trusted' | 'missing' | 'not understood'

export interface Client {
  readonly address: string
  readonly header: HeaderUse
}

export class ProxyList {
  /** As written in the settings, for messages. */
  readonly header: string
  private readonly list = new BlockList()
  private readonly keys: readonly AddressKey[]
  private readonly empty: boolean
  private readonly read: (header: string) => string[]

  /** `networks`: valid addresses and networks (`192.0.2.0/24`). */
  constructor(networks: readonly string[], header = DEFAULT_PROXY_HEADER) {
    this.header = header
    this.read = header.toLowerCase() === FORWARDED ? forwardedFor : addressList
    this.empty = networks.length === 0
    const parsed = networks.map((text) => parseNetwork(text) ?? raise(text))
    for (const { address, bits } of parsed) {
      this.list.addSubnet(address, bits, isIPv4(address) ? 'ipv4' : 'ipv6')
    }
    this.keys = parsed.map(({ address }) => addressKey(address))
  }

  /**
   * The client's address. Each proxy appends the address it saw. So, starting from the end, each address of a
   * trusted proxy makes the one before it believable; anything the client itself sent comes before all of them.
   */
  clientOf(socketAddress: string, header: string | null): Client {
    let address = withoutMapping(socketAddress.split('%')[0])
    if (!this.trusts(address)) return { address, header: 'not trusted' }
    if (header === null || header.trim() === '') return { address, header: 'missing' }
    const hops = this.read(header)
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = addressOfHop(hops[i])
      // If a proxy says nothing useful about its client, the proxy's own address counts.
      if (hop === null) return { address, header: 'not understood' }
      address = hop
      if (!this.trusts(address)) break
    }
    return { address, header: hops.length === 0 ? 'not understood' : 'believed' }
  }

  /** Whether the key is that of a trusted proxy. */
  trustsKey({ high, low }: AddressKey): boolean {
    return (
      this.keys.some((key) => key.high === high && key.low === low) ||
      this.trusts(keyAddress({ high, low }))
    )
  }

  private trusts(address: string): boolean {
    if (this.empty) return false
    if (isIPv4(address)) return this.list.check(address, 'ipv4')
    return isIPv6(address) && this.list.check(address, 'ipv6')
  }
}

/** Parses an address or a network; null if the text is neither. */
export function parseNetwork(text: string): { address: string; bits: number } | null {
  const [address, bitsText, ...rest] = text.split('/')
  const most = isIPv4(address) ? IPV4_BITS : isIPv6(address) ? IPV6_BITS : 0
  if (most === 0 || address.includes('%') || rest.length > 0) return null
  if (bitsText === undefined) return { address, bits: most }
  if (!/^\d{1,3}$/.test(bitsText) || Number(bitsText) > most) return null
  return { address, bits: Number(bitsText) }
}

function raise(text: string): never {
  throw new Error(`the network ${text} was not checked`)
}

/** A header value that names this machine. */
export function headerOfHost(header: string): string {
  return header.toLowerCase() === FORWARDED ? 'for=127.0.0.1' : '127.0.0.1'
}

function addressList(header: string): string[] {
  return header.split(',')
}

/** The `for` of each element, '' for one without. */
function forwardedFor(header: string): string[] {
  // An unterminated quote comes from a client that wants its proxy's addition read as its own text: only the
  // last part is certain to be from a proxy.
  const elements = splitOutsideQuotes(header, ',') ?? [header.slice(header.lastIndexOf(',') + 1)]
  return elements.map((element) => {
    const pairs = (splitOutsideQuotes(element, ';') ?? []).map((pair) => pair.trim())
    const value = pairs.find((pair) => /^for=/i.test(pair))?.slice('for='.length) ?? ''
    const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)
    return quoted === null ? value : quoted[1].replace(/\\(.)/g, '$1')
  })
}

/** Null if a quote is unterminated. */
function splitOutsideQuotes(text: string, separator: string): string[] | null {
  const parts: string[] = []
  let from = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    if (quoted && text[i] === '\\') i++
    else if (text[i] === '"') quoted = !quoted
    else if (text[i] === separator && !quoted) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  parts.push(text.slice(from))
  return quoted ? null : parts
}

/** An address with or without a port: 192.0.2.1:5001, [2001:db8::1]:5001. Null for anything else. */
function addressOfHop(text: string): string | null {
  const hop = text.trim()
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop) ?? []
  const [, ipv4] = /^([\d.]+)(?::\d{1,5})?$/.exec(hop) ?? []
  const address = withoutMapping((bracketed ?? ipv4 ?? hop).split('%')[0])
  return isIPv4(address) || isIPv6(address) ? address : null
}

/** Turns an IPv4-mapped IPv6 address, in any notation, into the IPv4 address. */
function withoutMapping(address: string): string {
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

/** An address that has this key. */
function keyAddress({ high, low }: AddressKey): string {
  if (high === 0) return [24, 16, 8, 0].map((shift) => (low >>> shift) & 255).join('.')
  const groups = [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff]
  return `${groups.map((group) => group.toString(16)).join(':')}::`
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
