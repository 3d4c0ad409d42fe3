// Sums over the tables of each kind of peer, for statistics. Reads without locks: each count is right
// by itself, and their sum as near to one moment as a walk over some dozens of words is.
import {
  PEER_KINDS,
  TABLE_CONTENDED,
  TABLE_LEECHERS,
  TABLE_SEEDERS,
  TABLE_TORRENTS,
  TABLE_WORDS,
  TOTAL_WORDS,
} from './layout.ts'
import type { SwarmBuffers } from './memory.ts'

export interface SwarmCounts {
  torrents: number
  seeders: number
  leechers: number
  /** How often a lock was not free at once. */
  contendedLocks: number
}

/** In the order of PEER_KINDS. */
export function countSwarms(buffers: SwarmBuffers): SwarmCounts[] {
  const control = new Int32Array(buffers.control)
  return PEER_KINDS.map((_, kind) => {
    const counts = { torrents: 0, seeders: 0, leechers: 0, contendedLocks: 0 }
    for (let table = 0; table < buffers.tablesPerFamily; table++) {
      const header = TOTAL_WORDS + (kind * buffers.tablesPerFamily + table) * TABLE_WORDS
      counts.torrents += Atomics.load(control, header + TABLE_TORRENTS)
      counts.seeders += Atomics.load(control, header + TABLE_SEEDERS)
      counts.leechers += Atomics.load(control, header + TABLE_LEECHERS)
      counts.contendedLocks += Atomics.load(control, header + TABLE_CONTENDED)
    }
    return counts
  })
}
