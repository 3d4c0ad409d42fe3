// How many requests a worker of the closed loop keeps under way. Owned by its worker.
//
// It grows as long as that brings more answers and shrinks when answers stay out: then a receive
// buffer has overflowed. The most is a little less than what the default buffers of trackers hold, so
// that an unlucky batch does not overflow them.
import { ANSWERED } from './counts.ts'

const START = 64
const MIN = 8
/** Of all workers together. */
const MAX = 768
/** Without this gain in answers a larger window only makes them wait longer. */
const GAIN_MIN = 1.03
const SHRINK = 0.7
/** Ticks between two changes: the last one has to show first. */
const SETTLE_TICKS = 2
/** After so many ticks without a change it tries again to grow. */
const RETRY_TICKS = 100

export class Window {
  size: number
  private readonly fixed: boolean
  private readonly max: number
  private answeredBefore = 0
  private overdueBefore = 0
  private bestPerTick = 0
  private ticks = 0
  private quiet = 0

  /** `size` 0 means adaptive. `workers` share the tracker's buffers. */
  constructor(size: number, workers: number) {
    this.fixed = size > 0
    this.max = Math.max(MIN, Math.floor(MAX / workers))
    this.size = size > 0 ? size : Math.min(START, this.max)
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
      this.size = Math.max(MIN, Math.floor(this.size * SHRINK))
      this.quiet = 0
      return
    }
    const grows = answered > this.bestPerTick * GAIN_MIN || ++this.quiet > RETRY_TICKS
    if (!grows || this.size >= this.max) return
    this.bestPerTick = answered
    this.quiet = 0
    this.size = Math.min(this.max, this.size * 2)
  }
}
