// A mutual exclusion lock in one word of shared memory. Used for every table of the swarm and for
// the page pool, by all worker threads. Owns nothing: the word belongs to the caller's buffer.
//
//  0 free │ 1 held │ 2 held, and somebody may be asleep
//
// Everything a holder wrote before `unlock` is seen by the next holder after `lock`: both are
// sequentially consistent atomics on the same word.
//
// A holder that fails leaves half a change behind, and a lock that nobody releases: all others
// would wait for ever in a tracker that looks alive. So an exception under a lock ends the process at once,
// even if somebody would have caught it. Code that is not hot goes through `underLock`; hot code has no `catch` around
// it, and ends its thread, which ends the process (process/workers.ts). A test checks both.
import { writeNotice } from '../log/log.ts'
import { endProcess } from '../os/process.ts'

/** How often a waiter tries before it sleeps: a holder on another core is done within about a microsecond. */
const SPINS = 200

/** Bounds a sleep, so that even a lost wake-up (there is none known) would only cost this long. */
const SLEEP_MILLISECONDS = 50

/** After so many sleeps in a row, half a minute, the lock will never be released. */
const SLEEPS_MAX = 600

/** Runs what is done under a lock, in code that is not hot. What it throws ends the process. */
export function underLock<T>(words: Int32Array, at: number, work: () => T): T {
  lock(words, at)
  const result = orEnd(work)
  unlock(words, at)
  return result
}

/** For work under a lock that the caller takes and releases. */
export function orEnd<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error)
    endLocked(`an error under a lock, which nobody can go on after: ${cause}`)
  }
}

function endLocked(text: string): never {
  writeNotice('error', `the process ends: ${text}`)
  endProcess(1)
}

// HOT: no allocation below this line.

/** Takes the lock; returns 0 when it was free, 1 when it was not, 2 when this thread slept for it. */
export function lock(words: Int32Array, at: number): number {
  if (Atomics.compareExchange(words, at, 0, 1) === 0) return 0
  return lockContended(words, at, SLEEPS_MAX)
}

export function unlock(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1)
}

/** For a lock that was not free. Ends the process when it is not given back within `sleepsMax` sleeps. */
export function lockContended(words: Int32Array, at: number, sleepsMax: number): number {
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, 1) === 0) return 1
  }
  let sleeps = 0
  // From here on the word says 2, because others may sleep beside us and nobody counts them.
  while (Atomics.exchange(words, at, 2) !== 0) {
    // Sleeps are counted, not time: time goes on while the process is stopped, and nobody can release the lock.
    if (Atomics.wait(words, at, 2, SLEEP_MILLISECONDS) !== 'timed-out') sleeps = 0
    else if (++sleeps === sleepsMax) neverGivenBack()
  }
  return 2
}

function neverGivenBack(): never {
  endLocked('a lock was not given back: the thread that holds it hangs')
}
