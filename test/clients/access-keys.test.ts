// A private tracker, whose keys stand in the announce URL: clients keep them in announces and in the scrape URLs that
// they make of these, and show what is wrong with a key. Libraries with keys: http-library.test.ts.

import { describe, expect, test } from 'bun:test'
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
import { IPV4, Lab } from './lab.ts'
import { HTTP, KEY, keySettings, Tracker, type TrackerKind, UDP } from './tracker.ts'
import {
  COMPLETED,
  expectSwarm,
  expectTransfer,
  makeTorrent,
  SEEDED,
  startLeecher,
  startSeeder,
  TEST_MS,
  type Torrent,
} from './transfer.ts'

const CLIENTS = [LIBTORRENT, ARIA2, TRANSMISSION, QBITTORRENT, RTORRENT]
/** Each announces and, if it can, scrapes. */
const PAIRS: readonly (readonly [seeder: ShowingClient, leecher: ShowingClient])[] = [
  [ARIA2, QBITTORRENT],
  [TRANSMISSION, LIBTORRENT],
  [LIBTORRENT, RTORRENT],
]

describe.concurrent('clients with a key', () => {
  for (const [seeder, leecher] of PAIRS) {
    const title = `${seeder.name} to ${leecher.name} over HTTP`
    testWith([seeder, leecher], title, () => moveWithKey(seeder, leecher))
  }

  for (const client of [RTORRENT_STOPPED, TRANSMISSION_STOPPED]) {
    testWith([client], `${client.name} scrapes over HTTP`, () => scrapeWithKey(client))
  }

  for (const client of CLIENTS) {
    const title = `${client.name} shows that its key is unknown`
    testWith([client], title, () =>
      expectFailure(client, HTTP, 'another-key', /access key unknown/i),
    )
  }

  // They leave the path of a URL out over UDP.
  for (const client of [ARIA2, TRANSMISSION, RTORRENT]) {
    const title = `${client.name} shows over UDP that its key is missing`
    testWith([client], title, () => expectFailure(client, UDP, KEY, /access key missing/i))
  }

  test('libtorrent to libtorrent over UDP (BEP 41)', moveOverUdp, TEST_MS)
})

async function start(
  lab: Lab,
  kind: TrackerKind,
  key: string,
): Promise<{ tracker: Tracker; torrent: Torrent }> {
  const more = await keySettings(lab)
  const tracker = await Tracker.start(lab, `${IPV4.tracker}:0`, kind, { more })
  const torrent = await makeTorrent(lab, 'v1', `${tracker.url(IPV4.tracker)}/${key}`)
  return { tracker, torrent }
}

async function moveWithKey(seeder: ShowingClient, leecher: ShowingClient): Promise<void> {
  await using lab = await Lab.open()
  const { tracker, torrent } = await start(lab, HTTP, KEY)
  await startSeeder(lab, seeder.start, torrent, IPV4)
  await expectSwarm(lab, torrent.url, torrent, SEEDED)
  const process = await startLeecher(lab, leecher.start, torrent, IPV4)
  await expectTransfer(lab, torrent)
  await expectSwarm(lab, torrent.url, torrent, COMPLETED)
  const seat = { lab, name: 'leecher', process, torrent }
  await expectShown(leecher, seat, { seeders: leecher.scrapes ? 2 : 1, leechers: 0 })
  expect(await tracker.stop()).toBe(0)
}

async function scrapeWithKey(client: ShowingClient): Promise<void> {
  await using lab = await Lab.open()
  const { torrent } = await start(lab, HTTP, KEY)
  await startSeeder(lab, LIBTORRENT.start, torrent, IPV4)
  await expectSwarm(lab, torrent.url, torrent, SEEDED)
  const process = await startLeecher(lab, client.start, torrent, IPV4)
  const seat = { lab, name: 'leecher', process, torrent }
  await expectShown(client, seat, { seeders: 1, leechers: 0 })
}

async function expectFailure(
  client: ShowingClient,
  kind: TrackerKind,
  key: string,
  text: RegExp,
): Promise<void> {
  await using lab = await Lab.open()
  const { torrent } = await start(lab, kind, key)
  const process = await startLeecher(lab, client.start, torrent, IPV4)
  const seat = { lab, name: 'leecher', process, torrent }
  await expectShown(client, seat, { text })
}

async function moveOverUdp(): Promise<void> {
  await using lab = await Lab.open()
  const { torrent } = await start(lab, UDP, KEY)
  const seeder = await startSeeder(lab, LIBTORRENT.start, torrent, IPV4)
  await seeder.waitForOutput(/received peers: 0/, TEST_MS / 4)
  await startLeecher(lab, LIBTORRENT.start, torrent, IPV4)
  await expectTransfer(lab, torrent)
}
