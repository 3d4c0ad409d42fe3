// What a load worker counts. Names are those of the JSON report; the numbers are for the workers.
// Workers publish their counts through src/metrics/counters.ts; measure.ts reads them.

/** In this order in memory. */
export const COUNTS = [
  'sent_announce',
  'sent_scrape',
  'sent_offer',
  'expected_offer',
  'sent_answer',
  'sent_join',
  'due_announce',
  'due_scrape',
  'due_offer',
  'due_answer',
  'received_announce',
  'received_scrape',
  'received_offer',
  'received_answer',
  'received_error',
  'lost',
  'late',
  'held_back',
  'sent_bytes',
  'received_bytes',
  'connections_opened',
  'connections_failed',
  'connections_lost',
  'wrong_json',
  'wrong_kind',
  'wrong_unasked',
  'wrong_fields',
  'wrong_count_high',
  'wrong_count_low',
  'wrong_scrape_torrents',
  'wrong_torrent',
  'wrong_own_offer',
  'wrong_offer_changed',
  'wrong_offer_sender',
  'wrong_offer_repeated',
  'wrong_answer_changed',
  'wrong_answer_sender',
  'wrong_answer_receiver',
  'wrong_answer_repeated',
] as const

export type CountName = (typeof COUNTS)[number]
type WrongName = Extract<CountName, `wrong_${string}`>
export type Counts = Readonly<Record<CountName, number>>

/** The place of each name. */
export const PLACE = Object.fromEntries(COUNTS.map((name, i) => [name, i])) as Readonly<
  Record<CountName, number>
>

/** What each wrong message means, for people. */
export const WRONG_TEXTS: Readonly<Record<WrongName, string>> = {
  wrong_json: 'the message is no JSON object',
  wrong_kind: 'the action is neither announce nor scrape',
  wrong_unasked: 'a response to no request of this connection',
  wrong_fields: 'a response without counts or interval, or with others than whole numbers',
  wrong_count_high: 'more seeders or leechers than were announced',
  wrong_count_low: 'fewer seeders or leechers than were announced and answered',
  wrong_scrape_torrents: 'other torrents in a scrape response than were asked for',
  wrong_torrent: 'an offer or answer of a torrent that the receiver has not announced',
  wrong_own_offer: 'an offer came back to its sender',
  wrong_offer_changed: 'the session description, type or id of an offer was changed',
  wrong_offer_sender: 'an offer with the peer id of another peer than its sender',
  wrong_offer_repeated: 'an offer was delivered twice',
  wrong_answer_changed: 'the session description, type or id of an answer was changed',
  wrong_answer_sender: 'an answer with the peer id of another peer than its sender',
  wrong_answer_receiver:
    'an answer to an offer of another peer, or from a peer that did not get it',
  wrong_answer_repeated: 'an answer was delivered twice',
}

// Latencies, in the order of their histograms.
export const ANNOUNCE = 0
export const SCRAPE = 1
export const OFFER = 2
export const ANSWER = 3
export const HANDSHAKE = 4
export const LATENCIES = ['announce', 'scrape', 'offer', 'answer', 'handshake'] as const

/** Counts and latencies of one worker. */
export interface Tally {
  count(name: CountName, by?: number): void
  latency(kind: number, milliseconds: number): void
}
