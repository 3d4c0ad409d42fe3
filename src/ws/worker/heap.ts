// Keeps a worker's JavaScript heap small. Called by the socket worker several times a second, and every
// thousand messages, since a turn of the event loop can have millions and last for seconds.
//
// Messages are strings, so serving makes garbage: some 200 MB a second at full load. The engine counts the
// swarms' reserve, which is shared memory, as part of the heap, and so lets garbage grow as large again before
// it collects all of it: 1.2 GB instead of 0.2. A full collection of the little that is live takes 5 to 15 ms,
// and is done after a certain amount of traffic. (fullGC, not Bun.gc(true): that throws compiled code away as
// well. Bun.gc(false) collects too little. Bun 1.4.5, November 2026.)
import { fullGC } from 'bun:jsc'
import { FAMILY_IPV6, RECEIVED_BYTES, RECEIVED_MESSAGES, SENT_BYTES } from './counters.ts'

const TRAFFIC_BYTES = 64 * 2 ** 20
/** Garbage of a message besides its text: `{}` has two characters, but makes some 300 bytes. */
const MESSAGE_BYTES = 256
/** Messages between two checks; a power of two. */
const CHECK_MESSAGES = 1024

export class Heap {
  private readonly counts: Int32Array
  private collectedAt = 0

  constructor(counts: Int32Array) {
    this.counts = counts
  }

  /** Call it for each served message. */
  served(): void {
    if ((this.both(RECEIVED_MESSAGES) & (CHECK_MESSAGES - 1)) === 0) this.tend()
  }

  tend(): void {
    const texts = this.both(RECEIVED_BYTES) + this.both(SENT_BYTES)
    const traffic = (texts + this.both(RECEIVED_MESSAGES) * MESSAGE_BYTES) | 0
    if (((traffic - this.collectedAt) | 0) < TRAFFIC_BYTES) return
    this.collectedAt = traffic
    fullGC()
  }

  /** The sum over both address families. */
  private both(counter: number): number {
    return this.counts[counter] + this.counts[FAMILY_IPV6 + counter]
  }
}
