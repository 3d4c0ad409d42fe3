import { describe, expect, test } from 'bun:test'
import { bucketEnd, reverseBits } from '../../../src/swarm/table/bucket-order.ts'
import { bucketOf } from '../../../src/swarm/table/torrents.ts'
import {
  COUNTS_LEECHERS,
  COUNTS_SEEDERS,
  COUNTS_WORDS,
  Walk,
} from '../../../src/swarm/walks/export.ts'
import { type ExportedPeer, Exporter, torrentOf } from '../exporter.ts'
import { FAMILIES, type Family, Harness, randomFrom } from '../harness.ts'
import { checkInvariants } from '../invariants.ts'

const SEED = Number(process.env.TEST_SEED ?? 20_250)

describe('the order of buckets', () => {
  test('bits are reversed', () => {
    expect(reverseBits(1)).toBe(2 ** 31)
    expect(reverseBits(-1)).toBe(2 ** 32 - 1)
    expect(reverseBits(0x12345678)).toBe(0x1e6a2c48)
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 1000, 1023, 1024, 1025])(
    'ranges of %d buckets cover every place once, and hold what belongs to their bucket',
    (buckets) => {
      const random = randomFrom(SEED)
      const seen = new Set<number>()
      for (let position = 0; position < 2 ** 32; ) {
        const end = bucketEnd(position, buckets)
        expect(end).toBeGreaterThan(position)
        const bucket = bucketOf(reverseBits(position) | 0, buckets)
        expect(seen.has(bucket)).toBe(false)
        seen.add(bucket)
        for (const place of [end - 1, position + Math.floor(random() * (end - position))]) {
          expect(bucketOf(reverseBits(place) | 0, buckets)).toBe(bucket)
          expect(bucketEnd(place, buckets)).toBe(end)
        }
        position = end
      }
      expect(seen.size).toBe(buckets)
    },
  )
})

const keyOf = (torrent: number, peer: number) => `${torrent}:${peer}`

/** Random changes between the slices of a walk, with a record of who stayed all the time. */
class MovingSwarms {
  readonly harness = new Harness()
  readonly stayed = new Map<string, { seeder: boolean; roleChanged: boolean }>()
  private readonly members = new Map<string, { torrent: number; peer: number; seeder: boolean }>()
  private readonly family: Family
  private readonly random: () => number
  private readonly torrents: number
  private readonly peers: number

  constructor(family: Family, seed: number, torrents: number, peers: number) {
    this.family = family
    this.random = randomFrom(seed)
    this.torrents = torrents
    this.peers = peers
  }

  /** `growth`: how likely a change is an announce. */
  change(count: number, growth: number): void {
    for (let i = 0; i < count; i++) {
      // The first torrents are the popular ones.
      const torrent = Math.floor(this.random() ** 3 * this.torrents)
      const peer = Math.floor(this.random() * this.peers)
      if (this.random() < growth) this.announce(torrent, peer, this.random() < 0.5)
      else this.leave(torrent, peer)
    }
  }

  /** A peer that is probably there. */
  changeMembers(count: number, growth: number): void {
    const members = [...this.members.values()]
    for (let i = 0; i < count && members.length > 0; i++) {
      const { torrent, peer, seeder } = members[Math.floor(this.random() * members.length)]
      if (this.random() < growth) this.announce(torrent, peer, !seeder)
      else this.leave(torrent, peer)
    }
  }

  endTorrents(share: number): void {
    for (const { torrent, peer } of [...this.members.values()]) {
      if (torrent % 100 < share * 100) this.leave(torrent, peer)
    }
  }

  startWalk(): void {
    this.stayed.clear()
    for (const [key, { seeder }] of this.members) {
      this.stayed.set(key, { seeder, roleChanged: false })
    }
  }

  expectRight(exported: readonly ExportedPeer[]): void {
    const found = new Set<string>()
    for (const { torrent, peer, seeder } of exported) {
      const key = keyOf(torrent, peer)
      if (found.has(key)) throw new Error(`${key} was copied twice`)
      found.add(key)
      const stayed = this.stayed.get(key)
      if (stayed !== undefined && !stayed.roleChanged) expect(seeder).toBe(stayed.seeder)
    }
    for (const key of this.stayed.keys()) {
      if (!found.has(key)) throw new Error(`${key} stayed and was not copied`)
    }
  }

  private announce(torrent: number, peer: number, seeder: boolean): void {
    const key = keyOf(torrent, peer)
    this.harness.announce(this.family, torrent, peer, { seeder, wanted: 0 })
    this.members.set(key, { torrent, peer, seeder })
    const stayed = this.stayed.get(key)
    if (stayed !== undefined && stayed.seeder !== seeder) stayed.roleChanged = true
  }

  private leave(torrent: number, peer: number): void {
    const key = keyOf(torrent, peer)
    this.harness.leave(this.family, torrent, peer)
    this.members.delete(key)
    this.stayed.delete(key)
  }
}

function torrentsOfOneTable(family: Family, harness: Harness, count: number): number[] {
  const torrents: number[] = []
  for (let torrent = 0; torrents.length < count; torrent++) {
    if (harness.tableOf(family, torrent) === harness.swarms[family][0]) torrents.push(torrent)
  }
  return torrents
}

describe.each(FAMILIES)('a walk over %s swarms', (family) => {
  test.each([
    ['many small ones', 3000, 20],
    ['a few large ones', 3, 3000],
    ['one huge one', 1, 20_000],
  ])(
    'copies who stays exactly once while swarms grow, shrink and end: %s',
    (_, torrents, peers) => {
      for (let round = 0; round < 8; round++) {
        const swarms = new MovingSwarms(family, SEED + round, torrents, peers)
        const random = randomFrom(SEED + round)
        swarms.change(20_000, 0.8)
        swarms.startWalk()
        const exporter = new Exporter(family, swarms.harness)
        const exported: ExportedPeer[] = []
        // Rounds differ in what happens meanwhile: growth, decline, changes of role, ends of torrents.
        const growth = [0.95, 0.5, 0.05, 0.3][round % 4]
        for (;;) {
          const peers = exporter.slice([1, 50, 300, 1000][Math.floor(random() * 4)])
          if (peers === undefined) break
          for (const peer of peers) exported.push(peer)
          swarms.change(30, growth)
          if (random() < 0.2) swarms.changeMembers(200, growth)
          if (random() < 0.03 && round > 3) swarms.endTorrents(random())
        }
        checkInvariants(swarms.harness)
        swarms.expectRight(exported)
        expect(exported.length).toBeGreaterThan(swarms.stayed.size - 1)
      }
    },
    180_000,
  )

  test('survives every split and join of a table that it is inside of', () => {
    for (let round = 0; round < 10; round++) {
      const harness = new Harness()
      const torrents = torrentsOfOneTable(family, harness, 2000)
      const staying = torrents.filter((_, i) => i % 20 === 0)
      const others = torrents.filter((_, i) => i % 20 !== 0)
      const grows = round % 2 === 0
      for (const torrent of grows ? staying : torrents) harness.announce(family, torrent, 1)
      const exporter = new Exporter(family, harness)
      const exported: number[] = []
      for (let peers = exporter.slice(1); peers !== undefined; peers = exporter.slice(1)) {
        for (const { torrent } of peers) exported.push(torrent)
        if (exported.length === 0) continue
        for (const torrent of others.splice(0, 10 + round)) {
          if (grows) harness.announce(family, torrent, 1)
          else harness.leave(family, torrent, 1)
        }
      }
      expect(new Set(exported).size).toBe(exported.length)
      for (const torrent of staying) expect(exported).toContain(torrent)
    }
  })

  test('goes on in a swarm that changes its form meanwhile', () => {
    for (let at = 0; at < 30; at++) {
      const harness = new Harness()
      for (let peer = 0; peer < 400; peer++) harness.announce(family, 1, peer, { wanted: 0 })
      const exporter = new Exporter(family, harness)
      const copied: number[] = []
      const take = (slices: number) => {
        for (let i = 0; i < slices; i++) {
          for (const { peer } of exporter.slice(20) ?? []) copied.push(peer)
        }
      }
      while (copied.length === 0) take(1)
      take(at % 15)
      // Down to one block or to the row itself, and in half of the cases up again.
      for (let peer = at < 20 ? 20 : 2; peer < 400; peer++) harness.leave(family, 1, peer)
      take(at % 2)
      if (at % 4 > 1) {
        for (let peer = 1000; peer < 1300; peer++) harness.announce(family, 1, peer)
      }
      while (true) {
        const peers = exporter.slice(20)
        if (peers === undefined) break
        for (const { peer } of peers) copied.push(peer)
      }
      expect(new Set(copied).size).toBe(copied.length)
      for (let peer = 0; peer < (at < 20 ? 20 : 2); peer++) expect(copied).toContain(peer)
      checkInvariants(harness)
    }
  })

  test('knows role, time and completed downloads', () => {
    const harness = new Harness()
    harness.announce(family, 1, 1, { now: 40_000 })
    harness.announce(family, 1, 1, { now: 40_001, seeder: true, completed: true })
    harness.announce(family, 1, 2, { now: 40_002 })
    const peers = new Exporter(family, harness).finish(10)
    expect(peers.sort((a, b) => a.peer - b.peer)).toEqual([
      { torrent: 1, peer: 1, seeder: true, seen: 40_001 & 0x7fff, completed: 1 },
      { torrent: 1, peer: 2, seeder: false, seen: 40_002 & 0x7fff, completed: 1 },
    ])
  })

  test('slices stay near their budget', () => {
    const harness = new Harness()
    for (let peer = 0; peer < 5000; peer++) harness.announce(family, peer % 7, peer)
    const exporter = new Exporter(family, harness)
    let slices = 0
    for (;;) {
      const peers = exporter.slice(100)
      if (peers === undefined) break
      expect(peers.length).toBeLessThan(100 + 15 * 48)
      slices++
    }
    expect(slices).toBeGreaterThan(45)
  })

  test('a walk over counts gives each torrent once, whatever its size', () => {
    const harness = new Harness()
    const sizes = [1, 2, 3, 30, 48, 49, 60, 2000]
    sizes.forEach((size, torrent) => {
      for (let peer = 0; peer < size; peer++) {
        harness.announce(family, torrent, peer, { seeder: peer % 3 === 0, wanted: 0 })
      }
    })
    const walk = new Walk(true)
    const found = new Map<number, [number, number]>()
    for (const table of harness.swarms[family]) {
      walk.open(table)
      for (let more = true; more; ) {
        more = walk.slice(2)
        for (let at = 0; at < walk.used; at += COUNTS_WORDS) {
          const torrent = torrentOf(walk.words[at])
          expect(found.has(torrent)).toBe(false)
          found.set(torrent, [walk.words[at + COUNTS_SEEDERS], walk.words[at + COUNTS_LEECHERS]])
        }
      }
    }
    expect(found.size).toBe(sizes.length)
    sizes.forEach((size, torrent) => {
      const seeders = Math.ceil(size / 3)
      expect(found.get(torrent)).toEqual([seeders, size - seeders])
    })
  })
})
