// The clock that all nodes of a cluster share: seconds that travel with what happened, so that everybody compares the same
// numbers. Each node adds seconds to its own monotonic clock, so no wall clocks have to agree. Owned by the cluster's thread: the
// link hears it, pack.ts, apply.ts and catch-up.ts reckon with it.
//
// A node that starts takes over the clock of those it hears, to half a second and the time that a message takes. Who hears nobody
// has a clock of its own, with a random number; when two meet, that of the smaller number is taken over. A message may have
// been held up, so a clock is taken over only when it has been heard for some seconds without a pause and no message of them came
// faster than those before; until then a node goes on with its own. Clocks drift: who hears that it is more than a second behind
// goes ahead, by whole seconds. What it had noted before keeps the seconds that others were told.

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

/** Longer than the time between two beats. */
const PROOF_MILLISECONDS = 2000
/** Silence after which what is heard may have been held up again. */
const PAUSE_MILLISECONDS = 3500
/** A faster message: more than what messages differ by anyway. */
const FASTER_SECONDS = 0.5
/** Whoever has no clock does not wait longer for another one's. */
const WAIT_MILLISECONDS = 30_000
/** What happened last may have later seconds than now (order.ts), so a small step counts from a little later on. */
const DRIFT_SECONDS = 2
const EARLY_SECONDS = 8
/** Going ahead in steps counts as once. */
const STEP_SECONDS = 60

/** A clock that may be taken over. */
class Candidate {
  readonly id: number
  readonly since: number
  /** Seconds to add to this node's own, by the fastest message. */
  offset = 0
  private heardAt = Number.NEGATIVE_INFINITY
  /** Since then it is heard without a pause, and nothing came faster than its first message then, */
  private provenFrom = 0
  /** by which the offset was this. */
  private firstOffset = 0

  constructor(id: number, now: number) {
    this.id = id
    this.since = now
  }

  isHeard(now: number): boolean {
    return now - this.heardAt < PAUSE_MILLISECONDS
  }

  /** Returns whether it can be taken over. */
  hear({ offset, sent }: SentClock, now: number): boolean {
    const heard = (sent - now) / 1000 + offset
    const faster = this.isHeard(now) ? difference(heard, this.offset) : Number.POSITIVE_INFINITY
    if (faster > 0) this.offset = heard
    if (faster > FASTER_SECONDS) {
      this.provenFrom = now
      this.firstOffset = heard
    }
    this.heardAt = now
    const sentLater = now - this.provenFrom + Math.round(difference(heard, this.firstOffset) * 1000)
    return Math.min(now - this.provenFrom, sentLater) >= PROOF_MILLISECONDS
  }
}

export class ClusterClock {
  /** 0: none yet. */
  id = 0
  /** Seconds to add to this node's own. */
  offset = 0
  private candidate: Candidate | null = null
  /** What has a second before this one, of this node's own clock, was noted before it went ahead last, */
  private changedAt = Number.NEGATIVE_INFINITY
  /** by so many seconds. */
  private ahead = 0

  /** Has a clock of its own if no other one is about to be taken over. `random`: from 0 to below 1. */
  begin(random: number, now: number): void {
    if (this.isSettled) return
    const { candidate } = this
    if (candidate?.isHeard(now) && now - candidate.since < WAIT_MILLISECONDS) return
    this.id = 1 + Math.floor(random * (2 ** 32 - 1))
    if (candidate !== null && candidate.id >= this.id) this.candidate = null
  }

  /** Whether seconds can be told and read. */
  get isSettled(): boolean {
    return this.id !== 0
  }

  /**
   * A batch or a beat has come at `now`, milliseconds of this node's clock. Returns whether its seconds can be read: they are of
   * the clock that this node has. `isLive`: it was sent to everybody when it was new.
   */
  hear(sent: SentClock, isLive: boolean, now: number): boolean {
    const { clock } = sent
    if (clock !== this.id) return isLive && this.hearOther(sent, now)
    const behind = wrapped(Math.floor((sent.sent - now) / 1000) + sent.offset - this.offset)
    if (behind > 0) {
      this.offset = wrapped(this.offset + behind)
      const early = behind <= DRIFT_SECONDS ? EARLY_SECONDS : 1
      this.change(behind, Math.floor(now / 1000) + early)
    }
    return true
  }

  private hearOther(sent: SentClock, now: number): boolean {
    const { clock } = sent
    if (this.isSettled && clock > this.id) return false
    let { candidate } = this
    if (candidate?.id !== clock) {
      if (candidate?.isHeard(now) && clock > candidate.id) return false
      candidate = new Candidate(clock, now)
      this.candidate = candidate
    }
    if (!candidate.hear(sent, now)) return false
    this.id = clock
    this.offset = wrapped(Math.round(candidate.offset))
    this.changedAt = Number.NEGATIVE_INFINITY
    this.candidate = null
    return true
  }

  private change(behind: number, second: number): void {
    if (second - this.changedAt < STEP_SECONDS) this.ahead += behind
    else {
      this.changedAt = second
      this.ahead = behind
    }
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

/** The same of two offsets with fractions. */
function difference(offset: number, other: number): number {
  const seconds = offset - other
  const whole = Math.floor(seconds)
  return wrapped(whole) + (seconds - whole)
}
