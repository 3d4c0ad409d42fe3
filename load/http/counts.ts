// What a load worker counts, and whose latency it keeps. Names are those of the JSON report. Workers
// publish their counts through src/metrics/counters.ts; measure.ts reads them.
import { WRONG_PEERS_TEXTS } from '../wrong-peers.ts'

/** In this order in memory. */
export const COUNTS = [
  'sent_announce',
  'sent_scrape',
  'answered_announce',
  'answered_scrape',
  'answered_error',
  'lost',
  'held_back',
  'retried',
  'sent_bytes',
  'received_bytes',
  'returned_peers',
  'connections_opened',
  'connections_failed',
  'connections_unanswered',
  'sessions_resumed',
  'sent_on_kept',
  'flood_sent',
  'flood_sent_bytes',
  'flood_answers',
  'flood_answered_bytes',
  'wrong_head',
  'wrong_status',
  'wrong_no_length',
  'wrong_cut',
  'wrong_unasked',
  'wrong_bencoding',
  'wrong_not_canonical',
  'wrong_fields',
  'wrong_peers_length',
  'wrong_interval',
  'wrong_too_many_peers',
  'wrong_no_peers',
  'wrong_own_peer',
  'wrong_repeated_peer',
  'wrong_unknown_peer',
  'wrong_count_high',
  'wrong_count_low',
  'wrong_scrape_torrents',
  'wrong_flood_answer',
] as const

export type CountName = (typeof COUNTS)[number]
type WrongName = Extract<CountName, `wrong_${string}`>
export type Place = Readonly<Record<CountName, number>>

/** Where each count stands. */
export const PLACE = Object.fromEntries(COUNTS.map((name, i) => [name, i])) as Place

/** What each wrong answer means, for people. */
export const WRONG_TEXTS: Readonly<Record<WrongName, string>> = {
  wrong_head: 'no HTTP response, or one with a malformed or too long head',
  wrong_status: 'a status other than 200, which clients do not read',
  wrong_no_length: 'no Content-Length',
  wrong_cut: 'the connection ended within an answer',
  wrong_unasked: 'bytes that no request asked for',
  wrong_bencoding: 'the body is no bencoded dictionary',
  wrong_not_canonical:
    'not canonical: keys out of order or twice, zeros in front, or bytes behind the dictionary',
  wrong_fields: 'counts, interval or peers are missing, or of another type',
  wrong_peers_length: 'the length of the peers is no multiple of 6, or of 18 for IPv6',
  wrong_interval: 'the interval is 0 or longer than a week, or the least one is longer than it',
  ...WRONG_PEERS_TEXTS,
  wrong_scrape_torrents: 'other torrents in a scrape than were asked for, or one is missing',
  wrong_flood_answer: 'peers or counts in answer to a request that is not valid',
}

// Kinds of requests; the first two in the order of their counts and histograms.
export const ANNOUNCE = 0
export const SCRAPE = 1
export const FLOOD = 2

/** Place of the third histogram: from the start of a connection until it is open. */
export const CONNECT = 2
export const LATENCIES = ['announce', 'scrape', 'connect'] as const
