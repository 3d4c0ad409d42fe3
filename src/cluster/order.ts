// The order of what happens to a peer, the same for all nodes. Used by note.ts; kept by swarm/seconds.ts, pack.ts and apply.ts.
//
// Everything that happens has a second, which the node that the client spoke to gives it once: of the cluster's clock
// (cluster-clock.ts), which travels unchanged. Of two things, the later second counts. Of the same second a leave counts before
// a seeder, and a seeder before a leecher. So each node keeps the greatest of what it has heard, whatever it hears in
// whatever order, how often and from whom, and nodes that have heard the same have the same. It rests on three rules:
//
//  1. What happens at one node is in this order too: it never gives a peer an earlier second than it knows of it, and a later one
//     to a leecher that was a seeder and to who comes back after a leave (swarm/seconds.ts, pack.ts).
//  2. A node that hears something other than it knows better, by an announce that it did not tell of, tells it (apply.ts).
//  3. A leave has a second that is later than that of every announce that its node knew, or could have heard of from the client: so it
//     undoes those. Who announces to another node after it, and before that has heard of it, is right with the next announce.
import { PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../swarm/layout.ts'
import { AHEAD_MAX_SEC } from '../swarm/seconds.ts'

/**
 * Nodes' clocks agree to this, and an announce that was no news is told to nobody (note.ts): so a leave counts as so much later, to be
 * later than one that another node got just before.
 */
export const LEAVE_LATER_SEC = 1

// HOT: no allocation below this line.

/** Of a leave at `now`, of a peer whose row had the last word `before` (0: none). */
export function secondOfLeave(before: number, now: number): number {
  const second = now + LEAVE_LATER_SEC
  if (before === 0) return second
  const later = ((before >>> PEER_SEEN_SHIFT) - second) & PEER_SEEN_MASK
  return later > AHEAD_MAX_SEC ? second : second + later
}
