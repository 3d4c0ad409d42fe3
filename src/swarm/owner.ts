// Who may change a WebSocket peer: the connection that announced it, as long as it lives, and whoever
// announces it from the same address: a client whose connection broke may come back before the break is noticed.
// Called by swarm.ts and ws/ under the table's lock.
import type { Announce } from './announce.ts'
import type { ConnectionStates } from './connections.ts'
import { PEER_CONNECTION, PEER_PORT_MASK, STRIDE_WEBSOCKET } from './layout.ts'
import { locate } from './peers/locate.ts'
import type { Peer } from './peers/peer.ts'
import type { Table } from './table/table.ts'
import { findTorrent } from './table/torrents.ts'

// HOT: no allocation below this line.

/** True when the peer at `at` belongs to the asking peer's connection. */
export function isOwner(table: Table, at: number, peer: Peer): boolean {
  return (
    table.words[at + PEER_CONNECTION] === peer.connection &&
    generationAt(table.words, at) === peer.port
  )
}

/**
 * True when the asking connection owns the peer at `at`, or may take it over (`joined`): its owner is
 * gone, or comes from the same address.
 */
export function mayTake(
  table: Table,
  connections: ConnectionStates | null,
  at: number,
  announce: Announce,
): boolean {
  if (isOwner(table, at, announce.peer)) return true
  const words = table.words
  const owner = words[at + PEER_CONNECTION]
  // The owner's slot is still its own: before it gets another connection, that one's peers leave, for which
  // this table has to be locked.
  if (
    connections?.lives(owner, generationAt(words, at)) &&
    !connections.haveSameAddress(owner, announce.peer.connection)
  ) {
    return false
  }
  announce.joined = true
  return true
}

/** True when the asking connection has the peer in the torrent. */
export function ownsPeer(table: Table, announce: Announce): boolean {
  const row = findTorrent(table, announce.source, announce.infoHash, announce.hash)
  if (row === 0) return false
  const at = locate(table, row, announce.peer)
  return at !== 0 && isOwner(table, at, announce.peer)
}

/** The generation of the connection that the WebSocket peer at `at` belongs to. */
export function generationAt(words: Int32Array, at: number): number {
  return words[at + STRIDE_WEBSOCKET - 1] & PEER_PORT_MASK
}
