// Chooses the peers that the offers of an announce go to. Called by handle.ts under the table's lock, for
// signal.ts.
import type { ConnectionStates } from '../../swarm/connections.ts'
import { PEER_CONNECTION } from '../../swarm/layout.ts'
import { generationAt } from '../../swarm/owner.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { ID_WORDS } from '../wire/request.ts'

// A receiver of an offer: 0…4 peer id │ 5 connection │ 6 generation
export const RECEIVER_CONNECTION = 5
export const RECEIVER_GENERATION = 6
export const RECEIVER_WORDS = 7

/** Peers to consider for each offer, so that those with a backlog can be skipped. */
const CANDIDATES_PER_OFFER = 3
/** However few offers there are: where some of the peers are other nodes', so that own ones are among them. */
const CANDIDATES_OF_NODES_MIN = 48

// HOT: no allocation below this line.

/** How many candidates the swarm is to choose for so many offers. */
export function candidatesFor(offers: number, withOtherNodes: boolean): number {
  const candidates = offers * CANDIDATES_PER_OFFER
  if (!withOtherNodes || offers === 0 || candidates > CANDIDATES_OF_NODES_MIN) return candidates
  return CANDIDATES_OF_NODES_MIN
}

/**
 * Copies the chosen peers whose connections can take an offer to `receivers`, at most `wanted`; returns how
 * many. Called under the lock: peers are read in place.
 */
export function chooseReceivers(
  table: Table,
  swarms: Swarms,
  states: ConnectionStates,
  receivers: Int32Array,
  wanted: number,
): number {
  const choice = swarms.choice
  const words = table.words
  const stride = table.stride
  let count = 0
  for (let run = 0; run < choice.runCount; run++) {
    let at = choice.runs[run * 2]
    for (let left = choice.runs[run * 2 + 1]; left > 0; left--, at += stride) {
      if (count === wanted) return count
      const connection = words[at + PEER_CONNECTION]
      const generation = generationAt(words, at)
      if (!states.takesOffers(connection, generation)) continue
      copyReceiver(words, at, receivers, count * RECEIVER_WORDS)
      count++
    }
  }
  return count
}

/** Copies the peer at `words[at]`, of the swarms, to `receivers[to]`. */
export function copyReceiver(
  words: Int32Array,
  at: number,
  receivers: Int32Array,
  to: number,
): void {
  for (let i = 0; i < ID_WORDS; i++) receivers[to + i] = words[at + i]
  receivers[to + RECEIVER_CONNECTION] = words[at + PEER_CONNECTION]
  receivers[to + RECEIVER_GENERATION] = generationAt(words, at)
}
