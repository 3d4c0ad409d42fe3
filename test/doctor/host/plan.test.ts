import { expect, test } from 'bun:test'
import { type Change, commandOf, lineOf, pathOf, sysctl } from '../../../doctor/host/changes.ts'
import { merged, overrides, plannedFiles } from '../../../doctor/host/plan.ts'

const HASH = '/sys/module/nf_conntrack/parameters/hashsize'
const hash = (value: string): Change => ({ kind: 'sysfs', path: HASH, value })
const MODULE: Change = { kind: 'module', name: 'nf_conntrack' }
const RING: Change = { kind: 'ring', card: 'eth0', size: 4096 }
const STEERED: Change = {
  kind: 'card',
  card: 'eth0',
  attribute: 'queues/rx-0/rps_cpus',
  value: 'f',
}

test('each thing is changed once: to the larger of two numbers, otherwise to the later', () => {
  expect(merged([hash('100'), hash('90')])).toEqual([hash('100')])
  expect(merged([hash('90'), hash('100')])).toEqual([hash('100')])
  const range = (value: string) => sysctl('net.ipv4.ip_local_port_range', value)
  expect(merged([range('1 2'), range('3 4')])).toEqual([range('3 4')])
  expect(merged([MODULE, RING, STEERED, MODULE, RING])).toEqual([MODULE, RING, STEERED])
})

test('every change has a command, and a line in a file', () => {
  const all = [sysctl('a.b', 1), sysctl('a.c', '1 2'), hash('9'), STEERED, RING, MODULE]
  expect(all.map(commandOf)).toEqual([
    'sysctl -w a.b=1',
    'sysctl -w a.c="1 2"',
    `echo 9 > ${HASH}`,
    'echo f > /sys/class/net/eth0/queues/rx-0/rps_cpus',
    'ethtool -G eth0 rx 4096',
    'modprobe nf_conntrack',
  ])
  expect(all.map((change) => lineOf(change).line)).toEqual([
    'a.b = 1',
    'a.c = 1 2',
    `w ${HASH} - - - - 9`,
    'ACTION=="add", SUBSYSTEM=="net", KERNEL=="eth0", ATTR{queues/rx-0/rps_cpus}="f"',
    'ACTION=="add", SUBSYSTEM=="net", KERNEL=="eth0", RUN+="/usr/sbin/ethtool -G eth0 rx 4096"',
    'nf_conntrack',
  ])
  expect(pathOf(sysctl('net.ipv6.conf.eth0/100.accept_ra', 2))).toBe(
    '/proc/sys/net/ipv6/conf/eth0.100/accept_ra',
  )
})

test('files: one of a kind, each with its lines, in the order of their paths', () => {
  const files = plannedFiles([STEERED, sysctl('a.b', 1), RING, sysctl('a.c', 2)])
  expect(files.map(({ path }) => path)).toEqual([
    '/etc/sysctl.d/99-aquatic-doctor.conf',
    '/etc/udev/rules.d/99-aquatic-doctor.rules',
  ])
  expect(files[0].text).toMatch(/^(# .*\n)+a\.b = 1\na\.c = 2\n$/)
})

test('what later files set otherwise', () => {
  const later = (text: string) =>
    overrides([sysctl('net.core.somaxconn', 4096), hash('1')], [{ path: '/x', text }])
  expect(later('net.core.somaxconn=4096\n# net.core.somaxconn = 1\nother = 1\n')).toEqual([])
  expect(later('  net.core.somaxconn = 128 \n')).toEqual([
    '/x sets net.core.somaxconn = 128 after it, which wins when the system starts',
  ])
  expect(later('-net/core/somaxconn = 128')).toHaveLength(1)
  const vlan = sysctl('net.ipv6.conf.eth0/100.accept_ra', 2)
  const text =
    'net.ipv6.conf.eth0/100.accept_ra = 0\nnet/ipv6/conf/eth0.100/accept_ra = 1\nnet.ipv6.conf.eth0.100.accept_ra = 0\n'
  expect(overrides([vlan], [{ path: '/x', text }])).toHaveLength(2)
})
