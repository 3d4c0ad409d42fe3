// What Linux reports about a process and a core: CPU time, resident memory, bound UDP ports.
// Used by the load testers and the benchmarks.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Ticks per second of the times in /proc: 100 on every common kernel, queried all the same. */
export const TICKS_PER_SECOND =
  Number(spawnSync('getconf', ['CLK_TCK']).stdout?.toString() ?? '') || 100

// Fields of /proc/PID/stat after the command's closing parenthesis, counted from 0.
const STAT_UTIME = 11
const STAT_STIME = 12

// Fields of a cpu line of /proc/stat after its name.
const CPU_IDLE = 3
const CPU_IOWAIT = 4
const CPU_STEAL = 7

/** Of a line of /proc/net/udp. */
const UDP_DROPS = 12

/** User and system time of all threads since the start, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[STAT_UTIME]) + Number(fields[STAT_STIME])) / TICKS_PER_SECOND
}

export interface CoreTicks {
  readonly busy: number
  readonly stolen: number
  readonly all: number
}

export function coreTicks(core: number): CoreTicks {
  const stat = readFileSync('/proc/stat', 'latin1')
  const line = stat.split('\n').find((text) => text.startsWith(`cpu${core} `))
  if (line === undefined) throw new Error(`this machine has no core ${core}`)
  // The eight fields up to «stolen»; the guest times after it are already part of the others.
  const fields = line.split(' ').slice(1, 9).map(Number)
  const all = fields.reduce((sum, ticks) => sum + ticks, 0)
  const idle = fields[CPU_IDLE] + fields[CPU_IOWAIT]
  return { busy: all - idle, stolen: fields[CPU_STEAL], all }
}

/** Used by programs on all cores: without interrupts, which no program is responsible for. */
export interface MachineTicks {
  readonly used: number
  readonly stolen: number
  readonly all: number
  readonly cores: number
}

export function machineTicks(): MachineTicks {
  const lines = readFileSync('/proc/stat', 'latin1').split('\n')
  // The name is followed by two spaces here: user │ nice │ system │ idle …
  const fields = lines[0].split(/ +/).slice(1, 9).map(Number)
  return {
    used: fields[0] + fields[1] + fields[2],
    stolen: fields[CPU_STEAL],
    all: fields.reduce((sum, ticks) => sum + ticks, 0),
    cores: lines.filter((text) => /^cpu\d/.test(text)).length,
  }
}

export interface Memory {
  readonly rssKb: number
  readonly peakKb: number
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return { rssKb: statusKb(status, 'VmRSS'), peakKb: statusKb(status, 'VmHWM') }
}

function statusKb(status: string, key: string): number {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)
  if (match === null) throw new Error(`no ${key}: the process has ended`)
  return Number(match[1])
}

/** True when an IPv4 UDP socket on 127.0.0.1 or 0.0.0.0 is bound to `port`. */
export function udpPortBound(port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const table = readFileSync('/proc/net/udp', 'latin1')
  return table.includes(` 0100007F:${hexPort} `) || table.includes(` 00000000:${hexPort} `)
}

/** Packets that found the receive buffer of a UDP socket on one of these ports full, since its start. */
export function udpDrops(ports: ReadonlySet<number>): number {
  let drops = 0
  for (const table of ['/proc/net/udp', '/proc/net/udp6']) {
    for (const line of readTable(table).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      const port = Number.parseInt((fields[1] ?? '').split(':')[1] ?? '', 16)
      if (ports.has(port)) drops += Number(fields[UDP_DROPS])
    }
  }
  return drops
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // a system without IPv6
  }
}

/** Open file descriptors of a process, 0 where that is not permitted. */
export function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** True when a TCP socket listens on `port`, at any local address. */
export function tcpPortListens(port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const listening = new RegExp(`^ *\\d+: [0-9A-F]+:${hexPort} [0-9A-F:]+ 0A `, 'm')
  return listening.test(readTable('/proc/net/tcp')) || listening.test(readTable('/proc/net/tcp6'))
}

/** The cores that a text such as `0,2-3` names. */
export function coreList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

/** Several cores together. */
export function coresTicks(cores: readonly number[]): CoreTicks {
  const all = cores.map(coreTicks)
  const sum = (read: (ticks: CoreTicks) => number) => all.reduce((s, ticks) => s + read(ticks), 0)
  return {
    busy: sum(({ busy }) => busy),
    stolen: sum(({ stolen }) => stolen),
    all: sum((ticks) => ticks.all),
  }
}

/** True when the process holds an io_uring. */
export function usesIoUring(pid: number): boolean {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).some((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).includes('io_uring')
    } catch {
      return false // closed meanwhile
    }
  })
}
