// What this node tells all others: its records in batches, and a beat each second. Called by link.ts; answering.ts has it send
// batches again. Owns the batches that were sent.
//
// Batches get their sequence whether or not they can be sent. So whoever hears the next one, or a beat, knows what is missing.
import { type BatchHead, finishBatch } from './batch.ts'
import type { ClusterClock } from './cluster-clock.ts'
import type { Engine } from './engine.ts'
import {
  BATCH_CLOCK,
  BATCH_FLAGS,
  BATCH_HEAD_WORDS,
  BATCH_OFFSET,
  BATCH_OLDEST,
  BATCH_RECORDS_MAX,
  BATCH_UPTIME,
  BATCH_WORDS_MAX,
  FLAG_LEAVING,
  FLAG_WHOLE,
  PURPOSE_LOG,
} from './layout.ts'
import type { Records } from './records.ts'
import { SentBatches } from './sent-batches.ts'

const BEAT_MILLISECONDS = 1000
/**
 * Records wait so long for others to share their message: a batch costs its receivers some microseconds, however empty. With
 * many nodes there are many, so each sends fewer.
 */
const FLUSH_MILLISECONDS = 50
const FLUSH_PER_NODE_MILLISECONDS = 5
const FLUSH_MAX_MILLISECONDS = 500
/** In one turn; then what has come from others has its turn. */
const BATCHES_PER_TURN = 64
/** About 2.3 million records. */
const SENT_BYTES_MAX = 64 * 2 ** 20

const LOG = { purpose: PURPOSE_LOG, ticket: 0, ageUnit: 1 }

export interface SenderOptions {
  readonly engine: Engine
  readonly records: Records
  readonly clusterClock: ClusterClock
  readonly subject: string
  readonly start: number
  /** When this run began, in milliseconds of the clock of all times here. */
  readonly startedAt: number
  readonly maxPeerAge: number
  readonly sentBytesMax?: number | undefined
}

export class Sender {
  readonly sent: SentBatches
  /** Nobody else has this node's name, and it has the clock of all. */
  mayTell = false
  isWhole = false
  readonly counts = { batches: 0, records: 0, again: 0, unsent: 0, lost: 0 }
  private readonly options: SenderOptions
  private readonly words = new Int32Array(BATCH_WORDS_MAX)
  private isLeaving = false
  private flushedAt = 0
  private toldAt = 0

  constructor(options: SenderOptions) {
    this.options = options
    const { maxPeerAge, sentBytesMax = SENT_BYTES_MAX } = options
    this.sent = new SentBatches(sentBytesMax, maxPeerAge * 1000)
  }

  /** Sends what is due. `nodes`: how many others there are. True if more waits. */
  turn(now: number, nodes: number): boolean {
    const { records } = this.options
    const interval = Math.min(
      FLUSH_MAX_MILLISECONDS,
      Math.max(FLUSH_MILLISECONDS, nodes * FLUSH_PER_NODE_MILLISECONDS),
    )
    const waiting = records.collect(Math.floor(now / 1000))
    this.noteLost()
    const isDue = now - this.flushedAt >= interval
    let isBusy = false
    if (isDue || waiting >= BATCH_RECORDS_MAX) {
      this.flushedAt = now
      const isMore = [true, false].map((ipv4) => this.sendAll(ipv4, now))
      isBusy = isMore.includes(true)
    }
    if (now - this.toldAt >= BEAT_MILLISECONDS) this.beat(now)
    return isBusy
  }

  /** It may speak: others are to know at once, so that they have its clock before they speak themselves. */
  join(): void {
    this.mayTell = true
    this.toldAt = Number.NEGATIVE_INFINITY
  }

  /** Sends what there is, and says goodbye. */
  leave(now: number): void {
    this.flushedAt = 0
    this.turn(now, 0)
    this.isLeaving = true
    this.beat(now)
  }

  /** Sends a batch once more; false if that is not possible now. */
  sendAgain(sequence: number, subject: string, now: number): boolean {
    const { sent } = this
    if (!sent.find(sequence)) return true
    const done = this.publish(subject, sent.words.subarray(sent.at, sent.at + sent.count), now)
    if (done) this.counts.again++
    return done
  }

  /** Writes the head before records that have been packed now. */
  finish(words: Int32Array, head: Omit<BatchHead, 'start' | 'sent'>, now: number): Int32Array {
    const { start } = this.options
    const batch = finishBatch(words, { ...head, start, sent: Math.floor(now) })
    this.setClock(batch)
    return batch
  }

  private setClock(batch: Int32Array): void {
    const { clusterClock } = this.options
    batch[BATCH_CLOCK] = clusterClock.id
    batch[BATCH_OFFSET] = clusterClock.offset
  }

  /** True if more waits. */
  private sendAll(ipv4: boolean, now: number): boolean {
    const { words } = this
    for (let batches = 0; batches < BATCHES_PER_TURN; batches++) {
      const second = Math.floor(now / 1000)
      const { records } = this.options
      const count = records.take(words, BATCH_HEAD_WORDS, BATCH_RECORDS_MAX, ipv4, second)
      if (count > 0) this.send(ipv4, count, now)
      if (count < BATCH_RECORDS_MAX) return false
    }
    return true
  }

  private send(ipv4: boolean, records: number, now: number): void {
    const head = { ...LOG, sequence: this.sent.next, ipv4, records }
    const batch = this.finish(this.words, head, now)
    this.sent.add(batch, now)
    this.counts.batches++
    this.counts.records += records
    if (!this.publish(this.options.subject, batch, now)) this.counts.unsent++
    this.toldAt = now
  }

  private beat(now: number): void {
    const sequence = (this.sent.next - 1) >>> 0
    const head = { ...LOG, sequence, ipv4: true, records: 0 }
    this.publish(this.options.subject, this.finish(this.words, head, now), now)
    this.toldAt = now
  }

  /** Others are to notice that there were records that they will never get. */
  private noteLost(): void {
    const { lost } = this.options.records
    if (lost === this.counts.lost) return
    this.counts.lost = lost
    this.sent.skip()
  }

  /** What differs from one time to the next is written here. */
  publish(subject: string, words: Int32Array, now: number): boolean {
    const { engine, startedAt, clusterClock } = this.options
    if (!this.mayTell || !engine.isConnected()) return false
    // Otherwise its ages are by the offset of then. By a later one, of a clock that has gone ahead, they would seem younger.
    if (words[BATCH_CLOCK] >>> 0 !== clusterClock.id) this.setClock(words)
    words[BATCH_UPTIME] = Math.floor((now - startedAt) / 1000)
    words[BATCH_OLDEST] = this.sent.oldest
    words[BATCH_FLAGS] = (this.isLeaving ? FLAG_LEAVING : 0) | (this.isWhole ? FLAG_WHOLE : 0)
    return engine.publish(subject, bytesOf(words))
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
