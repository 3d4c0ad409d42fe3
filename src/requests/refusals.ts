// Why an announce that is right by itself is refused: what its client is told, and the counter that tells the
// operator, by what became of it (swarm/status.ts). Read by the protocols' workers. Owns nothing.
import {
  GATED,
  NOT_ALLOWED,
  PEERS_FULL,
  PEERS_RATIONED,
  TORRENTS_FULL,
  TORRENTS_RATIONED,
} from '../swarm/status.ts'

export interface Refusal {
  readonly status: number
  /** A protocol has it among its counters, as it is named there. */
  readonly counter:
    | 'rejected_not_allowed'
    | 'rejected_new_torrent_rate'
    | 'rejected_torrent_ration'
    | 'rejected_peer_ration'
    | 'rejected_torrents_full'
    | 'rejected_peers_full'
  readonly text: string
}

const REFUSALS: readonly Refusal[] = [
  { status: NOT_ALLOWED, counter: 'rejected_not_allowed', text: 'Info hash not allowed' },
  {
    status: GATED,
    counter: 'rejected_new_torrent_rate',
    text: 'Too many new torrents from this address: try again later',
  },
  {
    status: TORRENTS_RATIONED,
    counter: 'rejected_torrent_ration',
    text: 'Tracker is nearly full: no more new torrents for now',
  },
  {
    status: PEERS_RATIONED,
    counter: 'rejected_peer_ration',
    text: 'Tracker is nearly full: no more new peers for now',
  },
  {
    status: TORRENTS_FULL,
    counter: 'rejected_torrents_full',
    text: 'Tracker is full: no new torrents',
  },
  { status: PEERS_FULL, counter: 'rejected_peers_full', text: 'Tracker is full: no new peers' },
]

/** What a protocol makes of each, at the place of its status. */
export function byStatus<T>(of: (refusal: Refusal) => T): T[] {
  const found: T[] = []
  for (const refusal of REFUSALS) found[refusal.status] = of(refusal)
  return found
}

/** Where each is counted, as `byStatus`; `names`: the protocol's counters in their order in memory. */
export function countersByStatus(names: readonly string[]): Int32Array {
  const places = byStatus(({ counter }) => names.indexOf(counter))
  if (places.includes(-1)) throw new Error('a refusal is not counted')
  return Int32Array.from(places, (place) => place ?? -1)
}
