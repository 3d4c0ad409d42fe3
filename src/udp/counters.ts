// What a worker counts and measures, and where it stands in the worker's slot. How the counts get to
// the main thread: src/metrics/counters.ts.
//
//  0… IPv4 counters │ FAMILY_IPV6… the same for IPv6 │ SEND_FAILURES │ RESPONSE_TIME… │ BATCH_SIZE…
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

export const FAMILY_IPV4 = 0
export const FAMILY_IPV6 = FAMILY_COUNTERS.length

/** Counted per worker. */
export const SEND_FAILURES = FAMILY_IPV6 + FAMILY_COUNTERS.length

export type FamilyCounter = (typeof FAMILY_COUNTERS)[number]
export type CounterName = `${FamilyCounter}_${'ipv4' | 'ipv6'}` | 'send_failures'

/** All counters, in their order in memory. */
export const COUNTERS: readonly CounterName[] = [
  ...FAMILY_COUNTERS.map((name) => `${name}_ipv4` as const),
  ...FAMILY_COUNTERS.map((name) => `${name}_ipv6` as const),
  'send_failures',
]

/** Nanoseconds from having received a batch to having sent its answers, per packet: 1 µs to 1 s. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Packets per batch, per batch. */
export const BATCH_SIZE_SHAPE = histogramShape(0, 8, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  batch_size: BATCH_SIZE_SHAPE,
} as const

export const RESPONSE_TIME = SEND_FAILURES + 1
export const BATCH_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** Words per worker. */
export const COUNTER_WORDS = slotWords(BATCH_SIZE + histogramCounters(BATCH_SIZE_SHAPE))
