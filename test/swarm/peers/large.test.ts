// Large swarms at the borders of their directories.
import { describe, expect, test } from 'bun:test'
import {
  BLOCK_WORDS,
  DIRECTORY_ENTRIES,
  DIRECTORY_OWN_MAX,
  SEGMENT_MASK,
} from '../../../src/swarm/layout.ts'
import { classFor, giveBlock, takeBlock } from '../../../src/swarm/peers/blocks.ts'
import { SET_SPLIT_LOAD } from '../../../src/swarm/peers/large.ts'
import { ANNOUNCED } from '../../../src/swarm/status.ts'
import type { Table } from '../../../src/swarm/table/table.ts'
import { FAMILIES, FamilyHarness, Harness, testBuffers } from '../harness.ts'
import { checkInvariants } from '../invariants.ts'

const LIMITS = { maxTorrents: 1000, maxPeers: 1_000_000, workers: 1 }

/** A segment of a directory: its entries of two words. */
const SEGMENT_WORDS = (SEGMENT_MASK + 1) * 2

/** More peers of one role than this need segments. */
const OWN_PEERS = DIRECTORY_OWN_MAX * SET_SPLIT_LOAD

describe.each(FAMILIES)('%s large swarms', (family) => {
  test('a swarm grows into many segments and back, a role at a time', () => {
    const harness = new Harness(testBuffers(LIMITS))
    const swarm = new FamilyHarness(family, harness)
    const peers = OWN_PEERS * 4
    for (let peer = 0; peer < peers; peer++) swarm.announce(1, peer, { wanted: 3 })
    expect(checkInvariants(harness).leechers).toBe(peers)
    for (let peer = 0; peer < peers; peer++) swarm.announce(1, peer, { wanted: 3, seeder: true })
    expect(checkInvariants(harness).seeders).toBe(peers)
    for (let peer = 0; peer < peers; peer += 2) swarm.leave(1, peer)
    expect(checkInvariants(harness).seeders).toBe(peers / 2)
    for (let peer = 1; peer < peers; peer += 2) swarm.leave(1, peer)
    expect(checkInvariants(harness).torrents).toBe(0)
  })

  test('one peer more and less at a border leaves nothing behind', () => {
    const harness = new Harness(testBuffers(LIMITS))
    const swarm = new FamilyHarness(family, harness)
    for (const border of [48, OWN_PEERS, OWN_PEERS + 256 * SET_SPLIT_LOAD]) {
      for (let peer = 0; peer < border - 3; peer++) swarm.announce(1, peer, { wanted: 0 })
      for (let round = 0; round < 3; round++) {
        for (let peer = border - 3; peer < border + 3; peer++) swarm.announce(1, peer)
        checkInvariants(harness)
        for (let peer = border + 2; peer >= border - 3; peer--) swarm.leave(1, peer)
        checkInvariants(harness)
      }
    }
  })

  test('a directory grows to each of its sizes and shrinks back, a peer at a time', () => {
    for (const words of BLOCK_WORDS) {
      // As many buckets as fill a directory of this size, and a few more.
      const buckets = (words - DIRECTORY_ENTRIES) / 2
      if (buckets > 31) break
      const harness = new Harness(testBuffers(LIMITS))
      const swarm = new FamilyHarness(family, harness)
      const peers = Math.floor(buckets + 2) * SET_SPLIT_LOAD
      // One role alone shrinks to nothing, the other stays and keeps the swarm large.
      for (let peer = 0; peer < 60; peer++) {
        swarm.announce(1, 100_000 + peer, { wanted: 0, seeder: true })
      }
      for (let peer = 0; peer < peers; peer++) swarm.announce(1, peer, { wanted: 0 })
      for (let peer = 0; peer < peers; peer++) {
        swarm.leave(1, peer)
        checkInvariants(harness)
      }
      expect(swarm.scrape(1)).toMatchObject({ seeders: 60, leechers: 0 })
    }
  }, 180_000)

  test('without memory for its first segment a directory keeps no list of segments', () => {
    const harness = new Harness(testBuffers(LIMITS, 600))
    const table = harness.tableOf(family, 0)
    for (let peer = 0; peer < OWN_PEERS - SET_SPLIT_LOAD; peer++) {
      harness.announce(family, 0, peer, { wanted: 0 })
    }
    let other = 0
    while (harness.tableOf(family, other) === table) other++
    let peers = 0
    while (harness.announce(family, other, peers, { wanted: 0 }).status === ANNOUNCED) peers++
    const rest = takeAll(table, classFor(SEGMENT_WORDS))
    for (let i = 0; i < 2 * SET_SPLIT_LOAD; i++) {
      harness.announce(family, 0, OWN_PEERS - SET_SPLIT_LOAD + i, { wanted: 0 })
    }
    for (const block of rest) giveBlock(table, block)
    checkInvariants(harness)
    for (let peer = 0; peer < OWN_PEERS + SET_SPLIT_LOAD; peer++) harness.leave(family, 0, peer)
    expect(checkInvariants(harness).torrents).toBe(1)
  })
})

/** Takes all free blocks of a size in a table's pages, when the arena has no more pages. */
function takeAll(table: Table, sizeClass: number): number[] {
  const blocks: number[] = []
  for (;;) {
    const block = takeBlock(table, sizeClass)
    if (block === 0) return blocks
    blocks.push(block)
  }
}
