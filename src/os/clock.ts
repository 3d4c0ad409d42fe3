// The monotonic clock that all threads and processes of a machine agree on.
// Used by the workers, once per batch. The engine's own clocks start anew in each thread.
import { addressOf, libc, permanentWords } from './ffi.ts'
import { CLOCK_MONOTONIC } from './kernel.ts'

const time = permanentWords(4)
const timeAddress = addressOf(time)

// HOT: no allocation below this line.

/** Reads the clock: `clockSeconds` and `clockNanoseconds` then belong to the same moment. */
export function readClock(): void {
  libc.clock_gettime(CLOCK_MONOTONIC, timeAddress as never)
}

/** Seconds since the machine started, as of the last `readClock` of this thread. */
export function clockSeconds(): number {
  return time[0]
}

export function clockNanoseconds(): number {
  return time[2]
}

/** Milliseconds since the machine started, now. */
export function nowMilliseconds(): number {
  readClock()
  return time[0] * 1000 + time[2] / 1e6
}

/**
 * Converts a moment of `nowMilliseconds` to wall-clock milliseconds, by the wall clock as it is now. Moments
 * are kept in the former, because the wall clock may be set: an interval could end before it began.
 */
export function wallMilliseconds(moment: number): number {
  return Date.now() - (nowMilliseconds() - moment)
}
