// Sends the answers that request workers have written to the requests that forward.ts passed on. Called in a
// loop by schedule.ts, in the socket worker. Owns the reading ends of the rings and the message headers;
// answers are sent straight from the rings, which get their space back afterwards.
import type { RingReader } from '../../channel/ring.ts'
import { observe } from '../../metrics/histogram.ts'
import { clockNanoseconds, clockSeconds, readClock } from '../../os/clock.ts'
import { addressHigh, addressLow } from '../../os/ffi.ts'
import { AF_INET } from '../../os/kernel.ts'
import { FAMILY_MASK, isMapped, REPLY_NAME } from '../../os/message.ts'
import { familyOf } from '../wire/request.ts'
import {
  RESPONSE_TIME,
  RESPONSE_TIME_SHAPE,
  RESPONSES_SCRAPE,
  SEND_FAILURES,
  SENT_BYTES,
} from '../worker/counters.ts'
import type { ScrapeJoiner } from './join.ts'
import {
  RESPONSE_BYTES,
  RESPONSE_RETURN,
  RETURN_LENGTH_MASK,
  RETURN_PART,
  RETURN_REPLY,
  RETURN_SOCKET_SHIFT,
  RETURN_TICKET,
  RETURN_TIME,
} from './record.ts'

/** Sends the answers of one socket: a SendBatch. */
export interface AnswerSink {
  readonly slots: number
  readonly queued: number
  add(
    words: Int32Array,
    reply: number,
    low: number,
    high: number,
    payload: number,
    bytes: number,
  ): void
  flush(): number
}

export class Deliverer {
  private readonly readers: readonly RingReader[]
  private readonly batches: readonly AnswerSink[]
  private readonly joiner: ScrapeJoiner
  private readonly counts: Int32Array
  /** The address of each ring in memory, for the kernel. */
  private readonly lows: Int32Array
  private readonly highs: Int32Array
  private time = 0

  /** `readers` in the order of the request workers, `batches` in that of the sockets. */
  constructor(
    readers: readonly RingReader[],
    batches: readonly AnswerSink[],
    joiner: ScrapeJoiner,
    counts: Int32Array,
  ) {
    this.readers = readers
    this.batches = batches
    this.joiner = joiner
    this.counts = counts
    this.lows = Int32Array.from(readers, ({ words }) => addressLow(words))
    this.highs = Int32Array.from(readers, ({ words }) => addressHigh(words))
  }

  // HOT: no allocation below this line.

  /** Sends all answers that are ready; returns how many records those were. */
  deliver(): number {
    let taken = 0
    for (let owner = 0; owner < this.readers.length; owner++) {
      if (this.readers[owner].refresh()) taken += this.takeFrom(owner)
    }
    return taken
  }

  private takeFrom(owner: number): number {
    const reader = this.readers[owner]
    this.time = timeStamp()
    let taken = 0
    for (let at = reader.next(); at !== 0; at = reader.next()) {
      this.take(owner, reader.words, at)
      taken++
    }
    this.flush()
    // Only now: answers stay in the ring until they are sent.
    reader.release()
    return taken
  }

  private take(owner: number, words: Int32Array, at: number): void {
    const back = at + RESPONSE_RETURN
    const payload = back + (words[back] & RETURN_LENGTH_MASK)
    if ((words[back] & RETURN_PART) === 0) {
      const bytes = words[at + RESPONSE_BYTES]
      this.queue(words, back, this.lows[owner], this.highs[owner], payload, bytes)
      return
    }
    const joiner = this.joiner
    const slot = joiner.add(words[back + RETURN_TICKET], owner, words, payload)
    if (slot < 0) return
    const from = joiner.returnOf(slot)
    this.counts[familyBack(joiner.words, from) + RESPONSES_SCRAPE]++
    this.queue(
      joiner.words,
      from,
      joiner.low,
      joiner.high,
      joiner.answerOf(slot),
      joiner.bytesOf(slot),
    )
  }

  private queue(
    words: Int32Array,
    back: number,
    low: number,
    high: number,
    payload: number,
    bytes: number,
  ): void {
    const batch = this.batches[words[back] >>> RETURN_SOCKET_SHIFT]
    if (batch.queued === batch.slots) this.counts[SEND_FAILURES] += batch.flush()
    batch.add(words, back + RETURN_REPLY, low, high, payload, bytes)
    this.counts[familyBack(words, back) + SENT_BYTES] += bytes
    const took = (this.time - words[back + RETURN_TIME]) & 0x7fffffff
    observe(this.counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, took, 1)
  }

  private flush(): void {
    for (let i = 0; i < this.batches.length; i++) {
      this.counts[SEND_FAILURES] += this.batches[i].flush()
    }
  }
}

/** Nanoseconds modulo 2^32: enough for differences of up to two seconds. */
function timeStamp(): number {
  readClock()
  return lastTimeStamp()
}

/** From the last clock reading. */
export function lastTimeStamp(): number {
  return (Math.imul(clockSeconds(), 1_000_000_000) + clockNanoseconds()) | 0
}

/** Where the counters start of the address family that the return at `words[back]` has. */
function familyBack(words: Int32Array, back: number): number {
  const name = back + RETURN_REPLY + REPLY_NAME
  return familyOf((words[name] & FAMILY_MASK) === AF_INET || isMapped(words, name))
}
