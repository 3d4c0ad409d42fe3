// When a peer expires: it has not announced for too long, and a WebSocket peer's connection has shown
// no other sign of life. Called by clean.ts and large.ts under the table's lock.
import type { ConnectionStates } from '../connections.ts'
import {
  PEER_AGE_MAX,
  PEER_CONNECTION,
  PEER_PORT_MASK,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
} from '../layout.ts'
import type { Table } from '../table/table.ts'

/** The criteria: times in seconds, and the connections, where there are any. */
export class Expiry {
  now = 0
  maxAge = 0
  connections: ConnectionStates | null = null
}

// HOT: no allocation below this line.

/**
 * True when the peer at `at` was last seen more than `maxAge` seconds before `now`. A client may announce
 * once and then only ping, or answer pings: its peers are renewed here.
 */
export function isOver(table: Table, at: number, { now, maxAge, connections }: Expiry): boolean {
  const words = table.words
  const lastAt = at + table.stride - 1
  if (!isExpired(words[lastAt], now, maxAge)) return false
  if (connections === null || !table.owned) return true
  const generation = words[lastAt] & PEER_PORT_MASK
  const life = connections.lifeOf(words[at + PEER_CONNECTION], generation)
  if (life < 0 || now - life > maxAge) return true
  const seen = (life & PEER_SEEN_MASK) << PEER_SEEN_SHIFT
  words[lastAt] = (words[lastAt] & ~(PEER_SEEN_MASK << PEER_SEEN_SHIFT)) | seen
  return false
}

/**
 * True when a peer, by its last word, was last seen more than `maxAge` seconds before `now`. Threads
 * read the clock once per batch, so a peer may have been seen «after» now: that looks like a great age.
 */
function isExpired(last: number, now: number, maxAge: number): boolean {
  const age = (now - (last >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
  return age > maxAge && age <= PEER_AGE_MAX
}
