// Ports and states of TCP connections: closed ones that are remembered, and the range of outgoing ports.
import { grouped } from '../../../src/metrics/text-table.ts'
import { pageBytes } from '../../../src/os/process.ts'
import { remedyOf, sysctl, sysctlPath } from '../changes.ts'
import { memoryBytes, pairedCounter, socketFigure } from '../parse.ts'
import { counter, type HostFinding, type Subject, sysctlNumber, unknown } from '../view.ts'
import { portsOf } from '../wants.ts'
import { listed, lostText } from '../words.ts'

/**
 * The kernel remembers each connection that the tracker closes for a minute. 65,536 entries are enough for 1,092
 * closes per second, and overflowed 5.7 billion times in ten days where there were 4,600 to 8,600.
 */
const TIME_WAIT_SECONDS = 60
const TIME_WAIT_MIN = 65_536
const TIME_WAIT_WANTED = 1_048_576
/** An entry takes about 250 bytes of kernel memory, so small machines get fewer: 1 in 64 of all memory at most. */
const TIME_WAIT_BYTES = 256
const TIME_WAIT_MEMORY_SHARE = 64
const CROWDED_SHARE = 0.5

export function timeWait({ host, wants }: Subject): HostFinding[] {
  const name = 'time_wait'
  const key = 'net.ipv4.tcp_max_tw_buckets'
  if (!wants.servesTcp) return []
  const most = sysctlNumber(host, key)
  if (most === null)
    return [unknown(name, 'How many closed connections are remembered', sysctlPath(key))]
  const overflows = counter(host, '/proc/net/netstat', pairedCounter('TcpExt.TCPTimeWaitOverflow'))
  const now = socketFigure(host.read('/proc/net/sockstat') ?? '', 'TCP', 'tw') ?? 0
  const rate = grouped(most / TIME_WAIT_SECONDS)
  const room = `${grouped(most)} closed connections can be remembered (${key}), which suffices for ${rate} per second; ${grouped(now)} are now`
  const isCrowded = now > most * CROWDED_SHARE
  const overflowed = overflows !== null && overflows.total > 0
  if (most >= TIME_WAIT_MIN && !overflowed && !isCrowded) {
    return [{ name, severity: 'good', text: `${room}.` }]
  }
  const memory =
    memoryBytes(host.read('/proc/meminfo') ?? '', 'MemTotal') ?? Number.POSITIVE_INFINITY
  const affordable = 2 ** Math.floor(Math.log2(memory / TIME_WAIT_MEMORY_SHARE / TIME_WAIT_BYTES))
  const wanted = Math.min(TIME_WAIT_WANTED, Math.max(affordable, TIME_WAIT_MIN))
  const changes = most < wanted ? [sysctl(key, wanted)] : []
  const isNow = overflows !== null && overflows.grown > 0
  // What overflowed before there was as much room as there can be is over.
  if (changes.length === 0 && !isNow && !isCrowded && overflowed) {
    return [{ name, severity: 'note', text: `${room}. Overflows: ${lostText(overflows, null)}.` }]
  }
  return [
    {
      name,
      severity: isNow ? 'fault' : 'warning',
      text: overflowed ? `${room}. Overflows: ${lostText(overflows, null)}.` : `${room}.`,
      cost:
        'Connections beyond that are forgotten at once: late packets of theirs are answered with a reset, and the ' +
        'kernel logs each burst.',
      remedy:
        changes.length > 0
          ? remedyOf('Make room:', changes)
          : 'More would take too much of this machine’s memory: have clients keep their connections ([network] keep_alive).',
      changes,
    },
  ]
}

/** Half of what is allowed before the kernel slows all connections down. */
const MEMORY_SHARE = 0.5

/** /proc/sys/net/ipv4/tcp_mem: pages below which nothing is done, from which connections are slowed, and the most. */
export function tcpMemory({ host, wants }: Subject): HostFinding[] {
  const name = 'tcp_memory'
  if (!wants.servesTcp) return []
  const limits = (host.read('/proc/sys/net/ipv4/tcp_mem') ?? '').trim().split(/\s+/).map(Number)
  const used = socketFigure(host.read('/proc/net/sockstat') ?? '', 'TCP', 'mem')
  const aborted = counter(host, '/proc/net/netstat', pairedCounter('TcpExt.TCPAbortOnMemory'))
  if (limits.length !== 3 || used === null) {
    return [unknown(name, 'How much memory TCP may use', '/proc/sys/net/ipv4/tcp_mem')]
  }
  const [, pressure, most] = limits
  const text = `TCP uses ${grouped(used)} pages of memory; from ${grouped(pressure)} on all connections are slowed down (net.ipv4.tcp_mem).`
  const lost = aborted === null || aborted.total === 0 ? null : aborted
  if (lost === null && used < pressure * MEMORY_SHARE) return [{ name, severity: 'good', text }]
  const changes = [sysctl('net.ipv4.tcp_mem', limits.map((pages) => pages * 2).join(' '))]
  const memory = memoryBytes(host.read('/proc/meminfo') ?? '', 'MemTotal') ?? 0
  // Twice as much has to leave room for programs.
  const fits = most * 2 * pageBytes() < memory / 2
  return [
    {
      name,
      severity: (lost?.grown ?? 0) > 0 || used >= pressure ? 'fault' : 'warning',
      text:
        lost === null ? text : `${text} Connections ended for want of it: ${lostText(lost, null)}.`,
      cost: 'Answers are late, and connections are reset.',
      remedy: fits
        ? remedyOf('Allow more:', changes)
        : 'Lower [limits] max_connections, or take a machine with more memory.',
      changes: fits ? changes : [],
    },
  ]
}

const RANGE = 'net.ipv4.ip_local_port_range'
/** The kernel's default range has 28,232; what is recommended is no other, since services have ports below it. */
const RANGE_MIN = 28_000
const RANGE_WANTED = { first: 32_768, last: 60_999 }

export function outgoingPorts({ host, wants }: Subject): HostFinding[] {
  const name = 'outgoing_ports'
  const range = portRange(host.read('/proc/sys/net/ipv4/ip_local_port_range'))
  if (range === null) return [unknown(name, 'The range of outgoing ports', sysctlPath(RANGE))]
  const { first, last } = range
  const count = last - first + 1
  const text = `${grouped(count)} ports (${first} to ${last}) are for outgoing connections (${RANGE}).`
  if (!isNarrow(range) || !wants.servesTcp) return [{ name, severity: 'good', text }]
  const changes = [sysctl(RANGE, `${RANGE_WANTED.first} ${RANGE_WANTED.last}`)]
  return [
    {
      name,
      severity: 'warning',
      text,
      cost: `A proxy on this host can open ${grouped(count / TIME_WAIT_SECONDS)} connections per second to the tracker, and then none.`,
      remedy: remedyOf(
        'Widen it, or let the proxy use a Unix socket ([network] unix_socket):',
        changes,
      ),
      changes,
    },
  ]
}

/** A port that the kernel may give to somebody's outgoing connection is not there when the tracker starts. */
export function reservedPorts({ host, wants }: Subject): HostFinding[] {
  const name = 'reserved_ports'
  const key = 'net.ipv4.ip_local_reserved_ports'
  const range = portRange(host.read('/proc/sys/net/ipv4/ip_local_port_range'))
  if (range === null) return []
  const reserved = (host.read('/proc/sys/net/ipv4/ip_local_reserved_ports') ?? '').trim()
  const all = [...new Set([...portsOf(wants, 'udp'), ...portsOf(wants, 'tcp')])]
  // Also within the range that outgoingPorts recommends.
  const ranges = isNarrow(range) && wants.servesTcp ? [range, RANGE_WANTED] : [range]
  const inRange = all.filter((port) => {
    return ranges.some(({ first, last }) => port >= first && port <= last)
  })
  const open = inRange.filter(
    (port) => !rangesOf(reserved).some(([a, b]) => port >= a && port <= b),
  )
  if (open.length === 0) {
    return [
      { name, severity: 'good', text: 'No outgoing connection can take a port of the tracker.' },
    ]
  }
  const isOne = open.length === 1
  const ports = `${isOne ? 'Port' : 'Ports'} ${listed(open.map(String))}`
  const changes = [sysctl(key, [...(reserved === '' ? [] : [reserved]), ...open].join(','))]
  return [
    {
      name,
      severity: 'warning',
      text: `${ports} of ${wants.source} ${isOne ? 'lies' : 'lie'} within the range of outgoing ports (${ranges.map(({ first, last }) => `${first} to ${last}`).join(', wider: ')}).`,
      cost: 'Any program’s outgoing connection may have such a port when the tracker starts, which then fails.',
      remedy: remedyOf('Reserve it:', changes),
      changes,
    },
  ]
}

interface PortRange {
  readonly first: number
  readonly last: number
}

function isNarrow({ first, last }: PortRange): boolean {
  return last - first + 1 < RANGE_MIN
}

function portRange(text: string | null): PortRange | null {
  const match = /^(\d+)\s+(\d+)\s*$/.exec(text ?? '')
  return match === null ? null : { first: Number(match[1]), last: Number(match[2]) }
}

/** `8080,9000-9100` */
function rangesOf(text: string): [number, number][] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [first, last = first] = part.split('-').map(Number)
      return [first, last]
    })
}
