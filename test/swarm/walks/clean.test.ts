// Cleanings between whose slices other things happen.
import { describe, expect, test } from 'bun:test'
import { Cleaner, FAMILIES, type Family, FamilyHarness, Harness, randomFrom } from '../harness.ts'
import { checkInvariants } from '../invariants.ts'

const OLD = 1000
const NOW = 5000
const MAX_AGE = 1200

describe.each(FAMILIES)('%s cleaning', (family) => {
  test('a large swarm that becomes small between two slices leaves no trace in the cursor', () => {
    const harness = new Harness()
    const [first, second] = torrentsOfOneTable(harness, family)
    // Rows are visited from the last to the first: the second torrent's swarm comes first.
    for (let peer = 0; peer < 500; peer++) {
      harness.announce(family, first, peer, { now: OLD, wanted: 0, seeder: peer % 2 === 0 })
    }
    for (let peer = 0; peer < 500; peer++) {
      harness.announce(family, second, peer, { now: NOW, wanted: 0 })
    }
    const cleaner = new Cleaner(harness, [harness.tableOf(family, first)])
    expect(cleaner.slice(NOW, MAX_AGE, 100)).toBe(false)
    for (let peer = 5; peer < 500; peer++) harness.leave(family, second, peer)
    cleaner.finish(NOW, MAX_AGE, 100)
    expect(harness.scrape(family, first)).toMatchObject({ seeders: 0, leechers: 0 })
    expect(harness.scrape(family, second)).toMatchObject({ seeders: 0, leechers: 5 })
    checkInvariants(harness)
  })

  test('a large swarm that becomes small and large again between two slices is cleaned', () => {
    const harness = new Harness()
    const swarm = new FamilyHarness(family, harness)
    for (let peer = 0; peer < 500; peer++) swarm.announce(1, peer, { now: OLD, wanted: 0 })
    const cleaner = new Cleaner(harness, [harness.tableOf(family, 1)])
    expect(cleaner.slice(NOW, MAX_AGE, 1)).toBe(false)
    for (let peer = 20; peer < 500; peer++) swarm.leave(1, peer)
    for (let peer = 500; peer < 2000; peer++) swarm.announce(1, peer, { now: NOW, wanted: 0 })
    cleaner.finish(NOW, MAX_AGE, 100)
    expect(swarm.scrape(1)).toMatchObject({ leechers: 1500 })
    checkInvariants(harness)
  })

  test('peers of a bucket that is split between two slices are not missed', () => {
    const harness = new Harness()
    const swarm = new FamilyHarness(family, harness)
    for (let peer = 0; peer < 1000; peer++) swarm.announce(1, peer, { now: OLD, wanted: 0 })
    const cleaner = new Cleaner(harness, [harness.tableOf(family, 1)])
    let next = 1000
    while (!cleaner.slice(NOW, MAX_AGE, 40)) {
      for (let i = 0; i < 200; i++) swarm.announce(1, next++, { now: NOW, wanted: 0 })
    }
    expect(swarm.scrape(1)).toMatchObject({ leechers: next - 1000 })
    checkInvariants(harness)
    // Splits were postponed meanwhile, and happen now.
    for (let i = 0; i < 1000; i++) swarm.announce(1, next++, { now: NOW, wanted: 0 })
    for (let peer = 1000; peer < next; peer++) swarm.leave(1, peer)
    expect(checkInvariants(harness).torrents).toBe(0)
  })

  test('renewals, joins and new torrents between slices hide no expired peer', () => {
    for (let seed = 1; seed <= 30; seed++) churnWhileCleaning(new FamilyHarness(family), seed)
  })
})

/** Two torrents that share a table, the lower number in the first row. */
function torrentsOfOneTable(harness: Harness, family: Family): [number, number] {
  const table = harness.tableOf(family, 0)
  let torrent = 1
  while (harness.tableOf(family, torrent) !== table) torrent++
  return [0, torrent]
}

/** A cleaning with announces, leaves and new torrents between its slices. */
function churnWhileCleaning(swarm: FamilyHarness, seed: number): void {
  const random = randomFrom(seed)
  const pick = (below: number) => Math.floor(random() * below)
  const torrents = 60
  // The first torrents are large, the rest small.
  const sizeOf = (torrent: number) => (torrent < 4 ? 900 : 1 + (torrent % 70))
  const young = new Set<string>()
  for (let torrent = 0; torrent < torrents; torrent++) {
    for (let peer = 0; peer < sizeOf(torrent); peer++) {
      swarm.announce(torrent, peer, { now: OLD, seeder: pick(3) === 0, wanted: 0 })
    }
  }
  let fresh = 10_000
  while (!swarm.clean(NOW, MAX_AGE, 1 + pick(300))) {
    for (let i = pick(60); i > 0; i--) {
      const torrent = pick(torrents)
      const peer = pick(4) === 0 ? fresh++ : pick(sizeOf(torrent))
      if (pick(3) === 0) {
        swarm.leave(torrent, peer)
        young.delete(`${torrent}:${peer}`)
      } else {
        swarm.announce(torrent, peer, { now: NOW, seeder: pick(2) === 0, wanted: 0 })
        young.add(`${torrent}:${peer}`)
      }
    }
  }
  let left = 0
  for (let torrent = 0; torrent < torrents; torrent++) {
    const { seeders, leechers } = swarm.scrape(torrent)
    left += seeders + leechers
  }
  expect(left).toBe(young.size)
  checkInvariants(swarm.harness)
}
