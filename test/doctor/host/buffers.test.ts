import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as buffers from '../../../doctor/host/checks/buffers.ts'
import { plantedHost, subjectOf, UDP_ONLY, WANTS } from './planted.ts'

const RMEM = '/proc/sys/net/core/rmem_max'

test('a maximum below what the settings ask for is a warning with the command that raises it', () => {
  const [finding] = buffers.receiveBuffer(subjectOf(plantedHost({ [RMEM]: '212992\n' })))
  expect(finding).toMatchObject({
    name: 'receive_buffer',
    severity: 'warning',
    text: 'UDP sockets get receive buffers of 213 kB (net.core.rmem_max), but 524 kB are asked for by the settings.',
    remedy: 'Raise the maximum:\nsysctl -w net.core.rmem_max=8388608',
    changes: [{ kind: 'sysctl', key: 'net.core.rmem_max', value: '8388608' }],
  })
})

test('a remedy is never less than what is asked for', () => {
  const wants = { ...WANTS, receiveBuffer: 30_000_000 }
  const [finding] = buffers.receiveBuffer(subjectOf(plantedHost({ [RMEM]: '8388608\n' }), wants))
  expect(finding.remedy).toEndWith('net.core.rmem_max=30000000')
})

test('what is granted exactly is good', () => {
  const [finding] = buffers.receiveBuffer(subjectOf(plantedHost({ [RMEM]: '524288\n' })))
  expect(finding.severity).toBe('good')
})

test('a file that cannot be read is said, and nothing is guessed', () => {
  const [finding] = buffers.receiveBuffer(subjectOf(plantedHost({})))
  expect(finding).toEqual({
    name: 'receive_buffer',
    severity: 'note',
    text: `The largest receive buffer is unknown: ${RMEM} cannot be read here.`,
  })
})

test.each([
  [buffers.listenBacklog, '/proc/sys/net/core/somaxconn', '128', '4096', 'warning'],
  [buffers.handshakeBacklog, '/proc/sys/net/ipv4/tcp_max_syn_backlog', '512', '8192', 'note'],
  [buffers.synCookies, '/proc/sys/net/ipv4/tcp_syncookies', '0', '1', 'warning'],
  [buffers.migratedConnections, '/proc/sys/net/ipv4/tcp_migrate_req', '0', '1', 'note'],
  [buffers.packetBacklog, '/proc/sys/net/core/netdev_max_backlog', '1000', '16384', 'note'],
] as const)('%o: %s', (check, path, bad, good, severity) => {
  const [wrong] = check(subjectOf(plantedHost({ [path]: `${bad}\n` })))
  expect(wrong.severity).toBe(severity)
  expect(wrong.changes).toEqual([
    { kind: 'sysctl', key: path.slice('/proc/sys/'.length).replaceAll('/', '.'), value: good },
  ])
  const [right] = check(subjectOf(plantedHost({ [path]: `${good}\n` })))
  expect(right.severity).toBe('good')
})

test('a short queue of handshakes is worse without cookies', () => {
  const files = {
    '/proc/sys/net/ipv4/tcp_max_syn_backlog': '512\n',
    '/proc/sys/net/ipv4/tcp_syncookies': '0\n',
  }
  expect(buffers.handshakeBacklog(subjectOf(plantedHost(files)))[0].severity).toBe('warning')
})

test('TCP is not looked at for a tracker of UDP alone', () => {
  const subject = subjectOf(plantedHost({ '/proc/sys/net/core/somaxconn': '1\n' }), UDP_ONLY)
  expect(buffers.listenBacklog(subject)).toEqual([])
  expect(buffers.handshakeBacklog(subject)).toEqual([])
  expect(buffers.synCookies(subject)).toEqual([])
})

test('the settings that come with the package are good', () => {
  const text = readFileSync(join(import.meta.dir, '../../../packaging/sysctl/aquatic.conf'), 'utf8')
  const lines = [...text.matchAll(/^(\S+) = (\d+)$/gm)]
  const files = lines.map(([, key, value]) => [
    `/proc/sys/${key.replaceAll('.', '/')}`,
    `${value}\n`,
  ])
  expect(files.length).toBeGreaterThan(3)
  const subject = subjectOf(plantedHost(Object.fromEntries(files)))
  const checks = [
    buffers.receiveBuffer,
    buffers.packetBacklog,
    buffers.listenBacklog,
    buffers.handshakeBacklog,
  ]
  for (const check of checks) expect(check(subject)).toMatchObject([{ severity: 'good' }])
})
