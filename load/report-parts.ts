// Parts of the reports that all load testers have: rates, quantiles, processes, charts over time. Used
// by the reports.ts of each tester. Pure functions.

import { grouped } from '../src/metrics/text-table.ts'
import type { Plot } from '../src/plot/plot.ts'
import type { Distribution } from './histogram.ts'
import type { Period, Timed } from './measure.ts'
import { figure, type Section } from './report.ts'
import type { ProcessSample } from './watch.ts'

const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1] as const
const QUANTILE_NAMES = ['p50', 'p90', 'p99', 'p99.9', 'max'] as const

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

export function latencyChart(title: string, distribution: Distribution): Plot {
  const bars = distribution.bars(8)
  const count = distribution.count()
  // The scale is logarithmic and has no place for 0.
  const starts = bars.map(([from, to]) => Math.max(from, to / 2))
  const ends = bars.slice(-1).map(([, to]) => to)
  const shares = bars.map(([, , number]) => (number / count) * 100)
  // The longest one has no mark: the chart ends there.
  const marks = QUANTILES.slice(0, 4).map(
    (share, i) => [QUANTILE_NAMES[i], distribution.quantile(share)] as const,
  )
  return {
    title,
    kind: 'spread',
    unit: '%',
    measured: 'ms',
    at: [...starts, ...ends],
    lines: [{ name: 'share', values: [...shares, ...ends.map(() => 0)] }],
    marks: bars.length === 0 ? [] : marks,
    format: figure,
  }
}

export function rate(count: number, seconds: number): string {
  return grouped(count / seconds)
}

/** What a table of rates is called. */
export function ratesTitle(what: string, period: Timed, whole: Timed): string {
  const part = period.seconds < whole.seconds ? ', the last of the run' : ''
  return `${what} (${figure(period.seconds)} s${part})`
}

/** What is shown of the tracker's process, beside its processor time. */
type ProcessColumn = readonly [head: string, text: (now: ProcessSample) => string]
const MEMORY_COLUMNS: readonly ProcessColumn[] = [
  ['resident MB', ({ rssKb }) => (rssKb / 1024).toFixed(1)],
  ['peak MB', ({ peakKb }) => (peakKb / 1024).toFixed(1)],
]
export const DESCRIPTORS: ProcessColumn = ['descriptors', ({ openFiles }) => grouped(openFiles)]

/** `counts`: what the processor time of each is divided by, as the note says. */
export function processSection(
  { seconds, ownCpuSec, tracker }: Period,
  counts: { readonly own: number; readonly tracker: number },
  note: string,
  more: readonly ProcessColumn[] = [],
): Section {
  const columns = [...MEMORY_COLUMNS, ...more]
  const cpu = (cpuSec: number, count: number) => [
    `${((cpuSec / seconds) * 100).toFixed(0)} %`,
    figure((cpuSec / count) * 1e6),
  ]
  const rows = [['load tester', ...cpu(ownCpuSec, counts.own), ...columns.map(() => '')]]
  if (tracker !== null) {
    const texts = columns.map(([, text]) => text(tracker.now))
    rows.push(['tracker', ...cpu(tracker.cpuSec, counts.tracker), ...texts])
  }
  const head = ['', 'of a core', 'CPU µs', ...columns.map(([name]) => name)]
  return { title: 'processes', head, rows, notes: [note] }
}

export function cpuJson(cpuSec: number, unit: string, count: number): object {
  return { cpu_seconds: cpuSec, [`cpu_micros_per_${unit}`]: (cpuSec / count) * 1e6 }
}

export function memoryJson({ rssKb, peakKb }: ProcessSample): object {
  return { resident_kb: rssKb, peak_kb: peakKb }
}

export function trackerProgress({ tracker, seconds }: Period): string[] {
  if (tracker === null) return []
  const share = ((tracker.cpuSec / seconds) * 100).toFixed(0)
  return [`tracker ${share} % CPU ${(tracker.now.rssKb / 1024).toFixed(0)} MB`]
}

/** A chart of the whole run, with a value of each period in each of its lines. */
export function chartOver<P extends Timed>(
  title: string,
  periods: readonly P[],
  unit: string,
  lines: Readonly<Record<string, (period: P) => number>>,
): Plot {
  let second = 0
  const at = periods.map((period) => {
    second += period.seconds
    return second
  })
  const all = Object.entries(lines).map(([name, read]) => ({ name, values: periods.map(read) }))
  return { title, kind: 'run', unit, at, lines: all, format: figure }
}

/** None without a tracker to watch. */
export function processCharts(periods: readonly Period[]): Plot[] {
  if (periods.every(({ tracker }) => tracker === null)) return []
  return [
    chartOver('Processor time, of a core', periods, '%', {
      tracker: ({ tracker, seconds }) => ((tracker?.cpuSec ?? 0) / seconds) * 100,
      'load tester': ({ ownCpuSec, seconds }) => (ownCpuSec / seconds) * 100,
    }),
    chartOver("The tracker's memory", periods, 'MB', {
      resident: ({ tracker }) => (tracker?.now.rssKb ?? Number.NaN) / 1024,
    }),
  ]
}
