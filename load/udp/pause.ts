// How long a worker of the closed loop sleeps between two turns, so that answers gather for about a quarter of its window: that
// makes system calls few and batches large. Owned by its worker.

/** A smaller window waits for the next packet instead, or its latency would be that pause. */
export const PAUSE_WINDOW_MIN = 64
const MICROSECONDS_MIN = 20
export const PAUSE_MICROSECONDS_MAX = 1000
/** Shares of the window, in eighths: with fewer answers the pause was too short, with more too long. */
const FEW = 1
const MANY = 3
const LONGER = 1.25

export class Pause {
  private readonly batch: number
  private length = MICROSECONDS_MIN

  /** `batch`: answers that a turn takes at most. */
  constructor(batch: number) {
    this.batch = batch
  }

  // HOT: no allocation below this line.

  /** Microseconds after a turn with so many answers, of a window of `size`; 0 for none. */
  after(answered: number, size: number): number {
    // Of a window of several batches, a full batch may be little, and says that more are waiting.
    const eighths = (answered << 3) / (size < this.batch ? size : this.batch)
    if (eighths > MANY) {
      this.length = Math.max(MICROSECONDS_MIN, this.length / 2)
      return 0
    }
    const now = this.length
    if (eighths < FEW) this.length = Math.min(PAUSE_MICROSECONDS_MAX, now * LONGER)
    return now | 0
  }
}
