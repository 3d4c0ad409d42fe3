// What a UDP worker counts and measures, and where each counter is in the worker's slot.
// src/metrics/counters.ts takes them to the main thread; their meaning and where they are shown are defined
// only here.
//
//  0… IPv4 counters │ FAMILY_IPV6… the same for IPv6 │ WORKER… counters without a
//  family │ RESPONSE_TIME… │ BATCH_SIZE…
import { CounterList, counter, labelled, named } from '../../metrics/counter-list.ts'
import { slotWords } from '../../metrics/counters.ts'
import { histogramCounters, histogramShape } from '../../metrics/histogram.ts'
import { REFUSED_BY_ALL, REFUSED_BY_SWARMS } from '../../requests/refusals.ts'

const BY_FAMILY = [
  labelled('requests', 'type', 'Valid requests by type.', ['connect', 'announce', 'scrape']),
  labelled('responses', 'type', 'Responses by type.', ['connect', 'announce', 'scrape', 'error'], {
    table: 'Responses',
  }),
  labelled(
    'rejected',
    'reason',
    'Refused packets by reason.',
    [
      'source_port',
      'too_short',
      'protocol_id',
      'action',
      'connection_id',
      'port',
      'no_info_hash',
      ...REFUSED_BY_SWARMS,
      'connect_rate',
      ...REFUSED_BY_ALL,
    ],
    { table: 'Refused packets', nonZero: true, lost: 'refused' },
  ),
  counter('received_bytes', 'Payload received.'),
  counter('sent_bytes', 'Payload sent.'),
]

const OF_WORKERS = [
  counter('send_failures', 'Responses that the system did not accept.', { lost: 'not sent' }),
  counter('bans', 'Bans of addresses that kept exceeding their limits.'),
  named(
    'channel_dropped',
    'what',
    'Requests and answers lost to a full channel between workers: clients ask again.',
    { requests: 'dropped_requests', responses: 'dropped_responses', scrapes: 'dropped_scrapes' },
    { lost: 'lost between workers' },
  ),
  {
    ...counter('response_waits', 'Times that a request worker waited for room on the way back.'),
    metric: 'channel_waits',
  },
  named('channel_wakes', 'role', 'Times that a sleeping worker was woken.', {
    request: 'request_wakes',
    socket: 'response_wakes',
  }),
  counter('xdp_packets', 'Frames taken straight from network cards (packet_path).'),
  labelled(
    'xdp_refused',
    'reason',
    'Frames from network cards that were no good UDP packets.',
    ['form', 'length', 'checksum', 'source'],
    { table: 'Refused frames', nonZero: true, lost: 'bad frames' },
  ),
  counter(
    'xdp_no_frame',
    'Responses dropped because all frames were on their way to a network card (also in send_failures).',
  ),
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
export const REQUESTS_CONNECT = 0
export const REQUESTS_ANNOUNCE = 1
export const REQUESTS_SCRAPE = 2
export const RESPONSES_CONNECT = 3
export const RESPONSES_ANNOUNCE = 4
export const RESPONSES_SCRAPE = 5
export const RESPONSES_ERROR = 6
export const REJECTED_SOURCE_PORT = 7
export const REJECTED_TOO_SHORT = 8
export const REJECTED_PROTOCOL_ID = 9
export const REJECTED_ACTION = 10
export const REJECTED_CONNECTION_ID = 11
export const REJECTED_PORT = 12
export const REJECTED_NO_INFO_HASH = 13
export const REJECTED_TORRENTS_FULL = 14
export const REJECTED_PEERS_FULL = 15
export const REJECTED_NOT_ALLOWED = 16
export const REJECTED_CONNECT_RATE = 17
export const REJECTED_REQUEST_RATE = 18
export const REJECTED_NEW_TORRENT_RATE = 19
export const REJECTED_BANNED = 20
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PEERS_PER_ADDRESS = 21
export const REJECTED_TORRENT_RATION = 22
export const REJECTED_PEER_RATION = 23
export const REJECTED_SUSTAINED_RATE = 24
export const REJECTED_NETWORK_RATE = 25
export const REJECTED_KEY_MISSING = 26
export const REJECTED_KEY_UNKNOWN = 27
export const REJECTED_KEY_ENDED = 28
export const REJECTED_KEY_GUESSES = 29
export const REJECTED_PAUSED = 30
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PRIVATE_ADDRESS = 31
export const REJECTED_RESERVED_ADDRESS = 32
export const REJECTED_PRESSURE = 33
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PRESSURE_NOT_KEPT = 34
export const REJECTED_DENIED_NETWORK = 35
export const REJECTED_DENIED_CLIENT = 36
export const RECEIVED_BYTES = 37
export const SENT_BYTES = 38

export const FAMILY_IPV4 = 0
export const FAMILY_IPV6 = 39

// Counters without a family.
const WORKER = 2 * FAMILY_IPV6
export const SEND_FAILURES = WORKER
/** Temporary bans of addresses; a new ban of the same address counts again. */
export const BANS = WORKER + 1
/** Requests that found the ring to their request worker full. */
export const DROPPED_REQUESTS = WORKER + 2
/** Answers that found the ring back full for too long. */
export const DROPPED_RESPONSES = WORKER + 3
/** Scrapes over several request workers for which no slot was free, or a part was lost. */
export const DROPPED_SCRAPES = WORKER + 4
/** Times that a request worker waited for a full ring back. */
export const RESPONSE_WAITS = WORKER + 5
/** Times that a sleeping request worker, or socket worker, was woken. */
export const REQUEST_WAKES = WORKER + 6
export const RESPONSE_WAKES = WORKER + 7
/** Frames that came straight from network cards, */
export const XDP_PACKETS = WORKER + 8
/** and those of them that were refused before anybody read their payload. */
export const XDP_REFUSED_FORM = WORKER + 9
export const XDP_REFUSED_LENGTH = WORKER + 10
export const XDP_REFUSED_CHECKSUM = WORKER + 11
export const XDP_REFUSED_SOURCE = WORKER + 12
/** Answers that found no free frame; they also count as SEND_FAILURES. */
export const XDP_NO_FRAME = WORKER + 13

/** Nanoseconds from before a packet was received until its answer was sent: 1 µs to 1 s. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Packets per batch, per batch. */
export const BATCH_SIZE_SHAPE = histogramShape(0, 8, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  batch_size: BATCH_SIZE_SHAPE,
} as const

export const RESPONSE_TIME = WORKER + 14
export const BATCH_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** Words per worker. */
export const COUNTER_WORDS = slotWords(BATCH_SIZE + histogramCounters(BATCH_SIZE_SHAPE))

/** Names of everything that the tracker reads from the workers (tracker/statistics-reader.ts). */
export interface UdpNames {
  readonly counter: CounterName
  readonly histogram: keyof typeof HISTOGRAMS
  /** Packets that the system dropped because a receive buffer was full. */
  readonly total:
    | 'receiveDrops'
    /** Past the kernel (packet_path): lost at network cards, and left to the kernel. */
    | 'xdpRingFull'
    | 'xdpFillEmpty'
    | 'xdpDropped'
    | 'xdpPassedOthers'
    | 'xdpPassedForms'
  /** The fullest channel of each direction, from 0 to 1. */
  readonly gauge: 'requestFill' | 'responseFill'
}
