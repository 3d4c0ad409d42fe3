// Whom a request comes from where the connection is a trusted proxy's: the address that the proxies' header
// tells. Asked by handle.ts for each request. Owns the list of proxies as words.
//
// Each proxy adds whom it has seen, so from the last address on, as long as it is a trusted proxy's, the one before
// is believed. What the client itself has sent stands before all of them.
import { Peer } from '../../swarm/peers/peer.ts'
import { readAddress } from '../wire/address.ts'
import { ascii, COMMA, EQUALS, isToken, SPACE, TAB } from '../wire/layout.ts'
import type { HttpRequest } from '../wire/request.ts'

/** RFC 7239; all others are lists of addresses, or one. */
const FORWARDED = 'forwarded'
const FOR = ascii('for')

const QUOTE = 0x22
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** Proxies in a row that are passed over at most: a site has two or three. */
const HOPS_MAX = 16

/** A network: 0 is of IPv4 │ 1… four words of the address │ 5… four words of its mask */
const NETWORK_WORDS = 9

/** As `networks` has it. */
function networkWords(network: string): number[] {
  const [text, bitsText] = network.split('/')
  const peer = new Peer()
  const bytes = ascii(text)
  if (!readAddress(peer, bytes, 0, bytes.length)) throw new Error(`${network} was not checked`)
  const all = peer.ipv4 ? 32 : 128
  const bits = bitsText === undefined ? all : Number(bitsText)
  const mask = new Uint8Array(16)
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3] |= 0x80 >> (bit & 7)
  const { ipv4, a0, a1, a2, a3 } = peer
  return [ipv4 ? 1 : 0, a0, a1, a2, a3, ...new Int32Array(mask.buffer)]
}

export class TrustedProxies {
  /** The name of their header in small letters, for `HttpRequest.proxyHeader`. */
  readonly header: Uint8Array
  private readonly networks: Int32Array
  private readonly forwarded: boolean
  /** First and last position of each hop, the last ones of all. */
  private readonly hops = new Int32Array(HOPS_MAX * 2)
  private hopCount = 0
  private readonly hop = new Peer()

  /** `networks`: addresses and networks (192.0.2.0/24), checked before. */
  constructor(networks: readonly string[], header: string) {
    this.header = ascii(header.toLowerCase())
    this.forwarded = header.toLowerCase() === FORWARDED
    this.networks = Int32Array.from(networks.flatMap(networkWords))
  }

  // HOT: no allocation below this line.

  /**
   * Changes `request.source` to the client where a trusted proxy tells it. False when a trusted proxy tells nothing
   * that can be understood: then nobody knows whom the request comes from. `bytes`: those that were parsed.
   */
  readSource(request: HttpRequest, bytes: Uint8Array): boolean {
    const { source, proxyValues } = request
    if (!this.trusts(source)) return true
    this.hopCount = 0
    for (let i = 0; i < request.proxyValueCount; i++) {
      this.collect(bytes, proxyValues[i * 2], proxyValues[i * 2 + 1])
    }
    const { hop, hops } = this
    for (let i = this.hopCount - 1; i >= 0; i--) {
      if (!this.readHop(bytes, hops[i * 2], hops[i * 2 + 1])) return false
      setAddress(source, hop)
      if (!this.trusts(hop)) return true
    }
    return this.hopCount > 0
  }

  private trusts({ ipv4, a0, a1, a2, a3 }: Peer): boolean {
    const { networks } = this
    const family = ipv4 ? 1 : 0
    for (let at = 0; at < networks.length; at += NETWORK_WORDS) {
      if (networks[at] !== family) continue
      const differs =
        ((a0 ^ networks[at + 1]) & networks[at + 5]) |
        ((a1 ^ networks[at + 2]) & networks[at + 6]) |
        ((a2 ^ networks[at + 3]) & networks[at + 7]) |
        ((a3 ^ networks[at + 4]) & networks[at + 8])
      if (differs === 0) return true
    }
    return false
  }

  /** Adds the elements of a list that commas outside of quotes separate. */
  private collect(bytes: Uint8Array, from: number, to: number): void {
    let start = from
    let last = from
    let quoted = false
    for (let at = from; at < to; at++) {
      const byte = bytes[at]
      if (quoted && byte === BACKSLASH) at++
      else if (this.forwarded && byte === QUOTE) quoted = !quoted
      else if (byte === COMMA) {
        last = at + 1
        if (quoted) continue
        this.add(start, at)
        start = at + 1
      }
    }
    if (quoted) {
      // A quote that does not end is the client's, who would have what its proxy adds read as its own text.
      this.hopCount = 0
      start = last
    }
    this.add(start, to)
  }

  private add(from: number, to: number): void {
    if (this.hopCount === HOPS_MAX) {
      this.hops.copyWithin(0, 2)
      this.hopCount--
    }
    const i = this.hopCount * 2
    this.hops[i] = from
    this.hops[i + 1] = to
    this.hopCount++
  }

  private readHop(bytes: Uint8Array, from: number, to: number): boolean {
    return this.forwarded
      ? readForwarded(this.hop, bytes, from, to)
      : readTrimmed(this.hop, bytes, from, to)
  }
}

/** The first `for` of an element such as `proto=https;for="[2001:db8::1]:5001"`. */
function readForwarded(hop: Peer, bytes: Uint8Array, from: number, to: number): boolean {
  let start = from
  let found = false
  let understood = false
  while (start < to) {
    const end = pairEnd(bytes, start, to)
    if (end < 0) return false
    let equals = start
    while (equals < end && bytes[equals] !== EQUALS) equals++
    const name = skipSpace(bytes, start, equals)
    if (!found && equals < end && isToken(bytes, name, equals, FOR)) {
      found = true
      understood = readQuoted(hop, bytes, equals + 1, end)
    }
    start = end + 1
  }
  return understood
}

/** The next semicolon that is not within quotes, as a proxy may quote what the client has sent; −1 for an open quote. */
function pairEnd(bytes: Uint8Array, from: number, to: number): number {
  let quoted = false
  let at = from
  while (at < to && (quoted || bytes[at] !== SEMICOLON)) {
    if (bytes[at] === QUOTE) quoted = !quoted
    else if (quoted && bytes[at] === BACKSLASH) at++
    at++
  }
  if (quoted) return -1
  return at
}

function readQuoted(hop: Peer, bytes: Uint8Array, from: number, to: number): boolean {
  const end = trimmedEnd(bytes, from, to)
  const quoted = end - from >= 2 && bytes[from] === QUOTE && bytes[end - 1] === QUOTE
  return quoted ? readTrimmed(hop, bytes, from + 1, end - 1) : readTrimmed(hop, bytes, from, end)
}

function readTrimmed(hop: Peer, bytes: Uint8Array, from: number, to: number): boolean {
  return readAddress(hop, bytes, skipSpace(bytes, from, to), trimmedEnd(bytes, from, to))
}

function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
  return at
}

function trimmedEnd(bytes: Uint8Array, from: number, to: number): number {
  let end = to
  while (end > from && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--
  return end
}

function setAddress(peer: Peer, { ipv4, a0, a1, a2, a3 }: Peer): void {
  peer.ipv4 = ipv4
  peer.a0 = a0
  peer.a1 = a1
  peer.a2 = a2
  peer.a3 = a3
}
