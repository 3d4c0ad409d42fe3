// What a load worker counts. Names are those of the JSON report; the numbers are for the hot path.
// Workers publish their counts through src/metrics/counters.ts; measure.ts reads them.
import { WRONG_PEERS_TEXTS } from '../wrong-peers.ts'

/** In this order in memory. */
export const COUNTS = [
  'sent_connect',
  'sent_announce',
  'sent_scrape',
  'answered_connect',
  'answered_announce',
  'answered_scrape',
  'answered_error',
  'lost',
  'late',
  'sent_bytes',
  'received_bytes',
  'returned_peers',
  'send_failures',
  'flood_sent',
  'flood_sent_bytes',
  'flood_answers',
  'flood_answered_bytes',
  'sent_invalid',
  'answered_invalid',
  'wrong_transaction',
  'wrong_repeated_answer',
  'wrong_kind',
  'wrong_length',
  'wrong_interval',
  'wrong_too_many_peers',
  'wrong_no_peers',
  'wrong_own_peer',
  'wrong_repeated_peer',
  'wrong_unknown_peer',
  'wrong_count_high',
  'wrong_count_low',
  'wrong_flood_answer',
  'wrong_frame',
] as const

export type CountName = (typeof COUNTS)[number]
type WrongName = Extract<CountName, `wrong_${string}`>

export const SENT = 0
export const ANSWERED = 3
export const ANSWERED_ERROR = 6
export const LOST = 7
export const LATE = 8
export const SENT_BYTES = 9
export const RECEIVED_BYTES = 10
export const RETURNED_PEERS = 11
export const SEND_FAILURES = 12
export const FLOOD_SENT = 13
export const FLOOD_SENT_BYTES = 14
export const FLOOD_ANSWERS = 15
export const FLOOD_ANSWERED_BYTES = 16
export const SENT_INVALID = 17
export const ANSWERED_INVALID = 18
export const WRONG_TRANSACTION = 19
export const WRONG_REPEATED_ANSWER = 20
export const WRONG_KIND = 21
export const WRONG_LENGTH = 22
export const WRONG_INTERVAL = 23
export const WRONG_TOO_MANY_PEERS = 24
export const WRONG_NO_PEERS = 25
export const WRONG_OWN_PEER = 26
export const WRONG_REPEATED_PEER = 27
export const WRONG_UNKNOWN_PEER = 28
export const WRONG_COUNT_HIGH = 29
export const WRONG_COUNT_LOW = 30
export const WRONG_FLOOD_ANSWER = 31
export const WRONG_FRAME = 32

/** What each wrong answer means, for people. */
export const WRONG_TEXTS: Readonly<Record<WrongName, string>> = {
  wrong_transaction: 'the transaction id is of no request',
  wrong_repeated_answer: 'a request was answered twice',
  wrong_kind: 'the answer is of another kind than the request',
  wrong_length: 'the length fits no answer of this kind',
  wrong_interval: 'the announce interval is 0 or longer than a week',
  ...WRONG_PEERS_TEXTS,
  wrong_flood_answer: 'a packet without a valid connection id was answered at greater length',
  wrong_frame: 'the headers or the checksum of the packet are wrong',
}
