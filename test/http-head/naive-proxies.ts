// The client that trusted proxies name, found with texts and the runtime's own list of networks: the model for
// src/http-head/proxies.ts. Used by the tests beside it.
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import {
  DEFAULT_PROXY_HEADER,
  FORWARDED,
  parseNetwork,
  withoutMapping,
} from '../../src/tcp/client-address.ts'

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

  private trusts(address: string): boolean {
    if (this.empty) return false
    if (isIPv4(address)) return this.list.check(address, 'ipv4')
    return isIPv6(address) && this.list.check(address, 'ipv6')
  }
}

function raise(text: string): never {
  throw new Error(`the network ${text} was not checked`)
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
