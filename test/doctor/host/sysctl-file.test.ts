// packaging/sysctl/aquatic.conf has what aquatic_doctor would set, and nothing else.
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Change } from '../../../doctor/host/changes.ts'
import * as buffers from '../../../doctor/host/checks/buffers.ts'
import { interruptBudget } from '../../../doctor/host/checks/losses.ts'
import { timeWait } from '../../../doctor/host/checks/tcp.ts'
import { plantedHost, subjectOf } from './planted.ts'

const ROOT = join(import.meta.dir, '../../..')
const lines = readFileSync(join(ROOT, 'packaging/sysctl/aquatic.conf'), 'utf8').split('\n')
const inFile = lines.filter((line) => /^[^#]/.test(line)).sort()

/** What a file for every host cannot say: other services or the hardware decide, or a module has to be loaded first. */
const OF_THE_HOST = [
  'fs.file-max',
  'fs.nr_open',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_mem',
  'net.ipv4.udp_mem',
  'net.ipv6.conf.all.disable_ipv6',
  'net.netfilter',
  'vm.overcommit_memory',
]

const CHECKS = [
  ...[buffers.receiveBuffer, buffers.packetBacklog, buffers.listenBacklog],
  ...[buffers.handshakeBacklog, buffers.synCookies, buffers.migratedConnections],
  ...[interruptBudget, timeWait],
]

/** 4 GiB, on which every counter says that there was too little room. */
const BUSY = {
  '/proc/meminfo': 'MemTotal: 4194304 kB\n',
  '/proc/net/softnet_stat': '2710 0 64\n',
  '/proc/net/netstat': 'TcpExt: TCPTimeWaitOverflow\nTcpExt: 5\n',
}

function settings(textOf: (key: string) => string) {
  const keys = inFile.map((line) => line.split(' = ')[0])
  return Object.fromEntries(
    keys.map((key) => [`/proc/sys/${key.replaceAll('.', '/')}`, `${textOf(key)}\n`]),
  )
}

function recommended(files: Record<string, string>): string[] {
  const subject = subjectOf(plantedHost({ ...BUSY, ...files }))
  return CHECKS.flatMap((check) => check(subject))
    .flatMap(({ changes = [] }): readonly Change[] => changes)
    .map((change) => (change.kind === 'sysctl' ? `${change.key} = ${change.value}` : change.kind))
    .sort()
}

test('on a busy host with the least of everything, the doctor recommends this file', () => {
  expect(inFile.length).toBeGreaterThan(5)
  expect(recommended(settings(() => '0'))).toEqual(inFile)
})

test('on the same host with this file, it recommends nothing', () => {
  const values = new Map(inFile.map((line) => line.split(' = ') as [string, string]))
  expect(recommended(settings((key) => values.get(key) ?? ''))).toEqual([])
})

test('every key that the doctor knows is in the file, or depends on the host', () => {
  const folder = join(ROOT, 'doctor/host/checks')
  const sources = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
  const found = sources.flatMap((text) =>
    [...text.matchAll(/'((?:net|fs|vm)\.[a-z0-9_.-]+)'/g)].map(([, key]) => key),
  )
  const told = [...inFile.map((line) => line.split(' = ')[0]), ...OF_THE_HOST].sort()
  expect([...new Set([...found, 'net.ipv4.udp_mem'])].sort()).toEqual(told)
  expect(sources.join()).toContain('Raise net.ipv4.udp_mem')
})
