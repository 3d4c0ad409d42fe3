// Which peers an answer names, over many answers: each as often as any other. Part of the contract
// of swarms (swarm.ts). Random numbers are seeded, so a bound that holds once holds always.
import { describe, expect, test } from 'bun:test'
import type { MakeSwarm, SwarmUnderTest } from './swarm.ts'

const T = 3

/** In the row, in a block, just large, large, with segments. */
const SIZES = [3, 50, 64, 500, 10_000]
/** In a small one too, there is a choice to make: of several leechers, and of fewer than all others. */
const SIZES_OF_CHOICE = [6, 50, 64, 500, 10_000]

/** `leechersFirst`: leechers are given seeders only when there are too few leechers. */
export function swarmFairness(kind: string, make: MakeSwarm, leechersFirst: boolean): void {
  describe(`${kind} choice of peers`, () => {
    const fillWithEquals = leechersFirst ? fillWithLeechers : fill
    test.each(SIZES)('one wanted: every other of %d peers is as likely as any', (size) => {
      const swarm = make()
      fillWithEquals(swarm, size)
      const others = size - 1
      const counts = drawLeecher(swarm, size, 1, 30 * others)
      expectEvenCounts(counts.subarray(2), 30, 1 / others)
      // Chi-square over all, whose mean is its degrees of freedom.
      const chiSquare = counts.subarray(2).reduce((sum, count) => sum + (count - 30) ** 2 / 30, 0)
      const freedom = others - 1
      expect(Math.abs(chiSquare - freedom)).toBeLessThan(5 * Math.sqrt(2 * freedom))
    })

    test.each(SIZES_OF_CHOICE)(
      'many wanted: every other of %d peers is as likely as any',
      (size) => {
        const swarm = make()
        fillWithEquals(swarm, size)
        expect.hasAssertions()
        for (const wanted of [2, 7, 31]) {
          if (wanted >= size - 1) continue
          const draws = Math.ceil((30 * size) / wanted)
          const counts = drawLeecher(swarm, size, wanted, draws)
          expectEvenCounts(counts.subarray(2), (draws * wanted) / (size - 1), wanted / (size - 1))
        }
      },
    )

    test.each(SIZES_OF_CHOICE)('a seeder meets every leecher of %d peers equally often', (size) => {
      const swarm = make()
      fill(swarm, size)
      const seeders = seedersOf(size)
      const leechers = size - seeders
      expect.hasAssertions()
      for (const wanted of [1, 5]) {
        if (wanted >= leechers) continue
        const counts = new Int32Array(size + 1)
        const draws = Math.ceil((30 * leechers) / wanted)
        for (let i = 0; i < draws; i++) {
          for (const peer of swarm.announce(T, 2, { wanted, seeder: true }).peers) counts[peer]++
        }
        const chance = wanted / leechers
        const leecherCounts = counts.filter((_, peer) => peer > 0 && !isSeeder(peer, size))
        expectEvenCounts(leecherCounts, draws * chance, chance)
      }
    })

    if (leechersFirst) leechersFirstTest(make)
    else proportionTest(make)

    test('peers that come and go leave the choice even', () => {
      const swarm = make()
      fillWithEquals(swarm, 2000)
      // Half of them leave again: fewer peers per bucket than after growth.
      for (let peer = 700; peer < 2000; peer++) swarm.leave(T, peer)
      const counts = drawLeecher(swarm, 2000, 1, 30 * 699)
      const stayed = counts.filter((_, peer) => (peer >= 2 && peer < 700) || peer === 2000)
      expectEvenCounts(stayed, 30, 1 / 699)
    })
  })
}

function leechersFirstTest(make: MakeSwarm): void {
  test.each(SIZES)('a leecher among %d peers gets leechers first', (size) => {
    const swarm = make()
    fill(swarm, size)
    const leechers = size - seedersOf(size) - 1
    for (const wanted of [1, 2, 13, 30, 240]) {
      const answer = swarm.announce(T, 1, { wanted })
      const given = Math.min(wanted, size - 1)
      expect(answer.peers.length).toBe(given)
      expect(answer.peersSeeding).toBe(Math.max(0, given - leechers))
    }
  })
}

function proportionTest(make: MakeSwarm): void {
  test.each(SIZES)('a leecher among %d peers gets seeders in proportion', (size) => {
    const swarm = make()
    fill(swarm, size)
    for (const wanted of [1, 2, 13, 30]) {
      if (wanted >= size - 1) continue
      let seeding = 0
      const draws = 4000
      for (let i = 0; i < draws; i++) seeding += swarm.announce(T, 1, { wanted }).peersSeeding
      const exact = (wanted * seedersOf(size)) / (size - 1)
      // Each answer is off by less than one, to either side.
      expect(Math.abs(seeding / draws - exact)).toBeLessThan(3 / Math.sqrt(draws))
    }
  })
}

function isSeeder(peer: number, size: number): boolean {
  // Peer 1 asks as a leecher, peer 2 as a seeder.
  return peer > 1 && (peer === 2 || peer % 3 === 0) && size > 2
}

function seedersOf(size: number): number {
  let seeders = 0
  for (let peer = 1; peer <= size; peer++) if (isSeeder(peer, size)) seeders++
  return seeders
}

function fill(swarm: SwarmUnderTest, size: number): void {
  for (let peer = 1; peer <= size; peer++) {
    swarm.announce(T, peer, { seeder: isSeeder(peer, size), wanted: 0 })
  }
}

function fillWithLeechers(swarm: SwarmUnderTest, size: number): void {
  for (let peer = 1; peer <= size; peer++) swarm.announce(T, peer, { wanted: 0 })
}

/** How often each peer was in the answers to peer 1. */
function drawLeecher(swarm: SwarmUnderTest, size: number, wanted: number, draws: number) {
  const counts = new Int32Array(size + 1)
  for (let i = 0; i < draws; i++) {
    for (const peer of swarm.announce(T, 1, { wanted }).peers) counts[peer]++
  }
  return counts
}

/** Each count within 6 standard deviations of a binomial one. */
function expectEvenCounts(counts: Int32Array, mean: number, chance: number): void {
  const bound = 6 * Math.sqrt(mean * (1 - chance)) + 1
  for (const count of counts) {
    if (Math.abs(count - mean) > bound) expect(`${count} times`).toBe(`${mean} times on average`)
  }
  expect(counts.length).toBeGreaterThan(0)
}
