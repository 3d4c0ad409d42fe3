// The shared memory of all swarms: how much is reserved, what lies where, and how a worker joins in.
// Main creates it once and hands the buffers to every worker, which attaches. Owns the buffers.
import { randomFillSync } from 'node:crypto'
import {
  ARENA_BYTES_MAX,
  Arena,
  type ArenaBuffers,
  createArena,
  PAGE_BYTES,
} from '../memory/arena.ts'
import {
  BUCKET_WORDS,
  JOIN_LOAD,
  PEER_KINDS,
  ROW_PAGES_MAX,
  TABLE_WORDS,
  TOTAL_MAX_PEERS,
  TOTAL_MAX_TORRENTS,
  TOTAL_WORDS,
} from './layout.ts'
import { Swarms } from './swarm.ts'
import { Table } from './table.ts'

/** What a torrent takes at most, averaged over many: an IPv6 row of 44 bytes, its share of a bucket, some slack. */
const BYTES_PER_TORRENT = 60
/** What an IPv6 peer of a large swarm takes: 20 bytes, the free part of its bucket, its share of the directory. */
const BYTES_PER_PEER = 30
/** Pages that each table may have begun, one per use and size. */
const PAGES_PER_TABLE = 24

/** Tables per address family: 16 make two workers meet rarely; more workers get more. */
const TABLES_MIN = 16
const TABLES_PER_WORKER = 4
const TABLES_MAX = 256
/** Keeps a table's row ids well inside their 22 bits. */
const TORRENTS_PER_TABLE = 1_000_000

export interface SwarmLimits {
  readonly maxTorrents: number
  readonly maxPeers: number
  readonly workers: number
}

export interface SwarmBuffers {
  readonly arena: ArenaBuffers
  /** Totals, then one header per table: IPv4 tables first, IPv6 tables behind. */
  readonly control: SharedArrayBuffer
  /** Per table: pages of rows, pages of buckets. */
  readonly directory: SharedArrayBuffer
  readonly tablesPerFamily: number
  readonly rowPagesMax: number
  readonly bucketPagesMax: number
  readonly key0: number
  readonly key1: number
}

/** Bytes that the limits ask for. */
export function reserveBytes(limits: { maxTorrents: number; maxPeers: number }): number {
  return limits.maxTorrents * BYTES_PER_TORRENT + limits.maxPeers * BYTES_PER_PEER
}

/** What the limits may ask for at most: a single shared buffer's size. */
export const RESERVE_BYTES_MAX = ARENA_BYTES_MAX

/** Reserves the memory. Throws RangeError when the system refuses. */
export function createSwarmMemory(limits: SwarmLimits): SwarmBuffers {
  const tablesPerFamily = tablesFor(limits)
  const rowsPerPage = Math.min(...PEER_KINDS.map((kind) => kind.rowsPerPage))
  const rowPagesMax = Math.min(ROW_PAGES_MAX, Math.ceil(limits.maxTorrents / rowsPerPage) + 1)
  const bucketPages = (limits.maxTorrents / JOIN_LOAD) * ((BUCKET_WORDS * 4) / PAGE_BYTES)
  const bucketPagesMax = Math.ceil(bucketPages) + 1
  const tables = tablesPerFamily * PEER_KINDS.length
  const control = new SharedArrayBuffer((TOTAL_WORDS + tables * TABLE_WORDS) * 4)
  const totals = new Int32Array(control)
  totals[TOTAL_MAX_TORRENTS] = limits.maxTorrents
  totals[TOTAL_MAX_PEERS] = limits.maxPeers
  const keys = randomFillSync(new Int32Array(2))
  return {
    arena: createArena(reserveBytes(limits) + tables * PAGES_PER_TABLE * PAGE_BYTES),
    control,
    directory: new SharedArrayBuffer(tables * (rowPagesMax + 1 + bucketPagesMax) * 4),
    tablesPerFamily,
    rowPagesMax,
    bucketPagesMax,
    key0: keys[0],
    key1: keys[1],
  }
}

/** One thread's view of the swarms. `countDownloads`: see the setting of that name. */
export function attachSwarms(buffers: SwarmBuffers, countDownloads: boolean): Swarms {
  const arena = new Arena(buffers.arena)
  const control = new Int32Array(buffers.control)
  const directory = new Int32Array(buffers.directory)
  const families = PEER_KINDS.map((kind, family) =>
    Array.from({ length: buffers.tablesPerFamily }, (_, shard) => {
      const index = family * buffers.tablesPerFamily + shard
      return new Table(
        arena,
        control,
        TOTAL_WORDS + index * TABLE_WORDS,
        directory,
        index * (buffers.rowPagesMax + 1 + buffers.bucketPagesMax),
        buffers.rowPagesMax,
        buffers.bucketPagesMax,
        kind,
        buffers.key0,
        buffers.key1,
      )
    }),
  )
  const seed = randomFillSync(new Int32Array(1))[0]
  return new Swarms(families[0], families[1], control, countDownloads, seed)
}

function tablesFor(limits: SwarmLimits): number {
  const wanted = Math.max(
    limits.workers * TABLES_PER_WORKER,
    limits.maxTorrents / TORRENTS_PER_TABLE,
    TABLES_MIN,
  )
  return Math.min(TABLES_MAX, 2 ** Math.ceil(Math.log2(wanted)))
}
