// The monotonic clock that all threads and processes of a machine agree on.
// Used by the workers, once per batch. The engine's own clocks start anew in each thread.
//
// `aquatic --test` moves it ahead for all threads, so that hours pass in a test: one shared word, in seconds, which
// only the main thread writes (atomically) and every reading adds. It is 0 otherwise.
import { addressOf, libc, permanentWords } from './ffi.ts'
import { CLOCK_MONOTONIC } from './kernel.ts'

const time = permanentWords(4)
const timeAddress = addressOf(time)
let seconds = 0
let ahead = new Int32Array(new SharedArrayBuffer(4))

/** Of this thread; `useClock` makes it another thread's too. */
export function clockData(): SharedArrayBuffer {
  return ahead.buffer as SharedArrayBuffer
}

/** In a new thread: its clock is then that of the thread that has these data. */
export function useClock(data: SharedArrayBuffer): void {
  ahead = new Int32Array(data)
}

/** For tests: moves the clock of all threads that share it. */
export function moveClock(bySeconds: number): void {
  Atomics.add(ahead, 0, bySeconds)
}

/** The wall clock, which is moved with the other one. */
export function wallSeconds(): number {
  return Math.floor(Date.now() / 1000) + Atomics.load(ahead, 0)
}

// HOT: no allocation below this line.

/** Reads the clock: `clockSeconds` and `clockNanoseconds` then belong to the same moment. */
export function readClock(): void {
  libc.clock_gettime(CLOCK_MONOTONIC, timeAddress as never)
  seconds = time[0] + Atomics.load(ahead, 0)
}

/** Seconds since the machine started, as of the last `readClock` of this thread. */
export function clockSeconds(): number {
  return seconds
}

export function clockNanoseconds(): number {
  return time[2]
}

/** Milliseconds since the machine started, now. */
export function nowMilliseconds(): number {
  readClock()
  return seconds * 1000 + time[2] / 1e6
}

/**
 * Converts a moment of `nowMilliseconds` to wall-clock milliseconds, by the wall clock as it is now. Moments
 * are kept in the former, because the wall clock may be set: an interval could end before it began.
 */
export function wallMilliseconds(moment: number): number {
  return Date.now() - (nowMilliseconds() - moment)
}
