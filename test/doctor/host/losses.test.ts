import { expect, test } from 'bun:test'
import * as losses from '../../../doctor/host/checks/losses.ts'
import { plantedHost, subjectOf, UDP_ONLY } from './planted.ts'

function softnet(...rows: readonly (readonly [number, number, number])[]): string {
  const hex = (value: number) => value.toString(16).padStart(8, '0')
  return `${rows.map((row) => `${row.map(hex).join(' ')} 00000000`).join('\n')}\n`
}

function snmp(counts: Readonly<Record<string, number>>): string {
  const all = {
    InDatagrams: 0,
    NoPorts: 0,
    InErrors: 0,
    OutDatagrams: 0,
    RcvbufErrors: 0,
    SndbufErrors: 0,
    MemErrors: 0,
    ...counts,
  }
  return (
    'Tcp: RtoAlgorithm PassiveOpens\nTcp: 1 1000000\n' +
    `Udp: ${Object.keys(all).join(' ')}\nUdp: ${Object.values(all).join(' ')}\n`
  )
}

const SOFTNET = '/proc/net/softnet_stat'
const SNMP = '/proc/net/snmp'

test('drops of the queues per processor: of all processors, in hexadecimal', () => {
  const files = { [SOFTNET]: softnet([1_000_000, 300, 0], [500, 16, 0]) }
  const [finding] = losses.queueDrops(subjectOf(plantedHost(files)))
  expect(finding.text).toBe(
    'The queues per processor dropped 316 packets since the system started (0.032 % of all), none now.',
  )
  expect(finding.severity).toBe('note')
  expect(finding.remedy).toBe(
    'The queue is long enough, so a processor is too slow: spread the packets (receive_steering, interrupts).',
  )
  const short = { ...files, '/proc/sys/net/core/netdev_max_backlog': '1000\n' }
  expect(losses.queueDrops(subjectOf(plantedHost(short)))[0].remedy).toBe(
    'Lengthen the queue:\nsysctl -w net.core.netdev_max_backlog=16384',
  )
})

test('drops that go on are a fault, with their rate', () => {
  const now = { [SOFTNET]: softnet([1_010_000, 2000, 0]) }
  const earlier = { [SOFTNET]: softnet([1_000_000, 1000, 0]) }
  const [finding] = losses.queueDrops(subjectOf(plantedHost(now, { earlier })))
  expect(finding.severity).toBe('fault')
  expect(finding.text).toContain('500 per second now')
})

test('a queue that is long enough is not made longer', () => {
  const files = {
    [SOFTNET]: softnet([1000, 10, 0]),
    '/proc/sys/net/core/netdev_max_backlog': '30000\n',
  }
  const [finding] = losses.queueDrops(subjectOf(plantedHost(files)))
  expect(finding.changes).toEqual([])
  expect(finding.remedy).toContain('receive_steering')
})

test('a budget that runs out', () => {
  const budget = {
    '/proc/sys/net/core/netdev_budget': '300\n',
    '/proc/sys/net/core/netdev_budget_usecs': '8000\n',
  }
  const now = { ...budget, [SOFTNET]: softnet([1_100_000, 0, 5000]) }
  const earlier = { [SOFTNET]: softnet([1_000_000, 0, 1000]) }
  const [finding] = losses.interruptBudget(subjectOf(plantedHost(now, { earlier })))
  expect(finding.severity).toBe('warning')
  expect(finding.changes).toEqual([{ kind: 'sysctl', key: 'net.core.netdev_budget', value: '600' }])
  const rare = { ...budget, [SOFTNET]: softnet([1_100_000, 0, 5]) }
  expect(losses.interruptBudget(subjectOf(plantedHost(rare)))[0].severity).toBe('good')
})

test('full receive buffers of both families count, and the tracker’s own sockets are told apart', () => {
  const files = {
    [SNMP]: snmp({ InDatagrams: 9_000, RcvbufErrors: 600 }),
    '/proc/net/snmp6': 'Udp6InDatagrams  0\nUdp6RcvbufErrors \t400\n',
    '/proc/net/udp':
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n' +
      ' 10: 00000000:0BB8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 321\n' +
      ' 11: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 99\n',
  }
  const [finding] = losses.udpReceiveDrops(subjectOf(plantedHost(files)))
  expect(finding.severity).toBe('warning')
  expect(finding.text).toBe(
    'Full receive buffers of UDP sockets lost 1,000 packets since the system started (10 % of all), none now; ' +
      'sockets now open on UDP port 3000 lost 321 of them.',
  )
})

test('few losses now are a warning, many a fault', () => {
  const at = (inDatagrams: number, lost: number) => ({
    [SNMP]: snmp({ InDatagrams: inDatagrams, RcvbufErrors: lost }),
  })
  const severity = (lost: number) => {
    const host = plantedHost(at(1_100_000, lost), { earlier: at(1_000_000, 0) })
    return losses.udpReceiveDrops(subjectOf(host))[0].severity
  }
  expect(severity(0)).toBe('good')
  expect(severity(10)).toBe('warning')
  expect(severity(1000)).toBe('fault')
})

test('answers that could not be sent', () => {
  const files = { [SNMP]: snmp({ OutDatagrams: 1000, SndbufErrors: 5 }) }
  const [finding] = losses.udpSendErrors(subjectOf(plantedHost(files)))
  expect(finding).toMatchObject({ name: 'udp_send_errors', severity: 'warning' })
})

test('errors that no buffer explains are damaged packets; used-up memory is named as such', () => {
  const damaged = { [SNMP]: snmp({ InDatagrams: 1000, InErrors: 12, RcvbufErrors: 5 }) }
  expect(losses.udpBadPackets(subjectOf(plantedHost(damaged)))[0].text).toStartWith(
    'UDP packets that arrived damaged: 7 since',
  )
  const full = { [SNMP]: snmp({ InErrors: 12, RcvbufErrors: 5, MemErrors: 7 }) }
  expect(losses.udpBadPackets(subjectOf(plantedHost(full)))[0]).toMatchObject({
    severity: 'warning',
    remedy: expect.stringContaining('net.ipv4.udp_mem'),
  })
  const none = { [SNMP]: snmp({ InErrors: 5, RcvbufErrors: 5 }) }
  expect(losses.udpBadPackets(subjectOf(plantedHost(none)))[0].severity).toBe('good')
})

test('queues of new connections that overflow', () => {
  const netstat = (overflows: number, drops: number) =>
    `TcpExt: SyncookiesSent ListenOverflows TCPReqQFullDrop\nTcpExt: 5 ${overflows} ${drops}\nIpExt: X\nIpExt: 1\n`
  const files = { [SNMP]: snmp({}), '/proc/net/netstat': netstat(40_000, 3) }
  const earlier = { '/proc/net/netstat': netstat(39_000, 3) }
  const subject = subjectOf(plantedHost(files, { earlier }))
  expect(losses.listenOverflows(subject)[0]).toMatchObject({
    severity: 'fault',
    text: expect.stringContaining(
      '40,000 since the system started (4 % of all), 500 per second now',
    ),
  })
  expect(losses.forgottenHandshakes(subject)[0]).toMatchObject({ severity: 'note' })
  const udp = subjectOf(plantedHost(files), UDP_ONLY)
  expect(losses.listenOverflows(udp)).toEqual([])
})

test('without the kernel’s counters each check says so', () => {
  const subject = subjectOf(plantedHost({}))
  for (const check of [
    losses.queueDrops,
    losses.interruptBudget,
    losses.udpReceiveDrops,
    losses.udpSendErrors,
    losses.udpBadPackets,
    losses.listenOverflows,
  ]) {
    expect(check(subject)).toMatchObject([
      { severity: 'note', text: expect.stringContaining('unknown') },
    ])
  }
})
