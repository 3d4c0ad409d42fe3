// Do the firewall's rules let clients reach the ports, and does something translate addresses on the way?
import { ipv4Addresses, ipv6Addresses, isPrivateIpv4 } from '../parse.ts'
import type { Chain } from '../rules.ts'
import { inputVerdict, redirections, rulesetOf } from '../ruleset.ts'
import { type HostFinding, type HostView, type Subject, unknown } from '../view.ts'
import type { WantedPort } from '../wants.ts'
import { listed } from '../words.ts'

export function firewall({ host, wants }: Subject): HostFinding[] {
  const name = 'firewall'
  // Without an address of IPv6, its rules concern nobody.
  const ports = wants.ports.filter(({ family }) => family === 4 || hasIpv6(host))
  if (ports.length === 0) return []
  const chains = rulesetOf(host)
  if (chains === null) {
    const text =
      'Whether a firewall lets clients in is unknown: its rules cannot be seen here (nft, iptables-save, as root).'
    return [{ name, severity: 'note', text }]
  }
  const judged = ports.map((port) => ({ port, verdict: inputVerdict(chains, port) }))
  const shut = judged.filter(({ verdict }) => verdict === 'closed').map(({ port }) => port)
  const unclear = judged.filter(({ verdict }) => verdict === 'unknown').map(({ port }) => port)
  const findings: HostFinding[] = []
  if (shut.length > 0) {
    findings.push({
      name,
      severity: 'fault',
      text: `The firewall of this host drops what clients send to ${namesOf(shut)}.`,
      cost: 'Nobody reaches the tracker there.',
      remedy: acceptRules(shut, chains),
    })
  }
  if (unclear.length > 0) {
    const text = `Whether the firewall of this host lets clients reach ${namesOf(unclear)} cannot be told: its rules have conditions beyond what is understood here.`
    const remedy = `Ask the tracker from elsewhere: aquatic_doctor udp://NAME:${unclear[0].port}/announce`
    findings.push({ name, severity: 'note', text, remedy })
  }
  if (findings.length > 0) return findings
  const text = `As far as its rules can be seen, the firewall of this host lets clients reach ${namesOf(ports)}. Firewalls before it cannot be seen from here.`
  return [{ name, severity: 'good', text }]
}

function hasIpv6(host: HostView): boolean {
  const addresses = ipv6Addresses(host.read('/proc/net/if_inet6') ?? '')
  return addresses.some(({ isGlobal, card }) => isGlobal && card !== 'lo')
}

/** `UDP port 3000 (IPv4, IPv6)` */
function namesOf(ports: readonly WantedPort[]): string {
  const names = new Map<string, string[]>()
  for (const { transport, port, family } of ports) {
    const name = `${transport.toUpperCase()} port ${port}`
    names.set(name, [...new Set([...(names.get(name) ?? []), `IPv${family}`])])
  }
  return listed([...names].map(([name, families]) => `${name} (${families.join(', ')})`))
}

/** In the form of the rules that are there. */
function acceptRules(ports: readonly WantedPort[], chains: readonly Chain[]): string {
  const inputs = chains.filter(({ hook, type }) => hook === 'input' && type === 'filter')
  const own = inputs.find(({ name }) => name !== 'INPUT')
  const commands = ports.map(({ transport, port, family }) =>
    own === undefined
      ? `${family === 4 ? 'iptables' : 'ip6tables'} -I INPUT -p ${transport} --dport ${port} -j ACCEPT`
      : `nft insert rule ${own.family} ${own.table} ${own.name} ${transport} dport ${port} accept`,
  )
  return ['Let them in, and keep that in the firewall’s own files:', ...new Set(commands)].join(
    '\n',
  )
}

/** Docker's helper, which accepts on the host and connects anew to the container. */
export function userlandProxy({ host, wants }: Subject): HostFinding[] {
  const name = 'userland_proxy'
  const names = host.list('/proc')
  if (names.length === 0) return [unknown(name, 'Whether a userland proxy runs here', '/proc')]
  const proxied = names.flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    const words = (host.read(`/proc/${pid}/cmdline`) ?? '').split('\0')
    if (!/(^|\/)(docker-proxy|rootlessport)$/.test(words[0])) return []
    return [Number(words[words.indexOf('-host-port') + 1])]
  })
  if (proxied.length === 0) {
    return [{ name, severity: 'good', text: 'No userland proxy of a container engine runs here.' }]
  }
  const ours = wants.ports.filter(({ port }) => proxied.includes(port))
  if (ours.length === 0) {
    const text =
      'A userland proxy of a container engine runs here, for other ports than the tracker’s.'
    return [{ name, severity: 'note', text }]
  }
  return [
    {
      name,
      severity: 'fault',
      text: `A userland proxy of a container engine stands before ${namesOf(ours)}.`,
      cost: 'Where it passes packets on, all clients have one address, which is what other clients are then given.',
      remedy:
        'Run the container with --network host, or at least the engine with "userland-proxy": false.',
    },
  ]
}

export function addressTranslation({ host, wants }: Subject): HostFinding[] {
  const name = 'address_translation'
  const chains = rulesetOf(host)
  if (chains === null) return []
  const translated = wants.ports.filter((port) => redirections(chains, port) > 0)
  const isMasked = chains.some(({ rules }) => rules.some(({ verdict }) => verdict === 'masquerade'))
  if (translated.length === 0 && isMasked) {
    const text =
      'Rules of this host translate addresses for others (masquerade), as for containers behind a bridge, though not those of the tracker’s ports.'
    const cost = 'All packets of this host then pass connection tracking.'
    const remedy = 'Take the tracker’s ports out of it: conntrack_ports.'
    return [{ name, severity: 'note', text, cost, remedy }]
  }
  if (translated.length === 0) {
    return [
      {
        name,
        severity: 'good',
        text: 'No rule of this host translates the addresses of the tracker’s ports.',
      },
    ]
  }
  return [
    {
      name,
      severity: 'warning',
      text: `Rules of this host translate the addresses of packets to ${namesOf(translated)}, as for a container behind a bridge.`,
      cost: 'Each client takes an entry of connection tracking, whose table may fill up, and IPv6 may be missing after a restart of the container.',
      remedy: 'Run the container with --network host.',
    },
  ]
}

/** Public trackers need a public address of their own. */
export function publicAddress({ host, wants }: Subject): HostFinding[] {
  const name = 'ipv4_address'
  if (!wants.ports.some(({ family }) => family === 4)) return []
  const table = host.read('/proc/net/fib_trie')
  if (table === null) return []
  const addresses = ipv4Addresses(table)
  const isPublic = addresses.some((address) => !isPrivateIpv4(address))
  if (isPublic) return [{ name, severity: 'good', text: `This host has a public IPv4 address.` }]
  const where = isContainer(host) ? 'This container' : 'This host'
  if (addresses.length === 0) {
    return [{ name, severity: 'warning', text: `${where} has no IPv4 address beside loopback.` }]
  }
  const only = `${where} has only private IPv4 addresses (${addresses.join(', ')})`
  return [
    {
      name,
      severity: 'note',
      text: `${only}, so something before it translates addresses.`,
      cost: 'A router’s table of connections can fill up like connection tracking, and the tracker sees none of what it drops.',
      remedy: isContainer(host)
        ? 'Run the container with --network host.'
        : 'Give the tracker a public address, or translate addresses without a table (1:1, as clouds do).',
    },
  ]
}

function isContainer(host: HostView): boolean {
  return host.read('/.dockerenv') !== null || host.read('/run/.containerenv') !== null
}
