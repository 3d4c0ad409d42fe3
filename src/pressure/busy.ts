// How busy the workers are: of the time in which the system would have let a worker run, the share in which it did.
// Used by ceilings.ts. Owns an open file per worker.
//
// A worker that waits for a processor while others have it is neither busy nor idle: that time is left out, so that a
// noisy neighbour is not taken for load. A worker that never sleeps is at its limit, however small its part of a core is.
// The system counts both for every thread, whatever kind of loop it has, so workers measure nothing.
import { nowMilliseconds } from '../os/clock.ts'
import { ThreadTimes } from '../os/thread-times.ts'

/** Asked once a second: the mean of so many. */
const SECONDS = 10
/** Of the whole time. A thread that got less of a core tells nothing. */
const RUN_MIN = 0.05

/** Of one kind: the system spreads clients over them, so their mean counts. */
export type WorkerKind = string

export interface WatchedWorker {
  readonly kind: WorkerKind
  readonly thread: number
}

interface Sample {
  readonly at: number
  readonly run: number
  readonly waited: number
}

interface Watched {
  readonly kind: WorkerKind
  readonly times: ThreadTimes
  readonly samples: Sample[]
}

export class Busy {
  private readonly workers: readonly Watched[]

  constructor(workers: readonly WatchedWorker[]) {
    this.workers = workers.map(({ kind, thread }) => {
      return { kind, times: new ThreadTimes(thread), samples: [] }
    })
  }

  /** Of the busiest kind, from 0 to 1; NaN until it has been asked for ten seconds. */
  share(now = nowMilliseconds()): number {
    const kinds = new Map<WorkerKind, number[]>()
    for (const worker of this.workers) {
      const shares = kinds.get(worker.kind) ?? []
      shares.push(shareOf(worker, now))
      kinds.set(worker.kind, shares)
    }
    const means = [...kinds.values()].map((shares) => {
      return shares.reduce((sum, share) => sum + share, 0) / shares.length
    })
    const known = means.filter((mean) => !Number.isNaN(mean))
    return known.length === 0 ? Number.NaN : Math.max(...known)
  }

  stop(): void {
    for (const { times } of this.workers) times.close()
  }
}

function shareOf({ times, samples }: Watched, at: number): number {
  if (!times.read()) return Number.NaN
  const { run, waited } = times
  samples.push({ at, run, waited })
  if (samples.length <= SECONDS) return Number.NaN
  if (samples.length > SECONDS + 1) samples.shift()
  const [first] = samples
  return busyShare((at - first.at) * 1e6, run - first.run, waited - first.waited)
}

/** All in the same unit of time. */
export function busyShare(all: number, run: number, waited: number): number {
  if (run < all * RUN_MIN) return run / all
  return Math.min(1, run / Math.max(run, all - waited))
}
