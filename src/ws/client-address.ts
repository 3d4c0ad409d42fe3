// Where a client comes from: its address as the socket tells, or as a trusted proxy does, and the key
// that its connections are counted under. Called by upgrade.ts once per handshake. Owns nothing.
import { BlockList, isIPv4, isIPv6 } from 'node:net'

const MAPPED_PREFIX = '::ffff:'
const IPV4_BITS = 32
const IPV6_BITS = 128

/** What connections are counted under: an IPv4 address, or the /64 network of an IPv6 one. */
export interface AddressKey {
  high: number
  low: number
}

export class ProxyList {
  private readonly list = new BlockList()
  private readonly empty: boolean

  /** `networks`: addresses and networks (`192.0.2.0/24`), checked before. */
  constructor(networks: readonly string[]) {
    this.empty = networks.length === 0
    for (const text of networks) {
      const { address, bits } = parseNetwork(text) ?? raise(text)
      this.list.addSubnet(address, bits, isIPv4(address) ? 'ipv4' : 'ipv6')
    }
  }

  /**
   * The client's address. From a trusted proxy it is the last one of `X-Forwarded-For`: the proxy wrote
   * that, anything before it may come from the client.
   */
  clientOf(socketAddress: string, forwardedFor: string | null): string {
    const direct = withoutMapping(socketAddress)
    if (this.empty || forwardedFor === null) return direct
    if (!this.list.check(direct, isIPv4(direct) ? 'ipv4' : 'ipv6')) return direct
    const last = withoutMapping(forwardedFor.slice(forwardedFor.lastIndexOf(',') + 1).trim())
    return isIPv4(last) || isIPv6(last) ? last : direct
  }
}

/** An address or a network; null when the text is neither. */
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

function withoutMapping(address: string): string {
  const lower = address.toLowerCase()
  const rest = lower.startsWith(MAPPED_PREFIX) ? lower.slice(MAPPED_PREFIX.length) : lower
  return isIPv4(rest) ? rest : lower
}

/** IPv4 addresses stand in ::/32, where no client is. */
export function addressKey(address: string): AddressKey {
  if (isIPv4(address)) {
    const [a, b, c, d] = address.split('.').map(Number)
    return { high: 0, low: (a << 24) | (b << 16) | (c << 8) | d }
  }
  const [front, back] = address.split('%')[0].split('::')
  const groups = groupsOf(front)
  if (back !== undefined) {
    const behind = groupsOf(back)
    while (groups.length + behind.length < 8) groups.push(0)
    groups.push(...behind)
  }
  return { high: (groups[0] << 16) | groups[1], low: (groups[2] << 16) | groups[3] }
}

function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').map((group) => Number.parseInt(group, 16))
}
