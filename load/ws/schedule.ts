// When requests of an open loop are due, whatever happened to those before: one pace for each kind.
// Used by worker.ts, in each load worker for itself.
//
// The times of each are those of due-times.ts.
import { DueTimes, NO_STEP } from '../due-times.ts'
import type { Tally } from './counts.ts'

/** More at once would hold up what has arrived. */
const BURST = 64

/** What is sent at a rate. */
export interface Pace {
  /** Per second; 0 = never. */
  readonly rate: number
  /** Sends what was due at `timeMs`, or gives it up. False: there is nothing to send, ask again later. */
  take(timeMs: number, nowMs: number): boolean
}

/** A request of whichever client is next; where there is none, it is counted as held back. */
export function clientPace<C extends { flush(): void }>(
  rate: number,
  nextClient: () => C | null,
  tally: Tally,
  send: (client: C, timeMs: number) => void,
): Pace {
  const take = (timeMs: number) => {
    const client = nextClient()
    if (client === null) tally.count('held_back')
    else {
      send(client, timeMs)
      client.flush()
    }
    return true
  }
  return { rate, take }
}

export class Schedule {
  private readonly paces: readonly Pace[]
  /** Of each pace. */
  private readonly due: readonly DueTimes[]

  constructor(paces: readonly Pace[], startMs: number, step = NO_STEP) {
    this.paces = paces.filter(({ rate }) => rate > 0)
    this.due = this.paces.map(({ rate }) => new DueTimes(rate, step))
    for (const due of this.due) due.start(startMs)
  }

  /** Takes what is due, the oldest first and a burst at most. */
  run(nowMs: number): void {
    const waiting = this.paces.map(() => false)
    for (let i = 0; i < BURST; i++) {
      const next = this.next(waiting)
      if (next === -1 || this.timeMs(next) > nowMs) return
      if (this.paces[next].take(this.timeMs(next), nowMs)) this.due[next].take(1)
      else waiting[next] = true
    }
  }

  /** When to call `run` again. */
  nextMs(): number {
    return Math.min(...this.paces.map((_, i) => this.timeMs(i)))
  }

  /** The pace with the earliest time, of those that are not waiting; −1 for none. */
  private next(waiting: readonly boolean[]): number {
    let found = -1
    for (let i = 0; i < this.paces.length; i++) {
      if (waiting[i]) continue
      if (found === -1 || this.timeMs(i) < this.timeMs(found)) found = i
    }
    return found
  }

  private timeMs(pace: number): number {
    return this.due[pace].nextMs
  }
}
