// What the nodes of a cluster tell each other of WebTorrent: which peers each has, and offers and answers for these. Written by
// own-peers.ts and relay.ts, read here as strictly as a stranger's packet. Words of 32 bits in the order of this machine (little-
// endian everywhere we run); info hashes and ids are as their bytes came.
//
//  0 magic 24, version 8 │ 1 kind │ 2 start of the sender, which it chooses anew each time it begins to count │ then by kind:
//  LOG     3 sequence │ 4 flags │ 5 records │ 6… records. Without records it is a beat, with the last sequence
//  ASK     3 start of who is asked │ 4 ticket. For all peers
//  PART    3 ticket │ 4 number of the part, from 0 │ 5 sequence of the log when it was read │ 6 the last one │ 7 records │ 8…
//  OFFER, ANSWER
//          3 start of who it is for │ 4, 5 connection and generation of the offerer │ 6 seal (relay.ts)
//          │ 7…11 peer id of the receiver of the offer, or of the answer │ 12 bytes of text │ 13… text: a client's message
//
//  record  0…4 info hash │ 5…9 peer id │ 10 bit 0 it is there, 1 a seeder, 2 has just completed, 8–31 downloads of the torrent
import type { Region } from '../../memory/region.ts'
import { ID_WORDS } from '../wire/request.ts'

/** «aqw» in front of the version, as bytes. */
const MAGIC = 0x777161
const MAGIC_MASK = 0xffffff
const VERSION = 1
const MAGIC_AND_VERSION = MAGIC | (VERSION << 24)

export const LOG = 1
export const ASK = 2
export const PART = 3
export const OFFER = 4
export const ANSWER = 5

export const KIND = 1
export const START = 2
const HEAD_WORDS = 3

export const LOG_SEQUENCE = 3
export const LOG_FLAGS = 4
const LOG_RECORDS = 5
const LOG_HEAD_WORDS = 6
export const FLAG_LEAVING = 1

export const ASK_START = 3
export const ASK_TICKET = 4
const ASK_WORDS = 5

export const PART_TICKET = 3
export const PART_NUMBER = 4
export const PART_SEQUENCE = 5
export const PART_IS_LAST = 6
const PART_RECORDS = 7
const PART_HEAD_WORDS = 8

export const RELAY_START = 3
export const RELAY_CONNECTION = 4
export const RELAY_GENERATION = 5
export const RELAY_SEAL = 6
export const RELAY_PEER_ID = 7
const RELAY_BYTES = 12
const RELAY_HEAD_WORDS = 13
const GENERATION_MAX = 0xffff

export const RECORD_PEER_ID = ID_WORDS
export const RECORD_STATE = 2 * ID_WORDS
export const RECORD_WORDS = RECORD_STATE + 1
export const STATE_PRESENT = 1
export const STATE_SEEDER = 2
export const STATE_COMPLETED = 4
export const STATE_DOWNLOADS_SHIFT = 8
const STATE_UNUSED = 0xf8

/** In a message: 11 KB, after which messages do not get cheaper per record. */
export const RECORDS_MAX = 256
/** Of a message without text. */
export const WORDS_MAX = PART_HEAD_WORDS + RECORDS_MAX * RECORD_WORDS

// Results of reading; labels of metrics.
export const MESSAGE_RESULTS = [
  'good',
  'bad_size',
  'foreign',
  'other_version',
  'malformed',
] as const
export type MessageResult = (typeof MESSAGE_RESULTS)[number]

/** Writes messages, into memory of its own. */
export class MessageWriter {
  readonly words: Int32Array
  private readonly bytes: Uint8Array

  constructor(words: number) {
    this.words = new Int32Array(words)
    this.bytes = new Uint8Array(this.words.buffer)
  }

  /** `at` is where records go. */
  log(start: number, sequence: number, flags: number, records: number): Uint8Array {
    return this.finish(LOG, start, [sequence, flags, records], records * RECORD_WORDS)
  }

  ask(start: number, asked: number, ticket: number): Uint8Array {
    return this.finish(ASK, start, [asked, ticket], 0)
  }

  part(start: number, head: Omit<PartHead, 'isLast'> & { isLast: boolean }): Uint8Array {
    const { ticket, number, sequence, isLast, records } = head
    const words = [ticket, number, sequence, isLast ? 1 : 0, records]
    return this.finish(PART, start, words, records * RECORD_WORDS)
  }

  private finish(kind: number, start: number, head: readonly number[], more: number): Uint8Array {
    const { words } = this
    words[0] = MAGIC_AND_VERSION
    words[KIND] = kind
    words[START] = start
    for (let i = 0; i < head.length; i++) words[HEAD_WORDS + i] = head[i]
    return this.bytes.subarray(0, (HEAD_WORDS + head.length + more) * 4)
  }
}

export interface PartHead {
  readonly ticket: number
  readonly number: number
  readonly sequence: number
  readonly isLast: boolean
  readonly records: number
}

export const LOG_RECORDS_AT = LOG_HEAD_WORDS
export const PART_RECORDS_AT = PART_HEAD_WORDS
/** Where the text of an offer or an answer begins. */
export const TEXT_AT = RELAY_HEAD_WORDS * 4

export interface RelayHead {
  readonly kind: typeof OFFER | typeof ANSWER
  readonly start: number
  readonly to: number
  readonly connection: number
  readonly generation: number
  readonly seal: number
}

/** Writes the head of an offer or an answer in front of its text, which is in `region` already; returns the whole. */
export function writeRelay(
  { words, bytes }: Region,
  head: RelayHead,
  ids: Int32Array,
  peerId: number,
  textBytes: number,
): Uint8Array {
  words[0] = MAGIC_AND_VERSION
  words[KIND] = head.kind
  words[START] = head.start
  words[RELAY_START] = head.to
  words[RELAY_CONNECTION] = head.connection
  words[RELAY_GENERATION] = head.generation
  words[RELAY_SEAL] = head.seal
  for (let i = 0; i < ID_WORDS; i++) words[RELAY_PEER_ID + i] = ids[peerId + i]
  words[RELAY_BYTES] = textBytes
  return bytes.subarray(0, TEXT_AT + textBytes)
}

/** What the first `bytes` of a message are; good, and then what its head says is so. */
export function checkMessage(words: Int32Array, bytes: number): MessageResult {
  if (bytes < HEAD_WORDS * 4) return 'bad_size'
  if ((words[0] & MAGIC_MASK) !== MAGIC) return 'foreign'
  if (words[0] >>> 24 !== VERSION) return 'other_version'
  return isWellFormed(words, bytes) ? 'good' : 'malformed'
}

function isWellFormed(words: Int32Array, bytes: number): boolean {
  if (words[START] === 0) return false
  switch (words[KIND]) {
    case LOG:
      if (bytes < LOG_HEAD_WORDS * 4 || words[LOG_FLAGS] >>> 0 > FLAG_LEAVING) return false
      return areRecords(words, bytes, LOG_HEAD_WORDS, words[LOG_RECORDS])
    case ASK:
      return bytes === ASK_WORDS * 4
    case PART:
      if (bytes < PART_HEAD_WORDS * 4 || words[PART_IS_LAST] >>> 0 > 1) return false
      return areRecords(words, bytes, PART_HEAD_WORDS, words[PART_RECORDS])
    case OFFER:
    case ANSWER: {
      if (bytes < TEXT_AT || words[RELAY_GENERATION] >>> 0 > GENERATION_MAX) return false
      return words[RELAY_BYTES] > 0 && words[RELAY_BYTES] === bytes - TEXT_AT
    }
    default:
      return false
  }
}

function areRecords(words: Int32Array, bytes: number, from: number, count: number): boolean {
  if (count < 0 || count > RECORDS_MAX) return false
  const end = from + count * RECORD_WORDS
  if (bytes !== end * 4) return false
  for (let at = from; at < end; at += RECORD_WORDS) {
    const state = words[at + RECORD_STATE]
    if ((state & STATE_UNUSED) !== 0) return false
    if ((state & STATE_PRESENT) === 0 && (state & (STATE_SEEDER | STATE_COMPLETED)) !== 0)
      return false
  }
  return true
}

/** Of a log message or a part. */
export function recordsOf(words: Int32Array): { at: number; count: number } {
  return words[KIND] === LOG
    ? { at: LOG_HEAD_WORDS, count: words[LOG_RECORDS] }
    : { at: PART_HEAD_WORDS, count: words[PART_RECORDS] }
}
