// Whole clients with an HTTP tracker: each gives and fetches a file over IPv4 and IPv6, shows the counts,
// and shows why an announce failed. No two of a pair are the same program.

import { describe, expect } from 'bun:test'
import {
  ARIA2,
  expectShown,
  LIBTORRENT,
  QBITTORRENT,
  RTORRENT,
  RTORRENT_STOPPED,
  type ShowingClient,
  TRANSMISSION,
  TRANSMISSION_STOPPED,
  testWith,
} from './http-client.ts'
import { type Hosts, IPV4, IPV6, Lab } from './lab.ts'
import { HTTP, HTTPS, Tracker, type TrackerKind } from './tracker.ts'
import {
  expectSwarm,
  makeTorrent,
  moveFile,
  SEEDED,
  startLeecher,
  startSeeder,
} from './transfer.ts'

const CLIENTS = [LIBTORRENT, ARIA2, TRANSMISSION, QBITTORRENT, RTORRENT]
/** Each client gives to the next one of the list, or the other way round. */
const RUNS: readonly (readonly [kind: TrackerKind, hosts: Hosts, direction: number])[] = [
  [HTTP, IPV4, 1],
  [HTTP, IPV6, -1],
  [HTTPS, IPV4, -1],
  [HTTPS, IPV6, 1],
]

describe.concurrent('clients over HTTP', () => {
  for (const [kind, hosts, direction] of RUNS) {
    for (const [i, seeder] of CLIENTS.entries()) {
      const leecher = CLIENTS.at((i + direction) % CLIENTS.length) as ShowingClient
      const title = `${seeder.name} to ${leecher.name} over ${kind.scheme} and ${hosts.family}`
      testWith([seeder, leecher], title, () => moveAndShow(kind, hosts, seeder, leecher))
    }
  }

  for (const client of [RTORRENT_STOPPED, TRANSMISSION_STOPPED]) {
    const title = `${client.name} scrapes a torrent that it does not announce`
    testWith([client], title, () => scrapeOnly(client))
  }

  for (const client of CLIENTS) {
    const title = `${client.name} shows why its announce failed`
    testWith([client], title, () => expectFailure(client))
  }
})

async function moveAndShow(
  kind: TrackerKind,
  hosts: Hosts,
  seeder: ShowingClient,
  leecher: ShowingClient,
): Promise<void> {
  await using lab = await Lab.open()
  const clients = { seeder: seeder.start, leecher: leecher.start }
  const moved = await moveFile(lab, hosts, { tracker: kind, ...clients })
  const { torrent, tracker } = moved
  // An announce is not told of the client that sent it.
  const counts = (client: ShowingClient) => ({ seeders: client.scrapes ? 2 : 1, leechers: 0 })
  const seat = { lab, name: 'leecher', process: moved.leecher, torrent }
  await expectShown(leecher, seat, counts(leecher))
  if (seeder.scrapes) {
    const other = { lab, name: 'seeder', process: moved.seeder, torrent }
    await expectShown(seeder, other, counts(seeder))
  }
  expect(await tracker.stop()).toBe(0)
}

async function scrapeOnly(client: ShowingClient): Promise<void> {
  await using lab = await Lab.open()
  const tracker = await Tracker.start(lab, `${IPV4.tracker}:0`, HTTP)
  const torrent = await makeTorrent(lab, 'v1', tracker.url(IPV4.tracker))
  await startSeeder(lab, LIBTORRENT.start, torrent, IPV4)
  await expectSwarm(lab, torrent.url, torrent, SEEDED)
  const process = await startLeecher(lab, client.start, torrent, IPV4)
  const seat = { lab, name: 'leecher', process, torrent }
  await expectShown(client, seat, { seeders: 1, leechers: 0 })
}

/** The tracker serves listed torrents only, and none is listed. */
async function expectFailure(client: ShowingClient): Promise<void> {
  await using lab = await Lab.open()
  const list = `${lab.directory}/allowed.txt`
  await Bun.write(list, '')
  const more = `[access_list]\nmode = 'allow'\npath = '${list}'\n`
  const tracker = await Tracker.start(lab, `${IPV4.tracker}:0`, HTTP, { more })
  const torrent = await makeTorrent(lab, 'v1', tracker.url(IPV4.tracker))
  const process = await startLeecher(lab, client.start, torrent, IPV4)
  await expectShown(
    client,
    { lab, name: 'leecher', process, torrent },
    { text: /info hash not allowed/i },
  )
}
