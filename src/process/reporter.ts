// Shows the main thread what a worker counts, and that it makes progress. One per worker, called once per
// turn of its loop. Owns nothing: counts are the worker's, the slot is the main thread's.
import { publish } from '../metrics/counters.ts'
import { clockNanoseconds } from '../os/clock.ts'
import { beat } from './workers.ts'

export class Reporter {
  private readonly counts: Int32Array
  private readonly shared: Int32Array
  private readonly at: number
  private readonly heartbeat: Int32Array
  private reported = 0

  /** `slot`: the worker's place among all in `counters`, each of which is as long as `counts`. */
  constructor(
    counts: Int32Array,
    counters: SharedArrayBuffer,
    slot: number,
    heartbeat: SharedArrayBuffer,
  ) {
    this.counts = counts
    this.shared = new Int32Array(counters)
    this.at = slot * counts.length
    this.heartbeat = new Int32Array(heartbeat)
  }

  // HOT: no allocation below this line.

  /** About 15 times a second, by the clock's last reading: atomic stores cost more than counting does. */
  reportSometimes(now: number): void {
    const tick = (now << 4) | (clockNanoseconds() >>> 26)
    if (tick === this.reported) return
    this.reported = tick
    beat(this.heartbeat)
    this.report()
  }

  report(): void {
    publish(this.counts, this.shared, this.at)
  }
}
