// Each threshold that docs/doctor.md argues: what lies just within it, and what just beyond.
import { expect, test } from 'bun:test'
import { cards } from '../../../doctor/host/checks/cards.ts'
import { connectionTracking } from '../../../doctor/host/checks/conntrack.ts'
import { openFiles } from '../../../doctor/host/checks/descriptors.ts'
import { interruptBudget, queueDrops } from '../../../doctor/host/checks/losses.ts'
import { interruptCore, steal } from '../../../doctor/host/checks/processor.ts'
import { outgoingPorts, timeWait } from '../../../doctor/host/checks/tcp.ts'
import type { Check } from '../../../doctor/host/view.ts'
import { findingNamed, plantedHost, subjectOf } from './planted.ts'

type Files = Readonly<Record<string, string>>

/** The severity of a finding on a host with these files, which had those when watching began. */
function severity(check: Check, name: string, files: Files, earlier: Files = {}): string {
  return findingNamed(check(subjectOf(plantedHost(files, { earlier }))), name).severity
}

const softnet = (all: number, dropped: number, squeezed: number) => ({
  '/proc/net/softnet_stat': `${[all, dropped, squeezed].map((value) => value.toString(16)).join(' ')}\n`,
})
const NONE = softnet(0, 0, 0)

const stat = (soft: number, stolen: number) => {
  const line = (name: string) => `${name} 0 0 0 ${1000 - soft - stolen} 0 0 ${soft} ${stolen} 0 0\n`
  return { '/proc/stat': line('cpu ') + line('cpu0') }
}
const STARTED = { '/proc/stat': 'cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n' }

const conntrack = (used: number) => ({
  '/proc/sys/net/ipv4/ip_forward': '0\n',
  '/proc/sys/net/netfilter/nf_conntrack_max': '1000\n',
  '/proc/sys/net/netfilter/nf_conntrack_count': `${used}\n`,
})

const card = (packetsPerSecond: number) => ({
  '/proc/uptime': '100.00 1.00\n',
  '/proc/stat': 'cpu  0 0 0 9 0 0 0 0\ncpu0 0 0 0 9 0 0 0 0\ncpu1 0 0 0 9 0 0 0 0\n',
  '/sys/class/net/eth0/device/vendor': '1\n',
  '/sys/class/net/eth0/queues/rx-0/rps_cpus': '0\n',
  '/sys/class/net/eth0/statistics/rx_packets': `${packetsPerSecond * 100}\n`,
})

const buckets = (most: number, now: number) => ({
  '/proc/sys/net/ipv4/tcp_max_tw_buckets': `${most}\n`,
  '/proc/net/sockstat': `TCP: inuse 1 orphan 0 tw ${now} alloc 1 mem 1\n`,
})

const range = (count: number) => ({
  '/proc/sys/net/ipv4/ip_local_port_range': `10000\t${10_000 + count - 1}\n`,
})

const files = (soft: number) => ({
  '/proc/self/limits': `Max open files            ${soft}               1048576              files\n`,
})

test.each([
  ['losses since the start', queueDrops, 'queue_drops', softnet(100_000, 99, 0), {}, 'note'],
  ['losses since the start', queueDrops, 'queue_drops', softnet(100_000, 100, 0), {}, 'warning'],
  ['losses now', queueDrops, 'queue_drops', softnet(100_000, 99, 0), NONE, 'warning'],
  ['losses now', queueDrops, 'queue_drops', softnet(100_000, 100, 0), NONE, 'fault'],
  ['a budget now', interruptBudget, 'interrupt_budget', softnet(100_000, 0, 99), NONE, 'good'],
  ['a budget now', interruptBudget, 'interrupt_budget', softnet(100_000, 0, 100), NONE, 'warning'],
  ['a budget before', interruptBudget, 'interrupt_budget', softnet(100_000, 0, 99), {}, 'good'],
  ['a budget before', interruptBudget, 'interrupt_budget', softnet(100_000, 0, 100), {}, 'note'],
  ['soft interrupts', interruptCore, 'interrupt_core', stat(499, 0), STARTED, 'good'],
  ['soft interrupts', interruptCore, 'interrupt_core', stat(500, 0), STARTED, 'warning'],
  ['soft interrupts', interruptCore, 'interrupt_core', stat(899, 0), STARTED, 'warning'],
  ['soft interrupts', interruptCore, 'interrupt_core', stat(900, 0), STARTED, 'fault'],
  ['stolen time', steal, 'steal', stat(0, 49), STARTED, 'good'],
  ['stolen time', steal, 'steal', stat(0, 50), STARTED, 'warning'],
  ['stolen time', steal, 'steal', stat(0, 199), STARTED, 'warning'],
  ['stolen time', steal, 'steal', stat(0, 200), STARTED, 'fault'],
  ['a table', connectionTracking, 'conntrack', conntrack(499), {}, 'good'],
  ['a table', connectionTracking, 'conntrack', conntrack(500), {}, 'warning'],
  ['a table', connectionTracking, 'conntrack', conntrack(899), {}, 'warning'],
  ['a table', connectionTracking, 'conntrack', conntrack(900), {}, 'fault'],
  ['packets to steer', cards, 'receive_steering', card(9999), {}, 'note'],
  ['packets to steer', cards, 'receive_steering', card(10_000), {}, 'warning'],
  ['closed connections', timeWait, 'time_wait', buckets(65_535, 0), {}, 'warning'],
  ['closed connections', timeWait, 'time_wait', buckets(65_536, 32_768), {}, 'good'],
  ['closed connections', timeWait, 'time_wait', buckets(65_536, 32_769), {}, 'warning'],
  ['outgoing ports', outgoingPorts, 'outgoing_ports', range(27_999), {}, 'warning'],
  ['outgoing ports', outgoingPorts, 'outgoing_ports', range(28_000), {}, 'good'],
  ['open files', openFiles, 'open_files', files(100_159), {}, 'note'],
  ['open files', openFiles, 'open_files', files(100_160), {}, 'good'],
] as const)('%s: %#', (_, check, name, now, earlier, wanted) => {
  expect(severity(check, name, now, earlier)).toBe(wanted)
})
