// Readers for the formats of /proc and /sys: texts in, numbers out. Pure functions, used by the checks.

/** /proc/net/snmp and netstat: pairs of lines, names and then numbers, such as `Udp.InDatagrams`. */
export function pairedCounter(name: string): (text: string) => number | null {
  const [group, key] = name.split('.')
  return (text) => {
    const lines = text.split('\n').filter((line) => line.startsWith(`${group}: `))
    if (lines.length < 2) return null
    const index = lines[0].split(/\s+/).indexOf(key)
    const value = Number(lines[1].split(/\s+/)[index] ?? Number.NaN)
    return index > 0 && Number.isFinite(value) ? value : null
  }
}

/** /proc/net/snmp6, and cgroup's cpu.stat and memory.events: a name and a number a line. */
export function listedCounter(name: string): (text: string) => number | null {
  return (text) => {
    for (const line of text.split('\n')) {
      const [key, value] = line.trim().split(/\s+/)
      if (key === name && value !== undefined) return Number(value)
    }
    return null
  }
}

/** /proc/net/stat/nf_conntrack: a line of names, then one of hexadecimal numbers per processor. */
export function columnSum(name: string): (text: string) => number | null {
  return (text) => {
    const [head = '', ...rows] = text.trim().split('\n')
    const index = head.trim().split(/\s+/).indexOf(name)
    if (index < 0) return null
    return rows.reduce((sum, row) => sum + (hexAt(row, index) ?? 0), 0)
  }
}

/** /proc/net/softnet_stat: processed │ dropped │ squeezed │ …, a line per processor. */
export const SOFTNET_PROCESSED = 0
export const SOFTNET_DROPPED = 1
export const SOFTNET_SQUEEZED = 2

export function softnetSum(column: number): (text: string) => number | null {
  return (text) => {
    const rows = text.trim().split('\n')
    const values = rows.map((row) => hexAt(row, column))
    return values.some((value) => value === null)
      ? null
      : values.reduce((sum: number, value) => sum + (value ?? 0), 0)
  }
}

function hexAt(row: string, index: number): number | null {
  const text = row.trim().split(/\s+/)[index]
  return text !== undefined && /^[0-9a-f]+$/i.test(text) ? Number.parseInt(text, 16) : null
}

/** Of a line of /proc/stat, in ticks. */
export interface CpuTimes {
  readonly all: number
  readonly softInterrupts: number
  readonly stolen: number
}

// Fields after the name: user │ nice │ system │ idle │ iowait │ irq │ softirq │ steal │ guest times, part of the others
const STAT_FIELDS = 8
const STAT_SOFTIRQ = 6
const STAT_STEAL = 7

/** `cpu` for all together, `cpu0` for one. */
export function cpuTimes(text: string): ReadonlyMap<string, CpuTimes> {
  const found = new Map<string, CpuTimes>()
  for (const line of text.split('\n')) {
    const [name, ...fields] = line.split(/\s+/)
    if (!/^cpu\d*$/.test(name)) continue
    const ticks = fields.slice(0, STAT_FIELDS).map(Number)
    const all = ticks.reduce((sum, value) => sum + value, 0)
    found.set(name, {
      all,
      softInterrupts: ticks[STAT_SOFTIRQ] ?? 0,
      stolen: ticks[STAT_STEAL] ?? 0,
    })
  }
  return found
}

export function cpuCount(statText: string | null): number {
  return statText === null
    ? 1
    : Math.max(1, [...cpuTimes(statText).keys()].filter((name) => name !== 'cpu').length)
}

/** /proc/meminfo, in bytes. */
export function memoryBytes(text: string, name: string): number | null {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)
  return match === null ? null : Number(match[1]) * 1024
}

/** /proc/PID/limits: the soft and the hard limit on open files. */
export function openFileLimits(
  text: string,
): { readonly soft: number; readonly hard: number } | null {
  const match = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text)
  if (match === null) return null
  const [soft, hard] = match.slice(1).map((word) => {
    return word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word)
  })
  return { soft, hard }
}

/** A line of /proc/interrupts. */
export interface Interrupt {
  readonly number: string
  /** Per processor. */
  readonly counts: readonly number[]
  readonly name: string
}

export function interrupts(text: string): Interrupt[] {
  const [head, ...lines] = text.split('\n')
  const cpus = head.trim().split(/\s+/).length
  return lines.flatMap((line): Interrupt[] => {
    const [number, ...fields] = line.trim().split(/\s+/)
    if (!/^\d+:$/.test(number)) return []
    const counts = fields.slice(0, cpus).map(Number)
    return [{ number: number.slice(0, -1), counts, name: fields.slice(cpus).join(' ') }]
  })
}

/** A line of /proc/net/if_inet6. */
export interface Ipv6Address {
  /** 32 hexadecimal digits. */
  readonly digits: string
  readonly isGlobal: boolean
  readonly card: string
}

const IPV6_GLOBAL_SCOPE = 0

export function ipv6Addresses(text: string): Ipv6Address[] {
  return rowsOf(text).map(([digits, , , scope, , card = '']) => ({
    digits,
    isGlobal: Number.parseInt(scope, 16) === IPV6_GLOBAL_SCOPE,
    card,
  }))
}

/** fc00::/7: addresses of a site of its own, which nobody on the Internet reaches. */
export function isUniqueLocal({ digits }: Ipv6Address): boolean {
  return /^f[cd]/.test(digits)
}

/** The default route of /proc/net/ipv6_route. */
export interface Ipv6Route {
  readonly card: string
  /** Learned from a router's advertisement, so it ends when those are not taken any more. */
  readonly isAdvertised: boolean
}

const ROUTE_DESTINATION = 0
const ROUTE_PREFIX = 1
const ROUTE_FLAGS = 8
const ROUTE_CARD = 9
const RTF_UP = 0x1
const RTF_REJECT = 0x200
const RTF_ADDRCONF = 0x40000

export function ipv6DefaultRoutes(text: string): Ipv6Route[] {
  return rowsOf(text).flatMap((row): Ipv6Route[] => {
    const flags = Number.parseInt(row[ROUTE_FLAGS] ?? '0', 16)
    const isDefault = /^0+$/.test(row[ROUTE_DESTINATION]) && /^0+$/.test(row[ROUTE_PREFIX] ?? '')
    const card = row[ROUTE_CARD] ?? ''
    if (!isDefault || (flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0 || card === 'lo')
      return []
    return [{ card, isAdvertised: (flags & RTF_ADDRCONF) !== 0 }]
  })
}

/** Of a line of /proc/net/udp: the packets that found the socket's buffer full. */
const UDP_LOCAL = 1
const UDP_DROPS = 12

/** /proc/net/udp and udp6: drops of the sockets on these ports; null if none is bound to them. */
export function socketDrops(ports: ReadonlySet<number>): (text: string) => number | null {
  return (text) => {
    let drops: number | null = null
    for (const row of rowsOf(text).slice(1)) {
      const port = Number.parseInt(row[UDP_LOCAL]?.split(':')[1] ?? '', 16)
      if (ports.has(port)) drops = (drops ?? 0) + Number(row[UDP_DROPS] ?? 0)
    }
    return drops
  }
}

/** /proc/net/sockstat: a figure of a protocol's line, such as `TCP`, `tw`. */
export function socketFigure(text: string, protocol: string, name: string): number | null {
  const line = text.split('\n').find((each) => each.startsWith(`${protocol}: `))
  const match = new RegExp(` ${name} (\\d+)`).exec(line ?? '')
  return match === null ? null : Number(match[1])
}

/** IPv4 addresses of this host, without loopback, from /proc/net/fib_trie: those marked as local. */
export function ipv4Addresses(text: string): string[] {
  const found = text.matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)
  const addresses = [...found].map(([, address]) => address)
  return [...new Set(addresses)].filter((address) => !address.startsWith('127.'))
}

/** Ranges that are not routed on the Internet: RFC 1918, 6598 and 3927. */
export function isPrivateIpv4(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.)/.test(
    address,
  )
}

function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/))
}
