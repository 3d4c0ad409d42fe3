// Reads what the announces of a batch are about to need, all of it before any of it is needed: the bucket, the
// row, and the block or directory of peers of each torrent. Each is a cache miss in a large table, and misses that do not depend on each
// other overlap; one after the other, as announces are handled, each waits for memory by itself.
// Called by udp/worker/receive.ts, and by cluster/apply.ts for records of other nodes. Owns the hashes of one batch.
//
// Without the tables' locks: another thread may be changing what is read here. So nothing follows from it,
// neither an answer nor a state, and what is not there any more reads as anything.
//
// In a table that fits the processor's caches this costs 15 to 30 ns per announce and gains nothing, so it begins
// at TORRENTS_MIN. Beyond, an announce takes about 0.6 of the time: bench/swarm.ts --ahead, and
// docs/benchmarks/2026-11-27-site.md.
import {
  BUCKET_ENTRIES,
  KIND_FEW,
  ROW_BLOCK,
  ROW_ID_MASK,
  ROW_STATE,
  TABLE_BUCKETS,
  TOTAL_TORRENTS,
} from '../layout.ts'
import { kindOf } from '../peers/small.ts'
import type { Swarms } from '../swarm.ts'
import type { Table } from './table.ts'
import { bucketAddress, bucketOf, hashInfoHash, isTagged, tagOf } from './torrents.ts'

/** Of all address families together. */
const TORRENTS_MIN = 200_000
/** Fewer misses than this hardly overlap. */
const BATCH_MIN = 4

export class LookAhead {
  /** By packet: of its torrent. */
  readonly hashes: Int32Array
  private readonly swarms: Swarms
  private readonly totals: Int32Array
  private readonly torrentsMin: number
  private readonly buckets: Int32Array
  private readonly ipv4: Uint8Array
  private readonly rows: Int32Array
  /** So that the engine does not leave out what is read. */
  read = 0

  /** `totals`: the start of the swarms' control words. `batchMax`: packets. */
  constructor(swarms: Swarms, totals: Int32Array, batchMax: number, torrentsMin = TORRENTS_MIN) {
    this.swarms = swarms
    this.totals = totals
    this.torrentsMin = torrentsMin
    this.hashes = new Int32Array(batchMax)
    this.buckets = new Int32Array(batchMax)
    this.ipv4 = new Uint8Array(batchMax)
    this.rows = new Int32Array(batchMax)
  }

  // HOT: no allocation below this line.

  /** Whether it gains anything for a batch of so many packets. */
  isWorthwhile(packets: number): boolean {
    return packets >= BATCH_MIN && Atomics.load(this.totals, TOTAL_TORRENTS) >= this.torrentsMin
  }

  /** First, of each packet: one that is no announce. */
  skip(packet: number): void {
    this.buckets[packet] = -1
  }

  /** First, of each packet: an announce of the info hash at `words[at]`. */
  hash(packet: number, ipv4: boolean, words: Int32Array, at: number): void {
    const { swarms } = this
    const hash = hashInfoHash(swarms.ipv4[0], words, at)
    const table = swarms.tableOf(ipv4, hash)
    const buckets = table.control[table.header + TABLE_BUCKETS]
    this.hashes[packet] = hash
    this.ipv4[packet] = ipv4 ? 1 : 0
    this.buckets[packet] = buckets === 0 ? -1 : bucketAddress(table, bucketOf(hash, buckets))
  }

  /** Then, for all of them together. In three rounds, since each finds out where the next one reads. */
  readAll(packets: number): void {
    const { buckets, hashes, ipv4, rows, swarms } = this
    // Of the arena, which all tables share.
    const { words } = swarms.ipv4[0]
    let sum = 0
    for (let i = 0; i < packets; i++) if (buckets[i] >= 0) sum ^= words[buckets[i]]
    for (let i = 0; i < packets; i++) {
      rows[i] = 0
      if (buckets[i] < 0) continue
      const table = swarms.tableOf(ipv4[i] === 1, hashes[i])
      const row = rowIn(table, buckets[i], hashes[i])
      rows[i] = row
      // A row may lie in two cache lines.
      if (row !== 0) sum ^= words[row] ^ words[row + table.rowWords - 1]
    }
    for (let i = 0; i < packets; i++) {
      const row = rows[i]
      if (row !== 0 && kindOf(words[row + ROW_STATE]) !== KIND_FEW)
        sum ^= words[words[row + ROW_BLOCK]]
    }
    this.read = sum
  }
}

/** The address of the first row that the tag fits, nearly always the right one; 0 for none. */
function rowIn(table: Table, bucket: number, hash: number): number {
  const { words } = table
  const tag = tagOf(hash)
  for (let i = 0; i < BUCKET_ENTRIES; i++) {
    const entry = words[bucket + i]
    if (!isTagged(entry, tag)) continue
    return table.rowAddress(entry & ROW_ID_MASK)
  }
  return 0
}
