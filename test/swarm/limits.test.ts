// What happens when torrents, peers or memory run out: new ones are refused, everything else goes on.
import { describe, expect, test } from 'bun:test'
import { TABLE_ROOM } from '../../src/swarm/layout.ts'
import { classFor } from '../../src/swarm/peers/blocks.ts'
import { ANNOUNCED, PEERS_FULL, TORRENTS_FULL } from '../../src/swarm/status.ts'
import {
  FAMILIES,
  type Family,
  FamilyHarness,
  Harness,
  randomFrom,
  testBuffers,
} from './harness.ts'
import { checkInvariants } from './invariants.ts'

const LIMITS = { maxTorrents: 100_000, maxPeers: 1_000_000, workers: 1 }

describe.each(FAMILIES)('%s limits', (family) => {
  test('beyond max_torrents a new torrent is refused and known ones go on', () => {
    const harness = new Harness(testBuffers({ ...LIMITS, maxTorrents: 3 }))
    const swarm = new FamilyHarness(family, harness)
    for (const torrent of [1, 2, 3]) expect(swarm.announce(torrent, 1).status).toBe(ANNOUNCED)
    expect(swarm.announce(4, 1)).toMatchObject({ status: TORRENTS_FULL, peers: [] })
    expect(swarm.announce(3, 2)).toMatchObject({ status: ANNOUNCED, leechers: 1 })
    expect(swarm.scrape(4)).toMatchObject({ seeders: 0, leechers: 0 })
    swarm.leave(1, 1)
    expect(swarm.announce(4, 1).status).toBe(ANNOUNCED)
    expect(checkInvariants(harness).torrents).toBe(3)
  })

  test.each([1, 2, 3, 20, 48, 49, 200])('beyond max_peers = %d a new peer is refused', (limit) => {
    const harness = new Harness(testBuffers({ ...LIMITS, maxPeers: limit }))
    const swarm = new FamilyHarness(family, harness)
    for (let peer = 1; peer <= limit; peer++) {
      expect(swarm.announce(1, peer).status).toBe(ANNOUNCED)
    }
    expect(swarm.announce(1, limit + 1)).toMatchObject({ status: PEERS_FULL, peers: [] })
    // The torrent that a refused peer would have started does not stay.
    expect(swarm.announce(2, 1)).toMatchObject({ status: PEERS_FULL })
    expect(checkInvariants(harness)).toMatchObject({ torrents: 1, leechers: limit })
    const renewed = swarm.announce(1, 1, { seeder: true, completed: true })
    expect(renewed).toMatchObject({ status: ANNOUNCED, seeders: 0, leechers: limit - 1 })
    expect(swarm.scrape(1)).toMatchObject({ seeders: 1, leechers: limit - 1, completed: 1 })
    swarm.leave(1, limit)
    expect(swarm.announce(2, 1).status).toBe(ANNOUNCED)
    checkInvariants(harness)
  })

  test('one limit holds for all kinds of peers together', () => {
    const harness = new Harness(testBuffers({ maxTorrents: 3, maxPeers: 4, workers: 1 }))
    for (const kind of FAMILIES) {
      expect(harness.announce(kind, 1, 1).status).toBe(ANNOUNCED)
    }
    expect(harness.announce(family, 2, 1).status).toBe(TORRENTS_FULL)
    expect(harness.announce(family, 1, 2).status).toBe(ANNOUNCED)
    expect(harness.announce(family, 1, 3).status).toBe(PEERS_FULL)
  })

  test.each([5, 40, 120])('an arena of %d pages can be full, and empty again', (pages) => {
    for (let seed = 1; seed <= 3; seed++) {
      const swarm = new FamilyHarness(family, new Harness(testBuffers(LIMITS, pages)))
      exhaust(swarm, seed, pages < 100 ? [30, 3000, 60_000][seed - 1] : 60_000)
      while (!swarm.clean(20_000, 1200, 1000));
      expect(checkInvariants(swarm.harness)).toMatchObject({ torrents: 0, pages: { rows: 0 } })
    }
  })

  test('an arena full of torrents can be filled again and again', () => {
    const harness = new Harness(testBuffers(LIMITS, 60))
    const swarm = new FamilyHarness(family, harness)
    const fill = () => {
      let torrents = 0
      for (let torrent = 0; torrent < 60_000; torrent++) {
        if (swarm.announce(torrent, 1, { wanted: 0 }).status === ANNOUNCED) torrents++
      }
      return torrents
    }
    const first = fill()
    checkInvariants(harness)
    for (let round = 0; round < 3; round++) {
      for (let torrent = 0; torrent < 60_000; torrent++) swarm.leave(torrent, 1)
      checkInvariants(harness)
      expect(fill()).toBeGreaterThan(first * 0.9)
      checkInvariants(harness)
    }
  })

  test('a large swarm that fills the arena shrinks and grows without losing memory', () => {
    // A table may keep a page of each small size; there are more than enough beside those.
    for (let pages = 33; pages <= 61; pages += 4) fillAndDrain(family, pages)
  })

  test('a large swarm ends also when there is no memory to make it small first', () => {
    const harness = new Harness(testBuffers(LIMITS, 60))
    const swarm = new FamilyHarness(family, harness)
    const table = harness.tableOf(family, 1)
    for (let peer = 0; peer < 60; peer++) swarm.announce(1, peer, { now: 1000, wanted: 0 })
    const room = table.header + TABLE_ROOM + classFor((table.few + 1) * table.stride)
    // Other torrents of this table take all blocks of the size that two or three peers need,
    let next = 2
    while (table.control[room] !== 0) {
      while (harness.tableOf(family, next) !== table) next++
      for (let peer = 0; peer < table.few + 1; peer++) swarm.announce(next, peer, { now: 5000 })
      next++
    }
    // and those of another table all pages.
    while (harness.tableOf(family, next) === table) next++
    let peers = 0
    while (swarm.announce(next, peers, { now: 5000, wanted: 0 }).status === ANNOUNCED) peers++
    const { torrents } = checkInvariants(harness)
    while (!swarm.clean(5000, 1200, 100));
    expect(swarm.scrape(1)).toMatchObject({ leechers: 0 })
    expect(checkInvariants(harness).torrents).toBe(torrents - 1)
  })
})

function fillAndDrain(family: Family, pages: number): void {
  const harness = new Harness(testBuffers(LIMITS, pages))
  const swarm = new FamilyHarness(family, harness)
  let full = 0
  for (let round = 0; round < 3; round++) {
    let peers = 0
    while (swarm.announce(1, peers, { wanted: 3 }).status === ANNOUNCED) peers++
    checkInvariants(harness)
    if (round === 0) full = peers
    expect(peers).toBeGreaterThan(full * 0.9)
    for (let peer = 0; peer < peers; peer += 2) swarm.announce(1, peer, { seeder: true })
    checkInvariants(harness)
    for (let peer = peers - 1; peer >= 0; peer--) swarm.leave(1, peer)
    expect(checkInvariants(harness)).toMatchObject({ torrents: 0 })
  }
}

/** Random announces and leaves, many of which find no memory. */
function exhaust(swarm: FamilyHarness, seed: number, torrents: number): void {
  const random = randomFrom(seed)
  let refused = 0
  for (let i = 0; i < 200_000 && refused < 5000; i++) {
    // A few torrents are popular, most are not.
    const torrent = Math.floor(torrents * random() ** 4)
    const peer = Math.floor(30_000 * random() ** 2)
    if (random() < 0.15) {
      swarm.leave(torrent, peer)
    } else {
      const seeder = random() < 0.3
      if (swarm.announce(torrent, peer, { seeder, wanted: 3 }).status !== ANNOUNCED) refused++
    }
    if (i % 40_000 === 39_999) checkInvariants(swarm.harness)
  }
  expect(refused).toBeGreaterThan(0)
  checkInvariants(swarm.harness)
}
