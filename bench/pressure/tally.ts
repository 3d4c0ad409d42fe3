// What simulated clients noticed, by second and by the size of their swarms. Used by clients.ts and bench/pressure.ts.

const SECONDS_MAX = 1000
/** Of waiting times: each a twentieth longer than the one before, from 0.1 ms. */
const BUCKETS = 320
const BUCKET_GROWTH = 1.05
const FIRST_MS = 0.1

interface Counts {
  begun: number
  answered: number
  refused: number
  unanswered: number
  intervals: number
  readonly waits: Int32Array
}

export interface Summary {
  readonly sentPerSecond: number
  readonly receivedPerSecond: number
  readonly begunPerSecond: number
  /** Of the announces that ended: with an answer, with an error, with nothing after all repetitions. */
  readonly answered: number
  readonly refused: number
  readonly p99Ms: number
  readonly interval: number
}

class Second {
  sent = 0
  received = 0
  met = 0
  unmet = 0
  readonly small = newCounts()
  readonly large = newCounts()
}

export class Tally {
  private readonly seconds: Second[] = []

  sent(now: number): void {
    this.at(now).sent++
  }

  received(now: number): void {
    this.at(now).received++
  }

  begun(now: number, isLarge: boolean): void {
    this.of(now, isLarge).begun++
  }

  answered(now: number, isLarge: boolean, waitMs: number, interval: number): void {
    const counts = this.of(now, isLarge)
    counts.answered++
    counts.intervals += interval
    const bucket = Math.ceil(
      Math.log(Math.max(waitMs, FIRST_MS) / FIRST_MS) / Math.log(BUCKET_GROWTH),
    )
    counts.waits[Math.min(BUCKETS - 1, bucket)]++
  }

  refused(now: number, isLarge: boolean): void {
    this.of(now, isLarge).refused++
  }

  unanswered(now: number, isLarge: boolean): void {
    this.of(now, isLarge).unanswered++
  }

  /** Whether a client of a pair was told of the other. */
  met(now: number, found: boolean): void {
    if (found) this.at(now).met++
    else this.at(now).unmet++
  }

  /** Of the seconds from `from` on, up to `to`. */
  summary(from: number, to: number, kinds: readonly ('small' | 'large')[]): Summary {
    const seconds = this.seconds.slice(from, to)
    const all = seconds.flatMap((second) => kinds.map((kind) => second[kind]))
    const sum = (of: (counts: Counts) => number) => all.reduce((total, each) => total + of(each), 0)
    const per = (total: number) => total / Math.max(1, seconds.length)
    const answered = sum((counts) => counts.answered)
    const refused = sum((counts) => counts.refused)
    const ended = answered + refused + sum((counts) => counts.unanswered)
    return {
      sentPerSecond: per(seconds.reduce((total, { sent }) => total + sent, 0)),
      receivedPerSecond: per(seconds.reduce((total, { received }) => total + received, 0)),
      begunPerSecond: per(sum((counts) => counts.begun)),
      answered: answered / Math.max(1, ended),
      refused: refused / Math.max(1, ended),
      p99Ms: quantileMs(all, 0.99, answered),
      interval: sum((counts) => counts.intervals) / Math.max(1, answered),
    }
  }

  /** The share of pairs' announces that were told of the other. */
  metShare(from: number, to: number): number {
    const seconds = this.seconds.slice(from, to)
    const met = seconds.reduce((total, second) => total + second.met, 0)
    const unmet = seconds.reduce((total, second) => total + second.unmet, 0)
    return met / Math.max(1, met + unmet)
  }

  private at(now: number): Second {
    const index = Math.min(SECONDS_MAX, Math.floor(now))
    while (this.seconds.length <= index) this.seconds.push(new Second())
    return this.seconds[index]
  }

  private of(now: number, isLarge: boolean): Counts {
    const second = this.at(now)
    return isLarge ? second.large : second.small
  }
}

function quantileMs(all: readonly Counts[], share: number, count: number): number {
  let left = count * share
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for (const { waits } of all) left -= waits[bucket]
    if (left <= 0) return FIRST_MS * BUCKET_GROWTH ** bucket
  }
  return Number.NaN
}

function newCounts(): Counts {
  return {
    begun: 0,
    answered: 0,
    refused: 0,
    unanswered: 0,
    intervals: 0,
    waits: new Int32Array(BUCKETS),
  }
}
