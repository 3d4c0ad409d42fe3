// Who may change a WebSocket peer: the connection that announced it, as long as it lives.
// Called by swarm.ts under the table's lock, with the asking connection in `member`. Owns nothing.
import type { ConnectionStates } from './connections.ts'
import { PEER_CONNECTION, PEER_PORT_MASK, STRIDE_WEBSOCKET } from './layout.ts'
import { member } from './peers.ts'
import type { Table } from './table.ts'

// HOT: no allocation below this line.

/** True when the asking connection, of this generation, owns the peer at `at`. */
export function isOwner(table: Table, at: number, generation: number): boolean {
  return (
    table.words[at + PEER_CONNECTION] === member.connection &&
    generationAt(table.words, at) === generation
  )
}

/** True when the asking connection owns the peer at `at`, or nobody does any more. `last`: the new last word. */
export function mayTake(
  table: Table,
  connections: ConnectionStates | null,
  at: number,
  last: number,
): boolean {
  if (isOwner(table, at, last & PEER_PORT_MASK)) return true
  const words = table.words
  if (connections?.lives(words[at + PEER_CONNECTION], generationAt(words, at))) return false
  member.joined = true
  return true
}

/** The generation of the connection that the WebSocket peer at `at` belongs to. */
export function generationAt(words: Int32Array, at: number): number {
  return words[at + STRIDE_WEBSOCKET - 1] & PEER_PORT_MASK
}
