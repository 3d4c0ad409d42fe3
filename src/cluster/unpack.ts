// Checks a batch from another node as strictly as a stranger's packet, before anything is done with it: what the magic
// word says, lengths, counts, units and each record. Called by the link for each message. Owns a copy of the batch, since
// the engine's bytes are unaligned and not ours.

import { STATE_COMPLETED_MAX } from '../swarm/layout.ts'
import {
  AGE_UNIT_MAX,
  BATCH_AGE_UNIT,
  BATCH_BYTES_MAX,
  BATCH_HEAD_WORDS,
  BATCH_MAGIC_VERSION,
  BATCH_PURPOSE,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  BATCH_RECORDS_MAX,
  BATCH_SENT_HIGH,
  BATCH_SENT_LOW,
  BATCH_SEQUENCE,
  BATCH_START,
  BATCH_TICKET,
  BATCH_WORDS_MAX,
  KIND_CHANGED,
  KIND_COMPLETED,
  KIND_COUNT,
  KIND_LEFT,
  KIND_MAX,
  kindOfRecord,
  MAGIC,
  PURPOSE_LOG,
  PURPOSE_MAX,
  RECORD_ADDRESS,
  RECORD_PORT_MASK,
  RECORD_SEEDER_BIT,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
  VERSION,
} from './layout.ts'

// Results: why a batch is refused.
export const BATCH_GOOD = 0
/** Not in whole words, shorter than a head, or longer than any batch. */
export const BATCH_BAD_SIZE = 1
/** No batch at all. */
export const BATCH_FOREIGN = 2
/** Of another version of the protocol: an older or newer node. */
export const BATCH_OTHER_VERSION = 3
/** The head contradicts itself or the length. */
export const BATCH_BAD_HEAD = 4
/** A record that no node writes. */
export const BATCH_BAD_RECORD = 5

/** By result; labels of metrics. */
export const BATCH_RESULTS: readonly string[] = [
  'good',
  'bad_size',
  'foreign',
  'other_version',
  'bad_head',
  'bad_record',
]

const MAGIC_MASK = 0xffffff

export class Batch {
  /** Head and records of the batch that was read last. */
  readonly words = new Int32Array(new ArrayBuffer(BATCH_WORDS_MAX * 4))
  sequence = 0
  start = 0
  records = 0
  recordWords = RECORD_WORDS_IPV4
  ageUnit = 1
  purpose = PURPOSE_LOG
  ticket = 0
  /** Milliseconds of the sender's clock. */
  sent = 0
  private readonly bytes = new Uint8Array(this.words.buffer)

  get ipv4(): boolean {
    return this.recordWords === RECORD_WORDS_IPV4
  }

  /** Takes a message over. BATCH_GOOD, or why it is none; the fields are then of no use. */
  read(message: Uint8Array): number {
    const size = message.length
    if (size < BATCH_HEAD_WORDS * 4 || size > BATCH_BYTES_MAX || size % 4 !== 0) {
      return BATCH_BAD_SIZE
    }
    this.bytes.set(message)
    return this.check(size / 4)
  }

  // HOT: no allocation below this line.

  private check(size: number): number {
    const { words } = this
    const first = words[BATCH_MAGIC_VERSION]
    if ((first & MAGIC_MASK) !== MAGIC) return BATCH_FOREIGN
    if (first >>> 24 !== VERSION) return BATCH_OTHER_VERSION
    const records = words[BATCH_RECORDS]
    const recordWords = words[BATCH_RECORD_WORDS]
    const purpose = words[BATCH_PURPOSE]
    const unit = words[BATCH_AGE_UNIT]
    if (records < 0 || records > BATCH_RECORDS_MAX) return BATCH_BAD_HEAD
    if (recordWords !== RECORD_WORDS_IPV4 && recordWords !== RECORD_WORDS_IPV6) {
      return BATCH_BAD_HEAD
    }
    if (size !== BATCH_HEAD_WORDS + records * recordWords) return BATCH_BAD_HEAD
    if (purpose < 0 || purpose > PURPOSE_MAX) return BATCH_BAD_HEAD
    if (unit < 1 || unit > AGE_UNIT_MAX || (unit & (unit - 1)) !== 0) return BATCH_BAD_HEAD
    const high = words[BATCH_SENT_HIGH]
    if (high < 0 || high > MAGIC_MASK >> 3) return BATCH_BAD_HEAD
    this.sequence = words[BATCH_SEQUENCE] >>> 0
    this.start = words[BATCH_START] >>> 0
    this.ticket = words[BATCH_TICKET] >>> 0
    this.sent = high * 2 ** 32 + (words[BATCH_SENT_LOW] >>> 0)
    this.records = records
    this.recordWords = recordWords
    this.purpose = purpose
    this.ageUnit = unit
    for (let at = BATCH_HEAD_WORDS; at < size; at += recordWords) {
      if (!this.isRecord(at)) return BATCH_BAD_RECORD
    }
    return BATCH_GOOD
  }

  private isRecord(at: number): boolean {
    const { words, recordWords } = this
    const last = words[at + recordWords - 1]
    const kind = kindOfRecord(last)
    if (kind > KIND_MAX) return false
    if (kind === KIND_COUNT) return last >>> 0 === KIND_COUNT << 28 && this.isCount(at)
    if ((last & RECORD_PORT_MASK) === 0) return false
    if (kind === KIND_LEFT) return last >= 0
    if (kind === KIND_CHANGED) return true
    return kind !== KIND_COMPLETED || (last & RECORD_SEEDER_BIT) !== 0
  }

  private isCount(at: number): boolean {
    const { words, recordWords } = this
    const count = words[at + RECORD_ADDRESS]
    if (count <= 0 || count > STATE_COMPLETED_MAX) return false
    for (let i = at + RECORD_ADDRESS + 1; i < at + recordWords - 1; i++) {
      if (words[i] !== 0) return false
    }
    return true
  }
}
