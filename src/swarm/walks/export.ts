// Copies a table's torrents and peers out of shared memory, a bounded slice at a time, while announces
// go on. Called by persistence/ and by the scrape export; takes the table's lock for each slice, however the workers
// run. Owns the buffer that a slice is copied to.
//
// What exists throughout the walk is copied exactly once, and nothing is ever copied twice. Rows move when
// others are removed, and peers when their swarm changes its shape, so a place cannot be a cursor. Hashes
// do not change: a bucket of a linear hash table holds all hashes that end in the same bits, so in the order of
// the hashes read backwards, bit by bit, it is a range. A split cuts the range in two, a join puts two
// neighbours together. So the cursor is a place in that order: all below it has been copied.
//
// Within a large swarm the same is true of the hashes of its peers. Both roles are walked together, as a
// peer may change its role at any time; and a swarm that becomes small goes on from the same place.

import {
  BUCKET_ENTRIES,
  BUCKET_OVERFLOW,
  DIRECTORY_BUCKETS,
  KIND_LARGE,
  ROW_BLOCK,
  ROW_ID_MASK,
  ROW_LEECHER_DIRECTORY,
  ROW_LEECHERS,
  ROW_SEEDERS,
  ROW_STATE,
  STATE_COMPLETED_MAX,
  TABLE_BUCKETS,
} from '../layout.ts'
import { entryAddress, entryCount } from '../peers/directory.ts'
import { hashPeerAt } from '../peers/peer.ts'
import { kindOf, openSmall, small } from '../peers/small.ts'
import { bucketEnd, reverseBits } from '../table/bucket-order.ts'
import type { Table } from '../table/table.ts'
import {
  bucketAddress,
  bucketOf,
  findTorrent,
  hashInfoHash,
  INFO_HASH_WORDS,
} from '../table/torrents.ts'

// ── A piece: a torrent and some of its peers, or its counts ────────────────────────────────────
//  0…4 info hash │ 5 completed downloads │ 6 peers in this piece │ 7… the peers, as in the swarm
//  of a walk over counts: 6 seeders │ 7 leechers
export const PIECE_COMPLETED = 5
export const PIECE_PEERS = 6
export const PIECE_HEAD_WORDS = 7
export const COUNTS_SEEDERS = 6
export const COUNTS_LEECHERS = 7
export const COUNTS_WORDS = 8

/** Room for the pieces of a slice; it grows when a single step needs more. */
const OUTPUT_WORDS = 32_768
const LARGE_MAX = 64

const END = 2 ** 32

const DONE = 0
const MORE = 1
const NO_ROOM = 2

export class Walk {
  /** The pieces of the last slice, one after the other, in the first `used` words. */
  words = new Int32Array(OUTPUT_WORDS)
  used = 0
  private table: Table | null = null
  private readonly countsOnly: boolean
  private position = 0
  /** Info hashes of large swarms whose bucket has been passed, the last of them under way at `peerPosition`. */
  private large = new Int32Array(LARGE_MAX * INFO_HASH_WORDS)
  private largeCount = 0
  private peerPosition = 0

  /** `countsOnly`: pieces hold the counts of a torrent, and no peers. */
  constructor(countsOnly: boolean) {
    this.countsOnly = countsOnly
  }

  /** Begins with a table. */
  open(table: Table): void {
    this.table = table
    this.position = 0
    this.largeCount = 0
  }

  /** Copies the next torrents and peers, about `budget` of them. Returns true while there are more. */
  slice(budget: number): boolean {
    const table = this.table as Table
    for (;;) {
      const status = table.locked(() => this.fill(table, budget))
      if (status !== NO_ROOM) return status === MORE
      this.words = new Int32Array(this.words.length * 2)
      const longer = new Int32Array(this.large.length * 2)
      longer.set(this.large)
      this.large = longer
    }
  }

  // HOT: no allocation below this line.

  private fill(table: Table, budget: number): number {
    this.used = 0
    let left = budget
    while (left > 0) {
      if (this.largeCount === 0 && this.position >= END) return DONE
      const visited = this.largeCount > 0 ? this.fillLarge(table, left) : this.fillBucket(table)
      if (visited < 0) return this.used === 0 ? NO_ROOM : MORE
      left -= visited
    }
    return MORE
  }

  /** Copies the bucket at the cursor; its large swarms are put aside. Returns how much was visited, −1 without room. */
  private fillBucket(table: Table): number {
    const buckets = table.control[table.header + TABLE_BUCKETS]
    if (buckets === 0) {
      this.position = END
      return 0
    }
    const words = table.words
    const hash = reverseBits(this.position)
    const first = bucketAddress(table, bucketOf(hash, buckets))
    let room = 0
    for (let at = first; at !== 0; at = words[at + BUCKET_OVERFLOW]) room += BUCKET_ENTRIES
    const pieceMax = PIECE_HEAD_WORDS + 1 + table.smallMax * table.stride
    const largeRoom = this.large.length - room * INFO_HASH_WORDS
    if (this.used + room * pieceMax > this.words.length || largeRoom < 0) return -1
    let visited = 1
    for (let at = first; at !== 0; at = words[at + BUCKET_OVERFLOW]) {
      for (let i = 0; i < BUCKET_ENTRIES && words[at + i] !== 0; i++) {
        const row = table.rowAddress(words[at + i] & ROW_ID_MASK)
        // After a join since the last slice, the bucket holds torrents that have been copied.
        if (reverseBits(hashInfoHash(table, words, row)) >= this.position) {
          visited += this.writeTorrent(table, row)
        }
      }
    }
    this.position = bucketEnd(this.position, buckets)
    return visited
  }

  private writeTorrent(table: Table, row: number): number {
    const words = table.words
    if (this.countsOnly) return this.writeCounts(table, row)
    if (kindOf(words[row + ROW_STATE]) === KIND_LARGE) {
      copyTo(words, row, this.large, this.largeCount * INFO_HASH_WORDS, INFO_HASH_WORDS)
      this.largeCount++
      this.peerPosition = 0
      return 1
    }
    openSmall(table, row)
    const peers = small.seeders + small.leechers
    const head = this.writeHead(table, row)
    this.out(words, small.base, peers * table.stride)
    this.words[head + PIECE_PEERS] = peers
    return peers + 1
  }

  private writeCounts(table: Table, row: number): number {
    const words = table.words
    const large = kindOf(words[row + ROW_STATE]) === KIND_LARGE
    if (!large) openSmall(table, row)
    const head = this.writeHead(table, row)
    this.words[head + COUNTS_SEEDERS] = large ? words[row + ROW_SEEDERS] : small.seeders
    this.words[head + COUNTS_LEECHERS] = large ? words[row + ROW_LEECHERS] : small.leechers
    this.used = head + COUNTS_WORDS
    return 1
  }

  private writeHead(table: Table, row: number): number {
    const head = this.used
    copyTo(table.words, row, this.words, head, INFO_HASH_WORDS)
    this.words[head + PIECE_COMPLETED] = table.words[row + ROW_STATE] & STATE_COMPLETED_MAX
    this.words[head + PIECE_PEERS] = 0
    this.used = head + PIECE_HEAD_WORDS
    return head
  }

  /** Goes on with the last of the large swarms put aside. Returns how much was visited, −1 without room. */
  private fillLarge(table: Table, budget: number): number {
    const at = (this.largeCount - 1) * INFO_HASH_WORDS
    const hash = hashInfoHash(table, this.large, at)
    const row = findTorrent(table, this.large, at, hash)
    if (row === 0) {
      this.closeLarge()
      return 1
    }
    const head = this.used
    if (head + PIECE_HEAD_WORDS > this.words.length) return -1
    this.writeHead(table, row)
    const large = kindOf(table.words[row + ROW_STATE]) === KIND_LARGE
    const visited = large ? this.writeBuckets(table, row, budget) : this.writeRest(table, row)
    const peers = (this.used - head - PIECE_HEAD_WORDS) / table.stride
    this.words[head + PIECE_PEERS] = peers
    if (peers === 0) this.used = head
    if (visited >= 0 && this.peerPosition >= END) this.closeLarge()
    return visited
  }

  private closeLarge(): void {
    this.largeCount--
    this.peerPosition = 0
  }

  /** Copies what is left of a swarm that has become small. */
  private writeRest(table: Table, row: number): number {
    openSmall(table, row)
    const peers = small.seeders + small.leechers
    if (this.used + peers * table.stride > this.words.length) return -1
    this.writePeers(table, small.base, peers, this.peerPosition, END)
    this.peerPosition = END
    return peers + 1
  }

  /** Copies ranges of a large swarm, in both roles, until the budget or the room is used up. */
  private writeBuckets(table: Table, row: number, budget: number): number {
    const words = table.words
    const seeders = words[row + ROW_BLOCK]
    const leechers = words[row + ROW_LEECHER_DIRECTORY]
    let visited = 0
    while (visited < budget && this.peerPosition < END) {
      const position = this.peerPosition
      const hash = reverseBits(position)
      const seederEntry = entryOf(table, seeders, hash)
      const leecherEntry = entryOf(table, leechers, hash)
      const seederCount = seederEntry === 0 ? 0 : entryCount(words[seederEntry + 1])
      const leecherCount = leecherEntry === 0 ? 0 : entryCount(words[leecherEntry + 1])
      const need = (seederCount + leecherCount) * table.stride
      if (this.used + need > this.words.length) return -1
      // The finer of both ranges: a bucket of the other set is looked at several times.
      const seederEnd =
        seeders === 0 ? END : bucketEnd(position, words[seeders + DIRECTORY_BUCKETS])
      const leecherEnd =
        leechers === 0 ? END : bucketEnd(position, words[leechers + DIRECTORY_BUCKETS])
      const end = seederEnd < leecherEnd ? seederEnd : leecherEnd
      if (seederEntry !== 0) {
        this.writePeers(table, words[seederEntry], seederCount, position, end)
      }
      if (leecherEntry !== 0) {
        this.writePeers(table, words[leecherEntry], leecherCount, position, end)
      }
      this.peerPosition = end
      visited += seederCount + leecherCount + 1
    }
    return visited
  }

  /** Copies those of `count` peers whose place is from `from` to below `end`. */
  private writePeers(table: Table, base: number, count: number, from: number, end: number): void {
    const stride = table.stride
    for (let i = 0, at = base; i < count; i++, at += stride) {
      const place = reverseBits(hashPeerAt(table, at))
      if (place >= from && place < end) this.out(table.words, at, stride)
    }
  }

  private out(words: Int32Array, from: number, count: number): void {
    copyTo(words, from, this.words, this.used, count)
    this.used += count
  }
}

/** The entry of the bucket that a hash belongs to, or 0 when there is nobody of this role. */
function entryOf(table: Table, directory: number, hash: number): number {
  if (directory === 0) return 0
  const bucket = bucketOf(hash, table.words[directory + DIRECTORY_BUCKETS])
  return entryAddress(table, directory, bucket)
}

function copyTo(from: Int32Array, at: number, to: Int32Array, toAt: number, count: number): void {
  for (let i = 0; i < count; i++) to[toAt + i] = from[at + i]
}
