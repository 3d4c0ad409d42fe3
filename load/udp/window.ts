// How many requests a worker of the closed loop keeps under way. Owned by its worker.
//
// It grows as long as that brings more answers and shrinks when answers stay out: then a receive
// buffer has overflowed. After that it comes back to a little below where that happened, and tries
// again only now and then. The most is a little less than what the default buffers of trackers hold.
import { ANSWERED } from './counts.ts'

const START = 64
const MIN = 8
/** Of all workers together. */
const MAX = 768
/** Without this gain in answers a larger window only makes them wait longer. */
const GAIN_MIN = 1.03
const SHRINK = 0.7
/** The safe share of the size at which answers stayed out. */
const SAFE = 0.85
/** Ticks between two changes: the last one has to show first. */
const SETTLE_TICKS = 2
/** After so many changes without lost answers it tries a little more. */
const RETRY_TICKS = 40
const RETRY_GAIN = 1.1

export class Window {
  size: number
  private readonly fixed: boolean
  private readonly max: number
  private answeredBefore = 0
  private overdueBefore = 0
  private bestPerTick = 0
  private ticks = 0
  private quiet = 0
  /** Up to here it grows whatever the gain. */
  private ceiling: number

  /** `size` 0 means adaptive. `workers` share the tracker's buffers. */
  constructor(size: number, workers: number) {
    this.fixed = size > 0
    this.max = Math.max(MIN, Math.floor(MAX / workers))
    this.size = size > 0 ? size : Math.min(START, this.max)
    this.ceiling = this.size
  }

  // HOT: no allocation below this line.

  /** Once per tick. `overdue`: answers that stayed out so far. */
  adapt(counts: Int32Array, overdue: number): void {
    if (this.fixed || ++this.ticks < SETTLE_TICKS) return
    this.ticks = 0
    const all = counts[ANSWERED] + counts[ANSWERED + 1] + counts[ANSWERED + 2]
    const answered = (all - this.answeredBefore) | 0
    const missed = overdue - this.overdueBefore
    this.answeredBefore = all
    this.overdueBefore = overdue
    if (missed > 0) {
      this.ceiling = Math.max(MIN, Math.floor(this.size * SAFE))
      this.size = Math.max(MIN, Math.floor(this.size * SHRINK))
      this.quiet = 0
      return
    }
    if (answered > this.bestPerTick * GAIN_MIN && this.size >= this.ceiling) {
      this.bestPerTick = answered
      this.ceiling = Math.min(this.max, this.size * 2)
    } else if (++this.quiet > RETRY_TICKS) {
      this.quiet = 0
      this.ceiling = Math.min(this.max, Math.ceil(this.ceiling * RETRY_GAIN))
    }
    // By a quarter at a time: a burst of twice as many would overflow what is nearly full.
    this.size = Math.min(this.ceiling, this.size + Math.max(1, this.size >>> 2))
  }
}
