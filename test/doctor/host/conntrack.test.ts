import { describe, expect, test } from 'bun:test'
import { connectionTracking } from '../../../doctor/host/checks/conntrack.ts'
import { findingNamed, plantedHost, subjectOf } from './planted.ts'

const SYS = '/proc/sys/net/netfilter'
const HASH = '/sys/module/nf_conntrack/parameters/hashsize'

function files(count: number, most: number, more: Record<string, string> = {}) {
  return {
    '/proc/sys/net/ipv4/ip_forward': '0\n',
    [`${SYS}/nf_conntrack_count`]: `${count}\n`,
    [`${SYS}/nf_conntrack_max`]: `${most}\n`,
    [`${SYS}/nf_conntrack_buckets`]: `${most / 4}\n`,
    [`${SYS}/nf_conntrack_udp_timeout`]: '30\n',
    [`${SYS}/nf_conntrack_udp_timeout_stream`]: '120\n',
    [HASH]: `${most / 4}\n`,
    ...more,
  }
}

const NOTRACK = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 3000 -j CT --notrack
-A OUTPUT -p udp -m udp --sport 3000 -j CT --notrack
COMMIT
`

test('not loaded, or loaded and not used, is good', () => {
  const without = { '/proc/sys/net/ipv4/ip_forward': '0\n' }
  expect(connectionTracking(subjectOf(plantedHost(without)))).toMatchObject([{ severity: 'good' }])
  expect(connectionTracking(subjectOf(plantedHost(files(0, 262_144))))).toMatchObject([
    { name: 'conntrack', severity: 'good' },
  ])
})

test('without /proc nothing is said about it', () => {
  expect(connectionTracking(subjectOf(plantedHost({})))[0].text).toContain('unknown')
})

describe('the table', () => {
  const tableOf = (count: number) =>
    findingNamed(connectionTracking(subjectOf(plantedHost(files(count, 262_144)))), 'conntrack')

  test('nearly full is a fault: what to set, in the order in which it can be set', () => {
    const finding = tableOf(262_000)
    expect(finding.severity).toBe('fault')
    expect(finding.text).toContain('8,738 new UDP clients per second at a timeout of 30 s')
    expect(finding.remedy?.split('\n').slice(1)).toEqual([
      'modprobe nf_conntrack',
      'sysctl -w net.netfilter.nf_conntrack_max=1048576',
      'sysctl -w net.netfilter.nf_conntrack_udp_timeout=10',
      'sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=15',
      `echo 262144 > ${HASH}`,
    ])
  })

  test('a small machine gets a table that it can hold', () => {
    const of = (kilobytes: number) => {
      const memory = { '/proc/meminfo': `MemTotal: ${kilobytes} kB\n` }
      const host = plantedHost(files(262_000, 262_144, memory))
      const { changes = [] } = findingNamed(connectionTracking(subjectOf(host)), 'conntrack')
      return changes.flatMap((change) => ('key' in change ? [`${change.key}=${change.value}`] : []))
    }
    expect(of(1_048_576)[0]).toBe('net.netfilter.nf_conntrack_max=524288')
    expect(of(262_144)).toEqual([
      'net.netfilter.nf_conntrack_udp_timeout=10',
      'net.netfilter.nf_conntrack_udp_timeout_stream=15',
    ])
  })

  test('half full is a warning, less is good', () => {
    expect(tableOf(140_000).severity).toBe('warning')
    expect(tableOf(100_000).severity).toBe('good')
  })

  test('buckets are never made fewer', () => {
    const many = files(262_000, 262_144, { [HASH]: '300000\n' })
    const { changes = [] } = findingNamed(
      connectionTracking(subjectOf(plantedHost(many))),
      'conntrack',
    )
    expect(changes.length).toBeGreaterThan(2)
    expect(changes.filter(({ kind }) => kind === 'sysfs')).toEqual([])
  })

  test('too few buckets', () => {
    const eight = files(10, 262_144, { [`${SYS}/nf_conntrack_buckets`]: '32768\n' })
    const enough = connectionTracking(subjectOf(plantedHost(eight)))
    expect(findingNamed(enough, 'conntrack_buckets').severity).toBe('good')
    const few = files(10, 262_144, { [`${SYS}/nf_conntrack_buckets`]: '32767\n' })
    const findings = connectionTracking(subjectOf(plantedHost(few)))
    expect(findingNamed(findings, 'conntrack_buckets')).toMatchObject({
      severity: 'warning',
      changes: [{ kind: 'sysfs', path: HASH, value: '65536' }],
    })
  })

  test('what it has dropped, in hexadecimal columns, a line per processor', () => {
    const statistics = (drop: string) =>
      `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop\n` +
      `0000000a 00000000 0 0 0 0 0 0 0 00000001 ${drop} 00000000\n` +
      `0000000a 00000000 0 0 0 0 0 0 0 00000000 00000010 00000002\n`
    const path = '/proc/net/stat/nf_conntrack'
    const host = plantedHost(files(10, 262_144, { [path]: statistics('000000ff') }), {
      earlier: { [path]: statistics('000000f0') },
    })
    const finding = findingNamed(connectionTracking(subjectOf(host)), 'conntrack_drops')
    expect(finding.severity).toBe('fault')
    expect(finding.text).toContain('drop 271, early_drop 2, insert_failed 1')
    expect(finding.text).toContain('7.5 per second now')
  })
})

describe('the tracker’s port', () => {
  const portsOf = (outputs: Record<string, string>) =>
    findingNamed(
      connectionTracking(subjectOf(plantedHost(files(10, 262_144), { outputs }))),
      'conntrack_ports',
    )

  test('tracked: the rules that end it, for nftables and iptables', () => {
    const finding = portsOf({ 'iptables-save': '' })
    expect(finding.severity).toBe('warning')
    expect(finding.remedy).toContain('hook prerouting priority raw; udp dport 3000 notrack; }')
    expect(finding.remedy).toContain('hook output priority raw; udp sport 3000 notrack; }')
    expect(finding.remedy).toContain(
      'ip6tables -t raw -A OUTPUT -p udp --sport 3000 -j CT --notrack',
    )
  })

  test('left out in both directions is good, in one it is not', () => {
    expect(portsOf({ 'iptables-save': NOTRACK }).severity).toBe('good')
    const half = NOTRACK.replace(/-A OUTPUT.*\n/, '')
    expect(portsOf({ 'iptables-save': half })).toMatchObject({
      severity: 'warning',
      text: 'What comes to UDP port 3000 is not tracked, but what goes out is.',
    })
    expect(portsOf({ 'iptables-save': NOTRACK.replaceAll('3000', '3001') }).severity).toBe(
      'warning',
    )
  })

  test('rules that cannot be seen make it a note', () => {
    expect(portsOf({})).toMatchObject({
      severity: 'note',
      text: expect.stringContaining('as far as the rules can be seen'),
    })
  })
})
