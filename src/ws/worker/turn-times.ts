// How long messages are inside the tracker, and how many come at once. Called by send.ts for each message
// and at the end of each turn of the event loop. Owns the moment at which the turn under way began.
//
// The clock is read twice per turn, not per message: each message counts from when the first of its turn
// arrived until everything that they caused has been given to the system.

import { observe } from '../../metrics/histogram.ts'
import { clockNanoseconds, clockSeconds, readClock } from '../../os/clock.ts'
import { RESPONSE_TIME, RESPONSE_TIME_SHAPE, TURN_SIZE, TURN_SIZE_SHAPE } from './counters.ts'

const SECOND_NANOSECONDS = 1e9
/** The end of the scale. */
const NANOSECONDS_MAX = 2 ** 30

export class TurnTimes {
  private readonly counts: Int32Array
  private messages = 0
  private second = 0
  private nanosecond = 0

  constructor(counts: Int32Array) {
    this.counts = counts
  }

  // HOT: no allocation below this line.

  /** Call it for each message that arrives. True for the first of a turn. */
  received(): boolean {
    if (this.messages++ > 0) return false
    readClock()
    this.second = clockSeconds()
    this.nanosecond = clockNanoseconds()
    return true
  }

  /** Call it at the end of the turn, when everything that its messages caused has been sent. */
  sent(): void {
    const messages = this.messages
    if (messages === 0) return
    this.messages = 0
    readClock()
    const seconds = clockSeconds() - this.second
    const took = seconds * SECOND_NANOSECONDS + clockNanoseconds() - this.nanosecond
    const time = took < NANOSECONDS_MAX ? took : NANOSECONDS_MAX
    observe(this.counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, time, messages)
    observe(this.counts, TURN_SIZE, TURN_SIZE_SHAPE, messages, 1)
  }
}
