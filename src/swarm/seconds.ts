// The second in which a peer was last seen, as its row has it. Used by cluster/, where nodes whose clocks differ by some seconds compare
// it (cluster/order.ts), and by swarm.ts for announces that other nodes are told of.
import { PEER_SEEN_MASK, PEER_SEEN_SHIFT } from './layout.ts'

/**
 * Seconds that a peer's may be ahead of this thread's clock: another thread, or another node, may have read a later one, and each
 * return within one second adds one. What is further ahead is no second that anybody gives.
 */
export const AHEAD_MAX_SEC = 64
/** By returns and changes of role within a second. Who does that more often is right elsewhere with the next announce. */
export const RETURNS_MAX_SEC = 32

// HOT: no allocation below this line.

/**
 * Of an announce at `now`, of a peer whose row had the last word `before` (0: none). It never goes back, and who seeds no more gets
 * a later one than when it did.
 */
export function secondOfAnnounce(before: number, seeder: boolean, now: number): number {
  if (before === 0) return now
  const ahead = ((before >>> PEER_SEEN_SHIFT) - now) & PEER_SEEN_MASK
  if (ahead > AHEAD_MAX_SEC) return now
  return before < 0 && !seeder && ahead < RETURNS_MAX_SEC ? now + ahead + 1 : now + ahead
}

/** When a peer was seen, by the last word of its row: around `now`. */
export function secondOf(last: number, now: number): number {
  const ahead = ((last >>> PEER_SEEN_SHIFT) - now) & PEER_SEEN_MASK
  return ahead <= AHEAD_MAX_SEC ? now + ahead : now + ahead - PEER_SEEN_MASK - 1
}
