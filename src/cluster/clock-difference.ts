// How much longer another node's messages take than its fastest of the last while, which stands for one that took no time: for the
// operator, and for how far back this node has to ask. Used for each node that is heard (nodes.ts).

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
    return difference - Math.min(this.smallest, this.before)
  }
}
