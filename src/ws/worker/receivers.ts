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
export const CANDIDATES_PER_OFFER = 3

// HOT: no allocation below this line.

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
      const to = count * RECEIVER_WORDS
      for (let i = 0; i < ID_WORDS; i++) receivers[to + i] = words[at + i]
      receivers[to + RECEIVER_CONNECTION] = connection
      receivers[to + RECEIVER_GENERATION] = generation
      count++
    }
  }
  return count
}
