// From the settings address and address_ipv6 to the list of sockets that a tracker opens.
// Called at start-up with settings that are valid on their own; the checks of both together are here too.

import {
  addressText,
  checkSocketAddress,
  parseSocketAddress,
  type SocketAddress,
} from './address.ts'
import { type Finding, problem } from './schema.ts'

export interface ListenAddress extends SocketAddress {
  /** An IPv6 wildcard socket that takes IPv4 packets too. False means IPV6_V6ONLY. */
  dualStack: boolean
  /** Opened only where the system has IPv6; when that fails the tracker starts without it. */
  optional: boolean
  /** Port 0 here means the port that the system gives this earlier entry of the list; -1 for none. */
  portFromIndex: number
}

const WILDCARD_IPV4 = '0.0.0.0'
const WILDCARD_IPV6 = '::'

/** The settings that say where a tracker listens. */
export interface ListenSettings {
  readonly address: string | readonly string[]
  readonly address_ipv6: string
  readonly ipv6_only: boolean
  /** Of a Unix socket, where a protocol has that; '' for none. */
  readonly unix_socket?: string
}

export function listenAddresses(settings: ListenSettings): ListenAddress[] {
  return settings.ipv6_only ? ipv6Addresses(settings) : bothFamilies(settings)
}

/** The IPv6 part of address; the IPv4 wildcard stands for that of IPv6, which then has to be available. */
function ipv6Addresses({ address, address_ipv6 }: ListenSettings): ListenAddress[] {
  const found = addressesIn(address)
  const list = found.filter(({ family }) => family === 6)
  if (address_ipv6 !== 'auto' && address_ipv6 !== '') list.push(parsed(address_ipv6))
  const wildcards = found.filter(({ host }) => host === WILDCARD_IPV4)
  for (const { port } of address_ipv6 === 'auto' ? wildcards : []) {
    const isThere = port !== 0 && list.some((item) => isWildcard6(item) && item.port === port)
    if (!isThere) list.push({ family: 6, host: WILDCARD_IPV6, port })
  }
  return list.map((item) => ({ ...item, dualStack: false, optional: false, portFromIndex: -1 }))
}

function bothFamilies({ address, address_ipv6 }: ListenSettings): ListenAddress[] {
  const addressIpv6 = address_ipv6
  const found = addressesIn(address)
  const list = found.map((item) => ({
    ...item,
    dualStack: isWildcard6(item) && !hasIPv4(found, item.port),
    optional: false,
    portFromIndex: -1,
  }))
  if (addressIpv6 !== 'auto' && addressIpv6 !== '') {
    const item = parsed(addressIpv6)
    list.push({ ...item, dualStack: false, optional: false, portFromIndex: -1 })
  }
  if (addressIpv6 !== 'auto') return list
  for (const [index, item] of found.entries()) {
    if (item.host !== WILDCARD_IPV4) continue
    if (list.some((other) => isSameWildcard6(other, item.port))) continue
    const { port } = item
    const portFromIndex = port === 0 ? index : -1
    list.push({
      family: 6,
      host: WILDCARD_IPV6,
      port,
      dualStack: false,
      optional: true,
      portFromIndex,
    })
  }
  return list
}

function addressesIn(address: string | readonly string[]): SocketAddress[] {
  return [address]
    .flat()
    .filter((text) => text !== '')
    .map(parsed)
}

/** Whether only one of two sockets of a transport can have its address. */
export function overlap(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port === 0 || a.port !== b.port) return false
  const isWide = ({ host }: ListenAddress) => host === WILDCARD_IPV4 || host === WILDCARD_IPV6
  if (a.family !== b.family) return (a.dualStack && isWide(a)) || (b.dualStack && isWide(b))
  return a.host === b.host || isWide(a) || isWide(b)
}

/** Addresses that stand more than once in the settings, in their normal form. */
export function duplicatesOf(list: readonly ListenAddress[]): string[] {
  const texts = list.filter((item) => item.port !== 0).map(addressText)
  return [...new Set(texts.filter((text, index) => texts.indexOf(text) !== index))]
}

function parsed(text: string): SocketAddress {
  const address = parseSocketAddress(text)
  if ('fault' in address) throw new Error(`address ${text} was not checked: it ${address.fault}`)
  return address
}

function isWildcard6(address: SocketAddress): boolean {
  return address.family === 6 && address.host === WILDCARD_IPV6
}

// Several entries may have port 0: each has a port of its own, which its IPv6 socket follows.
function isSameWildcard6(other: ListenAddress, port: number): boolean {
  return isWildcard6(other) && other.port === port && other.portFromIndex === -1
}

// An IPv4 socket and a dual-stack one cannot share a port.
function hasIPv4(list: readonly SocketAddress[], port: number): boolean {
  return list.some((item) => item.family === 4 && item.port === port && port !== 0)
}

/** What is wrong with the two settings together. */
export function listenFindings(network: ListenSettings): Finding[] {
  const paths = ['network.address', 'network.address_ipv6']
  const list = listenAddresses(network)
  const left = network.ipv6_only ? addressesIn(network.address).filter(isIPv4Address) : []
  if (left.length > 0) {
    const text = `[network] ipv6_only = true, but address names ${addressText(left[0])}, which is IPv4:
      delete it there, or set ipv6_only = false.`
    return [problem(['network.ipv6_only', ...paths], text)]
  }
  if (list.length === 0 && (network.unix_socket ?? '') === '') {
    const text = `[network] address is empty and address_ipv6 adds nothing, so the tracker would
      listen nowhere: write an address such as '0.0.0.0:3000'.`
    return [problem(paths, text)]
  }
  return duplicatesOf(list).map((text) =>
    problem(
      paths,
      `the address ${text} is given twice in [network] address and address_ipv6: delete one.`,
    ),
  )
}

/** Except for the wildcard, which stands for that of IPv6. */
function isIPv4Address({ family, host }: SocketAddress): boolean {
  return family === 4 && host !== WILDCARD_IPV4
}

export function checkListenAddress(text: string) {
  return text === '' ? null : checkSocketAddress(text)
}

export function checkListenIPv6(text: string) {
  if (text === '' || text === 'auto') return null
  const fault = checkSocketAddress(text)
  if (fault !== null || text.startsWith('[')) return fault
  return { fault: 'is an IPv4 address', remedy: 'Write it in [network] address' }
}
