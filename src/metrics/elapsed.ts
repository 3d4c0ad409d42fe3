// How long the work of a turn took, for the histogram of response times. Used by the loops of socket workers that read
// the clock once per turn. Owns nothing.
import { clockNanoseconds, clockSeconds, readClock } from '../os/clock.ts'
import { type HistogramShape, observe } from './histogram.ts'

/** Nanoseconds; a machine that slept in between must not overflow 32 bits. */
const TIME_MAX = 0x7fffffff

// HOT: no allocation below this line.

/** Counts `times` times how long it is that the clock was last read, and reads it. */
export function observeElapsed(
  counts: Int32Array,
  at: number,
  shape: HistogramShape,
  times: number,
): void {
  const seconds = clockSeconds()
  const nanoseconds = clockNanoseconds()
  readClock()
  const took = (clockSeconds() - seconds) * 1e9 + clockNanoseconds() - nanoseconds
  observe(counts, at, shape, took < TIME_MAX ? took : TIME_MAX, times)
}
