// What a socket worker of aquatic_ws counts and measures. Workers count in their own memory and publish it to
// their slots of shared memory four times a second (metrics/counters.ts), where main reads it. The meaning of
// counters and where they are shown are defined only here.
//
//  0… IPv4 counters │ FAMILY_IPV6… the same for IPv6 │ OTHER… counters without a family, from TCP on those of
//  tcp/counters.ts │
//  RESPONSE_TIME… │ TURN_SIZE…
import { REFUSED_BY_KEYS, REFUSED_BY_KEYS_IN_USE } from '../../access-keys/verdict.ts'
import { CounterList, counter, labelled, untold } from '../../metrics/counter-list.ts'
import { slotWords } from '../../metrics/counters.ts'
import { histogramCounters, histogramShape } from '../../metrics/histogram.ts'
import { REFUSED_BY_PAUSE, REFUSED_UNDER_PRESSURE } from '../../requests/refusals.ts'
import { TCP_COUNTER_WORDS, TCP_COUNTERS } from '../../tcp/counters.ts'
import type { Request } from '../wire/request.ts'

const BY_FAMILY = [
  counter('connections_opened', 'Connections opened.'),
  // What is open is the difference.
  untold('connections_closed'),
  labelled('requests', 'type', 'Valid requests by type; an answer is one to an offer.', [
    'announce',
    'answer',
    'scrape',
  ]),
  counter('received_messages', 'Messages received.'),
  counter('sent_messages', 'Messages sent.'),
  counter('received_bytes', 'Text received, in bytes.'),
  counter('sent_bytes', 'Text sent, in bytes.'),
]

const KINDS = ['offer', 'answer'] as const

const OTHERS = [
  labelled('responses', 'type', 'Responses by type.', ['announce', 'scrape', 'error'], {
    table: 'Responses',
  }),
  labelled(
    'rejected',
    'reason',
    'Refused messages by reason.',
    [
      'json',
      'action',
      'info_hash',
      'peer_id',
      'event',
      'answer',
      'answer_without_offer',
      'peer_id_held',
      'torrents_full',
      'peers_full',
      'torrents_per_connection',
      'not_allowed',
      'peer_ids_per_torrent',
      'requests_per_connection',
      'requests_per_address',
      'new_torrent_rate',
      'torrent_ration',
      'peer_ration',
      ...REFUSED_UNDER_PRESSURE,
      ...REFUSED_BY_KEYS_IN_USE,
      ...REFUSED_BY_PAUSE,
      'denied_client',
    ],
    { table: 'Refused messages', nonZero: true, lost: 'refused messages' },
  ),
  counter('offers_received', 'Offers that clients made.'),
  labelled(
    'offers_left_out',
    'reason',
    'Offers left out by reason: invalid items, and offers beyond max_offers.',
    ['invalid', 'beyond_limit'],
  ),
  counter('offers_sent', 'Offers that were passed on to peers.'),
  counter('answers_sent', 'Answers that were passed on to the offerer.'),
  labelled(
    'dropped_between_workers',
    'type',
    'Offers and answers lost to a full channel to another worker, by type.',
    KINDS,
    { lost: 'lost between workers' },
  ),
  labelled(
    'dropped_backlog',
    'type',
    'Offers and answers for clients that read too slowly, by type.',
    KINDS,
    { lost: 'dropped for them' },
  ),
  labelled('receiver_gone', 'type', 'Offers and answers whose receiver had left, by type.', KINDS),
  counter(
    'slow_clients',
    'Times that a client did not take everything at once; until it has, it gets no offers.',
    { lost: 'slow clients' },
  ),
  labelled(
    'refused',
    'reason',
    'Refused connections by reason; http_client is a request for an HTTP tracker.',
    [
      'connections_full',
      'connections_per_address',
      'origin',
      ...REFUSED_BY_KEYS,
      'http_client',
      'denied_network',
    ],
    {
      metric: 'refused_connections',
      table: 'Refused connections',
      nonZero: true,
      lost: 'refused connections',
    },
  ),
  labelled(
    'proxy_header',
    'fault',
    'Connections of trusted proxies without a usable client address in the header, by what is wrong.',
    ['missing', 'not_understood'],
  ),
  labelled(
    'closed',
    'reason',
    'Connections that ended, by reason. Closed by the tracker: backlog is a client too slow for its messages, backlog_total one of many such, unfinished_message one that began a message and did not end it.',
    [
      'backlog',
      'silent',
      'unreachable',
      'backlog_total',
      'requests',
      'denied_network',
      'unfinished_message',
    ],
    { metric: 'closed_connections', table: 'Closed connections', nonZero: true },
  ),
  ...TCP_COUNTERS,
]

export const COUNTER_LIST = new CounterList(BY_FAMILY, OTHERS)
/**
 * The counters per address family of the client, and all counters, in their order in memory. Names are those of
 * the statistics.
 */
export const { ofFamilies: FAMILY_COUNTERS, stored: STORED_COUNTERS } = COUNTER_LIST
/** All counters; those per family are sums over both. */
export const COUNTERS = [...FAMILY_COUNTERS, ...COUNTER_LIST.others]

export type CounterName = (typeof COUNTERS)[number]
export type StoredCounter = (typeof STORED_COUNTERS)[number]

// Their positions as numbers, for the hot path; a test compares them with the lists above. Add the connection's
// family, FAMILY_IPV4 or FAMILY_IPV6.
export const CONNECTIONS_OPENED = 0
export const CONNECTIONS_CLOSED = 1
export const REQUESTS_ANNOUNCE = 2
export const REQUESTS_ANSWER = 3
export const REQUESTS_SCRAPE = 4
export const RECEIVED_MESSAGES = 5
export const SENT_MESSAGES = 6
export const RECEIVED_BYTES = 7
export const SENT_BYTES = 8

export const FAMILY_IPV4 = 0
export const FAMILY_IPV6 = 9

// Counters without a family.
const OTHER = 2 * FAMILY_IPV6
export const RESPONSES_ANNOUNCE = OTHER
export const RESPONSES_SCRAPE = OTHER + 1
export const RESPONSES_ERROR = OTHER + 2
export const REJECTED_JSON = OTHER + 3
export const REJECTED_ACTION = OTHER + 4
export const REJECTED_INFO_HASH = OTHER + 5
export const REJECTED_PEER_ID = OTHER + 6
export const REJECTED_EVENT = OTHER + 7
export const REJECTED_ANSWER = OTHER + 8
export const REJECTED_ANSWER_WITHOUT_OFFER = OTHER + 9
export const REJECTED_PEER_ID_HELD = OTHER + 10
export const REJECTED_TORRENTS_FULL = OTHER + 11
export const REJECTED_PEERS_FULL = OTHER + 12
export const REJECTED_TORRENTS_PER_CONNECTION = OTHER + 13
export const REJECTED_NOT_ALLOWED = OTHER + 14
export const REJECTED_PEER_IDS_PER_TORRENT = OTHER + 15
export const REJECTED_REQUESTS_PER_CONNECTION = OTHER + 16
export const REJECTED_REQUESTS_PER_ADDRESS = OTHER + 17
export const REJECTED_NEW_TORRENT_RATE = OTHER + 18
export const REJECTED_TORRENT_RATION = OTHER + 19
export const REJECTED_PEER_RATION = OTHER + 20
export const REJECTED_PRESSURE = OTHER + 21
/** Answered as usual, but the peer is not stored. */
export const REJECTED_PRESSURE_NOT_KEPT = OTHER + 22
export const REJECTED_KEY_MISSING = OTHER + 23
export const REJECTED_KEY_UNKNOWN = OTHER + 24
export const REJECTED_KEY_ENDED = OTHER + 25
export const REJECTED_PAUSED = OTHER + 26
export const REJECTED_DENIED_CLIENT = OTHER + 27
export const OFFERS_RECEIVED = OTHER + 28
export const OFFERS_LEFT_OUT_INVALID = OTHER + 29
export const OFFERS_LEFT_OUT_BEYOND_LIMIT = OTHER + 30
export const OFFERS_SENT = OTHER + 31
export const ANSWERS_SENT = OTHER + 32
export const DROPPED_BETWEEN_WORKERS_OFFER = OTHER + 33
export const DROPPED_BETWEEN_WORKERS_ANSWER = OTHER + 34
export const DROPPED_BACKLOG_OFFER = OTHER + 35
export const DROPPED_BACKLOG_ANSWER = OTHER + 36
export const RECEIVER_GONE_OFFER = OTHER + 37
export const RECEIVER_GONE_ANSWER = OTHER + 38
export const SLOW_CLIENTS = OTHER + 39
export const REFUSED_CONNECTIONS_FULL = OTHER + 40
export const REFUSED_CONNECTIONS_PER_ADDRESS = OTHER + 41
export const REFUSED_ORIGIN = OTHER + 42
export const REFUSED_KEY_MISSING = OTHER + 43
export const REFUSED_KEY_UNKNOWN = OTHER + 44
export const REFUSED_KEY_ENDED = OTHER + 45
export const REFUSED_KEY_GUESSES = OTHER + 46
export const REFUSED_HTTP_CLIENT = OTHER + 47
export const REFUSED_DENIED_NETWORK = OTHER + 48
export const PROXY_HEADER_MISSING = OTHER + 49
export const PROXY_HEADER_NOT_UNDERSTOOD = OTHER + 50
export const CLOSED_BACKLOG = OTHER + 51
export const CLOSED_SILENT = OTHER + 52
export const CLOSED_UNREACHABLE = OTHER + 53
export const CLOSED_BACKLOG_TOTAL = OTHER + 54
export const CLOSED_REQUESTS = OTHER + 55
export const CLOSED_DENIED_NETWORK = OTHER + 56
export const CLOSED_UNFINISHED_MESSAGE = OTHER + 57
/** The counters of TCP connections, in the order of tcp/counters.ts. */
export const TCP = OTHER + 58

/** Nanoseconds from when a message arrived until what it caused was sent: 1 µs to 1 s. */
export const RESPONSE_TIME_SHAPE = histogramShape(10, 30, 10)
/** Messages per turn of the event loop, per turn. */
export const TURN_SIZE_SHAPE = histogramShape(0, 12, 0)

export const HISTOGRAMS = {
  response_time: RESPONSE_TIME_SHAPE,
  turn_size: TURN_SIZE_SHAPE,
} as const

const HISTOGRAMS_AT = TCP + TCP_COUNTER_WORDS
export const RESPONSE_TIME = HISTOGRAMS_AT
export const TURN_SIZE = RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE)

/** A worker's counters, histograms included; and the words of its slot. */
export const COUNTER_COUNT = TURN_SIZE + histogramCounters(TURN_SIZE_SHAPE)
export const COUNTER_WORDS = slotWords(COUNTER_COUNT)

/** Names of everything that the tracker reads from the workers (tracker/statistics-reader.ts). */
export interface WsNames {
  readonly counter: StoredCounter
  readonly histogram: keyof typeof HISTOGRAMS
  readonly total: never
  /** `connectionLimit`: the most connections at once. `channelFill`: of the fullest channel, from 0 to 1. */
  readonly gauge: 'connections' | 'connectionLimit' | 'channelFill'
}

// HOT: no allocation below this line.

/** What an announce had. */
export function countOffers(
  counts: Int32Array,
  {
    offerCount,
    offersInvalid,
    offersBeyond,
  }: Pick<Request, 'offerCount' | 'offersInvalid' | 'offersBeyond'>,
): void {
  counts[OFFERS_RECEIVED] += offerCount
  counts[OFFERS_LEFT_OUT_INVALID] += offersInvalid
  counts[OFFERS_LEFT_OUT_BEYOND_LIMIT] += offersBeyond
}
