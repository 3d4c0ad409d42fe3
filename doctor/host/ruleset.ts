// The firewall's rules in one form, and what they do with a packet to a port. nft-rules.ts and iptables-rules.ts read them
// from what the commands print. Used by the checks of firewall, address translation and connection tracking. Knows as
// much of rules as these need; what it does not understand makes an answer «unknown», never a guess.
import { iptablesChains } from './iptables-rules.ts'
import { nftChains } from './nft-rules.ts'
import type { Chain, PortRanges, Rule } from './rules.ts'
import type { HostView } from './view.ts'

/** Chains that call each other may not do so for ever. */
const DEPTH_MAX = 16

/** The tables that iptables makes; where it is nftables underneath, nft lists them too. */
const IPTABLES_TABLES = ['filter', 'nat', 'raw', 'mangle', 'security']

export type Transport = 'udp' | 'tcp'

export interface Packet {
  readonly family: 4 | 6
  readonly transport: Transport
  readonly port: number
}

/** Null if no rules can be seen, because there are no such commands, or they may not be used. */
export function rulesetOf(host: HostView): readonly Chain[] | null {
  const nft = host.output(['nft', '-j', 'list', 'ruleset'])
  const four = host.output(['iptables-save'])
  const six = host.output(['ip6tables-save'])
  const listed = nft === null ? null : nftChains(nft)
  if (listed === null && four === null && six === null) return null
  const isTwice = ({ family, table }: Chain) =>
    IPTABLES_TABLES.includes(table) &&
    ((family === 'ip' && four !== null) || (family === 'ip6' && six !== null))
  return [
    ...(listed ?? []).filter((chain) => !isTwice(chain)),
    ...(four === null ? [] : iptablesChains(four, 'ip')),
    ...(six === null ? [] : iptablesChains(six, 'ip6')),
  ]
}

/** `next`: the chain has not decided. */
type Outcome = 'accept' | 'drop' | 'next'

/** What becomes of a stranger's first packet to a port of this host. */
export function inputVerdict(
  chains: readonly Chain[],
  packet: Packet,
): 'open' | 'closed' | 'unknown' {
  const bases = chains.filter((chain) => {
    return chain.hook === 'input' && chain.type === 'filter' && isFamily(chain, packet)
  })
  // Each of them has to accept it.
  const outcomes = bases.map((base) => {
    const found = outcomesOf({ chains, packet }, base, 0)
    return new Set([...found].map((outcome) => (outcome === 'next' ? base.policy : outcome)))
  })
  if (outcomes.some((found) => !found.has('accept'))) return 'closed'
  return outcomes.some((found) => found.has('drop')) ? 'unknown' : 'open'
}

interface Judged {
  readonly chains: readonly Chain[]
  readonly packet: Packet
}

/** All that may become of it: more than one where a rule is not understood. */
function outcomesOf(judged: Judged, chain: Chain, depth: number): ReadonlySet<Outcome> {
  const found = new Set<Outcome>()
  for (const rule of chain.rules) {
    const match = matchOf(rule, judged.packet)
    const outcomes = match === 'no' ? null : verdictOf(judged, rule, chain, depth)
    if (outcomes === null) continue
    // After a chain that has not decided, the rule below is next.
    const goesOn = outcomes.has('next') && (rule.verdict === 'jump' || rule.verdict === 'unknown')
    for (const outcome of outcomes) if (outcome !== 'next' || !goesOn) found.add(outcome)
    if (match === 'yes' && !goesOn) return found
  }
  return found.add('next')
}

const ANYTHING: ReadonlySet<Outcome> = new Set(['accept', 'drop', 'next'])

/** Null for a rule that decides nothing. */
function verdictOf(
  judged: Judged,
  rule: Rule,
  chain: Chain,
  depth: number,
): ReadonlySet<Outcome> | null {
  switch (rule.verdict) {
    case 'accept':
      return new Set(['accept'])
    case 'drop':
    case 'reject':
      return new Set(['drop'])
    case 'return':
      return new Set(['next'])
    case 'jump':
    case 'goto': {
      const target = judged.chains.find(
        ({ family, table, name }) =>
          family === chain.family && table === chain.table && name === rule.target,
      )
      if (target === undefined || depth >= DEPTH_MAX) return ANYTHING
      return outcomesOf(judged, target, depth + 1)
    }
    case 'unknown':
      return ANYTHING
    default:
      return null
  }
}

function matchOf(rule: Rule, { family, transport, port }: Packet): 'yes' | 'no' | 'maybe' {
  if (rule.matches === 'others') return 'no'
  if (rule.transports !== null && !rule.transports.includes(transport)) return 'no'
  if (rule.family !== null && rule.family !== family) return 'no'
  const parts = [strangersPort(rule.sourcePorts), includes(rule.destinationPorts, port)]
  if (parts.includes('no')) return 'no'
  return parts.includes('maybe') || rule.matches === 'some' ? 'maybe' : 'yes'
}

/** A stranger's port may be any from here on. */
const CLIENT_PORT_MIN = 1024
const CLIENT_PORTS = 65_536 - CLIENT_PORT_MIN
/** Rules leave out a few ports, or are for a few. */
const FEW_SHARE = 0.01

function strangersPort(ports: PortRanges): 'yes' | 'no' | 'maybe' {
  if (ports === null) return 'yes'
  if (ports === 'unknown') return 'maybe'
  const count = ports.reduce((sum, [first, last]) => {
    return sum + Math.max(0, last - Math.max(first, CLIENT_PORT_MIN) + 1)
  }, 0)
  if (count <= CLIENT_PORTS * FEW_SHARE) return 'no'
  return count >= CLIENT_PORTS * (1 - FEW_SHARE) ? 'yes' : 'maybe'
}

function includes(ports: PortRanges, port: number): 'yes' | 'no' | 'maybe' {
  if (ports === null) return 'yes'
  if (ports === 'unknown') return 'maybe'
  return ports.some(([first, last]) => port >= first && port <= last) ? 'yes' : 'no'
}

function isFamily({ family }: Chain, packet: Packet): boolean {
  return family === 'inet' || family === (packet.family === 4 ? 'ip' : 'ip6')
}

/** Whether rules take UDP ports out of connection tracking, in both directions. */
export function notrackState(
  chains: readonly Chain[] | null,
  ports: readonly number[],
): 'all' | 'incoming' | 'none' | 'unknown' {
  if (chains === null) return 'unknown'
  const rules = chains
    .flatMap((chain) => chain.rules)
    .filter(({ verdict, transports, matches }) => {
      return verdict === 'notrack' && matches !== 'others' && (transports?.includes('udp') ?? true)
    })
  const covers = (side: 'destinationPorts' | 'sourcePorts', port: number) =>
    rules.some((rule) => rule[side] !== null && includes(rule[side], port) !== 'no')
  if (!ports.every((port) => covers('destinationPorts', port))) return 'none'
  return ports.every((port) => covers('sourcePorts', port)) ? 'all' : 'incoming'
}

/** Rules that send packets to this port somewhere else. */
export function redirections(
  chains: readonly Chain[],
  { family, transport, port }: Packet,
): number {
  return chains
    .filter((chain) => isFamily(chain, { family, transport, port }))
    .flatMap((chain) => chain.rules)
    .filter(
      (rule) =>
        rule.verdict === 'dnat' &&
        rule.destinationPorts !== null &&
        (rule.transports?.includes(transport) ?? true) &&
        includes(rule.destinationPorts, port) === 'yes',
    ).length
}
