// Finds the sender of a request on a trusted proxy's connection: the address in the proxies' header. Called by the
// handlers of requests and handshakes for each. Owns the list of proxies as words.
//
// Each proxy appends the address it saw. So, starting from the end, each address of a trusted proxy makes the
// one before it believable; anything the client itself sent comes before all of them.
import { Peer } from '../swarm/peers/peer.ts'
import { readAddress } from '../tcp/address-text.ts'
import { FORWARDED } from '../tcp/client-address.ts'
import type { Networks } from '../tcp/networks.ts'
import type { RequestHead } from './head.ts'
import { ascii, COMMA, EQUALS, isToken, skipSpace, trimmedEnd } from './layout.ts'

const FOR = ascii('for')

const QUOTE = 0x22
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** The most proxies in a row that are skipped; a site has two or three. */
const HOPS_MAX = 16

/** Results of `readSource`. */
export const CLIENT_KNOWN = 0
export const HEADER_MISSING = 1
export const HEADER_NOT_UNDERSTOOD = 2
/** For connections whose header of the PROXY protocol names nobody; no result of `readSource`. */
export const CLIENT_UNNAMED = 3

export class TrustedProxies {
  /** The name of their header in lower case, for `RequestHead.proxyHeader`. */
  readonly header: Uint8Array
  private readonly networks: Networks
  private readonly forwarded: boolean
  /** First and last position of each of the last hops. */
  private readonly hops = new Int32Array(HOPS_MAX * 2)
  private hopCount = 0
  private readonly hop = new Peer()

  constructor(networks: Networks, header: string) {
    this.header = ascii(header.toLowerCase())
    this.forwarded = header.toLowerCase() === FORWARDED
    this.networks = networks
  }

  // HOT: no allocation below this line.

  /**
   * Changes `request.source` to the client that a trusted proxy names. If such a proxy names none that can be
   * understood, the sender is unknown, and the result says why. `bytes`: the parsed ones.
   */
  readSource(request: RequestHead, bytes: Uint8Array): number {
    const { source, proxyValues } = request
    const { hop, hops, networks } = this
    if (!request.isLocal && !networks.has(source)) return CLIENT_KNOWN
    this.hopCount = 0
    let hasText = false
    for (let i = 0; i < request.proxyValueCount; i++) {
      const from = skipSpace(bytes, proxyValues[i * 2], proxyValues[i * 2 + 1])
      if (from < proxyValues[i * 2 + 1]) hasText = true
      this.collect(bytes, proxyValues[i * 2], proxyValues[i * 2 + 1])
    }
    if (!hasText) return HEADER_MISSING
    for (let i = this.hopCount - 1; i >= 0; i--) {
      if (!this.readHop(bytes, hops[i * 2], hops[i * 2 + 1])) return HEADER_NOT_UNDERSTOOD
      source.setAddress(hop)
      if (!networks.has(hop)) return CLIENT_KNOWN
    }
    return CLIENT_KNOWN
  }

  /** Adds the elements of a list separated by commas outside quotes. */
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
      // An unterminated quote comes from a client that wants its proxy's addition read as its own text.
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

/**
 * The next semicolon outside quotes, since a proxy may quote what the client sent; −1 if a quote is
 * unterminated.
 */
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
