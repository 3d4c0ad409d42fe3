// Connection tracking: is there a table, how full is it, and do the tracker's packets go through it? A full one drops
// packets of every service, silently, which is the most frequent fault of public trackers.
import { grouped } from '../../../src/metrics/text-table.ts'
import { type Change, remedyOf, sysctl } from '../changes.ts'
import { columnSum, memoryBytes } from '../parse.ts'
import { notrackState, rulesetOf } from '../ruleset.ts'
import {
  counter,
  type HostFinding,
  numberIn,
  type Subject,
  sysctlNumber,
  unknown,
} from '../view.ts'
import { portsOf, type Wants } from '../wants.ts'
import { lossSeverity, lostText, percent } from '../words.ts'

const FOLDER = 'net.netfilter'
const STATISTICS = '/proc/net/stat/nf_conntrack'
/** Half full is one burst away from full: a listed tracker sees four times its load within a day. */
const FULL_SHARE = 0.9
const CROWDED_SHARE = 0.5
/** What an operator with 100 million announces a day came to, after 262,144 had cost 8 to 16 % of its uptime. */
const TABLE_WANTED = 1_048_576
/** A full table takes so much of the kernel's memory, of which it gets a quarter at most. */
const ENTRY_BYTES = 320
const MEMORY_SHARE = 4
/** An exchange with a tracker over UDP is over within seconds. The kernel's defaults are 30 and 120. */
const UDP_TIMEOUT = 10
const UDP_STREAM_TIMEOUT = 15
/** Entries per bucket: the kernel's own choice is 1 to 4; beyond 8 each packet walks a list. */
const ENTRIES_PER_BUCKET_MAX = 8
const ENTRIES_PER_BUCKET = 4
const HASH_SIZE = '/sys/module/nf_conntrack/parameters/hashsize'

export function connectionTracking(subject: Subject): HostFinding[] {
  const { host } = subject
  const most = sysctlNumber(host, `${FOLDER}.nf_conntrack_max`)
  const used = sysctlNumber(host, `${FOLDER}.nf_conntrack_count`)
  if (host.list('/proc/sys/net/ipv4').length === 0) {
    return [unknown('conntrack', 'Whether connections are tracked', '/proc/sys/net')]
  }
  if (most === null || used === null) {
    const text = 'Connection tracking is not loaded, so no table of it can fill up.'
    return [{ name: 'conntrack', severity: 'good', text }]
  }
  if (used === 0) {
    const text = `Connection tracking is available, but no firewall rule uses it: 0 of ${grouped(most)} entries.`
    return [{ name: 'conntrack', severity: 'good', text }]
  }
  return [
    tableFill(subject, used, most),
    ...tableDrops(subject),
    ...trackedPorts(subject),
    ...tableBuckets(subject, most),
  ]
}

function tableFill({ host }: Subject, used: number, most: number): HostFinding {
  const name = 'conntrack'
  const share = used / most
  const timeout = sysctlNumber(host, `${FOLDER}.nf_conntrack_udp_timeout`) ?? 30
  const rate = grouped(most / timeout)
  const text = `The connection tracking table has ${grouped(used)} of ${grouped(most)} entries (${percent(share)}), which suffices for ${rate} new UDP clients per second at a timeout of ${timeout} s.`
  const cost =
    'Once it is full, packets of every service on this machine are dropped («nf_conntrack: table full»).'
  if (share < CROWDED_SHARE) return { name, severity: 'good', text }
  const changes = tableChanges(host, most)
  const remedy = remedyOf(
    'Take the tracker’s ports out of it (conntrack_ports), or enlarge it:',
    changes,
  )
  return { name, severity: share >= FULL_SHARE ? 'fault' : 'warning', text, cost, remedy, changes }
}

function tableChanges(host: Subject['host'], most: number): Change[] {
  const memory =
    memoryBytes(host.read('/proc/meminfo') ?? '', 'MemTotal') ?? Number.POSITIVE_INFINITY
  const affordable = 2 ** Math.floor(Math.log2(memory / MEMORY_SHARE / ENTRY_BYTES))
  const wanted = Math.max(most, Math.min(Math.max(TABLE_WANTED, most * 2), affordable))
  const buckets = numberIn(host, HASH_SIZE)
  return [
    // The sysctl keys exist only once the module is loaded, so it has to be before they are set.
    { kind: 'module', name: 'nf_conntrack' },
    ...(wanted > most ? [sysctl(`${FOLDER}.nf_conntrack_max`, wanted)] : []),
    ...lower(host, 'nf_conntrack_udp_timeout', UDP_TIMEOUT),
    ...lower(host, 'nf_conntrack_udp_timeout_stream', UDP_STREAM_TIMEOUT),
    ...(buckets === null || buckets >= wanted / ENTRIES_PER_BUCKET
      ? []
      : [hashSize(wanted / ENTRIES_PER_BUCKET)]),
  ]
}

function hashSize(size: number): Change {
  return { kind: 'sysfs', path: HASH_SIZE, value: String(size) }
}

function lower(host: Subject['host'], name: string, wanted: number): Change[] {
  const value = sysctlNumber(host, `${FOLDER}.${name}`)
  return value !== null && value > wanted ? [sysctl(`${FOLDER}.${name}`, wanted)] : []
}

function tableDrops({ host }: Subject): HostFinding[] {
  const name = 'conntrack_drops'
  const drops = ['drop', 'early_drop', 'insert_failed'].map((column) => ({
    column,
    found: counter(host, STATISTICS, columnSum(column)),
  }))
  const lost = drops.flatMap(({ found }) => (found === null ? [] : [found]))
  if (lost.length === 0) return []
  const total = {
    total: lost.reduce((all, each) => all + each.total, 0),
    grown: lost.reduce((all, each) => all + each.grown, 0),
    perSecond: lost.reduce((all, each) => all + each.perSecond, 0),
  }
  if (total.total === 0) {
    return [{ name, severity: 'good', text: 'Connection tracking has dropped no packet.' }]
  }
  const which = drops.flatMap(({ column, found }) => {
    return found === null || found.total === 0 ? [] : [`${column} ${grouped(found.total)}`]
  })
  return [
    {
      name,
      severity: lossSeverity(total, null),
      text: `Connection tracking dropped ${lostText(total, null, 'packets')} (${which.join(', ')}).`,
      cost: 'These packets are lost without any trace in the tracker.',
      remedy: 'Take the tracker’s ports out of the table (conntrack_ports).',
    },
  ]
}

function trackedPorts({ host, wants }: Subject): HostFinding[] {
  const name = 'conntrack_ports'
  const ports = portsOf(wants, 'udp')
  if (ports.length === 0) return []
  const state = notrackState(rulesetOf(host), ports)
  const shown = ports.join(', ')
  if (state === 'all') {
    const text = `UDP port ${shown} is not tracked in either direction.`
    return [{ name, severity: 'good', text }]
  }
  const unread = state === 'unknown' ? ' as far as the rules can be seen' : ''
  return [
    {
      name,
      severity: state === 'unknown' ? 'note' : 'warning',
      text:
        state === 'incoming'
          ? `What comes to UDP port ${shown} is not tracked, but what goes out is.`
          : `Connection tracking has an entry for each client of UDP port ${shown}${unread}.`,
      cost: 'Each client’s address takes an entry of some 320 bytes for 30 seconds or more, and time for each packet.',
      remedy: notrackRule(wants),
    },
  ]
}

/** For nftables, then for iptables. */
function notrackRule(wants: Wants): string {
  const ports = portsOf(wants, 'udp')
  const nft = ports.length === 1 ? String(ports[0]) : `{ ${ports.join(', ')} }`
  const tables = ports.flatMap((port) =>
    ['iptables', 'ip6tables'].flatMap((command) => [
      `${command} -t raw -A PREROUTING -p udp --dport ${port} -j CT --notrack`,
      `${command} -t raw -A OUTPUT -p udp --sport ${port} -j CT --notrack`,
      `${command} -I INPUT -p udp --dport ${port} -j ACCEPT`,
    ]),
  )
  return [
    'Leave the port out, unless a container’s address translation needs it. With nftables, in /etc/nftables.conf:',
    'table inet aquatic {',
    `  chain before { type filter hook prerouting priority raw; udp dport ${nft} notrack; }`,
    `  chain after { type filter hook output priority raw; udp sport ${nft} notrack; }`,
    '}',
    `# and in the input chain, since «ct state established» no longer matches: udp dport ${nft} accept`,
    '# or with iptables:',
    ...tables,
  ].join('\n')
}

function tableBuckets({ host }: Subject, most: number): HostFinding[] {
  const name = 'conntrack_buckets'
  const buckets = sysctlNumber(host, `${FOLDER}.nf_conntrack_buckets`)
  if (buckets === null) return []
  const text = `The connection tracking table has ${grouped(buckets)} buckets for ${grouped(most)} entries.`
  if (most / Math.max(1, buckets) <= ENTRIES_PER_BUCKET_MAX)
    return [{ name, severity: 'good', text }]
  const changes = [hashSize(most / ENTRIES_PER_BUCKET)]
  return [
    {
      name,
      severity: 'warning',
      text,
      cost: 'Each packet walks through a list of entries, in the soft interrupt that all packets wait for.',
      remedy: remedyOf('Give it more buckets:', changes),
      changes,
    },
  ]
}
