import { describe, expect, test } from 'bun:test'
import {
  outgoingPorts,
  reservedPorts,
  tcpMemory,
  timeWait,
} from '../../../doctor/host/checks/tcp.ts'
import { plantedHost, subjectOf, UDP_ONLY, WANTS } from './planted.ts'

const BUCKETS = '/proc/sys/net/ipv4/tcp_max_tw_buckets'
const RANGE = '/proc/sys/net/ipv4/ip_local_port_range'
const RESERVED = '/proc/sys/net/ipv4/ip_local_reserved_ports'

describe('closed connections', () => {
  const files = (buckets: number, now = 0, overflows = 0) => ({
    [BUCKETS]: `${buckets}\n`,
    '/proc/net/sockstat': `sockets: used 9\nTCP: inuse 5 orphan 0 tw ${now} alloc 9 mem 1\nUDP: inuse 1 mem 0\n`,
    '/proc/net/netstat': `TcpExt: TW TCPTimeWaitOverflow\nTcpExt: 7 ${overflows}\n`,
    '/proc/meminfo': 'MemTotal:       33554432 kB\n',
  })

  test('too little room is a warning even before it overflows', () => {
    const [finding] = timeWait(subjectOf(plantedHost(files(1000))))
    expect(finding.severity).toBe('warning')
    expect(finding.changes).toEqual([
      { kind: 'sysctl', key: 'net.ipv4.tcp_max_tw_buckets', value: '1048576' },
    ])
  })

  test('the figure says how many closes per second it suffices for', () => {
    const [finding] = timeWait(subjectOf(plantedHost(files(65_536, 12))))
    expect(finding).toMatchObject({
      severity: 'good',
      text: '65,536 closed connections can be remembered (net.ipv4.tcp_max_tw_buckets), which suffices for 1,092 per second; 12 are now.',
    })
  })

  test('overflows of the past are a warning, those of now a fault', () => {
    expect(timeWait(subjectOf(plantedHost(files(262_144, 0, 9))))[0].severity).toBe('warning')
    const host = plantedHost(files(262_144, 0, 9), { earlier: files(262_144, 0, 8) })
    expect(timeWait(subjectOf(host))[0].severity).toBe('fault')
  })

  test('overflows from before there was as much room as there can be are only noted', () => {
    const found = timeWait(subjectOf(plantedHost(files(1_048_576, 0, 9))))[0]
    expect(found).toMatchObject({ severity: 'note', text: expect.stringContaining('none now') })
    const host = plantedHost(files(1_048_576, 0, 9), { earlier: files(1_048_576, 0, 8) })
    expect(timeWait(subjectOf(host))[0].severity).toBe('fault')
    expect(timeWait(subjectOf(plantedHost(files(1_048_576, 600_000, 9))))[0].severity).toBe(
      'warning',
    )
  })

  test('a small machine gets no more than it can hold', () => {
    const small = { ...files(4096), '/proc/meminfo': 'MemTotal:        2097152 kB\n' }
    const [finding] = timeWait(subjectOf(plantedHost(small)))
    expect(finding.changes).toMatchObject([{ value: '131072' }])
  })

  test('half full is a warning', () => {
    expect(timeWait(subjectOf(plantedHost(files(131_072, 70_000))))[0].severity).toBe('warning')
  })
})

describe('memory of TCP', () => {
  const found = (used: number, aborted = 0, memory = 33_554_432) =>
    tcpMemory(
      subjectOf(
        plantedHost({
          '/proc/sys/net/ipv4/tcp_mem': '10000\t20000\t30000\n',
          '/proc/net/sockstat': `TCP: inuse 5 orphan 0 tw 0 alloc 9 mem ${used}\n`,
          '/proc/net/netstat': `TcpExt: TW TCPAbortOnMemory\nTcpExt: 7 ${aborted}\n`,
          '/proc/meminfo': `MemTotal: ${memory} kB\n`,
        }),
      ),
    )[0]

  test('much of it in use, too much, and connections that were ended for it', () => {
    expect(found(100).severity).toBe('good')
    expect(found(15_000)).toMatchObject({
      severity: 'warning',
      changes: [{ key: 'net.ipv4.tcp_mem', value: '20000 40000 60000' }],
    })
    expect(found(25_000).severity).toBe('fault')
    expect(found(100, 3)).toMatchObject({
      severity: 'warning',
      text: expect.stringContaining('for want of it: 3'),
    })
  })

  test('a small machine is not told to allow more than it has', () => {
    expect(found(15_000, 0, 262_144)).toMatchObject({ changes: [] })
  })

  test('what cannot be read is said', () => {
    expect(tcpMemory(subjectOf(plantedHost({})))[0].text).toContain('unknown')
  })
})

describe('ports', () => {
  test('a narrow range of outgoing ports starves a proxy', () => {
    const [finding] = outgoingPorts(subjectOf(plantedHost({ [RANGE]: '50000\t50999\n' })))
    expect(finding.severity).toBe('warning')
    expect(finding.cost).toContain('17 connections per second')
    expect(finding.remedy).toContain('sysctl -w net.ipv4.ip_local_port_range="32768 60999"')
  })

  test('the default range is good, and a narrow one does not concern UDP', () => {
    expect(outgoingPorts(subjectOf(plantedHost({ [RANGE]: '32768\t60999\n' })))[0].severity).toBe(
      'good',
    )
    const udp = subjectOf(plantedHost({ [RANGE]: '50000\t50999\n' }), UDP_ONLY)
    expect(outgoingPorts(udp)[0].severity).toBe('good')
  })

  test('a tracker’s port within the range has to be reserved, beside those that are', () => {
    const wants = { ...WANTS, ports: [{ ...WANTS.ports[0], port: 40_000 }] }
    const files = { [RANGE]: '32768\t60999\n', [RESERVED]: '50000-50010\n' }
    const [finding] = reservedPorts(subjectOf(plantedHost(files), wants))
    expect(finding).toMatchObject({
      severity: 'warning',
      changes: [{ key: 'net.ipv4.ip_local_reserved_ports', value: '50000-50010,40000' }],
    })
    const reserved = { ...files, [RESERVED]: '39999-40001\n' }
    expect(reservedPorts(subjectOf(plantedHost(reserved), wants))[0].severity).toBe('good')
  })

  test('a port within the range that is recommended has to be reserved, too', () => {
    const wants = { ...WANTS, ports: [4000, 40_000].map((port) => ({ ...WANTS.ports[0], port })) }
    const files = { [RANGE]: '3000\t4999\n', [RESERVED]: '\n' }
    expect(reservedPorts(subjectOf(plantedHost(files), wants))[0]).toMatchObject({
      text: 'Ports 4000 and 40000 of the settings lie within the range of outgoing ports (3000 to 4999, wider: 32768 to 60999).',
      changes: [{ value: '4000,40000' }],
    })
  })

  test('a port outside it is good', () => {
    const files = { [RANGE]: '32768\t60999\n', [RESERVED]: '\n' }
    expect(reservedPorts(subjectOf(plantedHost(files)))[0].severity).toBe('good')
  })
})
