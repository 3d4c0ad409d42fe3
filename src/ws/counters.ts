// What a socket worker of aquatic_ws counts and measures. Workers count in memory of their own and publish
// it to their slots of shared memory four times a second (metrics/counters.ts); main reads them there.
//
//  0… counters │ RESPONSE_TIME… │ TURN_SIZE…
import { slotWords } from '../metrics/counters.ts'
import { histogramCounters, histogramShape } from '../metrics/histogram.ts'

/** In this order in memory. Names are those of the statistics. */
export const COUNTERS = [
  'connections_opened',
  'connections_closed',
  'requests_announce',
  'requests_answer',
  'requests_scrape',
  'responses_announce',
  'responses_scrape',
  'responses_error',
  'offers_received',
  'offers_sent',
  'answers_sent',
  'received_messages',
  'received_bytes',
  'sent_messages',
  'sent_bytes',
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

export type CounterName = (typeof COUNTERS)[number]

// The same as numbers, for the hot path.
export const CONNECTIONS_OPENED = 0
export const CONNECTIONS_CLOSED = 1
export const REQUESTS_ANNOUNCE = 2
export const REQUESTS_ANSWER = 3
export const REQUESTS_SCRAPE = 4
export const RESPONSES_ANNOUNCE = 5
export const RESPONSES_SCRAPE = 6
export const RESPONSES_ERROR = 7
export const OFFERS_RECEIVED = 8
export const OFFERS_SENT = 9
export const ANSWERS_SENT = 10
export const RECEIVED_MESSAGES = 11
export const RECEIVED_BYTES = 12
export const SENT_MESSAGES = 13
export const SENT_BYTES = 14
export const REJECTED_JSON = 15
export const REJECTED_ACTION = 16
export const REJECTED_INFO_HASH = 17
export const REJECTED_PEER_ID = 18
export const REJECTED_EVENT = 19
export const REJECTED_ANSWER = 20
export const REJECTED_ANSWER_WITHOUT_OFFER = 21
export const REJECTED_PEER_ID_HELD = 22
export const REJECTED_TORRENTS_FULL = 23
export const REJECTED_PEERS_FULL = 24
export const REJECTED_TORRENTS_PER_CONNECTION = 25
export const REFUSED_CONNECTIONS_FULL = 26
export const REFUSED_CONNECTIONS_PER_ADDRESS = 27
export const REFUSED_ORIGIN = 28
export const CLOSED_BACKLOG = 29
export const CLOSED_SILENT = 30
export const CLOSED_UNREACHABLE = 31
export const DROPPED_BETWEEN_WORKERS_OFFER = 32
export const DROPPED_BETWEEN_WORKERS_ANSWER = 33
export const RECEIVER_GONE_OFFER = 34
export const RECEIVER_GONE_ANSWER = 35
export const REJECTED_NOT_ALLOWED = 36
export const SLOW_CLIENTS = 37
export const DROPPED_BACKLOG_OFFER = 38
export const DROPPED_BACKLOG_ANSWER = 39
export const CLOSED_BACKLOG_TOTAL = 40
export const OFFERS_LEFT_OUT_INVALID = 41
export const OFFERS_LEFT_OUT_BEYOND_LIMIT = 42
export const REJECTED_PEER_IDS_PER_TORRENT = 43
export const REJECTED_REQUESTS_PER_CONNECTION = 44
export const REJECTED_REQUESTS_PER_ADDRESS = 45
export const CLOSED_REQUESTS = 46
export const PROXY_HEADER_MISSING = 47
export const PROXY_HEADER_NOT_UNDERSTOOD = 48

/** Nanoseconds from when a message came until what it caused was sent: 1 µs to 1 s. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Messages per turn of the event loop, per turn. */
export const TURN_SIZE_SHAPE = histogramShape(0, 12, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  turn_size: TURN_SIZE_SHAPE,
} as const

export const RESPONSE_TIME = COUNTERS.length
export const TURN_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** What a worker counts, histograms included; and the words of its slot. */
export const COUNTER_COUNT = TURN_SIZE + histogramCounters(TURN_SIZE_SHAPE)
export const COUNTER_WORDS = slotWords(COUNTER_COUNT)
