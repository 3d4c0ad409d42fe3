// aria2 to aria2, and libtorrent to aria2.

import { describe, expect, test } from 'bun:test'
import { aria2, libtorrent } from './client.ts'
import { IPV4, Lab } from './lab.ts'
import {
  isTransferred,
  makeTorrent,
  moveFile,
  startLeecher,
  startSeeder,
  TEST_MS,
} from './transfer.ts'

/** A pair that has a tracker needs less than 3 s. */
const ALONE_MS = 6_000
const PORT = 6969

describe.concurrent('aria2', () => {
  test(
    'moves a file to aria2, and the tracker counts it',
    async () => {
      await using lab = await Lab.open()
      const { tracker } = await moveFile(lab, IPV4, { seeder: aria2, leecher: aria2 })
      await tracker.expectClients('aria2')
      expect(await tracker.stop()).toBe(0)
    },
    TEST_MS,
  )

  test(
    'fetches a file from libtorrent, and the tracker counts it',
    async () => {
      await using lab = await Lab.open()
      await moveFile(lab, IPV4, { seeder: libtorrent, leecher: aria2 })
    },
    TEST_MS,
  )

  // Its DHT has to run, so that this needs a check of its own.
  test(
    'meets nobody without the tracker',
    async () => {
      await using lab = await Lab.open()
      const torrent = await makeTorrent(lab, 'v1', `udp://${IPV4.tracker}:${PORT}`)
      await startSeeder(lab, aria2, torrent, IPV4)
      await startLeecher(lab, aria2, torrent, IPV4)
      expect(await isTransferred(torrent, ALONE_MS)).toBe(false)
    },
    TEST_MS,
  )
})
