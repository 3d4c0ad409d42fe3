// What every kind of swarm must do, whatever its peer rows look like. A test file names a kind and
// says how to make one; each test starts with an empty tracker.
//
// Torrents and peers are numbers. Sizes are chosen to reach every way a swarm is kept: in the
// torrent's row (a few peers), in one block (up to 48), in hashed buckets (beyond).
import { describe, expect, test } from 'bun:test'
import type { AnnounceOptions, Answer, Counts } from '../swarm/harness.ts'

export interface SwarmUnderTest {
  announce(torrent: number, peer: number, options?: AnnounceOptions): Answer
  leave(torrent: number, peer: number): Counts
  scrape(torrent: number): Counts
  /** One slice of a cleaning that visits about `budget` peers; true when all is done. */
  clean(now: number, maxAge: number, budget: number): boolean
  /** Everything that must hold between two operations. */
  check(): void
}

export type MakeSwarm = () => SwarmUnderTest

/** A swarm in its row, in a small and a full block, just large, large, and with segments. */
const SIZES = [1, 2, 3, 7, 20, 48, 49, 60, 500, 5000]

const T = 7

/** Fills torrent T with peers 1…count; the first `seeders` of them seed. */
function fill(swarm: SwarmUnderTest, count: number, seeders: number, now = 1000): void {
  for (let peer = 1; peer <= count; peer++) {
    swarm.announce(T, peer, { seeder: peer <= seeders, wanted: 0, now })
  }
}

function expectAnswer(answer: Answer, asker: number, lowest: number, highest: number): void {
  expect(new Set(answer.peers).size).toBe(answer.peers.length)
  expect(answer.peers).not.toContain(asker)
  for (const peer of answer.peers) {
    expect(peer).toBeGreaterThanOrEqual(lowest)
    expect(peer).toBeLessThanOrEqual(highest)
  }
}

export function swarmContract(kind: string, make: MakeSwarm): void {
  describe(`${kind} swarms`, () => {
    countTests(make)
    answerTests(make)
    roleTests(make)
    downloadTests(make)
    cleaningTests(make)
  })
}

function countTests(make: MakeSwarm): void {
  test('counts leave the asking peer out', () => {
    const swarm = make()
    expect(swarm.announce(T, 1)).toMatchObject({ seeders: 0, leechers: 0, peers: [] })
    expect(swarm.announce(T, 2, { seeder: true })).toMatchObject({ seeders: 0, leechers: 1 })
    expect(swarm.announce(T, 3)).toMatchObject({ seeders: 1, leechers: 1 })
    expect(swarm.announce(T, 2, { seeder: true })).toMatchObject({ seeders: 0, leechers: 2 })
    expect(swarm.scrape(T)).toMatchObject({ seeders: 1, leechers: 2 })
  })

  test.each(SIZES)('counts are right in a swarm of %d', (size) => {
    const swarm = make()
    const seeders = Math.floor(size / 3)
    fill(swarm, size, seeders)
    const asLeecher = swarm.announce(T, size, { wanted: 0, seeder: seeders === size })
    expect(asLeecher).toMatchObject({ seeders, leechers: size - seeders - 1 })
    if (seeders > 0) {
      const asSeeder = swarm.announce(T, 1, { wanted: 0, seeder: true })
      expect(asSeeder).toMatchObject({ seeders: seeders - 1, leechers: size - seeders })
    }
    expect(swarm.scrape(T)).toMatchObject({ seeders, leechers: size - seeders })
    swarm.check()
  })

  test.each(SIZES)('a stopped peer is not counted, in a swarm of %d', (size) => {
    const swarm = make()
    const seeders = Math.floor(size / 2)
    fill(swarm, size, seeders)
    expect(swarm.leave(T, size)).toMatchObject({ seeders, leechers: size - seeders - 1 })
    expect(swarm.leave(T, size)).toMatchObject({ seeders, leechers: size - seeders - 1 })
    if (seeders > 0) expect(swarm.leave(T, 1)).toMatchObject({ seeders: seeders - 1 })
    swarm.check()
  })

  test('a scrape creates nothing', () => {
    const swarm = make()
    expect(swarm.scrape(T)).toEqual({ seeders: 0, leechers: 0, completed: 0 })
    expect(swarm.leave(T, 1)).toMatchObject({ seeders: 0, leechers: 0 })
    swarm.check()
  })

  test('torrents do not mix', () => {
    const swarm = make()
    for (let torrent = 0; torrent < 300; torrent++) {
      for (let peer = 0; peer <= torrent % 5; peer++) swarm.announce(torrent, peer)
    }
    for (let torrent = 0; torrent < 300; torrent++) {
      expect(swarm.scrape(torrent)).toMatchObject({ seeders: 0, leechers: (torrent % 5) + 1 })
    }
    swarm.check()
  })

  test('peers at one address on several ports are several peers', () => {
    const swarm = make()
    for (let peer = 0; peer < 8; peer++) swarm.announce(T, peer)
    expect(swarm.scrape(T)).toMatchObject({ leechers: 8 })
  })
}

function answerTests(make: MakeSwarm): void {
  test.each(SIZES)('a leecher gets as many others as it wants, in a swarm of %d', (size) => {
    const swarm = make()
    const seeders = Math.floor(size / 3)
    fill(swarm, size, seeders)
    for (const wanted of [0, 1, 2, 3, 5, 31, 50, 74, 199, 242]) {
      const answer = swarm.announce(T, size, { wanted })
      expect(answer.peers.length).toBe(Math.min(wanted, size - 1))
      expectAnswer(answer, size, 1, size)
    }
  })

  test.each(SIZES)('a seeder gets leechers only, in a swarm of %d', (size) => {
    const swarm = make()
    const seeders = Math.ceil(size / 3)
    fill(swarm, size, seeders)
    for (const wanted of [0, 1, 2, 3, 31, 50, 199, 242]) {
      const answer = swarm.announce(T, 1, { wanted, seeder: true })
      expect(answer.peers.length).toBe(Math.min(wanted, size - seeders))
      expect(answer.peersSeeding).toBe(0)
      expectAnswer(answer, 1, seeders + 1, size)
    }
  })

  test('a leecher that wants everybody gets everybody', () => {
    const swarm = make()
    for (let size = 1; size <= 200; size++) {
      swarm.announce(T, size, { seeder: size % 3 === 0, wanted: 0 })
      const answer = swarm.announce(T, 1, { wanted: 242 })
      expect(answer.peers.length).toBe(size - 1)
      expectAnswer(answer, 1, 2, size)
    }
  })

  test('no number wanted brings the asking peer or anybody twice', () => {
    const swarm = make()
    for (const size of [2, 5, 30, 48, 60, 90, 120]) {
      fill(swarm, size, Math.floor(size / 2))
      for (let wanted = 1; wanted <= size + 1; wanted++) {
        const answer = swarm.announce(T, size, { wanted })
        expect(answer.peers.length).toBe(Math.min(wanted, size - 1))
        expectAnswer(answer, size, 1, size)
      }
    }
  })
}

function roleTests(make: MakeSwarm): void {
  test.each(SIZES)('peers change roles both ways, in a swarm of %d', (size) => {
    const swarm = make()
    fill(swarm, size, 0)
    for (let peer = 1; peer <= size; peer++) {
      const answer = swarm.announce(T, peer, { seeder: true, wanted: 0 })
      expect(answer).toMatchObject({ seeders: peer - 1, leechers: size - peer })
    }
    swarm.check()
    for (let peer = 1; peer <= size; peer++) {
      const answer = swarm.announce(T, peer, { seeder: false, wanted: 3 })
      expect(answer).toMatchObject({ seeders: size - peer, leechers: peer - 1 })
      expectAnswer(answer, peer, 1, size)
    }
    swarm.check()
  })

  test.each(SIZES)('a swarm of %d can end', (size) => {
    const swarm = make()
    fill(swarm, size, Math.floor(size / 2))
    for (let peer = size; peer > 0; peer--) {
      const { seeders, leechers } = swarm.leave(T, peer)
      expect(seeders + leechers).toBe(peer - 1)
    }
    expect(swarm.scrape(T)).toEqual({ seeders: 0, leechers: 0, completed: 0 })
    swarm.check()
  })
}

function downloadTests(make: MakeSwarm): void {
  test.each(SIZES)('a completed download counts once, in a swarm of %d', (size) => {
    const swarm = make()
    fill(swarm, size, 0)
    const done: AnnounceOptions = { seeder: true, completed: true }
    swarm.announce(T, 1, done)
    swarm.announce(T, 1, done)
    expect(swarm.scrape(T).completed).toBe(1)
    swarm.announce(T, size, done)
    expect(swarm.scrape(T).completed).toBe(size === 1 ? 1 : 2)
  })

  test('only a known leecher completes a download', () => {
    const swarm = make()
    swarm.announce(T, 1, { seeder: true, completed: true })
    expect(swarm.scrape(T).completed).toBe(0)
    swarm.announce(T, 2, { seeder: false, completed: true })
    expect(swarm.scrape(T).completed).toBe(0)
    swarm.announce(T, 2, { seeder: true })
    expect(swarm.scrape(T).completed).toBe(0)
  })

  test('the count of downloads survives growing and shrinking, and ends with the torrent', () => {
    const swarm = make()
    fill(swarm, 2, 0)
    swarm.announce(T, 1, { seeder: true, completed: true })
    for (let peer = 3; peer <= 400; peer++) swarm.announce(T, peer)
    expect(swarm.scrape(T).completed).toBe(1)
    for (let peer = 400; peer > 1; peer--) swarm.leave(T, peer)
    expect(swarm.scrape(T)).toEqual({ seeders: 1, leechers: 0, completed: 1 })
    swarm.leave(T, 1)
    swarm.announce(T, 1)
    expect(swarm.scrape(T).completed).toBe(0)
  })
}

const MAX_AGE = 1200

function cleanAll(swarm: SwarmUnderTest, now: number, budget: number): number {
  let slices = 1
  while (!swarm.clean(now, MAX_AGE, budget)) slices++
  return slices
}

function cleaningTests(make: MakeSwarm): void {
  test.each([1, 2, 7, 50, 1000, 1_000_000])('slices of %d remove exactly the expired', (budget) => {
    const swarm = make()
    for (const size of SIZES) {
      for (let peer = 1; peer <= size; peer++) {
        const now = 1000 + (peer % 4) * 1000
        swarm.announce(size, peer, { seeder: peer % 3 === 0, wanted: 0, now })
      }
    }
    // Those of time 1000 and 2000 are too old, those of 3000 just not yet.
    cleanAll(swarm, 3000 + MAX_AGE, budget)
    swarm.check()
    for (const size of SIZES) {
      const young = Array.from({ length: size }, (_, i) => i + 1).filter((peer) => peer % 4 >= 2)
      const seeders = young.filter((peer) => peer % 3 === 0).length
      expect(swarm.scrape(size)).toMatchObject({ seeders, leechers: young.length - seeders })
    }
    cleanAll(swarm, 10_000, budget)
    for (const size of SIZES) expect(swarm.scrape(size)).toMatchObject({ seeders: 0, leechers: 0 })
    swarm.check()
  })

  test('an announce renews a peer', () => {
    const swarm = make()
    for (const size of [1, 30, 300]) {
      for (let peer = 1; peer <= size; peer++) swarm.announce(size, peer, { now: 1000 })
      swarm.announce(size, 1, { now: 2000 })
      cleanAll(swarm, 3000, 1000)
      expect(swarm.scrape(size)).toMatchObject({ seeders: 0, leechers: 1 })
      swarm.leave(size, 1)
    }
  })

  test('a peer as old as allowed stays, a second later it goes', () => {
    const swarm = make()
    // Seconds are kept in 15 bits: ages must be right where these wrap.
    for (const now of [0, 1, 30_000, 32_767, 32_768, 65_535, 1_000_000_007, 2 ** 31 + 5]) {
      swarm.announce(T, 1, { now })
      cleanAll(swarm, now + MAX_AGE, 10)
      expect(swarm.scrape(T).leechers).toBe(1)
      cleanAll(swarm, now + MAX_AGE + 1, 10)
      expect(swarm.scrape(T).leechers).toBe(0)
    }
  })

  test('a peer that another thread saw a moment later than this one’s clock stays', () => {
    const swarm = make()
    for (const now of [1000, 32_767, 65_536]) {
      swarm.announce(T, 1, { now: now + 1 })
      swarm.announce(T, 2, { now: now + 30 })
      cleanAll(swarm, now, 10)
      expect(swarm.scrape(T).leechers).toBe(2)
    }
  })

  test('the longest allowed age works', () => {
    const swarm = make()
    swarm.announce(T, 1, { now: 5000 })
    while (!swarm.clean(5000 + 28_800, 28_800, 10));
    expect(swarm.scrape(T).leechers).toBe(1)
    while (!swarm.clean(5000 + 28_801, 28_800, 10));
    expect(swarm.scrape(T).leechers).toBe(0)
  })
}
