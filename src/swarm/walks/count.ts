// Sums over the tables of each kind of peer, for statistics. Reads without locks: each count is right
// by itself, and their sum belongs to one moment as far as reading a few dozen words allows.
import {
  type PeerKindName,
  TABLE_CONTENDED,
  TABLE_LEECHERS,
  TABLE_SEEDERS,
  TABLE_SLEPT,
  TABLE_TORRENTS,
  TABLE_WORDS,
  TOTAL_WORDS,
} from '../layout.ts'
import type { SwarmBuffers } from '../memory.ts'

export interface SwarmCounts {
  torrents: number
  seeders: number
  leechers: number
  /** How often a lock was not free at once: a sum of words that wrap, for a WrappingTotal. */
  contendedLocks: number
  /** How often a thread slept for one; the same. */
  sleptLocks: number
}

export type CountsByKind = Readonly<Record<PeerKindName, SwarmCounts>>

/** Of each kind of peer; zeros for kinds that these swarms do not have. */
export function countSwarms(buffers: SwarmBuffers): CountsByKind {
  const { tablesPerKind } = buffers
  const control = new Int32Array(buffers.control)
  const byKind = { ipv4: nothing(), ipv6: nothing(), websocket: nothing() }
  for (const [position, kind] of buffers.kinds.entries()) {
    const counts = byKind[kind]
    for (let table = 0; table < tablesPerKind; table++) {
      const header = TOTAL_WORDS + (position * tablesPerKind + table) * TABLE_WORDS
      counts.torrents += Atomics.load(control, header + TABLE_TORRENTS)
      counts.seeders += Atomics.load(control, header + TABLE_SEEDERS)
      counts.leechers += Atomics.load(control, header + TABLE_LEECHERS)
      counts.contendedLocks += Atomics.load(control, header + TABLE_CONTENDED)
      counts.sleptLocks += Atomics.load(control, header + TABLE_SLEPT)
    }
  }
  return byKind
}

function nothing(): SwarmCounts {
  return { torrents: 0, seeders: 0, leechers: 0, contendedLocks: 0, sleptLocks: 0 }
}
