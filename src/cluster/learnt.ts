// When this node learnt what is older than it usually is: after an outage, or by another node's walk. So a node that has heard
// nothing since some second is told everything that this one has learnt since, whenever that happened. Filled by apply.ts,
// asked by swarm-records.ts. Owns a few words for each of the last periods.

const PERIOD_SHIFT = 4
/** More than an hour: who asks about more gets everything. */
const PERIODS = 256

export class Learnt {
  /** By period: its number, and the oldest second that was learnt in it. */
  private readonly periods = new Float64Array(PERIODS).fill(-1)
  private readonly oldest = new Float64Array(PERIODS)

  /** The oldest second of what was learnt from `since` to `now`, or `since`. */
  oldestSince(since: number, now: number): number {
    const first = since >> PERIOD_SHIFT
    const last = now >> PERIOD_SHIFT
    if (last - first >= PERIODS) return Number.NEGATIVE_INFINITY
    let oldest = since
    for (let period = first; period <= last; period++) {
      const at = period & (PERIODS - 1)
      if (this.periods[at] === period) oldest = Math.min(oldest, this.oldest[at])
    }
    return oldest
  }

  // HOT: no allocation below this line.

  /** At `now`, of something that happened in `second`. */
  note(second: number, now: number): void {
    const period = now >> PERIOD_SHIFT
    const at = period & (PERIODS - 1)
    if (this.periods[at] !== period) {
      this.periods[at] = period
      this.oldest[at] = second
    } else if (second < this.oldest[at]) this.oldest[at] = second
  }
}
