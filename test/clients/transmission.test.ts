// Transmission to Transmission, and aria2 to Transmission. It takes 17 s, most of which Transmission
// spends connected, waiting for its choke round.

import { describe, expect, test } from 'bun:test'
import { aria2, transmission } from './client.ts'
import { IPV4, Lab } from './lab.ts'
import { moveFile, TEST_MS } from './transfer.ts'

describe.concurrent('Transmission', () => {
  test(
    'moves a file to Transmission, and the tracker counts it',
    async () => {
      await using lab = await Lab.open()
      const clients = { seeder: transmission, leecher: transmission }
      const { tracker } = await moveFile(lab, IPV4, clients)
      await tracker.expectClients('Transmission')
      expect(await tracker.stop()).toBe(0)
    },
    TEST_MS,
  )

  test(
    'fetches a file from aria2, and the tracker counts it',
    async () => {
      await using lab = await Lab.open()
      await moveFile(lab, IPV4, { seeder: aria2, leecher: transmission })
    },
    TEST_MS,
  )
})
