// What a socket worker counts. How the counts get to the main thread: src/metrics/counters.ts.
import { slotWords } from '../metrics/counters.ts'

/** In this order in memory. Names are those of the statistics. */
export const COUNTERS = [
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
  'send_failures',
] as const

export type CounterName = (typeof COUNTERS)[number]

// The same as numbers, for the hot path.
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
export const SEND_FAILURES = 18

/** Words per worker. */
export const COUNTER_WORDS = slotWords(COUNTERS.length)
