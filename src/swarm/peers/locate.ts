// Finds a peer in a torrent of any form, in either role. Called by swarm.ts, owner.ts and restore.ts under
// the table's lock.

import { KIND_LARGE, ROW_BLOCK, ROW_LEECHER_DIRECTORY, ROW_STATE } from '../layout.ts'
import type { Table } from '../table/table.ts'
import { findInSet, found } from './large.ts'
import { findPeer, hashPeer, type Peer } from './peer.ts'
import { kindOf, openSmall, small } from './small.ts'

// HOT: no allocation below this line.

/** The address of a peer in the torrent of a row, or 0. Fills `found`, and opens a small swarm. */
export function locate(table: Table, row: number, peer: Peer): number {
  const words = table.words
  if (kindOf(words[row + ROW_STATE]) === KIND_LARGE) {
    const hash = hashPeer(table, peer)
    found.seeder = findInSet(table, words[row + ROW_BLOCK], hash, peer)
    if (!found.seeder && !findInSet(table, words[row + ROW_LEECHER_DIRECTORY], hash, peer)) return 0
    return words[found.entry] + found.index * table.stride
  }
  openSmall(table, row)
  const index = findPeer(table, small.base, small.seeders + small.leechers, peer)
  if (index < 0) return 0
  found.index = index
  found.seeder = index < small.seeders
  return small.base + index * table.stride
}
