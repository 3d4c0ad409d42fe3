// So much a second, and what was not spent of some milliseconds before at once. Used for what one node may say (nodes.ts,
// ws/cluster/web-node.ts) and for the lines of the log about nodes (telling.ts); budgets.ts keeps many by name.
export class Rate {
  private readonly millisecondsEach: number
  private readonly burstMilliseconds: number
  /** Until when what was spent is accounted for. */
  private paidUntil = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, burstMilliseconds: number) {
    this.millisecondsEach = 1000 / perSecond
    this.burstMilliseconds = burstMilliseconds
  }

  /** Whether there was so much left: then it is spent. */
  take(amount: number, now: number): boolean {
    const paid = this.paidAfter(amount, now)
    if (paid > now) return false
    this.paidUntil = paid
    return true
  }

  /** Also beyond what is left, which the time after it pays for. */
  spend(amount: number, now: number): void {
    this.paidUntil = this.paidAfter(amount, now)
  }

  isOverspent(now: number): boolean {
    return this.paidUntil > now
  }

  /** Goes on where another one was. */
  succeed({ paidUntil }: Rate): void {
    this.paidUntil = paidUntil
  }

  private paidAfter(amount: number, now: number): number {
    return Math.max(this.paidUntil, now - this.burstMilliseconds) + amount * this.millisecondsEach
  }
}
