// What a worker counts and measures, and where it stands in the worker's slot. How the counts get to
// the main thread: src/metrics/counters.ts.
//
//  0… IPv4 counters │ FAMILY_IPV6… the same for IPv6 │ WORKER… counters that have no
//  family │ RESPONSE_TIME… │ BATCH_SIZE…
import { slotWords } from '../metrics/counters.ts'
import { histogramCounters, histogramShape } from '../metrics/histogram.ts'

/** Counted per address family, in this order in memory. Names are those of the statistics. */
export const FAMILY_COUNTERS = [
  'requests_connect',
  'requests_announce',
  'requests_scrape',
  'responses_connect',
  'responses_announce',
  'responses_scrape',
  'responses_error',
  'received_bytes',
  'sent_bytes',
  'rejected_source_port',
  'rejected_too_short',
  'rejected_protocol_id',
  'rejected_action',
  'rejected_connection_id',
  'rejected_port',
  'rejected_no_info_hash',
  'rejected_torrents_full',
  'rejected_peers_full',
  'rejected_not_allowed',
  'rejected_connect_rate',
  'rejected_request_rate',
  'rejected_new_torrent_rate',
  'rejected_banned',
  'rejected_peers_per_address',
  'rejected_torrent_ration',
  'rejected_peer_ration',
  'rejected_sustained_rate',
  'rejected_network_rate',
] as const

// The same as numbers, for the hot path: add FAMILY_IPV4 or FAMILY_IPV6.
export const REQUESTS_CONNECT = 0
export const REQUESTS_ANNOUNCE = 1
export const REQUESTS_SCRAPE = 2
export const RESPONSES_CONNECT = 3
export const RESPONSES_ANNOUNCE = 4
export const RESPONSES_SCRAPE = 5
export const RESPONSES_ERROR = 6
export const RECEIVED_BYTES = 7
export const SENT_BYTES = 8
export const REJECTED_SOURCE_PORT = 9
export const REJECTED_TOO_SHORT = 10
export const REJECTED_PROTOCOL_ID = 11
export const REJECTED_ACTION = 12
export const REJECTED_CONNECTION_ID = 13
export const REJECTED_PORT = 14
export const REJECTED_NO_INFO_HASH = 15
export const REJECTED_TORRENTS_FULL = 16
export const REJECTED_PEERS_FULL = 17
export const REJECTED_NOT_ALLOWED = 18
export const REJECTED_CONNECT_RATE = 19
export const REJECTED_REQUEST_RATE = 20
export const REJECTED_NEW_TORRENT_RATE = 21
export const REJECTED_BANNED = 22
/** Answered all the same; the peer is not kept. */
export const REJECTED_PEERS_PER_ADDRESS = 23
export const REJECTED_TORRENT_RATION = 24
export const REJECTED_PEER_RATION = 25
export const REJECTED_SUSTAINED_RATE = 26
export const REJECTED_NETWORK_RATE = 27

export const FAMILY_IPV4 = 0
export const FAMILY_IPV6 = FAMILY_COUNTERS.length

/** Counted per worker. */
export const WORKER_COUNTERS = [
  'send_failures',
  'dropped_requests',
  'dropped_responses',
  'dropped_scrapes',
  'response_waits',
  'request_wakes',
  'response_wakes',
  'bans',
] as const

const WORKER = FAMILY_IPV6 + FAMILY_COUNTERS.length
export const SEND_FAILURES = WORKER
/** Requests that found the ring to their request worker full. */
export const DROPPED_REQUESTS = WORKER + 1
/** Answers that found the ring back full for too long. */
export const DROPPED_RESPONSES = WORKER + 2
/** Scrapes over several request workers that found no place to be joined, or lost a part. */
export const DROPPED_SCRAPES = WORKER + 3
/** Times that a request worker waited for a full ring back. */
export const RESPONSE_WAITS = WORKER + 4
/** Times that a sleeping request worker, or socket worker, was woken. */
export const REQUEST_WAKES = WORKER + 5
export const RESPONSE_WAKES = WORKER + 6
/** Addresses that were banned for a while; the same one each time that it begins anew. */
export const BANS = WORKER + 7

export type FamilyCounter = (typeof FAMILY_COUNTERS)[number]
export type WorkerCounter = (typeof WORKER_COUNTERS)[number]
export type CounterName = `${FamilyCounter}_${'ipv4' | 'ipv6'}` | WorkerCounter

/** All counters, in their order in memory. */
export const COUNTERS: readonly CounterName[] = [
  ...FAMILY_COUNTERS.map((name) => `${name}_ipv4` as const),
  ...FAMILY_COUNTERS.map((name) => `${name}_ipv6` as const),
  ...WORKER_COUNTERS,
]

/** Nanoseconds from before a packet was received until its answer was sent: 1 µs to 1 s. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Packets per batch, per batch. */
export const BATCH_SIZE_SHAPE = histogramShape(0, 8, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  batch_size: BATCH_SIZE_SHAPE,
} as const

export const RESPONSE_TIME = WORKER + WORKER_COUNTERS.length
export const BATCH_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** Words per worker. */
export const COUNTER_WORDS = slotWords(BATCH_SIZE + histogramCounters(BATCH_SIZE_SHAPE))
