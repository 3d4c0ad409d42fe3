// Why a valid announce is refused: by status (swarm/status.ts), the text for its client and the counter for the
// operator. Used by the protocols' workers.
import { REFUSED_BY_KEYS } from '../access-keys/verdict.ts'
import {
  BANNED,
  TOO_MANY,
  TOO_MANY_OF_NETWORK,
  TOO_MANY_SUSTAINED,
} from '../source-limits/source-limits.ts'
import {
  CROWDED,
  GATED,
  NOT_ALLOWED,
  PEERS_FULL,
  PEERS_RATIONED,
  PRESSED,
  PRIVATE_ADDRESS,
  RESERVED_ADDRESS,
  TORRENTS_FULL,
  TORRENTS_RATIONED,
  TURNED_AWAY,
} from '../swarm/status.ts'

/** Reasons among a protocol's `rejected` counters, in this order: limits on memory and the access list; */
export const REFUSED_BY_SWARMS = ['torrents_full', 'peers_full', 'not_allowed'] as const
/** and limits on sources. */
export const REFUSED_BY_LIMITS = [
  'request_rate',
  'new_torrent_rate',
  'banned',
  'peers_per_address',
  'torrent_ration',
  'peer_ration',
  'sustained_rate',
  'network_rate',
] as const
/** Addresses of which a peer is not stored. As with peers_per_address, the client gets its answer. */
export const NOT_KEPT_BY_ADDRESS = ['private_address', 'reserved_address'] as const

/** In large swarms under pressure: refused, or not stored but answered, as above. */
export const REFUSED_UNDER_PRESSURE = ['pressure', 'pressure_not_kept'] as const

type Reason = (
  | typeof REFUSED_BY_SWARMS
  | typeof REFUSED_BY_LIMITS
  | typeof REFUSED_UNDER_PRESSURE
  | typeof NOT_KEPT_BY_ADDRESS
)[number]

/** The lists of networks and of clients (client-lists/gate.ts), and what clients are told. */
export const REFUSED_BY_LISTS = ['denied_network', 'denied_client'] as const
export const DENIED_TEXTS = {
  network: 'Your network is not served',
  client: 'Client not allowed: use another one',
} as const

/** The operator has paused the protocol or the client's address family (pause.ts). */
export const REFUSED_BY_PAUSE = ['paused'] as const

/** Those of protocols that store peers by address, in the order of their counters, but for those of swarms. */
export const REFUSED_BY_ALL = [
  ...REFUSED_BY_LIMITS,
  ...REFUSED_BY_KEYS,
  ...REFUSED_BY_PAUSE,
  ...NOT_KEPT_BY_ADDRESS,
  ...REFUSED_UNDER_PRESSURE,
  ...REFUSED_BY_LISTS,
] as const

export interface Refusal {
  readonly status: number
  /** Its name among the protocol's counters. */
  readonly counter: `rejected_${Reason}`
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
  {
    status: PRESSED,
    counter: 'rejected_pressure',
    text: 'Tracker is overloaded: no new peers in large swarms for now',
  },
]

/** Answered as usual, except for a warning where the protocol has one. */
const NOT_KEPT: readonly Refusal[] = [
  {
    status: CROWDED,
    counter: 'rejected_peers_per_address',
    text: 'Your peer is not given to others: this torrent has too many at your address',
  },
  {
    status: PRIVATE_ADDRESS,
    counter: 'rejected_private_address',
    text: 'Your peer is not given to others: its address is private, and those of other clients are public',
  },
  {
    status: RESERVED_ADDRESS,
    counter: 'rejected_reserved_address',
    text: 'Your peer is not given to others: its address is reserved, and nobody can reach it',
  },
  {
    status: TURNED_AWAY,
    counter: 'rejected_pressure_not_kept',
    text: 'Your peer is not given to others for now: the tracker is overloaded, and this torrent has many',
  },
]

/** `of` applied to each refusal, indexed by status. */
export function byStatus<T>(of: (refusal: Refusal) => T): T[] {
  const found: T[] = []
  for (const refusal of REFUSALS) found[refusal.status] = of(refusal)
  return found
}

/** The same for what is answered although the peer is not kept. */
export function byNotKept<T>(of: (reason: Refusal) => T): T[] {
  const found: T[] = []
  for (const reason of NOT_KEPT) found[reason.status] = of(reason)
  return found
}

/**
 * The index of each refusal's counter, by status; `names`: the protocol's counters in their order in memory.
 */
export function countersByStatus(names: readonly string[]): Int32Array {
  return placesOf(REFUSALS.map(counterOf), names)
}

/** The same for what is answered although the peer is not kept. */
export function countersByNotKept(names: readonly string[]): Int32Array {
  return placesOf(NOT_KEPT.map(counterOf), names)
}

function counterOf({ status, counter }: Refusal): CounterOf {
  return [status, counter]
}

/** The same by verdict of the source limits on a request (source-limits/source-limits.ts). */
export function countersByVerdict(names: readonly string[]): Int32Array {
  return placesOf(VERDICTS, names)
}

type CounterOf = readonly [code: number, counter: Refusal['counter']]

const VERDICTS: readonly CounterOf[] = [
  [TOO_MANY, 'rejected_request_rate'],
  [BANNED, 'rejected_banned'],
  [TOO_MANY_SUSTAINED, 'rejected_sustained_rate'],
  [TOO_MANY_OF_NETWORK, 'rejected_network_rate'],
]

/** By code; −1 for codes that are not refusals. */
function placesOf(counters: readonly CounterOf[], names: readonly string[]): Int32Array {
  const places = new Int32Array(1 + Math.max(...counters.map(([code]) => code))).fill(-1)
  for (const [code, counter] of counters) {
    places[code] = names.indexOf(counter)
    if (places[code] === -1) throw new Error(`no counter ${counter}`)
  }
  return places
}
