// The torrents of a table: a linear hash table of cache-line buckets over dense rows.
// Called by swarm.ts and clean.ts under the table's lock. Owns rows and buckets.
//
// Linear hashing grows by one bucket at a time, in place: no announce ever waits for a rehash, and
// the part in use stays dense. Entries carry ten bits of the hash beside the row id, so that a
// look-up touches two cache lines: the bucket and, nearly always, only the right row.
import { PAGE_SHIFT, PAGE_WORDS } from '../../memory/arena.ts'
import { hashWords } from '../../memory/half-sip-hash.ts'
import {
  BUCKET_ENTRIES,
  BUCKET_OVERFLOW,
  BUCKET_WORDS,
  BUCKETS_PER_PAGE_SHIFT,
  JOIN_LOAD,
  ROW_ID_BITS,
  ROW_ID_MASK,
  ROW_STATE,
  SPLIT_LOAD,
  TABLE_BUCKETS,
  TABLE_TORRENTS,
} from '../layout.ts'
import { classFor, giveBlock, takeBlock } from '../peers/blocks.ts'
import type { Table } from './table.ts'

/** 20 bytes. */
export const INFO_HASH_WORDS = 5

const TAG_MASK = ~ROW_ID_MASK
// Bits 14–23 of the hash: the lowest choose the bucket, the highest the table.
const TAG_LEFT_SHIFT = ROW_ID_BITS - 14
const OVERFLOW_CLASS = classFor(BUCKET_WORDS)

// HOT: no allocation below this line.

export function hashInfoHash(table: Table, words: Int32Array, at: number): number {
  return hashWords(words, at, INFO_HASH_WORDS, table.key0, table.key1)
}

/** What entries of a hash have in place of the row id. */
export function tagOf(hash: number): number {
  return (hash << TAG_LEFT_SHIFT) & TAG_MASK
}

export function isTagged(entry: number, tag: number): boolean {
  return ((entry ^ tag) & TAG_MASK) === 0
}

/** The address of the row of the info hash at `source[at]`, or 0. */
export function findTorrent(table: Table, source: Int32Array, at: number, hash: number): number {
  const buckets = table.control[table.header + TABLE_BUCKETS]
  if (buckets === 0) return 0
  const words = table.words
  const tag = tagOf(hash)
  const first = source[at]
  let bucket = bucketAddress(table, bucketOf(hash, buckets))
  while (bucket !== 0) {
    for (let i = 0; i < BUCKET_ENTRIES; i++) {
      const entry = words[bucket + i]
      if (entry === 0) return 0
      if (isTagged(entry, tag)) {
        const row = table.rowAddress(entry & ROW_ID_MASK)
        if (words[row] === first && sameInfoHash(words, row, source, at)) return row
      }
    }
    bucket = words[bucket + BUCKET_OVERFLOW]
  }
  return 0
}

/** Appends a row without peers and returns its address, or 0 when the reserve is used up. */
export function insertTorrent(table: Table, source: Int32Array, at: number, hash: number): number {
  const torrents = table.control[table.header + TABLE_TORRENTS]
  if (!ensureFirstBucket(table) || !ensureRowPage(table, torrents)) return 0
  const rowId = table.rowId(torrents)
  const buckets = table.control[table.header + TABLE_BUCKETS]
  const bucket = bucketAddress(table, bucketOf(hash, buckets))
  if (!addEntry(table, bucket, tagOf(hash) | rowId)) {
    dropRowPage(table, torrents)
    return 0
  }
  const row = table.rowAddress(rowId)
  for (let i = 0; i < INFO_HASH_WORDS; i++) table.words[row + i] = source[at + i]
  table.words[row + ROW_STATE] = 0
  table.control[table.header + TABLE_TORRENTS] = torrents + 1
  if (torrents + 1 > buckets * SPLIT_LOAD) splitBucket(table, buckets)
  return row
}

/** Removes a row; the last one takes its place. Its peers must be gone. */
export function removeTorrent(table: Table, row: number): void {
  const words = table.words
  const rowId = removeEntryOf(table, row)
  const last = table.control[table.header + TABLE_TORRENTS] - 1
  const lastId = table.rowId(last)
  const lastRow = table.rowAddress(lastId)
  if (lastRow !== row) {
    const at = entryOf(table, lastRow)
    words[at] = (words[at] & TAG_MASK) | rowId
    for (let i = 0; i < table.rowWords; i++) words[row + i] = words[lastRow + i]
  }
  table.control[table.header + TABLE_TORRENTS] = last
  dropRowPage(table, last)
  const buckets = table.control[table.header + TABLE_BUCKETS]
  if (buckets > 1 && last < buckets * JOIN_LOAD) joinBuckets(table, buckets - 1)
}

/** Which of `buckets` a hash belongs to: those not yet split use one bit less. */
export function bucketOf(hash: number, buckets: number): number {
  const power = 1 << (32 - Math.clz32(buckets - 1))
  const bucket = hash & (power - 1)
  return bucket < buckets ? bucket : bucket & ((power >>> 1) - 1)
}

export function bucketAddress(table: Table, bucket: number): number {
  const page = table.directory[table.bucketPagesAt + (bucket >>> BUCKETS_PER_PAGE_SHIFT)]
  return (page << PAGE_SHIFT) + ((bucket * BUCKET_WORDS) & (PAGE_WORDS - 1))
}

function sameInfoHash(words: Int32Array, row: number, source: Int32Array, at: number): boolean {
  return (
    words[row + 1] === source[at + 1] &&
    words[row + 2] === source[at + 2] &&
    words[row + 3] === source[at + 3] &&
    words[row + 4] === source[at + 4]
  )
}

function ensureFirstBucket(table: Table): boolean {
  if (table.control[table.header + TABLE_BUCKETS] !== 0) return true
  const page = table.arena.takePage()
  if (page === 0) return false
  table.directory[table.bucketPagesAt] = page
  clearBucket(table.words, page << PAGE_SHIFT)
  table.control[table.header + TABLE_BUCKETS] = 1
  return true
}

function ensureRowPage(table: Table, torrents: number): boolean {
  if (torrents % table.rowsPerPage !== 0) return true
  const index = ((torrents / table.rowsPerPage) | 0) + 1
  if (index > table.rowPagesMax) return false
  const page = table.arena.takePage()
  if (page === 0) return false
  table.directory[table.rowPagesAt + index] = page
  return true
}

/** Gives back the page of row `index`, which is no longer used, if that was its first row. */
function dropRowPage(table: Table, index: number): void {
  if (index % table.rowsPerPage !== 0) return
  const page = ((index / table.rowsPerPage) | 0) + 1
  table.arena.givePage(table.directory[table.rowPagesAt + page])
}

function clearBucket(words: Int32Array, bucket: number): void {
  for (let i = 0; i < BUCKET_WORDS; i++) words[bucket + i] = 0
}

/** Appends an entry to a bucket's chain. False, and nothing changed, without memory for an overflow bucket. */
function addEntry(table: Table, bucket: number, entry: number): boolean {
  const words = table.words
  let at = bucket
  for (;;) {
    // Packed to the front, so a full bucket shows by its last entry.
    if (words[at + BUCKET_ENTRIES - 1] === 0) {
      let i = 0
      while (words[at + i] !== 0) i++
      words[at + i] = entry
      return true
    }
    const next = words[at + BUCKET_OVERFLOW]
    if (next === 0) break
    at = next
  }
  const overflow = takeBlock(table, OVERFLOW_CLASS)
  if (overflow === 0) return false
  clearBucket(words, overflow)
  words[overflow] = entry
  words[at + BUCKET_OVERFLOW] = overflow
  return true
}

/** The address of the entry that points to a row. It must exist: a row without an entry is a bug. */
function entryOf(table: Table, row: number): number {
  const words = table.words
  const hash = hashInfoHash(table, words, row)
  const tag = tagOf(hash)
  let bucket = bucketAddress(table, bucketOf(hash, table.control[table.header + TABLE_BUCKETS]))
  while (bucket !== 0) {
    for (let i = 0; i < BUCKET_ENTRIES; i++) {
      const entry = words[bucket + i]
      if (entry === 0) break
      if (isTagged(entry, tag) && table.rowAddress(entry & ROW_ID_MASK) === row) {
        return bucket + i
      }
    }
    bucket = words[bucket + BUCKET_OVERFLOW]
  }
  return bug('a torrent row has no hash entry')
}

/** Takes a row's entry out of its chain, whose last entry fills the hole. Returns the row id. */
function removeEntryOf(table: Table, row: number): number {
  const words = table.words
  const at = entryOf(table, row)
  const rowId = words[at] & ROW_ID_MASK
  const hash = hashInfoHash(table, words, row)
  let before = 0
  let bucket = bucketAddress(table, bucketOf(hash, table.control[table.header + TABLE_BUCKETS]))
  while (words[bucket + BUCKET_OVERFLOW] !== 0) {
    before = bucket
    bucket = words[bucket + BUCKET_OVERFLOW]
  }
  let last = BUCKET_ENTRIES - 1
  while (words[bucket + last] === 0) last--
  words[at] = words[bucket + last]
  words[bucket + last] = 0
  if (last === 0 && before !== 0) {
    words[before + BUCKET_OVERFLOW] = 0
    giveBlock(table, bucket)
  }
  return rowId
}

/** Moves about half of one bucket's entries to the new last bucket. Without memory the table stays as it is. */
function splitBucket(table: Table, buckets: number): void {
  const pageIndex = buckets >>> BUCKETS_PER_PAGE_SHIFT
  if (pageIndex >= table.bucketPagesMax) return
  const freshPage = buckets === pageIndex << BUCKETS_PER_PAGE_SHIFT
  if (freshPage) {
    const page = table.arena.takePage()
    if (page === 0) return
    table.directory[table.bucketPagesAt + pageIndex] = page
  }
  const bit = 1 << (31 - Math.clz32(buckets))
  const source = bucketAddress(table, buckets ^ bit)
  const target = bucketAddress(table, buckets)
  clearBucket(table.words, target)
  if (!copyEntriesWithBit(table, source, target, bit)) {
    freeOverflow(table, target)
    if (freshPage) table.arena.givePage(table.directory[table.bucketPagesAt + pageIndex])
    return
  }
  dropEntriesWithBit(table, source, bit)
  table.control[table.header + TABLE_BUCKETS] = buckets + 1
}

function entryHasBit(table: Table, entry: number, bit: number): boolean {
  return (hashInfoHash(table, table.words, table.rowAddress(entry & ROW_ID_MASK)) & bit) !== 0
}

function copyEntriesWithBit(table: Table, source: number, target: number, bit: number): boolean {
  const words = table.words
  for (let bucket = source; bucket !== 0; bucket = words[bucket + BUCKET_OVERFLOW]) {
    for (let i = 0; i < BUCKET_ENTRIES && words[bucket + i] !== 0; i++) {
      const entry = words[bucket + i]
      if (entryHasBit(table, entry, bit) && !addEntry(table, target, entry)) return false
    }
  }
  return true
}

function dropEntriesWithBit(table: Table, source: number, bit: number): void {
  const words = table.words
  let writeBucket = source
  let write = 0
  for (let bucket = source; bucket !== 0; bucket = words[bucket + BUCKET_OVERFLOW]) {
    for (let i = 0; i < BUCKET_ENTRIES && words[bucket + i] !== 0; i++) {
      const entry = words[bucket + i]
      if (entryHasBit(table, entry, bit)) continue
      if (write === BUCKET_ENTRIES) {
        writeBucket = words[writeBucket + BUCKET_OVERFLOW]
        write = 0
      }
      words[writeBucket + write] = entry
      write++
    }
  }
  for (let i = write; i < BUCKET_ENTRIES; i++) words[writeBucket + i] = 0
  freeOverflow(table, writeBucket)
}

/** Gives back all overflow buckets behind `bucket`. */
function freeOverflow(table: Table, bucket: number): void {
  const words = table.words
  let overflow = words[bucket + BUCKET_OVERFLOW]
  words[bucket + BUCKET_OVERFLOW] = 0
  while (overflow !== 0) {
    const next = words[overflow + BUCKET_OVERFLOW]
    giveBlock(table, overflow)
    overflow = next
  }
}

/** Puts the last bucket's entries back to the one they were split from, when they fit without overflow. */
function joinBuckets(table: Table, last: number): void {
  const words = table.words
  const source = bucketAddress(table, last)
  const target = bucketAddress(table, last ^ (1 << (31 - Math.clz32(last))))
  if (words[source + BUCKET_OVERFLOW] !== 0 || words[target + BUCKET_OVERFLOW] !== 0) return
  let moved = 0
  let kept = 0
  while (moved < BUCKET_ENTRIES && words[source + moved] !== 0) moved++
  while (kept < BUCKET_ENTRIES && words[target + kept] !== 0) kept++
  if (moved + kept > BUCKET_ENTRIES) return
  for (let i = 0; i < moved; i++) words[target + kept + i] = words[source + i]
  table.control[table.header + TABLE_BUCKETS] = last
  const pageIndex = last >>> BUCKETS_PER_PAGE_SHIFT
  if (last === pageIndex << BUCKETS_PER_PAGE_SHIFT) {
    table.arena.givePage(table.directory[table.bucketPagesAt + pageIndex])
  }
}

/** A broken invariant: the process must end rather than serve from damaged tables. */
function bug(message: string): never {
  throw new Error(`bug in the swarm: ${message}`)
}
