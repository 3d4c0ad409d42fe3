// The response times of an interval as the statistics of both trackers tell them. Owns nothing.
import { type Distribution, quantile } from './histogram.ts'
import { duration } from './text-table.ts'

/** `times`: nanoseconds, as everywhere here. */
export function responseTimesText(times: Distribution): string {
  const [p50, p99, p999] = quantiles(times).map(duration)
  return `response time p50 ${p50}, p99 ${p99}, p99.9 ${p999}`
}

/** For programs, in seconds. */
export function responseTimesFigures(times: Distribution): object {
  const [p50, p99, p999] = quantiles(times).map((time) => time / 1e9)
  return { p50, p99, p999 }
}

function quantiles(times: Distribution): number[] {
  return [0.5, 0.99, 0.999].map((share) => quantile(times, share))
}
