// When requests may be sent. Asked by connections.ts for each request; worker.ts tells when to stop.
//
// Closed loop: whenever a connection has room. Open loop: on a schedule (due-times.ts). Those that no
// connection could take until they count as lost are held back: lost without having been sent.
import type { DueTimes } from '../due-times.ts'
import { PLACE } from './counts.ts'

/** What may be sent, and from when its latency counts. */
export interface Feed {
  /** The moment (ms) from which the latency of the next request counts, −1 when there is none to send. */
  next(nowMs: number): number
}

/** Sent whenever there is room. */
export class ClosedFeed implements Feed {
  isStopped = false

  // HOT: no allocation below this line.

  next(nowMs: number): number {
    return this.isStopped ? -1 : nowMs
  }
}

/** Sent at a rate. `start` it before the first request. */
export class OpenFeed implements Feed {
  isStopped = false
  private readonly due: DueTimes
  private readonly timeoutMs: number
  private readonly counts: Int32Array

  constructor(due: DueTimes, timeoutMs: number, counts: Int32Array) {
    this.due = due
    this.timeoutMs = timeoutMs
    this.counts = counts
  }

  start(nowMs: number): void {
    this.due.start(nowMs)
  }

  // HOT: no allocation below this line.

  get dueMs(): number {
    return this.due.nextMs
  }

  next(nowMs: number): number {
    if (this.isStopped) return -1
    const dueMs = this.dueMs
    if (dueMs > nowMs) return -1
    this.due.take(1)
    return dueMs
  }

  /** Gives up what became due too long ago. Requests that were never sent are lost as well. */
  holdBack(nowMs: number): void {
    while (!this.isStopped && this.dueMs <= nowMs - this.timeoutMs) {
      this.due.take(1)
      this.counts[PLACE.held_back]++
    }
  }
}

/** Requests of a flood: at a rate, or whenever there is room. What could not be sent is forgotten. */
export class FloodFeed implements Feed {
  isStopped = false
  startMs = 0
  /** Per millisecond, 0 = as many as possible. */
  private readonly perMs: number
  private sent = 0

  constructor(rate: number) {
    this.perMs = rate / 1000
  }

  // HOT: no allocation below this line.

  next(nowMs: number): number {
    if (this.isStopped) return -1
    if (this.perMs > 0 && (nowMs - this.startMs) * this.perMs < this.sent) return -1
    this.sent++
    return nowMs
  }
}
