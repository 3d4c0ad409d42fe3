// What an HTTP worker counts, and where each counter is in the worker's slot. src/metrics/counters.ts takes
// them to the main thread; their meaning and where they are shown are defined only here.
//
//  0… IPv4 counters │ FAMILY_IPV6… the same for IPv6 │ WORKER… counters without a
//  family, from TCP on those of tcp/counters.ts │ RESPONSE_TIME… │ TURN_SIZE…
import { CounterList, counter, labelled } from '../../metrics/counter-list.ts'
import { slotWords } from '../../metrics/counters.ts'
import { histogramCounters, histogramShape } from '../../metrics/histogram.ts'
import { REFUSED_BY_ALL, REFUSED_BY_SWARMS } from '../../requests/refusals.ts'
import { TCP_COUNTER_WORDS, TCP_COUNTERS } from '../../tcp/counters.ts'

const BY_FAMILY = [
  labelled('requests', 'type', 'Valid requests by type.', ['announce', 'scrape', 'page', 'health']),
  labelled(
    'responses',
    'type',
    'Responses by type: failure is one in bencode, error one with a status other than 200.',
    ['announce', 'scrape', 'page', 'health', 'failure', 'error', 'redirect'],
    { table: 'Responses' },
  ),
  labelled(
    'rejected',
    'reason',
    'Refused requests by reason.',
    [
      'request_line',
      'line_too_long',
      'head_too_large',
      'header',
      'framing',
      'version',
      'method',
      'path',
      'timeout',
      'unavailable',
      'info_hash',
      'no_info_hash',
      'port',
      'proxy_header_missing',
      'proxy_header_not_understood',
      ...REFUSED_BY_SWARMS,
      ...REFUSED_BY_ALL,
    ],
    { table: 'Refused requests', nonZero: true, lost: 'refused' },
  ),
  counter('received_bytes', 'Bytes of requests.'),
  counter('sent_bytes', 'Bytes of responses.'),
]

const OF_WORKERS = [
  counter('bans', 'Bans of addresses that kept exceeding their limits.'),
  ...TCP_COUNTERS,
]

export const COUNTER_LIST = new CounterList(BY_FAMILY, OF_WORKERS)
/**
 * The counters per address family, and all counters, in their order in memory. Names are those of the
 * statistics.
 */
export const { ofFamilies: FAMILY_COUNTERS, stored: COUNTERS } = COUNTER_LIST

export type FamilyCounter = (typeof FAMILY_COUNTERS)[number]
export type WorkerCounter = (typeof COUNTER_LIST.others)[number]
export type CounterName = (typeof COUNTERS)[number]

// Their positions as numbers, for the hot path; a test compares them with the lists above. Add FAMILY_IPV4 or
// FAMILY_IPV6.
export const REQUESTS_ANNOUNCE = 0
export const REQUESTS_SCRAPE = 1
export const REQUESTS_PAGE = 2
export const REQUESTS_HEALTH = 3
export const RESPONSES_ANNOUNCE = 4
export const RESPONSES_SCRAPE = 5
export const RESPONSES_PAGE = 6
export const RESPONSES_HEALTH = 7
export const RESPONSES_FAILURE = 8
export const RESPONSES_ERROR = 9
export const RESPONSES_REDIRECT = 10
export const REJECTED_REQUEST_LINE = 11
export const REJECTED_LINE_TOO_LONG = 12
export const REJECTED_HEAD_TOO_LARGE = 13
export const REJECTED_HEADER = 14
export const REJECTED_FRAMING = 15
export const REJECTED_VERSION = 16
export const REJECTED_METHOD = 17
export const REJECTED_PATH = 18
export const REJECTED_TIMEOUT = 19
export const REJECTED_UNAVAILABLE = 20
export const REJECTED_INFO_HASH = 21
export const REJECTED_NO_INFO_HASH = 22
export const REJECTED_PORT = 23
export const REJECTED_PROXY_HEADER_MISSING = 24
export const REJECTED_PROXY_HEADER_NOT_UNDERSTOOD = 25
export const REJECTED_TORRENTS_FULL = 26
export const REJECTED_PEERS_FULL = 27
export const REJECTED_NOT_ALLOWED = 28
export const REJECTED_REQUEST_RATE = 29
export const REJECTED_NEW_TORRENT_RATE = 30
export const REJECTED_BANNED = 31
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PEERS_PER_ADDRESS = 32
export const REJECTED_TORRENT_RATION = 33
export const REJECTED_PEER_RATION = 34
export const REJECTED_SUSTAINED_RATE = 35
export const REJECTED_NETWORK_RATE = 36
export const REJECTED_KEY_MISSING = 37
export const REJECTED_KEY_UNKNOWN = 38
export const REJECTED_KEY_ENDED = 39
export const REJECTED_KEY_GUESSES = 40
export const REJECTED_PAUSED = 41
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PRIVATE_ADDRESS = 42
export const REJECTED_RESERVED_ADDRESS = 43
export const REJECTED_PRESSURE = 44
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PRESSURE_NOT_KEPT = 45
export const REJECTED_DENIED_NETWORK = 46
export const REJECTED_DENIED_CLIENT = 47
export const RECEIVED_BYTES = 48
export const SENT_BYTES = 49

export const FAMILY_IPV4 = 0
export const FAMILY_IPV6 = 50

// Counters without a family.
const WORKER = 2 * FAMILY_IPV6
/** Temporary bans of addresses; a new ban of the same address counts again. */
export const BANS = WORKER

/** The counters of connections, in the order of tcp/counters.ts. */
export const TCP = WORKER + 1

/** Nanoseconds from when requests were received until all answers of the turn were sent, per turn. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Connections served per turn. */
export const TURN_SIZE_SHAPE = histogramShape(0, 10, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  turn_size: TURN_SIZE_SHAPE,
} as const

export const RESPONSE_TIME = TCP + TCP_COUNTER_WORDS
export const TURN_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** Words per worker. */
export const COUNTER_WORDS = slotWords(TURN_SIZE + histogramCounters(TURN_SIZE_SHAPE))

/** Names of everything that the tracker reads from the workers (tracker/statistics-reader.ts). */
export interface HttpNames {
  readonly counter: CounterName
  readonly histogram: keyof typeof HISTOGRAMS
  readonly total: never
  /** The current number of connections that stay. */
  readonly gauge: 'connections' | 'connectionLimit'
}
