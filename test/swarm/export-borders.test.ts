// A walk over swarms at its borders: one role alone, a swarm that ends under it, more in one bucket than its
// buffers have room for. export.test.ts has what happens at random.
import { describe, expect, test } from 'bun:test'
import { type ExportedPeer, Exporter } from './exporter.ts'
import { FAMILIES, type Family, Harness } from './harness.ts'

/** Far more than any of these walks needs: one that goes on for ever fails. */
const SLICES_MAX = 20_000

function finish(exporter: Exporter, budget: number): ExportedPeer[] {
  const all: ExportedPeer[] = []
  for (let slices = 0; slices < SLICES_MAX; slices++) {
    const peers = exporter.slice(budget)
    if (peers === undefined) return all
    all.push(...peers)
  }
  throw new Error(`a walk does not end after ${SLICES_MAX} slices`)
}

function namesOf(exported: readonly ExportedPeer[]): string[] {
  return exported.map(({ torrent, peer, seeder }) => `${torrent}:${peer}:${seeder}`).sort()
}

/** So many torrents of one table whose hashes end in the same bits: they share a bucket, in a long chain. */
function torrentsOfOneBucket(harness: Harness, family: Family, count: number): number[] {
  const table = harness.tableOf(family, 0)
  const mask = 2 ** Math.ceil(Math.log2(count / 4)) - 1
  const end = harness.hashOf(0) & mask
  const torrents: number[] = []
  for (let torrent = 0; torrents.length < count; torrent++) {
    const hash = harness.hashOf(torrent)
    if ((hash & mask) === end && harness.tableFor(family, hash) === table) torrents.push(torrent)
  }
  return torrents
}

/** More small swarms than a walk's buffer has room for at its largest, were they all full. */
const MANY: Record<Family, number> = { ipv4: 330, ipv6: 140, websocket: 110 }

describe.each(FAMILIES)('a walk over %s swarms', (family) => {
  test.each([
    ['seeders', 300, 0],
    ['leechers', 0, 300],
    ['both', 300, 40],
    ['both, fewer seeders', 40, 300],
  ])('copies a large one of %s', (_, seeders, leechers) => {
    const harness = new Harness()
    const names: string[] = []
    for (let peer = 0; peer < seeders + leechers; peer++) {
      const seeder = peer < seeders
      harness.announce(family, 1, peer, { seeder, wanted: 0 })
      names.push(`1:${peer}:${seeder}`)
    }
    for (const budget of [1, 30, 1000]) {
      expect(namesOf(finish(new Exporter(family, harness), budget))).toEqual(names.sort())
    }
  })

  test('goes on when a large one ends before, or while, it is copied', () => {
    for (let before = 0; before < 12; before++) {
      const harness = new Harness()
      const [first, second] = torrentsOfOneBucket(harness, family, 2)
      for (let peer = 0; peer < 200; peer++) {
        harness.announce(family, first, peer, { wanted: 0 })
        harness.announce(family, second, peer, { wanted: 0 })
      }
      const exporter = new Exporter(family, harness)
      const copied: ExportedPeer[] = []
      for (let i = 0; i < before; i++) copied.push(...(exporter.slice(20) ?? []))
      for (let peer = 0; peer < 200; peer++) harness.leave(family, first, peer)
      copied.push(...finish(exporter, 20))
      const names = namesOf(copied.filter(({ torrent }) => torrent === second))
      expect(new Set(names).size).toBe(200)
      expect(names.length).toBe(200)
    }
  })

  test('copies a bucket for which its buffers have to grow', () => {
    const harness = new Harness()
    const torrents = torrentsOfOneBucket(harness, family, MANY[family])
    const names: string[] = []
    for (const torrent of torrents) {
      for (let peer = 0; peer <= torrent % 3; peer++) {
        harness.announce(family, torrent, peer, { wanted: 0 })
        names.push(`${torrent}:${peer}:false`)
      }
    }
    for (const budget of [1, 100]) {
      expect(namesOf(finish(new Exporter(family, harness), budget))).toEqual(names.sort())
    }
  })

  test('remembers more large ones of a bucket than it has places for', () => {
    const harness = new Harness()
    const torrents = torrentsOfOneBucket(harness, family, 80)
    for (const torrent of torrents) {
      for (let peer = 0; peer < 60; peer++) harness.announce(family, torrent, peer, { wanted: 0 })
    }
    const names = namesOf(finish(new Exporter(family, harness), 100))
    expect(names.length).toBe(80 * 60)
    expect(new Set(names).size).toBe(80 * 60)
  })
})
