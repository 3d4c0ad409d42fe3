// aria2 and libtorrent drop an answer that comes from another address than the one they asked. A
// tracker on a wildcard address that leaves the choice to the kernel answers from the first one.

import { describe, test } from 'bun:test'
import { hostPort } from '../support/tracker.ts'
import { aria2, type Client, libtorrent } from './client.ts'
import { type Hosts, IPV4, IPV6, Lab } from './lab.ts'
import { Tracker } from './tracker.ts'
import {
  COMPLETED,
  expectSwarm,
  expectTransfer,
  makeTorrent,
  SEEDED,
  startLeecher,
  startSeeder,
  TEST_MS,
} from './transfer.ts'

const CASES = [
  ['aria2', aria2, IPV4],
  ['libtorrent', libtorrent, IPV4],
  ['libtorrent', libtorrent, IPV6],
] as const

describe.concurrent('a tracker on a wildcard address', () => {
  for (const [name, client, hosts] of CASES) {
    const title = `answers ${name} from the second ${hosts.family} address when that was asked`
    test(title, () => moveOverSecondAddress(client, hosts), TEST_MS)
  }
})

async function moveOverSecondAddress(client: Client, hosts: Hosts): Promise<void> {
  await using lab = await Lab.open()
  const tracker = await Tracker.start(lab, hostPort(hosts.wildcard, 0))
  const torrent = await makeTorrent(lab, 'v1', tracker.url(hosts.trackerSecond))
  await startSeeder(lab, client, torrent, hosts)
  await expectSwarm(lab, torrent.url, torrent, SEEDED)
  await startLeecher(lab, client, torrent, hosts)
  await expectTransfer(lab, torrent)
  await expectSwarm(lab, torrent.url, torrent, COMPLETED)
  await expectSwarm(lab, tracker.url(hosts.tracker), torrent, COMPLETED)
}
