// What the kernel has lost on the way to sockets and back, by its own counters: since the system started, and now.
import { grouped, rateText } from '../../../src/metrics/text-table.ts'
import { remedyOf, sysctl } from '../changes.ts'
import {
  listedCounter,
  pairedCounter,
  SOFTNET_DROPPED,
  SOFTNET_PROCESSED,
  SOFTNET_SQUEEZED,
  socketDrops,
  softnetSum,
} from '../parse.ts'
import {
  type Counter,
  counter,
  type HostFinding,
  type Subject,
  sysctlNumber,
  unknown,
} from '../view.ts'
import { portsOf } from '../wants.ts'
import { listed, lossSeverity, lostText } from '../words.ts'
import { NETDEV_BACKLOG } from './buffers.ts'

const SOFTNET = '/proc/net/softnet_stat'
const SNMP = '/proc/net/snmp'
const SNMP6 = '/proc/net/snmp6'
const NETSTAT = '/proc/net/netstat'

/** An operator with 46,000 packets per second runs with these; the defaults are 300 packets and 2,000 µs. */
const BUDGET_PACKETS = 600
const BUDGET_MICROSECONDS = 8000
/** A run of the soft interrupt that ends early delays packets, and loses none. One in a thousand is a habit. */
const SQUEEZED_SHARE = 0.001

export function queueDrops({ host }: Subject): HostFinding[] {
  const name = 'queue_drops'
  const dropped = counter(host, SOFTNET, softnetSum(SOFTNET_DROPPED))
  const all = counter(host, SOFTNET, softnetSum(SOFTNET_PROCESSED))
  if (dropped === null) return [unknown(name, 'What the queues per processor drop', SOFTNET)]
  const severity = lossSeverity(dropped, all)
  if (severity === 'good') {
    return [{ name, severity, text: 'The queues per processor have dropped no packet.' }]
  }
  const backlog = sysctlNumber(host, 'net.core.netdev_max_backlog') ?? NETDEV_BACKLOG
  const changes =
    backlog < NETDEV_BACKLOG ? [sysctl('net.core.netdev_max_backlog', NETDEV_BACKLOG)] : []
  const remedy =
    changes.length > 0
      ? remedyOf('Lengthen the queue:', changes)
      : 'The queue is long enough, so a processor is too slow: spread the packets (receive_steering, interrupts).'
  return [
    {
      name,
      severity,
      text: `The queues per processor dropped ${lostText(dropped, all, 'packets')}.`,
      cost: 'These packets never reach the tracker; clients wait and ask again.',
      remedy,
      changes,
    },
  ]
}

export function interruptBudget({ host }: Subject): HostFinding[] {
  const name = 'interrupt_budget'
  const squeezed = counter(host, SOFTNET, softnetSum(SOFTNET_SQUEEZED))
  const all = counter(host, SOFTNET, softnetSum(SOFTNET_PROCESSED))
  if (squeezed === null || all === null) {
    return [unknown(name, 'Whether soft interrupts run out of their budget', SOFTNET)]
  }
  const packets = sysctlNumber(host, 'net.core.netdev_budget')
  const time = sysctlNumber(host, 'net.core.netdev_budget_usecs')
  const now = all.grown > 0 && squeezed.grown / all.grown >= SQUEEZED_SHARE
  const before = squeezed.total / Math.max(1, all.total) >= SQUEEZED_SHARE
  const text =
    squeezed.total === 0
      ? 'Soft interrupts have always done their work within their budget.'
      : `Soft interrupts ran out of their budget ${grouped(squeezed.total)} times for ${grouped(all.total)} packets` +
        `, ${squeezed.grown > 0 ? `${rateText(squeezed.perSecond)} times per second now` : 'not now'}.`
  if (!now && !before) return [{ name, severity: 'good', text }]
  const changes = [
    ...(packets !== null && packets < BUDGET_PACKETS
      ? [sysctl('net.core.netdev_budget', BUDGET_PACKETS)]
      : []),
    ...(time !== null && time < BUDGET_MICROSECONDS
      ? [sysctl('net.core.netdev_budget_usecs', BUDGET_MICROSECONDS)]
      : []),
  ]
  return [
    {
      name,
      severity: now ? 'warning' : 'note',
      text,
      cost: 'Packets wait in the card for the next run, and are lost there when its ring is full.',
      remedy:
        changes.length > 0
          ? remedyOf('Raise the budget:', changes)
          : 'The budget is large already: spread the packets over more processors (receive_steering, interrupts).',
      changes,
    },
  ]
}

/** Of both families: `Udp.RcvbufErrors` and `Udp6RcvbufErrors`. */
function udpCounter({ host }: Subject, key: string): Counter | null {
  const four = counter(host, SNMP, pairedCounter(`Udp.${key}`))
  const six = counter(host, SNMP6, listedCounter(`Udp6${key}`))
  if (four === null || six === null) return four
  return {
    total: four.total + six.total,
    grown: four.grown + six.grown,
    perSecond: four.perSecond + six.perSecond,
  }
}

export function udpReceiveDrops(subject: Subject): HostFinding[] {
  const name = 'udp_receive_drops'
  const lost = udpCounter(subject, 'RcvbufErrors')
  if (!subject.wants.servesUdp) return []
  if (lost === null) return [unknown(name, 'What full receive buffers drop', SNMP)]
  const got = udpCounter(subject, 'InDatagrams')
  const all = got === null ? null : sum(got, lost)
  const severity = lossSeverity(lost, all)
  const own = ownDrops(subject)
  if (severity === 'good') {
    return [{ name, severity, text: 'No UDP packet has been lost to a full receive buffer.' }]
  }
  return [
    {
      name,
      severity,
      text: `Full receive buffers of UDP sockets lost ${lostText(lost, all, 'packets')}${own}.`,
      cost: 'Each lost announce is sent again after 15 seconds; a client gives up or asks another tracker.',
      remedy:
        'If the tracker’s own sockets lose them: add socket_workers where a worker fills its core; otherwise raise ' +
        '[network] socket_recv_buffer_size.',
    },
  ]
}

/** Which of them are those of the tracker's own sockets. */
function ownDrops({ host, wants }: Subject): string {
  const ports = new Set(portsOf(wants, 'udp'))
  const drops = ['/proc/net/udp', '/proc/net/udp6'].map((path) => {
    return counter(host, path, socketDrops(ports))
  })
  const found = drops.filter((each) => each !== null)
  if (found.length === 0) return ''
  const total = found.reduce((all, { total }) => all + total, 0)
  return `; sockets now open on UDP port ${listed([...ports].map(String))} lost ${grouped(total)} of them`
}

export function udpSendErrors(subject: Subject): HostFinding[] {
  const name = 'udp_send_errors'
  if (!subject.wants.servesUdp) return []
  const lost = udpCounter(subject, 'SndbufErrors')
  if (lost === null) return [unknown(name, 'Which answers could not be sent', SNMP)]
  const all = udpCounter(subject, 'OutDatagrams')
  const severity = lossSeverity(lost, all)
  if (severity === 'good')
    return [{ name, severity, text: 'No UDP answer was lost to a full send buffer.' }]
  return [
    {
      name,
      severity,
      text: `Full send buffers of UDP sockets lost ${lostText(lost, all, 'packets')}.`,
      cost: 'The tracker has done the work, and the client asks again.',
      remedy:
        'The card or its link is full, or a traffic shaper holds packets back: see «tc -s qdisc».',
    },
  ]
}

export function udpBadPackets(subject: Subject): HostFinding[] {
  const name = 'udp_bad_packets'
  if (!subject.wants.servesUdp) return []
  const errors = udpCounter(subject, 'InErrors')
  const buffers = udpCounter(subject, 'RcvbufErrors')
  const memory = udpCounter(subject, 'MemErrors')
  if (errors === null || buffers === null) {
    return [unknown(name, 'How many packets were damaged', SNMP)]
  }
  const others = {
    ...errors,
    total: Math.max(0, errors.total - buffers.total - (memory?.total ?? 0)),
  }
  const rest = { ...others, grown: Math.max(0, errors.grown - buffers.grown) }
  if (memory !== null && memory.total > 0) {
    const text = `The kernel's memory for UDP was used up: ${lostText(memory, errors)}.`
    const remedy = 'Raise net.ipv4.udp_mem, or lower the receive buffers so that all of them fit.'
    return [{ name, severity: memory.grown > 0 ? 'fault' : 'warning', text, remedy }]
  }
  const all = udpCounter(subject, 'InDatagrams')
  const severity = lossSeverity(rest, all) === 'good' ? 'good' : 'note'
  const text =
    severity === 'good'
      ? 'No UDP packet arrived damaged.'
      : `UDP packets that arrived damaged: ${lostText(rest, all)}.`
  return [{ name, severity, text }]
}

export function listenOverflows({ host, wants }: Subject): HostFinding[] {
  const name = 'listen_overflows'
  if (!wants.servesTcp) return []
  const lost = counter(host, NETSTAT, pairedCounter('TcpExt.ListenOverflows'))
  if (lost === null) return [unknown(name, 'Whether queues of new connections overflow', NETSTAT)]
  const all = counter(host, SNMP, pairedCounter('Tcp.PassiveOpens'))
  const severity = lossSeverity(lost, all)
  if (severity === 'good') {
    return [{ name, severity, text: 'No queue of new connections has overflowed.' }]
  }
  return [
    {
      name,
      severity,
      text: `Queues of new connections overflowed: ${lostText(lost, all)}.`,
      cost: 'The client tries again a second later, then three, then seven.',
      remedy:
        'A worker was too busy to accept: add socket_workers where one fills its core, and see listen_backlog.',
    },
  ]
}

export function forgottenHandshakes({ host, wants }: Subject): HostFinding[] {
  const name = 'handshake_drops'
  if (!wants.servesTcp) return []
  const lost = counter(host, NETSTAT, pairedCounter('TcpExt.TCPReqQFullDrop'))
  if (lost === null) return []
  const all = counter(host, SNMP, pairedCounter('Tcp.PassiveOpens'))
  const severity = lossSeverity(lost, all)
  if (severity === 'good')
    return [{ name, severity, text: 'No handshake was dropped for want of room.' }]
  return [
    {
      name,
      severity,
      text: `Handshakes dropped because the queue was full: ${lostText(lost, all)}.`,
      cost: 'Clients cannot connect during a flood of forged handshakes.',
      remedy: 'Turn SYN cookies on and lengthen the queue (syn_cookies, handshake_backlog).',
    },
  ]
}

function sum(a: Counter, b: Counter): Counter {
  return {
    total: a.total + b.total,
    grown: a.grown + b.grown,
    perSecond: a.perSecond + b.perSecond,
  }
}
