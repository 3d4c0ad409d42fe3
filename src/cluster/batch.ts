// The batch that is being written: records are put in one after the other, then the head. Used by pack.ts and catch-up.ts,
// one each. Owns its bytes, which are valid until the next batch is begun.
import {
  AGE_UNIT_MAX,
  BATCH_AGE_UNIT,
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
  MAGIC_AND_VERSION,
  RECORD_AGE_MASK,
  RECORD_AGE_SHIFT,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from './layout.ts'

/** What the sender says about a batch. */
export interface BatchHead {
  readonly sequence: number
  /** Of the node. */
  readonly start: number
  readonly purpose: number
  readonly ticket: number
  /** Milliseconds of the sender's clock. */
  readonly sent: number
}

/** The unit that ages of up to so many seconds fit. */
export function ageUnitFor(seconds: number): number {
  let unit = 1
  while (unit < AGE_UNIT_MAX && seconds > unit * RECORD_AGE_MASK) unit *= 2
  return unit
}

export class BatchWriter {
  readonly words = new Int32Array(new ArrayBuffer(BATCH_WORDS_MAX * 4))
  records = 0
  recordWords = RECORD_WORDS_IPV4
  ageUnit = 1
  private readonly bytes = new Uint8Array(this.words.buffer)

  /** A batch of one family; `oldest`: seconds that its ages may have. */
  begin(ipv4: boolean, oldest: number): void {
    this.records = 0
    this.recordWords = ipv4 ? RECORD_WORDS_IPV4 : RECORD_WORDS_IPV6
    this.ageUnit = ageUnitFor(oldest)
  }

  /** Writes the head. The bytes are valid until the next `begin`. */
  finish(head: BatchHead): Uint8Array {
    const { words } = this
    words[BATCH_MAGIC_VERSION] = MAGIC_AND_VERSION
    words[BATCH_SEQUENCE] = head.sequence
    words[BATCH_START] = head.start
    words[BATCH_RECORDS] = this.records
    words[BATCH_RECORD_WORDS] = this.recordWords
    words[BATCH_AGE_UNIT] = this.ageUnit
    words[BATCH_PURPOSE] = head.purpose
    words[BATCH_TICKET] = head.ticket
    words[BATCH_SENT_LOW] = head.sent % 2 ** 32
    words[BATCH_SENT_HIGH] = Math.floor(head.sent / 2 ** 32)
    return this.bytes.subarray(0, (BATCH_HEAD_WORDS + this.records * this.recordWords) * 4)
  }

  // HOT: no allocation below this line.

  get isFull(): boolean {
    return this.records === BATCH_RECORDS_MAX
  }

  /** Where the next record goes. It is taken by `add`. */
  get place(): number {
    return BATCH_HEAD_WORDS + this.records * this.recordWords
  }

  /** Takes the record at `place`: `last` is its last word without an age, which is rounded up. */
  add(last: number, age: number): void {
    const units = Math.ceil(age / this.ageUnit)
    const most = units < RECORD_AGE_MASK ? units : RECORD_AGE_MASK
    this.words[this.place + this.recordWords - 1] = last | (most << RECORD_AGE_SHIFT)
    this.records++
  }
}
