// The hash table of torrents: growth, shrinking, and what is lost without memory.
import { expect, test } from 'bun:test'
import { PAGE_SHIFT } from '../../../src/memory/arena.ts'
import {
  BUCKET_ENTRIES,
  BUCKET_WORDS,
  JOIN_LOAD,
  SPLIT_LOAD,
  TABLE_BUCKETS,
  TABLE_TORRENTS,
} from '../../../src/swarm/layout.ts'
import { ANNOUNCED, TORRENTS_FULL } from '../../../src/swarm/status.ts'
import { bucketOf } from '../../../src/swarm/table/torrents.ts'
import { Harness, testBuffers } from '../harness.ts'
import { checkInvariants } from '../invariants.ts'

const LIMITS = { maxTorrents: 100_000, maxPeers: 100_000, workers: 1 }

test('buckets follow the torrents up and down', () => {
  const harness = new Harness(testBuffers(LIMITS))
  const load = () => {
    const { ipv4 } = harness.swarms
    const sum = (word: number) =>
      ipv4.reduce((n, table) => n + table.control[table.header + word], 0)
    return sum(TABLE_TORRENTS) / sum(TABLE_BUCKETS)
  }
  for (let torrent = 0; torrent < 60_000; torrent++) {
    harness.announce('ipv4', torrent, 1, { wanted: 0 })
    if (torrent % 9_000 === 8_999) {
      expect(load()).toBeGreaterThan(SPLIT_LOAD - 1)
      expect(load()).toBeLessThanOrEqual(SPLIT_LOAD)
      const { overflowBuckets, torrents } = checkInvariants(harness)
      expect(overflowBuckets).toBeLessThan((torrents / SPLIT_LOAD) * 0.3)
    }
  }
  for (let torrent = 59_999; torrent >= 1000; torrent--) {
    harness.leave('ipv4', torrent, 1)
    if (torrent % 9_000 === 0) {
      checkInvariants(harness)
      expect(load()).toBeGreaterThan(JOIN_LOAD - 1)
    }
  }
  expect(load()).toBeGreaterThan(JOIN_LOAD - 1)
  for (let torrent = 0; torrent < 1000; torrent++) {
    expect(harness.scrape('ipv4', torrent)).toMatchObject({ leechers: 1 })
  }
  checkInvariants(harness)
})

test('a new row whose overflow bucket finds no memory leaves its page to others', () => {
  // One page of buckets, one of rows; the third goes to the second page of rows, none is left.
  const harness = new Harness(testBuffers(LIMITS, 4))
  const table = harness.tableOf('ipv4', 0)
  const { words, control, header } = table
  const bucketAt = (torrent: number) => {
    const bucket = bucketOf(harness.hashOf(torrent), control[header + TABLE_BUCKETS])
    return (table.directory[table.bucketPagesAt] << PAGE_SHIFT) + bucket * BUCKET_WORDS
  }
  const isFull = (bucket: number) => words[bucket + BUCKET_ENTRIES - 1] !== 0
  let next = 0
  const nextTorrent = (full: boolean) => {
    for (; ; next++) {
      if (harness.tableOf('ipv4', next) !== table) continue
      if (control[header + TABLE_TORRENTS] === 0 || isFull(bucketAt(next)) === full) return next++
    }
  }
  const announceNext = (full: boolean) => harness.announce('ipv4', nextTorrent(full), 1).status
  for (let i = 0; i < table.rowsPerPage; i++) expect(announceNext(false)).toBe(ANNOUNCED)
  expect(announceNext(true)).toBe(TORRENTS_FULL)
  checkInvariants(harness)
  expect(announceNext(false)).toBe(ANNOUNCED)
  checkInvariants(harness)
})
