// Where the doctor asks: a tracker's URL, and one of the addresses its name has. Used by every probe and check.
import { randomBytes, randomInt } from 'node:crypto'
import { BlockList, isIP } from 'node:net'

export type Protocol = 'udp' | 'http' | 'https' | 'ws' | 'wss'

export interface TrackerUrl {
  /** As it was given. */
  readonly text: string
  readonly protocol: Protocol
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query; '/' if there is none. */
  readonly target: string
}

export interface Endpoint {
  readonly url: TrackerUrl
  readonly address: string
  readonly family: 4 | 6
  readonly hashes: Hashes
}

/** Where the info hashes come from that it is asked about. */
export interface Hashes {
  readonly next: () => Buffer
  /** Whether others are refused. */
  readonly areListed: boolean
}

/** Nobody else's torrents. */
const RANDOM: Hashes = { next: () => randomBytes(20), areListed: false }

/** Those of a list, one after the other, for trackers that serve no others. */
export function listedHashes(list: readonly Buffer[]): Hashes {
  let index = randomInt(list.length)
  return { next: () => Buffer.from(list[index++ % list.length]), areListed: true }
}

const PORTS: Readonly<Record<Protocol, number>> = { udp: 0, http: 80, https: 443, ws: 80, wss: 443 }
const URL_MAX = 2048

/** The URL, or what is wrong with it. */
export function parseTrackerUrl(text: string): TrackerUrl | { readonly mistake: string } {
  const [, protocol] = /^(udp|https?|wss?):\/\//i.exec(text) ?? []
  if (protocol === undefined) {
    return { mistake: `'${text}' is not the URL of a tracker: udp, http, https, ws or wss` }
  }
  if (text.length > URL_MAX || !URL.canParse(text)) return { mistake: `'${text}' is not a URL` }
  // The parser knows default ports and the rules of hosts for http alone.
  const parsed = new URL(text.replace(/^[a-z]+/i, 'http'))
  const known = protocol.toLowerCase() as Protocol
  const explicit = /^[a-z]+:\/\/(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*):(\d+)/i.exec(text)?.[1]
  const port = explicit === undefined ? PORTS[known] : Number(explicit)
  if (port === 0) return { mistake: `'${text}' has no port` }
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return { text, protocol: known, host, port, target: parsed.pathname + parsed.search }
}

export function usesTls(url: TrackerUrl): boolean {
  return url.protocol === 'https' || url.protocol === 'wss'
}

/** As URLs and the Host field have it. */
export function authority(url: TrackerUrl): string {
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  return `${host}:${url.port}`
}

export function endpointAt(url: TrackerUrl, address: string, hashes = RANDOM): Endpoint {
  return { url, address, family: isIP(address) === 6 ? 6 : 4, hashes }
}

/** An address in its bytes, an IPv4 one that comes in an IPv6 one included; null for what is none. */
export function addressBytes(text: string): Buffer | null {
  const plain = text.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (isIP(plain) === 4) return Buffer.from(plain.split('.').map(Number))
  if (isIP(plain) !== 6) return null
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain)
  const hex =
    dotted === null
      ? plain
      : `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}`
  const [head, tail] = hex.split('::')
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = Array<number>(8 - left.length - right.length).fill(0)
  const bytes = Buffer.alloc(16)
  for (const [i, group] of [...left, ...zeros, ...right].entries())
    bytes.writeUInt16BE(group, 2 * i)
  return bytes
}

function pair(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16)
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

export function sameAddress(a: string, b: string): boolean {
  const [x, y] = [addressBytes(a), addressBytes(b)]
  return x !== null && y !== null && x.equals(y)
}

/** What a tracker there sees as our address: certain on this machine alone, where no NAT is in between. */
export function addressSeen({ address }: Endpoint): Buffer | null {
  return address.startsWith('127.')
    ? addressBytes('127.0.0.1')
    : address === '::1'
      ? addressBytes('::1')
      : null
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}

export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const parts = Array.from({ length: bytes.length / 2 }, (_, i) =>
    bytes.readUInt16BE(2 * i).toString(16),
  )
  // The parser of URLs knows the short form.
  return new URL(`http://[${parts.join(':')}]`).hostname.slice(1, -1)
}

/** Not of a local network, of this machine, or of no one. */
export function isPublic(address: string | Buffer): boolean {
  const bytes = Buffer.isBuffer(address) ? address : addressBytes(address)
  if (bytes === null) return false
  return !(bytes.length === 4 ? NOT_PUBLIC : NOT_PUBLIC_IPV6).check(
    addressText(bytes),
    bytes.length === 4 ? 'ipv4' : 'ipv6',
  )
}

const NOT_PUBLIC = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, bits, 'ipv4')
}

const NOT_PUBLIC_IPV6 = new BlockList()
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  NOT_PUBLIC_IPV6.addSubnet(network, bits, 'ipv6')
}
