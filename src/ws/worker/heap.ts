// Keeps a worker's JavaScript heap small. Called by the socket worker several times a second, and every
// thousand messages: a turn of the event loop can have millions, and last for seconds.
// Owns the count of what has been collected.
//
// Messages are strings, so serving makes garbage: some 200 MB a second at full load. The engine
// counts the reserve for swarms, which is shared memory, as part of the heap, and so lets garbage grow
// to as much again before it collects all of it: 1.2 GB instead of 0.2. A full collection of the little
// that lives takes 5 to 15 ms; it is done after so much traffic. (fullGC, not Bun.gc(true): that throws
// compiled code away as well. Bun.gc(false) collects too little. Bun 1.4.5, November 2026.)
import { fullGC } from 'bun:jsc'
import { FAMILY_IPV6, RECEIVED_BYTES, RECEIVED_MESSAGES, SENT_BYTES } from './counters.ts'

const TRAFFIC_BYTES = 64 * 2 ** 20
/** What a message makes beside its text: `{}` has two characters, and some 300 bytes of garbage. */
const MESSAGE_BYTES = 256
/** Messages from look to look; a power of two. */
const CHECK_MESSAGES = 1024

export class Heap {
  private readonly counts: Int32Array
  private collectedAt = 0

  constructor(counts: Int32Array) {
    this.counts = counts
  }

  /** A message has been served. */
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

  /** Over both address families. */
  private both(counter: number): number {
    return this.counts[counter] + this.counts[FAMILY_IPV6 + counter]
  }
}
