// The settings section [peer_addresses] of protocols that store peers by address, and its checks. Used by the
// protocols' config.ts and reload.ts; enforced by peer-addresses.ts.
import { isIPv4, isIPv6 } from 'node:net'
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { choice, type Fault, listOf, string, stringOrList } from '../config/setting.ts'
import { addressWords, parseNetwork } from '../tcp/client-address.ts'
import type { AddressWords } from '../tcp/networks.ts'
import { checkNetwork } from '../tcp/proxy-settings.ts'
import { classOf, isUnicast, PUBLIC } from './address-class.ts'
import type { PeerAddressRules } from './peer-addresses.ts'

export const peerAddressSettings = section(
  `Which peers are given to others. A peer that is not stored gets its answers, peers included, but no other peer
  gets it. Such announces are counted by reason, and over HTTP the answer has a warning message.`,
  {
    private_peers: choice(
      'auto',
      ['auto', 'store', 'refuse'],
      `Whether to store peers with private addresses: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10,
      127.0.0.0/8, fc00::/7 and ::1. Only clients in the same network can reach them.

      'auto' stores them as long as no peer with a public address of the same family announces, as in a LAN or on
      a developer's machine, and does not from the first such announce until max_peer_age after the last. 'store'
      always stores them: for a LAN whose tracker also has public clients. 'refuse' never does.`,
    ),
    reserved_peers: choice(
      'refuse',
      ['refuse', 'store'],
      `Whether to store peers with addresses that nobody can have or reach: 0.0.0.0/8, 169.254.0.0/16 and fe80::/10
      (link-local), those for documentation and benchmarks (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,
      198.18.0.0/15, 2001:db8::/32, 3fff::/20, 2001:2::/48), 192.0.0.0/24, 192.88.99.0/24, multicast, 240.0.0.0/4,
      6to4 addresses of such IPv4 addresses and of private ones, and all IPv6 outside 2000::/3.

      'store' is for tests in networks that use them.`,
    ),
    internal_networks: stringOrList(
      '',
      { allowed: "'', an address or a network such as '192.168.0.0/16'", check: checkInternal },
      `The site's own networks, whose peers are stored with external_ipv4 or external_ipv6 in place of the address
      that they announce from: for a tracker and seeders behind the same NAT, which forwards the seeders' ports.

      Peers inside get that address of each other too. They reach it if the router returns such connections
      (hairpin NAT), and find each other by local peer discovery in any case. '' names none.`,
    ),
    external_ipv4: string(
      '',
      { allowed: "'' or an IPv4 address", check: checkAddress(isIPv4, 'IPv4', '198.51.100.7') },
      `The address with which peers of internal_networks are stored if they announce over IPv4. With '' they keep
      their own.`,
    ),
    external_ipv6: string(
      '',
      { allowed: "'' or an IPv6 address", check: checkAddress(isIPv6, 'IPv6', '2001:db8::7') },
      `The same for IPv6, where sites rarely need it.`,
    ),
  },
)

/** All of them can change at runtime. */
export const PEER_ADDRESS_PATHS: readonly string[] = Object.keys(peerAddressSettings.settings).map(
  (key) => `peer_addresses.${key}`,
)

export type PeerAddressConfig = ConfigOf<{
  peer_addresses: typeof peerAddressSettings
}>['peer_addresses']

export function peerAddressRules(config: PeerAddressConfig): PeerAddressRules {
  return {
    privatePeers: config.private_peers,
    storesReserved: config.reserved_peers === 'store',
    internal: listOf(config.internal_networks),
    externalIPv4: config.external_ipv4,
    externalIPv6: config.external_ipv6,
  }
}

/** What is wrong with the section as a whole. */
export function peerAddressFindings(config: PeerAddressConfig): Finding[] {
  const networks = listOf(config.internal_networks)
  const externals = ['external_ipv4', 'external_ipv6'] as const
  const named = externals.filter((key) => config[key] !== '')
  if (named.length === 0) {
    if (networks.length === 0) return []
    const text = `[peer_addresses] internal_networks has no effect: name the external address in external_ipv4
      or external_ipv6.`
    return [warning(['peer_addresses.internal_networks'], text)]
  }
  return named.flatMap((key) => {
    const path = `peer_addresses.${key}`
    const title = `[peer_addresses] ${key} ('${config[key]}')`
    if (!networks.some((network) => isIPv4(network.split('/')[0]) === (key === 'external_ipv4'))) {
      const text = `${title} needs the networks for which it stands: name those of its family in internal_networks.`
      return [problem([path, 'peer_addresses.internal_networks'], text)]
    }
    if (isPublic(config[key])) return []
    return [warning([path], `${title} is not a public address: clients elsewhere cannot reach it.`)]
  })
}

function isPublic(address: string): boolean {
  const { ipv4, a0, a1, a2, a3 } = asAddress(address)
  return classOf(ipv4, a0, a1, a2, a3) === PUBLIC
}

function asAddress(text: string): AddressWords {
  const { ipv4, words } = addressWords(text)
  const [a0, a1, a2, a3] = words
  return { ipv4, a0, a1, a2, a3 }
}

/** One that is everybody's would give all peers the one external address. */
function checkInternal(text: string): Fault | null {
  const fault = checkNetwork(text)
  const network = fault === null ? parseNetwork(text) : null
  if (network === null) return fault
  if (network.bits > addressWords(network.address).mappedBits) return null
  return {
    fault: 'is all addresses, so that every peer would get the external one',
    remedy: "Write the site's own networks, such as '192.168.0.0/16'",
  }
}

function checkAddress(is: (text: string) => boolean, family: string, example: string) {
  return (text: string): Fault | null => {
    if (text === '') return null
    // IPv6 notation can mean an IPv4 address, in many ways.
    const isOne = is(text) && !text.includes('%') && addressWords(text).ipv4 === isIPv4(text)
    if (isOne && !isUnicast(asAddress(text))) {
      return {
        fault: 'is an address that nobody can have',
        remedy: `Write one such as '${example}'`,
      }
    }
    if (isOne) return null
    return { fault: `is not an ${family} address`, remedy: `Write one such as '${example}'` }
  }
}
