// The clock that all nodes of a cluster share: seconds that travel with what happened, so that everybody compares the same
// numbers. Each node adds seconds to its own monotonic clock, so no wall clocks have to agree. Owned by the cluster's thread: the
// link hears it, pack.ts, apply.ts and catch-up.ts reckon with it.
//
// A node that starts takes over the clock of whom it hears first, to half a second and the time that a message takes. Who hears
// nobody has a clock of its own, with a random number; when two meet, that of the smaller number is taken over. Clocks drift:
// who hears that it is more than a second behind goes ahead, by whole seconds. What it had noted before keeps the seconds that
// others were told. The first messages that a node hears may have been held up, so before it relies on a clock that it takes over it
// waits for others that were sent some seconds later, and come no faster.

/** What the head of a batch says of its sender's. */
export interface SentClock {
  readonly clock: number
  /** Seconds. */
  readonly offset: number
  /** When its records were packed: milliseconds of the sender's own clock. */
  readonly sent: number
}

/** Offsets wrap beyond this: wherever another node moves the clock to, all can follow, and say what others take. */
export const OFFSET_MAX = 2 ** 30

/** Longer than the time between two beats; */
const SETTLE_MILLISECONDS = 2000
/** and this long if nothing more is heard. */
const SETTLE_MAX_MILLISECONDS = 30_000
/** What happened last may have later seconds than now (order.ts), so a small step counts from a little later on. */
const DRIFT_SECONDS = 2
const EARLY_SECONDS = 8
/** Going ahead in steps counts as once. */
const STEP_SECONDS = 60

export class ClusterClock {
  /** 0: none yet. */
  id = 0
  /** Seconds to add to this node's own. */
  offset = 0
  private settledAt = Number.POSITIVE_INFINITY
  /** When it was taken over, or set right after that: by this node's own clock, and by the cluster's, of the message. */
  private setAt = 0
  private setBy = 0
  /** What has a second before this one, of this node's own clock, was noted before it went ahead last, */
  private changedAt = Number.NEGATIVE_INFINITY
  /** by so many seconds. */
  private ahead = 0

  /** Nobody else is heard. `random`: from 0 to below 1. */
  begin(random: number): void {
    if (this.id !== 0) return
    this.id = 1 + Math.floor(random * (2 ** 32 - 1))
    this.settledAt = Number.NEGATIVE_INFINITY
  }

  /** Whether seconds can be told and read. */
  isSettled(now: number): boolean {
    return now >= this.settledAt
  }

  /**
   * A batch or a beat has come at `now`, milliseconds of this node's clock. Returns whether its seconds can be read: they are of
   * the clock that this node has, for a while already. `isLive`: it was sent to everybody when it was new.
   */
  hear({ clock, offset, sent }: SentClock, isLive: boolean, now: number): boolean {
    if (clock !== this.id) {
      if (!isLive || (this.id !== 0 && clock > this.id)) return false
      this.id = clock
      this.offset = wrapped(Math.round((sent - now) / 1000) + offset)
      this.changedAt = Number.NEGATIVE_INFINITY
      this.set(sent + offset * 1000, now)
      return false
    }
    const behind = wrapped(Math.floor((sent - now) / 1000) + offset - this.offset)
    if (behind > 0) {
      this.offset = wrapped(this.offset + behind)
      const early = behind <= DRIFT_SECONDS ? EARLY_SECONDS : 1
      if (this.isSettled(now)) this.change(behind, Math.floor(now / 1000) + early)
      else this.set(sent + offset * 1000, now)
    } else if (
      isLive &&
      now - this.setAt >= SETTLE_MILLISECONDS &&
      sent + offset * 1000 - this.setBy >= SETTLE_MILLISECONDS
    ) {
      this.settledAt = Math.min(this.settledAt, now)
    }
    return this.isSettled(now)
  }

  private change(behind: number, second: number): void {
    if (second - this.changedAt < STEP_SECONDS) this.ahead += behind
    else {
      this.changedAt = second
      this.ahead = behind
    }
  }

  private set(sentAt: number, now: number): void {
    this.setAt = now
    this.setBy = sentAt
    this.settledAt = now + SETTLE_MAX_MILLISECONDS
  }

  // HOT: no allocation below this line.

  /** Seconds to add to the ages of a batch at `second` of this node's clock, by its present offset. */
  addedAge({ offset, sent }: SentClock, second: number): number {
    return wrapped(second + this.offset - offset - Math.floor(sent / 1000))
  }

  /** The age to tell others, at `now`, of what happened in `second`. */
  ageOf(second: number, now: number): number {
    return second < this.changedAt ? now - second + this.ahead : now - second
  }

  /** This node's second for one that another has told, where `second` is what it is by the present offset. */
  secondOf(second: number): number {
    if (second >= this.changedAt) return second
    const before = second + this.ahead
    return before < this.changedAt ? before : this.changedAt
  }
}

/** From −OFFSET_MAX to below OFFSET_MAX. */
function wrapped(seconds: number): number {
  return (seconds << 1) >> 1
}
