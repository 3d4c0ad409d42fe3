// Who may change a WebSocket peer: the connection that announced it, as long as it lives, and whoever
// announces it from the same address: a client whose connection broke comes back before its end shows.
// Called by swarm.ts and ws/handle.ts under the table's lock, with the asking connection in `member`.
// Owns nothing.
import type { ConnectionStates } from './connections.ts'
import { findInSet, found, hashPeer } from './large.ts'
import {
  KIND_LARGE,
  PEER_CONNECTION,
  PEER_PORT_MASK,
  ROW_BLOCK,
  ROW_LEECHER_DIRECTORY,
  ROW_STATE,
  STRIDE_WEBSOCKET,
} from './layout.ts'
import { findPeer, kindOf, member, openSmall, small } from './peers.ts'
import type { Table } from './table.ts'
import { findTorrent } from './torrents.ts'

// HOT: no allocation below this line.

/** True when the asking connection, of this generation, owns the peer at `at`. */
export function isOwner(table: Table, at: number, generation: number): boolean {
  return (
    table.words[at + PEER_CONNECTION] === member.connection &&
    generationAt(table.words, at) === generation
  )
}

/**
 * True when the asking connection owns the peer at `at`, or may own it from now on: nobody else does any more,
 * or somebody of its address. `last`: the new last word.
 */
export function mayTake(
  table: Table,
  connections: ConnectionStates | null,
  at: number,
  last: number,
): boolean {
  if (isOwner(table, at, last & PEER_PORT_MASK)) return true
  const words = table.words
  const owner = words[at + PEER_CONNECTION]
  // The owner's slot is still its own: before it gets another connection, that one's peers leave, for which
  // this table has to be locked.
  if (
    connections?.lives(owner, generationAt(words, at)) &&
    !connections.haveSameAddress(owner, member.connection)
  ) {
    return false
  }
  member.joined = true
  return true
}

/** True when the asking connection, of this generation, has the peer `a0…a3` and `member` in a torrent. */
export function ownsPeer(
  table: Table,
  source: Int32Array,
  at: number,
  hash: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  generation: number,
): boolean {
  const words = table.words
  const row = findTorrent(table, source, at, hash)
  if (row === 0) return false
  if (kindOf(words[row + ROW_STATE]) === KIND_LARGE) {
    const peerHash = hashPeer(table, a0, a1, a2, a3, 0)
    return (
      (findInSet(table, words[row + ROW_BLOCK], peerHash, a0, a1, a2, a3, 0) ||
        findInSet(table, words[row + ROW_LEECHER_DIRECTORY], peerHash, a0, a1, a2, a3, 0)) &&
      isOwner(table, words[found.entry] + found.index * table.stride, generation)
    )
  }
  openSmall(table, row)
  const index = findPeer(table, small.base, small.seeders + small.leechers, a0, a1, a2, a3, 0)
  return index >= 0 && isOwner(table, small.base + index * table.stride, generation)
}

/** The generation of the connection that the WebSocket peer at `at` belongs to. */
export function generationAt(words: Int32Array, at: number): number {
  return words[at + STRIDE_WEBSOCKET - 1] & PEER_PORT_MASK
}
