// Sends packets that must not affect a tracker: garbage, and requests with a connection id
// that is not valid. Called by worker.ts in mode 'flood', in turn with ordinary requests. Answers to
// them are counted; one that is longer than its packet would let an attacker with forged addresses aim the tracker
// at others, and counts as wrong.
// Owns its socket's batches and memory.
import { PacketMemory, ReceiveBatch } from '../../src/os/packet-batch.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_SCRAPE,
  ANNOUNCE_BYTES_MIN,
  INFO_HASH_BYTES,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
  REQUEST_TRANSACTION,
} from '../../src/udp/wire/layout.ts'
import type { Random } from '../random.ts'
import {
  FLOOD_ANSWERED_BYTES,
  FLOOD_ANSWERS,
  FLOOD_SENT,
  FLOOD_SENT_BYTES,
  SEND_FAILURES,
  WRONG_FLOOD_ANSWER,
} from './counts.ts'
import { markedBytes, markOf } from './mark.ts'
import { PacketTrain } from './packet-train.ts'

export type FloodKind = 'garbage' | 'expired_ids' | 'mixed'

/** Per turn; packets of a run have one shape and size, so that they leave together. */
const BURST = 128
const RUN = 32
const ANSWER_SLOT_BYTES = 2048
/** The largest that no network cuts. */
const GARBAGE_BYTES_MAX = 1472

const SHAPES_OF_GARBAGE = 5
const ACTION_UNKNOWN = 9 << 24

export class Flood {
  private readonly batch: ReceiveBatch
  private readonly train: PacketTrain
  private readonly memory: PacketMemory
  private readonly random: Random
  private readonly counts: Int32Array
  private readonly garbage: boolean
  private readonly expired: boolean
  /** Packets per millisecond; 0 = as many as possible. */
  private readonly perMs: number
  private startMs = -1
  private sent = 0

  constructor(
    fd: number,
    kind: FloodKind,
    ratePerSecond: number,
    together: boolean,
    random: Random,
    counts: Int32Array,
  ) {
    this.memory = new PacketMemory(BURST, ANSWER_SLOT_BYTES, GARBAGE_BYTES_MAX)
    this.batch = new ReceiveBatch(fd, this.memory)
    this.train = new PacketTrain(fd, this.memory, together)
    this.random = random
    this.counts = counts
    this.garbage = kind !== 'expired_ids'
    this.expired = kind !== 'garbage'
    this.perMs = ratePerSecond / 1000
    const { answers } = this.memory
    for (let i = 0; i < answers.length; i++) answers[i] = random.next()
  }

  // HOT: no allocation below this line.

  /** Sends what is due, a burst at most, and takes answers; returns how many packets were sent. */
  turn(nowMs: number): number {
    if (this.startMs < 0) this.startMs = nowMs
    const due =
      this.perMs === 0 ? BURST : Math.floor((nowMs - this.startMs) * this.perMs) - this.sent
    const count = due < BURST ? due : BURST
    this.takeAnswers()
    for (let first = 0; first < count; first += RUN) {
      const run = count - first < RUN ? count - first : RUN
      // Which of the two is drawn for each run.
      const isGarbage = this.garbage && (!this.expired || (this.random.next() & 1) === 0)
      if (isGarbage) this.queueGarbage(run)
      else this.queueExpired(run)
    }
    if (count > 0) this.counts[SEND_FAILURES] += this.train.flush()
    this.sent += count > 0 ? count : 0
    return count
  }

  /** Noise, or what looks like a request at first sight. */
  private queueGarbage(run: number): void {
    const shape = this.random.below(SHAPES_OF_GARBAGE)
    const noise = this.random.below(GARBAGE_BYTES_MAX + 1)
    if (shape === 0) this.queueRun(run, this.random.next(), noise)
    else if (shape === 1) this.queueRun(run, ACTION_CONNECT, REQUEST_BYTES_MIN)
    else if (shape === 2) this.queueRun(run, ACTION_ANNOUNCE, this.random.below(ANNOUNCE_BYTES_MIN))
    else if (shape === 3) this.queueRun(run, ACTION_SCRAPE, REQUEST_BYTES_MIN)
    else this.queueRun(run, ACTION_UNKNOWN, noise)
  }

  /** Whole requests that lack nothing but a valid id. */
  private queueExpired(run: number): void {
    if ((this.random.next() & 3) === 0) {
      this.queueRun(run, ACTION_SCRAPE, REQUEST_BYTES_MIN + INFO_HASH_BYTES)
    } else this.queueRun(run, ACTION_ANNOUNCE, ANNOUNCE_BYTES_MIN)
  }

  /** `bytes` may be less than the head: then the rest of the head stays behind. */
  private queueRun(run: number, action: number, bytes: number): void {
    const words = this.memory.answers
    for (let i = 0; i < run; i++) {
      const at = this.memory.end
      words[at + REQUEST_ID] = this.random.next()
      words[at + REQUEST_ID + 1] = this.random.next()
      words[at + REQUEST_ACTION] = action
      words[at + REQUEST_TRANSACTION] = markOf(bytes)
      this.train.queue(bytes)
      this.counts[FLOOD_SENT_BYTES] += bytes
    }
    this.counts[FLOOD_SENT] += run
  }

  private takeAnswers(): void {
    const { batch, memory, counts } = this
    const received = batch.receive(BURST)
    for (let i = 0; i < received; i++) {
      const bytes = batch.length(i)
      const transaction = memory.received[i * memory.slotWords + 1]
      counts[FLOOD_ANSWERS]++
      counts[FLOOD_ANSWERED_BYTES] += bytes
      if (bytes > markedBytes(transaction)) counts[WRONG_FLOOD_ANSWER]++
    }
  }
}
