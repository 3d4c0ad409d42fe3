// libtorrent to libtorrent: v1, v2 and hybrid torrents, IPv4 and IPv6, and the control that a pair
// without the tracker does not meet.

import { describe, expect, test } from 'bun:test'
import { libtorrent } from './client.ts'
import { IPV4, IPV6, Lab } from './lab.ts'
import { Tracker } from './tracker.ts'
import {
  COMPLETED,
  expectSwarm,
  expectTransfer,
  isTransferred,
  makeTorrent,
  moveFile,
  startLeecher,
  startSeeder,
  TEST_MS,
  type TorrentKind,
} from './transfer.ts'

const ANSWER_MS = 60_000
/** A pair that has a tracker needs less than 2 s. */
const ALONE_MS = 4_000
const PORT = 6969

const CASES = [
  ['v1', IPV4],
  ['v2', IPV4],
  ['hybrid', IPV4],
  ['v1', IPV6],
  ['hybrid', IPV6],
] as const

describe.concurrent('libtorrent', () => {
  for (const [kind, hosts] of CASES) {
    const title = `moves a file of a ${kind} torrent over ${hosts.family}, and the tracker counts it`
    test(title, () => moveAndScrape(kind, hosts), TEST_MS)
  }

  test(
    'meets nobody without the tracker, and the other one once it runs',
    async () => {
      await using lab = await Lab.open()
      const torrent = await makeTorrent(lab, 'v1', `udp://${IPV4.tracker}:${PORT}`)
      const seeder = await startSeeder(lab, libtorrent, torrent, IPV4)
      const leecher = await startLeecher(lab, libtorrent, torrent, IPV4)
      await leecher.waitForOutput(/sending announce/, ANSWER_MS)
      expect(await isTransferred(torrent, ALONE_MS)).toBe(false)

      await Tracker.start(lab, `${IPV4.tracker}:${PORT}`)
      seeder.writeLine('announce')
      leecher.writeLine('announce')
      await expectTransfer(lab, torrent)
    },
    TEST_MS,
  )
})

/** moveFile, and then what libtorrent itself reads in a scrape, and that a leaver is taken out. */
async function moveAndScrape(kind: TorrentKind, hosts: typeof IPV4): Promise<void> {
  await using lab = await Lab.open()
  const { tracker, torrent, seeder, leecher } = await moveFile(lab, hosts, {
    kind,
    seeder: libtorrent,
    leecher: libtorrent,
  })
  await tracker.expectClients('libtorrent (Rasterbar)')
  seeder.writeLine('scrape')
  const scraped = await seeder.waitForOutput(/^scrape (.+)$/m, ANSWER_MS)
  expect(scraped[1]).toBe('2 0')

  leecher.closeInput()
  await leecher.waitForEnd(2 * ANSWER_MS)
  await expectSwarm(lab, torrent.url, torrent, { ...COMPLETED, seeders: 1 })
  expect(await tracker.stop()).toBe(0)
}
