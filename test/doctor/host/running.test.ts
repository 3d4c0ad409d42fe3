import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runningTrackers } from '../../../doctor/host/running.ts'
import { portsOf } from '../../../doctor/host/wants.ts'
import { folderOfFile } from '../../support/folder.ts'
import { plantedHost } from './planted.ts'

const folder = folderOfFile()
const words = (...parts: string[]) => parts.map((part) => `${part}\0`).join('')

function runningOf(cmdline: string, environ = '', links: Record<string, string> = {}) {
  const host = plantedHost(
    { '/proc/7/cmdline': cmdline, '/proc/7/environ': environ, '/proc/x/cmdline': cmdline },
    { links: { '/proc/7/cwd': folder, '/proc/self/ns/net': 'net:[1]', ...links } },
  )
  return runningTrackers(host).here
}

test('a tracker, with its own file, flags and environment', () => {
  writeFileSync(join(folder, 'udp.toml'), '[network]\naddress = "0.0.0.0:4000"\n')
  const [tracker, ...more] = runningOf(
    words('/usr/bin/aquatic_udp', '-c', 'udp.toml'),
    words('PATH=/bin', 'AQUATIC_NETWORK_SOCKET_RECV_BUFFER_SIZE=7000000'),
  )
  expect(more).toEqual([])
  expect(tracker).toMatchObject({
    pid: 7,
    program: 'aquatic_udp',
    wants: { receiveBuffer: 7_000_000 },
  })
  expect(portsOf(tracker.wants as never, 'udp')).toEqual([4000])
})

test('one of the npm package, run from its source by the runtime', () => {
  const [tracker] = runningOf(
    words('/opt/bun', '--no-env-file', '/opt/aquatic/bin/aquatic_http.ts'),
  )
  expect(tracker).toMatchObject({
    program: 'aquatic_http',
    wants: { servesUdp: false, servesTcp: true },
  })
})

test('the files of single trackers, given to the combined one', () => {
  writeFileSync(join(folder, 'single.toml'), '[network]\naddress = "0.0.0.0:4001"\n')
  const [tracker] = runningOf(words('./aquatic', '--udp', 'single.toml'))
  expect(tracker.wants).toMatchObject({ servesUdp: true, servesTcp: false })
  expect(portsOf(tracker.wants as never, 'udp')).toEqual([4001])
})

test.each([
  ['a file that is gone', words('aquatic_udp', '-c', 'gone.toml'), ''],
  ['a wrong flag', words('aquatic_udp', '--nonsense'), ''],
  ['a wrong variable', words('aquatic_udp'), words('AQUATIC_NONSENSE=1')],
])('%s: it runs, but what it asks for is not known', (_, cmdline, environ) => {
  expect(runningOf(cmdline, environ)).toEqual([{ pid: 7, program: 'aquatic_udp', wants: null }])
})

test('other programs are none of ours', () => {
  expect(runningOf(words('/usr/bin/aquatic_udp_load_test'))).toEqual([])
  expect(runningOf(words('/usr/bin/vim', 'aquatic_udp'))).toEqual([])
  expect(runningOf('')).toEqual([])
})

test('one in another network namespace, as a container, has another host', () => {
  const cmdline = words('aquatic_udp')
  const links = { '/proc/7/ns/net': 'net:[2]', '/proc/self/ns/net': 'net:[1]' }
  const host = plantedHost({ '/proc/7/cmdline': cmdline }, { links })
  expect(runningTrackers(host)).toEqual({ here: [], elsewhere: 1 })
  expect(runningOf(cmdline, '', { '/proc/7/ns/net': 'net:[1]' })).toHaveLength(1)
})
