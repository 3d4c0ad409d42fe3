// A batch as the link sees it: the head is written and read here, the records are left to others. Used by sender.ts, answering.ts
// and link.ts.
import {
  BATCH_AGE_UNIT,
  BATCH_BYTES_MAX,
  BATCH_CLOCK,
  BATCH_HEAD_WORDS,
  BATCH_MAGIC_VERSION,
  BATCH_OFFSET,
  BATCH_PURPOSE,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  BATCH_SENT_HIGH,
  BATCH_SENT_LOW,
  BATCH_SEQUENCE,
  BATCH_START,
  BATCH_TICKET,
  BATCH_WORDS_MAX,
  MAGIC_AND_VERSION,
  PURPOSE_LOG,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from './layout.ts'
import { BATCH_BAD_SIZE, BATCH_GOOD, checkBatch } from './unpack.ts'

export interface BatchHead {
  readonly sequence: number
  /** Of the node. */
  readonly start: number
  readonly purpose: number
  readonly ticket: number
  /** When its ages are from: milliseconds of the sender's clock. */
  readonly sent: number
  readonly ipv4: boolean
  readonly records: number
  readonly ageUnit: number
}

/** Returns the words of the batch; its records are in place already. */
export function finishBatch(words: Int32Array, head: BatchHead): Int32Array {
  const recordWords = head.ipv4 ? RECORD_WORDS_IPV4 : RECORD_WORDS_IPV6
  words.fill(0, 0, BATCH_HEAD_WORDS)
  words[BATCH_MAGIC_VERSION] = MAGIC_AND_VERSION
  words[BATCH_SEQUENCE] = head.sequence
  words[BATCH_START] = head.start
  words[BATCH_RECORDS] = head.records
  words[BATCH_RECORD_WORDS] = recordWords
  words[BATCH_AGE_UNIT] = head.ageUnit
  words[BATCH_PURPOSE] = head.purpose
  words[BATCH_TICKET] = head.ticket
  words[BATCH_SENT_LOW] = head.sent % 2 ** 32
  words[BATCH_SENT_HIGH] = head.sent / 2 ** 32
  return words.subarray(0, BATCH_HEAD_WORDS + head.records * recordWords)
}

/** What has been received last. Owns a copy: the engine's bytes are unaligned, and not ours. */
export class Batch {
  readonly words = new Int32Array(BATCH_WORDS_MAX)
  sequence = 0
  start = 0
  records = 0
  purpose = PURPOSE_LOG
  ticket = 0
  /** When its ages are from: milliseconds of the sender's clock. */
  sent = 0
  /** The cluster's, for its sender (cluster-clock.ts). */
  clock = 0
  offset = 0
  private readonly bytes = new Uint8Array(this.words.buffer)

  /** BATCH_GOOD, or why it is none (unpack.ts); the fields are then of no use. */
  read(message: Uint8Array): number {
    const { words } = this
    const size = message.length
    if (size > BATCH_BYTES_MAX || size % 4 !== 0) return BATCH_BAD_SIZE
    this.bytes.set(message)
    const result = checkBatch(words, size / 4)
    if (result !== BATCH_GOOD) return result
    this.sequence = words[BATCH_SEQUENCE] >>> 0
    this.start = words[BATCH_START] >>> 0
    this.records = words[BATCH_RECORDS]
    this.purpose = words[BATCH_PURPOSE]
    this.ticket = words[BATCH_TICKET] >>> 0
    this.clock = words[BATCH_CLOCK] >>> 0
    this.offset = words[BATCH_OFFSET]
    this.sent = (words[BATCH_SENT_HIGH] >>> 0) * 2 ** 32 + (words[BATCH_SENT_LOW] >>> 0)
    return BATCH_GOOD
  }
}
