// The monotonic clock that all threads and processes of a machine agree on.
// Used by the workers, once per batch. The engine's own clocks start anew in each thread.
import { addressOf, libc, permanentWords } from './ffi.ts'
import { CLOCK_MONOTONIC } from './kernel.ts'

const time = permanentWords(4)
const timeAddress = addressOf(time)

// HOT: no allocation below this line.

/** Reads the clock: afterwards `clockSeconds` and `clockNanoseconds` are of one moment. */
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
 * The wall clock's milliseconds, as it goes now, at a moment of `nowMilliseconds`. Moments are kept in the
 * latter, because somebody may set the wall clock: what lasts would end before it began.
 */
export function wallMilliseconds(moment: number): number {
  return Date.now() - (nowMilliseconds() - moment)
}
