// How far another node's clock is from this one's, and how long its messages take. Nodes' clocks need not agree: the fastest
// message of the last while stands for one that took no time. Used for each node that is heard (nodes.ts).
//
// Ages count back from the second in which a batch was packed, by the sender's clock. The difference turns that into a second
// of this clock, the same one however late the batch comes: sent again, or held by an engine that was stopped. Otherwise
// everybody in it would look young, and a leave in it later than the join that followed.

/**
 * Clocks drift apart by some ten seconds a day at worst, and one that stood still during a suspension stays behind. So the
 * fastest message counts for one to two of these periods.
 */
const PERIOD_MILLISECONDS = 10 * 60_000

export class ClockDifference {
  /** Smallest differences: of this period, and of the one before. */
  private smallest = Number.POSITIVE_INFINITY
  private before = Number.POSITIVE_INFINITY
  private periodEnd = Number.NEGATIVE_INFINITY

  /** A message that was sent at `sent` of the sender's clock has come. Returns how much longer it took than the fastest. */
  heard(sent: number, now: number): number {
    const difference = now - sent
    if (now >= this.periodEnd) {
      this.before = this.smallest
      this.smallest = difference
      this.periodEnd = now + PERIOD_MILLISECONDS
    } else this.smallest = Math.min(this.smallest, difference)
    return difference - this.milliseconds
  }

  /** This clock's second for a moment of the sender's, of which the whole second counts. Never after it. */
  secondOf(sent: number): number {
    return Math.floor((Math.floor(sent / 1000) * 1000 + this.milliseconds) / 1000)
  }

  private get milliseconds(): number {
    return Math.min(this.smallest, this.before)
  }
}
