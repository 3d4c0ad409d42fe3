// The tracker of all protocols between clients that reach one of them each: who announces over HTTP or HTTPS
// only meets who announces over UDP only, and every protocol has the same counts.

import { describe, expect } from 'bun:test'
import { join } from 'node:path'
import { ALL_EXECUTABLE, hostPort } from '../support/tracker.ts'
import {
  ARIA2,
  expectShown,
  LIBTORRENT,
  QBITTORRENT,
  RTORRENT,
  type ShowingClient,
  TRANSMISSION,
  testWith,
} from './http-client.ts'
import { type Hosts, IPV4, IPV6, Lab } from './lab.ts'
import type { TestProcess } from './process.ts'
import { tlsSettings } from './tracker.ts'
import {
  COMPLETED,
  expectSwarm,
  expectTransfer,
  makeTorrent,
  SEEDED,
  startLeecher,
  startSeeder,
  withTracker,
} from './transfer.ts'

const READY_MS = 60_000
/** The lab is the tracker's own, so that no port is taken. */
const PORTS = { udp: 3000, http: 3000, https: 3443 }

type Scheme = keyof typeof PORTS

const PAIRS: readonly (readonly [
  hosts: Hosts,
  seeder: ShowingClient,
  by: Scheme,
  leecher: ShowingClient,
  from: Scheme,
])[] = [
  [IPV4, TRANSMISSION, 'http', LIBTORRENT, 'udp'],
  [IPV4, ARIA2, 'udp', RTORRENT, 'http'],
  [IPV6, QBITTORRENT, 'https', LIBTORRENT, 'udp'],
  [IPV6, LIBTORRENT, 'udp', ARIA2, 'https'],
  [IPV4, RTORRENT, 'https', QBITTORRENT, 'http'],
]

describe.concurrent('clients of different protocols', () => {
  for (const [hosts, seeder, by, leecher, from] of PAIRS) {
    const title = `${seeder.name} over ${by} and ${leecher.name} over ${from} meet over ${hosts.family}`
    testWith([seeder, leecher], title, () => meet(hosts, [seeder, by], [leecher, from]))
  }
})

async function meet(
  hosts: Hosts,
  [seeder, by]: [ShowingClient, Scheme],
  [leecher, from]: [ShowingClient, Scheme],
): Promise<void> {
  await using lab = await Lab.open()
  const tracker = await startAll(lab, hosts.tracker)
  const url = (scheme: Scheme) => `${scheme}://${hostPort(hosts.tracker, PORTS[scheme])}`
  const seeded = await makeTorrent(lab, 'v1', url(by))
  const fetched = await withTracker(lab, seeded, url(from))
  expect(fetched.infoHashes).toEqual(seeded.infoHashes)

  await startSeeder(lab, seeder.start, seeded, hosts)
  await expectSwarm(lab, fetched.url, fetched, SEEDED)
  const process = await startLeecher(lab, leecher.start, fetched, hosts)
  await expectTransfer(lab, fetched)
  for (const scheme of ['udp', 'http', 'https'] as const) {
    await expectSwarm(lab, url(scheme), fetched, COMPLETED)
  }
  const seeders = leecher.scrapes ? 2 : 1
  const seat = { lab, name: 'leecher', process, torrent: fetched }
  await expectShown(leecher, seat, { seeders, leechers: 0 })
  expect(await tracker.stop()).toBe(0)
}

/** HTTPS, and plain HTTP beside it on the port that UDP has. */
async function startAll(lab: Lab, host: string): Promise<TestProcess> {
  const tls = await tlsSettings(lab, hostPort(host, PORTS.https))
  const settings = `[udp.network]
address = '${hostPort(host, PORTS.udp)}'
[http.network]
address = '${hostPort(host, PORTS.https)}'
plain_address = '${hostPort(host, PORTS.http)}'
${tls}[ws]
enabled = false
`
  const path = join(lab.directory, 'aquatic.toml')
  await Bun.write(path, settings)
  const tracker = lab.start('aquatic', [ALL_EXECUTABLE, '-c', path])
  await tracker.waitForOutput(/listening on UDP: .*HTTP: .*\n/, READY_MS)
  return tracker
}
