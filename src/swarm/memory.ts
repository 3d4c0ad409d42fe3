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
import type { ConnectionStates } from './connections.ts'
import {
  BUCKET_WORDS,
  JOIN_LOAD,
  type PeerKindName,
  peerKindOf,
  ROW_PAGES_MAX,
  TABLE_WORDS,
  TOTAL_ALONE,
  TOTAL_LOCKED,
  TOTAL_MAX_PEERS,
  TOTAL_MAX_TORRENTS,
  TOTAL_PEERS_PER_ADDRESS,
  TOTAL_WORDS,
  UDP_KINDS,
} from './layout.ts'
import { Swarms } from './swarm.ts'
import { type SwarmTables, Table } from './table/table.ts'

/** Pages that each table may have begun, one per use and size. */
const PAGES_PER_TABLE = 32

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
  /** The kinds of peers; those of UDP by default. */
  readonly kinds?: readonly PeerKindName[]
}

export interface SwarmBuffers {
  readonly kinds: readonly PeerKindName[]
  readonly arena: ArenaBuffers
  /** Totals, then one header per table, kind by kind. */
  readonly control: SharedArrayBuffer
  /** Per table: pages of rows, pages of buckets. */
  readonly directory: SharedArrayBuffer
  readonly tablesPerKind: number
  readonly rowPagesMax: number
  readonly bucketPagesMax: number
  readonly key0: number
  readonly key1: number
}

/** Bytes that the limits ask for. */
export function reserveBytes(limits: {
  maxTorrents: number
  maxPeers: number
  kinds?: readonly PeerKindName[]
}): number {
  const kinds = (limits.kinds ?? UDP_KINDS).map(peerKindOf)
  const torrentBytes = Math.max(...kinds.map((kind) => kind.torrentBytes))
  const peerBytes = Math.max(...kinds.map((kind) => kind.peerBytes))
  return limits.maxTorrents * torrentBytes + limits.maxPeers * peerBytes
}

/** What the limits may ask for at most: a single shared buffer's size. */
export const RESERVE_BYTES_MAX = ARENA_BYTES_MAX

/** Reserves the memory. Throws RangeError when the system refuses. */
export function createSwarmMemory(limits: SwarmLimits): SwarmBuffers {
  const tablesPerKind = tablesFor(limits)
  const kinds = limits.kinds ?? UDP_KINDS
  const rowsPerPage = Math.min(...kinds.map((name) => peerKindOf(name).rowsPerPage))
  const rowPagesMax = Math.min(ROW_PAGES_MAX, Math.ceil(limits.maxTorrents / rowsPerPage) + 1)
  const bucketPages = (limits.maxTorrents / JOIN_LOAD) * ((BUCKET_WORDS * 4) / PAGE_BYTES)
  const bucketPagesMax = Math.ceil(bucketPages) + 1
  const tables = tablesPerKind * kinds.length
  const control = new SharedArrayBuffer((TOTAL_WORDS + tables * TABLE_WORDS) * 4)
  const totals = new Int32Array(control)
  totals[TOTAL_MAX_TORRENTS] = limits.maxTorrents
  totals[TOTAL_MAX_PEERS] = limits.maxPeers
  const keys = randomFillSync(new Int32Array(2))
  return {
    kinds,
    arena: createArena(reserveBytes(limits) + tables * PAGES_PER_TABLE * PAGE_BYTES),
    control,
    directory: new SharedArrayBuffer(tables * (rowPagesMax + 1 + bucketPagesMax) * 4),
    tablesPerKind,
    rowPagesMax,
    bucketPagesMax,
    key0: keys[0],
    key1: keys[1],
  }
}

/**
 * One thread's view of the swarms. `countDownloads`: see the setting of that name. `connections`:
 * whose peers are whose, for WebSocket peers. `alone`: the tables that this thread uses are used by no
 * other, so that it needs no locks.
 */
export function attachSwarms(
  buffers: SwarmBuffers,
  countDownloads: boolean,
  connections: ConnectionStates | null = null,
  alone = false,
): Swarms {
  const totals = new Int32Array(buffers.control)
  const seed = randomFillSync(new Int32Array(1))[0]
  return new Swarms(attachTables(buffers, alone), totals, countDownloads, seed, connections)
}

export function attachTables(buffers: SwarmBuffers, alone = false): SwarmTables {
  const arena = new Arena(buffers.arena)
  const control = new Int32Array(buffers.control)
  // A thread without locks beside one with them would damage tables, rarely and silently.
  Atomics.store(control, alone ? TOTAL_ALONE : TOTAL_LOCKED, 1)
  if (Atomics.load(control, alone ? TOTAL_LOCKED : TOTAL_ALONE) === 1) {
    throw new Error('tables are used both with and without locks')
  }
  const directory = new Int32Array(buffers.directory)
  const { rowPagesMax, bucketPagesMax } = buffers
  const tables: Record<PeerKindName, Table[]> = { ipv4: [], ipv6: [], websocket: [] }
  for (const [position, name] of buffers.kinds.entries()) {
    tables[name] = Array.from({ length: buffers.tablesPerKind }, (_, shard) => {
      const index = position * buffers.tablesPerKind + shard
      return new Table({
        arena,
        control,
        header: TOTAL_WORDS + index * TABLE_WORDS,
        directory,
        directoryAt: index * (rowPagesMax + 1 + bucketPagesMax),
        rowPagesMax,
        bucketPagesMax,
        kind: peerKindOf(name),
        key0: buffers.key0,
        key1: buffers.key1,
        alone,
      })
    })
  }
  return tables
}

function tablesFor(limits: SwarmLimits): number {
  const wanted = Math.max(
    limits.workers * TABLES_PER_WORKER,
    limits.maxTorrents / TORRENTS_PER_TABLE,
    TABLES_MIN,
  )
  return Math.min(TABLES_MAX, 2 ** Math.ceil(Math.log2(wanted)))
}

/** Other limits while workers serve. They must not be above those that the memory was reserved for. */
export function setLimits(buffers: SwarmBuffers, maxTorrents: number, maxPeers: number): void {
  const totals = new Int32Array(buffers.control)
  Atomics.store(totals, TOTAL_MAX_TORRENTS, maxTorrents)
  Atomics.store(totals, TOTAL_MAX_PEERS, maxPeers)
}

/** How many peers of one address (IPv6: of a /64) a torrent keeps, of UDP; 0 = no limit. At any time. */
export function setPeersPerAddress(buffers: SwarmBuffers, peers: number): void {
  Atomics.store(new Int32Array(buffers.control), TOTAL_PEERS_PER_ADDRESS, peers)
}
