// How much one slice of a cleaning visits: it holds the table's lock for that long.
import { describe, expect, test } from 'bun:test'
import { TABLE_CLEAN_ROW } from '../../src/swarm/layout.ts'
import { Cleaner, FAMILIES, type Family, Harness } from './harness.ts'

const NOW = 5000
const MAX_AGE = 1200
const TORRENTS = 30

function torrentsOfOneTable(harness: Harness, family: Family): number[] {
  const table = harness.tableOf(family, 0)
  const torrents: number[] = []
  for (let torrent = 0; torrents.length < TORRENTS; torrent++) {
    if (harness.tableOf(family, torrent) === table) torrents.push(torrent)
  }
  return torrents
}

describe.each(FAMILIES)('a slice of a %s cleaning', (family) => {
  // In the row, in a block. Each torrent costs its peers, and one for itself.
  describe.each([1, 3, 40])('of torrents with %d peers', (size) => {
    test.each([
      ['who stay', NOW],
      ['who go', NOW - MAX_AGE - 1],
    ])('%s visits as many as its budget allows, and not one more', (_, seen) => {
      for (const budget of [1, 2, 10, 95]) {
        const harness = new Harness()
        for (const torrent of torrentsOfOneTable(harness, family)) {
          for (let peer = 0; peer < size; peer++) {
            const seeder = peer % 3 === 1
            harness.announce(family, torrent, peer, { now: seen, seeder, wanted: 0 })
          }
        }
        const table = harness.tableOf(family, 0)
        const left = () => table.control[table.header + TABLE_CLEAN_ROW]
        const cleaner = new Cleaner(harness, [table])
        const perSlice = Math.ceil(budget / (size + 1))
        const visited: number[] = []
        for (let before = TORRENTS, done = false; !done; before = left()) {
          done = cleaner.slice(NOW, MAX_AGE, budget)
          visited.push(before - left())
        }
        const last = TORRENTS % perSlice || perSlice
        const slices = Math.ceil(TORRENTS / perSlice)
        expect(visited).toEqual([...Array<number>(slices - 1).fill(perSlice), last])
      }
    })
  })

  test.each([0, 1])(
    'of a large swarm visits a bucket beyond its budget at most, role %d',
    (role) => {
      const PEERS = 3000
      const harness = new Harness()
      for (let peer = 0; peer < PEERS; peer++) {
        harness.announce(family, 0, peer, { now: NOW, seeder: role === 1, wanted: 0 })
      }
      const BUDGET = 100
      const cleaner = new Cleaner(harness, [harness.tableOf(family, 0)])
      let slices = 1
      while (!cleaner.slice(NOW, MAX_AGE, BUDGET)) slices++
      // A bucket has 24 peers on average, and rarely twice as many.
      expect(slices).toBeGreaterThan(PEERS / (BUDGET + 60))
      expect(slices).toBeLessThan(PEERS / BUDGET + 10)
    },
  )
})
