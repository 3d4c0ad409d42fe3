// Parts of the reports that all load testers have: quantiles, processes, charts over time. Used by the
// reports of each tester. Pure functions.
import type { Distribution } from './histogram.ts'
import { figure, type Section } from './report.ts'
import type { Line } from './svg.ts'
import type { ProcessSample } from './watch.ts'

export const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1] as const
export const QUANTILE_NAMES = ['p50', 'p90', 'p99', 'p99.9', 'max'] as const

export function latencySection(
  latencies: readonly (readonly [name: string, Distribution])[],
): Section {
  return {
    title: 'latency, ms',
    head: ['', ...QUANTILE_NAMES],
    rows: latencies.map(([name, distribution]) => [
      name,
      ...QUANTILES.map((share) => figure(distribution.quantile(share))),
    ]),
  }
}

export function latencyJson(distribution: Distribution): object {
  return Object.fromEntries([
    ...QUANTILES.map((share, i) => [QUANTILE_NAMES[i], distribution.quantile(share)]),
    ['mean', distribution.mean()],
  ])
}

/** Places of a latency chart that are named: up to p99.9. */
export function quantileMarks(distribution: Distribution): [string, number][] {
  return QUANTILES.slice(0, 4).map((share, i) => [QUANTILE_NAMES[i], distribution.quantile(share)])
}

/** What the charts and the progress line need of a period. */
export interface ProcessPeriod {
  readonly seconds: number
  readonly ownCpuSec: number
  readonly tracker: { readonly cpuSec: number; readonly now: ProcessSample } | null
}

export function trackerProgress({ tracker, seconds }: ProcessPeriod): string[] {
  if (tracker === null) return []
  const share = ((tracker.cpuSec / seconds) * 100).toFixed(0)
  return [`tracker ${share} % CPU ${(tracker.now.rssKb / 1024).toFixed(0)} MB`]
}

/** The seconds at which samples ended, from the start. */
export function secondsOf(periods: readonly { readonly seconds: number }[]): number[] {
  let second = 0
  return periods.map((sample) => {
    second += sample.seconds
    return second
  })
}

export function lineOf<P>(name: string, periods: readonly P[], read: (period: P) => number): Line {
  return { name, values: periods.map(read) }
}

export function cpuLines(periods: readonly ProcessPeriod[]): Line[] {
  const share = (cpuSec: number, seconds: number) => (cpuSec / seconds) * 100
  return [
    lineOf('tracker', periods, ({ tracker, seconds }) => share(tracker?.cpuSec ?? 0, seconds)),
    lineOf('load tester', periods, ({ ownCpuSec, seconds }) => share(ownCpuSec, seconds)),
  ]
}

export function memoryLines(periods: readonly ProcessPeriod[]): Line[] {
  return [lineOf('resident', periods, ({ tracker }) => (tracker?.now.rssKb ?? Number.NaN) / 1024)]
}
