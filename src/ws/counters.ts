// What a socket worker of aquatic_ws counts and measures. Workers count in memory of their own and publish
// it to their slots of shared memory four times a second (metrics/counters.ts); main reads them there.
//
//  0… counters of IPv4 │ FAMILY_IPV6… the same of IPv6 │ OTHER… counters that have no family │
//  RESPONSE_TIME… │ TURN_SIZE…
import { slotWords } from '../metrics/counters.ts'
import { histogramCounters, histogramShape } from '../metrics/histogram.ts'

/** Counted per address family of the client, in this order in memory. Names are those of the statistics. */
export const FAMILY_COUNTERS = [
  'connections_opened',
  'connections_closed',
  'requests_announce',
  'requests_answer',
  'requests_scrape',
  'received_messages',
  'received_bytes',
  'sent_messages',
  'sent_bytes',
] as const

/** Counted for all. */
const OTHER_COUNTERS = [
  'responses_announce',
  'responses_scrape',
  'responses_error',
  'offers_received',
  'offers_sent',
  'answers_sent',
  'rejected_json',
  'rejected_action',
  'rejected_info_hash',
  'rejected_peer_id',
  'rejected_event',
  'rejected_answer',
  'rejected_answer_without_offer',
  'rejected_peer_id_held',
  'rejected_torrents_full',
  'rejected_peers_full',
  'rejected_torrents_per_connection',
  'refused_connections_full',
  'refused_connections_per_address',
  'refused_origin',
  'closed_backlog',
  'closed_silent',
  'closed_unreachable',
  'dropped_between_workers_offer',
  'dropped_between_workers_answer',
  'receiver_gone_offer',
  'receiver_gone_answer',
  'rejected_not_allowed',
  'slow_clients',
  'dropped_backlog_offer',
  'dropped_backlog_answer',
  'closed_backlog_total',
  'offers_left_out_invalid',
  'offers_left_out_beyond_limit',
  'rejected_peer_ids_per_torrent',
  'rejected_requests_per_connection',
  'rejected_requests_per_address',
  'closed_requests',
  'proxy_header_missing',
  'proxy_header_not_understood',
] as const

export type FamilyCounter = (typeof FAMILY_COUNTERS)[number]
type OtherCounter = (typeof OTHER_COUNTERS)[number]
export type CounterName = FamilyCounter | OtherCounter
export type StoredCounter = `${FamilyCounter}_${'ipv4' | 'ipv6'}` | OtherCounter

/** All that is counted; those of the families are sums over both. */
export const COUNTERS: readonly CounterName[] = [...FAMILY_COUNTERS, ...OTHER_COUNTERS]

/** What is in memory, in this order. */
export const STORED_COUNTERS: readonly StoredCounter[] = [
  ...FAMILY_COUNTERS.map((name) => `${name}_ipv4` as const),
  ...FAMILY_COUNTERS.map((name) => `${name}_ipv6` as const),
  ...OTHER_COUNTERS,
]

// The same as numbers, for the hot path: add the connection's family, FAMILY_IPV4 or FAMILY_IPV6.
export const CONNECTIONS_OPENED = 0
export const CONNECTIONS_CLOSED = 1
export const REQUESTS_ANNOUNCE = 2
export const REQUESTS_ANSWER = 3
export const REQUESTS_SCRAPE = 4
export const RECEIVED_MESSAGES = 5
export const RECEIVED_BYTES = 6
export const SENT_MESSAGES = 7
export const SENT_BYTES = 8

export const FAMILY_IPV4 = 0
export const FAMILY_IPV6 = FAMILY_COUNTERS.length

const OTHER = FAMILY_IPV6 + FAMILY_COUNTERS.length
export const RESPONSES_ANNOUNCE = OTHER
export const RESPONSES_SCRAPE = OTHER + 1
export const RESPONSES_ERROR = OTHER + 2
export const OFFERS_RECEIVED = OTHER + 3
export const OFFERS_SENT = OTHER + 4
export const ANSWERS_SENT = OTHER + 5
export const REJECTED_JSON = OTHER + 6
export const REJECTED_ACTION = OTHER + 7
export const REJECTED_INFO_HASH = OTHER + 8
export const REJECTED_PEER_ID = OTHER + 9
export const REJECTED_EVENT = OTHER + 10
export const REJECTED_ANSWER = OTHER + 11
export const REJECTED_ANSWER_WITHOUT_OFFER = OTHER + 12
export const REJECTED_PEER_ID_HELD = OTHER + 13
export const REJECTED_TORRENTS_FULL = OTHER + 14
export const REJECTED_PEERS_FULL = OTHER + 15
export const REJECTED_TORRENTS_PER_CONNECTION = OTHER + 16
export const REFUSED_CONNECTIONS_FULL = OTHER + 17
export const REFUSED_CONNECTIONS_PER_ADDRESS = OTHER + 18
export const REFUSED_ORIGIN = OTHER + 19
export const CLOSED_BACKLOG = OTHER + 20
export const CLOSED_SILENT = OTHER + 21
export const CLOSED_UNREACHABLE = OTHER + 22
export const DROPPED_BETWEEN_WORKERS_OFFER = OTHER + 23
export const DROPPED_BETWEEN_WORKERS_ANSWER = OTHER + 24
export const RECEIVER_GONE_OFFER = OTHER + 25
export const RECEIVER_GONE_ANSWER = OTHER + 26
export const REJECTED_NOT_ALLOWED = OTHER + 27
export const SLOW_CLIENTS = OTHER + 28
export const DROPPED_BACKLOG_OFFER = OTHER + 29
export const DROPPED_BACKLOG_ANSWER = OTHER + 30
export const CLOSED_BACKLOG_TOTAL = OTHER + 31
export const OFFERS_LEFT_OUT_INVALID = OTHER + 32
export const OFFERS_LEFT_OUT_BEYOND_LIMIT = OTHER + 33
export const REJECTED_PEER_IDS_PER_TORRENT = OTHER + 34
export const REJECTED_REQUESTS_PER_CONNECTION = OTHER + 35
export const REJECTED_REQUESTS_PER_ADDRESS = OTHER + 36
export const CLOSED_REQUESTS = OTHER + 37
export const PROXY_HEADER_MISSING = OTHER + 38
export const PROXY_HEADER_NOT_UNDERSTOOD = OTHER + 39

/** Nanoseconds from when a message came until what it caused was sent: 1 µs to 1 s. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Messages per turn of the event loop, per turn. */
export const TURN_SIZE_SHAPE = histogramShape(0, 12, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  turn_size: TURN_SIZE_SHAPE,
} as const

export const RESPONSE_TIME = STORED_COUNTERS.length
export const TURN_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** What a worker counts, histograms included; and the words of its slot. */
export const COUNTER_COUNT = TURN_SIZE + histogramCounters(TURN_SIZE_SHAPE)
export const COUNTER_WORDS = slotWords(COUNTER_COUNT)
