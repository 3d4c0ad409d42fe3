// Walks all swarm memory and checks everything that must hold between two operations.
// Used by the tests of swarm/ after whatever they did. No other thread may be at work.
import { PAGE_SHIFT } from '../../src/memory/arena.ts'
import {
  BUCKET_ENTRIES,
  BUCKET_OVERFLOW,
  BUCKET_WORDS,
  BUCKETS_PER_PAGE_SHIFT,
  DIRECTORY_BUCKETS,
  DIRECTORY_ENTRIES,
  DIRECTORY_LIST,
  DIRECTORY_OWN_MAX,
  ENTRY_CLASS_SHIFT,
  ENTRY_COUNT_MASK,
  KIND_BLOCK,
  KIND_FEW,
  KIND_LARGE,
  PEER_PORT_MASK,
  PEER_SEEDER_BIT,
  peerKindOf,
  ROW_BLOCK,
  ROW_CLASS,
  ROW_ID_MASK,
  ROW_ID_SLOT_BITS,
  ROW_LEECHER_DIRECTORY,
  ROW_LEECHERS,
  ROW_PEERS,
  ROW_SEEDERS,
  ROW_STATE,
  SEGMENT_MASK,
  SEGMENT_SHIFT,
  STATE_KIND_SHIFT,
  STATE_LEECHERS_SHIFT,
  STATE_SEEDERS_SHIFT,
  TABLE_BUCKETS,
  TABLE_LEECHERS,
  TABLE_LOCK,
  TABLE_SEEDERS,
  TABLE_TORRENTS,
  TOTAL_PEERS,
  TOTAL_TORRENTS,
} from '../../src/swarm/layout.ts'
import { hashPeerAt } from '../../src/swarm/peers/peer.ts'
import type { Table } from '../../src/swarm/table/table.ts'
import {
  bucketOf,
  findTorrent,
  hashInfoHash,
  INFO_HASH_WORDS,
} from '../../src/swarm/table/torrents.ts'
import { FAMILIES, type Family, type Harness } from './harness.ts'
import { Blocks, expectEqual, fail, type PageCounts, Pages } from './ownership.ts'

export interface Census {
  torrents: number
  seeders: number
  leechers: number
  pages: PageCounts
  /** Hash buckets in chains behind another. */
  overflowBuckets: number
}

/** Checks all tables; throws at the first thing that is wrong. */
export function checkInvariants(harness: Harness): Census {
  const pages = new Pages(harness.buffers)
  const census: Census = {
    torrents: 0,
    seeders: 0,
    leechers: 0,
    pages: pages.counts,
    overflowBuckets: 0,
  }
  harness.tables.forEach((table, index) => {
    new TableCheck(harness, table, `table ${index}`, pages).run(census)
  })
  pages.finish()
  const totals = new Int32Array(harness.buffers.control)
  expectEqual(totals[TOTAL_TORRENTS], census.torrents, () => 'the total of torrents')
  expectEqual(totals[TOTAL_PEERS], census.seeders + census.leechers, () => 'the total of peers')
  const inUse = census.pages.rows + census.pages.buckets + census.pages.blocks
  expectEqual(harness.arena.pagesInUse(), inUse, () => 'the count of pages in use')
  return census
}

/** The addresses of all peers of a row, seeders first, without any checks. */
export function peersOfRow(table: Table, row: number): number[] {
  const found: number[] = []
  const collect: PeerSink = (at) => void found.push(at)
  walkRow(table, row, collect, undefined)
  return found
}

type PeerSink = (at: number, seeder: boolean, hashBucket: number, buckets: number) => void

/** Claims a block: address, size class or −1, owner. */
type BlockSink = (block: number, sizeClass: number, owner: string) => number

interface RoleCounts {
  seeders: number
  leechers: number
}

function walkRow(
  table: Table,
  row: number,
  peer: PeerSink,
  claim: BlockSink | undefined,
): RoleCounts {
  const { words, stride } = table
  const state = words[row + ROW_STATE]
  const kind = (state >>> STATE_KIND_SHIFT) & 3
  if (kind === KIND_LARGE) {
    const seeders = words[row + ROW_SEEDERS]
    const leechers = words[row + ROW_LEECHERS]
    walkSet(table, words[row + ROW_BLOCK], seeders, true, peer, claim)
    walkSet(table, words[row + ROW_LEECHER_DIRECTORY], leechers, false, peer, claim)
    return { seeders, leechers }
  }
  if (kind !== KIND_FEW && kind !== KIND_BLOCK) fail(`a row of kind ${kind}`)
  const few = kind === KIND_FEW
  const seeders = few ? (state >>> STATE_SEEDERS_SHIFT) & 3 : words[row + ROW_SEEDERS]
  const leechers = few ? (state >>> STATE_LEECHERS_SHIFT) & 3 : words[row + ROW_LEECHERS]
  const base = few ? row + ROW_PEERS : words[row + ROW_BLOCK]
  const count = seeders + leechers
  if (few && count > table.few) fail(`${count} peers in a row for ${table.few}`)
  if (!few) {
    const room = claim?.(base, words[row + ROW_CLASS], 'a small swarm') ?? count * stride
    if (count * stride > room) fail(`${count} peers in a block of ${room} words`)
    if (count > table.smallMax) fail(`${count} peers in a swarm that is not large`)
  }
  for (let i = 0; i < count; i++) peer(base + i * stride, i < seeders, 0, 1)
  return { seeders, leechers }
}

function walkSet(
  table: Table,
  directory: number,
  size: number,
  seeders: boolean,
  peer: PeerSink,
  claim: BlockSink | undefined,
): void {
  if (directory === 0) {
    expectEqual(size, 0, () => 'the size of a set without directory')
    return
  }
  const { words, stride } = table
  const buckets = words[directory + DIRECTORY_BUCKETS]
  if (claim !== undefined) claimDirectory(table, directory, buckets, claim)
  let peers = 0
  for (let bucket = 0; bucket < buckets; bucket++) {
    const entry = entryOf(table, directory, bucket)
    const count = words[entry + 1] & ENTRY_COUNT_MASK
    const room = claim?.(words[entry], words[entry + 1] >>> ENTRY_CLASS_SHIFT, 'a bucket of peers')
    if (count * stride > (room ?? Number.MAX_VALUE)) fail(`${count} peers in ${room} words`)
    for (let i = 0; i < count; i++) peer(words[entry] + i * stride, seeders, bucket, buckets)
    peers += count
  }
  expectEqual(peers, size, () => 'the peers in the buckets of a large swarm')
  if (size === 0) fail('a set without peers has a directory')
}

/** Written independently of large.ts: an error there must show here. */
function entryOf(table: Table, directory: number, bucket: number): number {
  if (bucket < DIRECTORY_OWN_MAX) return directory + DIRECTORY_ENTRIES + 2 * bucket
  const list = table.words[directory + DIRECTORY_LIST]
  const past = bucket - DIRECTORY_OWN_MAX
  return table.words[list + Math.floor(past / 256)] + 2 * (past % 256)
}

function claimDirectory(table: Table, directory: number, buckets: number, claim: BlockSink): void {
  if (buckets < 1) fail(`a directory of ${buckets} buckets`)
  const { words } = table
  const room = claim(directory, -1, 'a directory')
  const own = Math.min(buckets, DIRECTORY_OWN_MAX)
  if (DIRECTORY_ENTRIES + 2 * own > room) fail(`${own} entries in a directory of ${room} words`)
  const list = words[directory + DIRECTORY_LIST]
  const segments = Math.ceil((buckets - own) / (SEGMENT_MASK + 1))
  if (segments === 0) {
    expectEqual(list, 0, () => 'the segment list of a directory without segments')
    return
  }
  const listRoom = claim(list, -1, 'a segment list')
  if (segments > listRoom) fail(`${segments} segments in a list of ${listRoom} words`)
  for (let i = 0; i < segments; i++) {
    const words256 = claim(words[list + i], -1, 'a segment')
    expectEqual(words256, 2 << SEGMENT_SHIFT, () => 'the words of a segment')
  }
}

class TableCheck {
  private readonly harness: Harness
  private readonly table: Table
  private readonly name: string
  private readonly pages: Pages
  private readonly blocks: Blocks
  private readonly torrents: number
  private readonly buckets: number

  constructor(harness: Harness, table: Table, name: string, pages: Pages) {
    this.harness = harness
    this.table = table
    this.name = name
    this.pages = pages
    this.blocks = new Blocks(table, name)
    this.torrents = table.control[table.header + TABLE_TORRENTS]
    this.buckets = table.control[table.header + TABLE_BUCKETS]
  }

  run(census: Census): void {
    const { table, name } = this
    const { control, header } = table
    expectEqual(control[header + TABLE_LOCK], 0, () => `${name}: its lock`)
    this.claimPages()
    census.overflowBuckets += this.checkBuckets()
    let seeders = 0
    let leechers = 0
    for (let index = 0; index < this.torrents; index++) {
      const counts = this.checkRow(table.rowAddress(table.rowId(index)))
      seeders += counts.seeders
      leechers += counts.leechers
    }
    expectEqual(control[header + TABLE_SEEDERS], seeders, () => `${name}: its seeders`)
    expectEqual(control[header + TABLE_LEECHERS], leechers, () => `${name}: its leechers`)
    this.blocks.finish(this.pages)
    census.torrents += this.torrents
    census.seeders += seeders
    census.leechers += leechers
  }

  private claimPages(): void {
    const { table, name, torrents, buckets } = this
    const rowPages = Math.ceil(torrents / table.rowsPerPage)
    const bucketPages = Math.ceil(buckets / (1 << BUCKETS_PER_PAGE_SHIFT))
    if (rowPages > table.rowPagesMax || bucketPages > table.bucketPagesMax) {
      fail(`${name}: more pages than its directory holds`)
    }
    for (let i = 1; i <= rowPages; i++) {
      this.pages.claim(table.directory[table.rowPagesAt + i], 'rows', name)
    }
    for (let i = 0; i < bucketPages; i++) {
      this.pages.claim(table.directory[table.bucketPagesAt + i], 'buckets', name)
    }
  }

  /** Every row is in exactly one bucket, the right one. Returns the overflow buckets. */
  private checkBuckets(): number {
    const { table, name } = this
    const seen = new Uint8Array(this.torrents)
    let overflow = 0
    let entries = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const page = table.directory[table.bucketPagesAt + (bucket >> BUCKETS_PER_PAGE_SHIFT)]
      const slot = bucket & ((1 << BUCKETS_PER_PAGE_SHIFT) - 1)
      let at = (page << PAGE_SHIFT) + slot * BUCKET_WORDS
      for (let depth = 0; at !== 0; depth++) {
        if (depth > 0) this.blocks.claim(at, -1, 'an overflow bucket')
        const count = this.checkEntries(at, bucket, seen)
        if (depth > 0 && count === 0) fail(`${name}: an empty overflow bucket`)
        entries += count
        at = table.words[at + BUCKET_OVERFLOW]
        if (at === 0) continue
        if (count < BUCKET_ENTRIES) fail(`${name}: overflow behind a bucket with room`)
        overflow++
      }
    }
    expectEqual(entries, this.torrents, () => `${name}: the entries in its buckets`)
    return overflow
  }

  private checkEntries(at: number, bucket: number, seen: Uint8Array): number {
    const { table, name } = this
    let count = 0
    while (count < BUCKET_ENTRIES && table.words[at + count] !== 0) {
      const entry = table.words[at + count]
      const id = entry & ROW_ID_MASK
      const page = (id >>> ROW_ID_SLOT_BITS) - 1
      const slot = id & ((1 << ROW_ID_SLOT_BITS) - 1)
      const index = page * table.rowsPerPage + slot
      if (page < 0 || slot >= table.rowsPerPage || index >= this.torrents) {
        fail(`${name}: an entry for row ${index} of ${this.torrents}`)
      }
      if (seen[index] !== 0) fail(`${name}: two entries for row ${index}`)
      seen[index] = 1
      const hash = hashInfoHash(table, table.words, table.rowAddress(id))
      expectEqual(bucketOf(hash, this.buckets), bucket, () => `${name}: the bucket of row ${index}`)
      expectEqual(entry >>> 22, (hash >>> 14) & 1023, () => `${name}: the tag of row ${index}`)
      count++
    }
    for (let i = count; i < BUCKET_ENTRIES; i++) {
      if (table.words[at + i] !== 0) fail(`${name}: bucket ${bucket} is not packed`)
    }
    return count
  }

  private checkRow(row: number): RoleCounts {
    const { table, name, harness } = this
    const { words, stride } = table
    const hash = hashInfoHash(table, words, row)
    const family = FAMILIES.find((name) => peerKindOf(name).stride === stride) as Family
    if (harness.tableFor(family, hash) !== table) fail(`${name}: a torrent of another table`)
    const copy = words.slice(row, row + INFO_HASH_WORDS)
    // A second row with the same info hash would be found in place of one of them.
    expectEqual(findTorrent(table, copy, 0, hash), row, () => `${name}: the row of a torrent`)
    const peers = new Set<string>()
    const checkPeer: PeerSink = (at, seeder, bucket, buckets) => {
      const last = words[at + stride - 1]
      const marked = (last & PEER_SEEDER_BIT) !== 0
      if (marked !== seeder) fail(`${name}: a seeder among leechers, or the other way round`)
      // A WebSocket peer is its peer id, whatever its connection.
      const id = words.slice(at, at + (table.owned ? 5 : stride - 1))
      const key = table.owned ? `${id}` : `${id}:${last & PEER_PORT_MASK}`
      if (peers.has(key)) fail(`${name}: peer ${key} is twice in a swarm`)
      peers.add(key)
      if (buckets > 1) {
        const right = bucketOf(hashPeerAt(table, at), buckets)
        expectEqual(bucket, right, () => `${name}: the bucket of peer ${key}`)
      }
    }
    const counts = walkRow(table, row, checkPeer, (block, sizeClass, owner) =>
      this.blocks.claim(block, sizeClass, `${name}: ${owner}`),
    )
    if (counts.seeders + counts.leechers === 0) fail(`${name}: a torrent without peers`)
    return counts
  }
}
