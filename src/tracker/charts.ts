// The charts and tables of the operator's page that every protocol has. `prefix`: of the metrics' names. Used
// by the protocols' view.ts and by view.ts in this folder.
import type { CounterList } from '../metrics/counter-list.ts'
import type { BreakdownSpec, ChartSpec, SeriesSpec } from '../operations/view.ts'

export function requestsChart(prefix: string, types: readonly string[]): ChartSpec {
  const metric = `${prefix}_requests_total`
  const series = types.map((type): SeriesSpec => {
    return { title: type, metric, labels: { type }, show: 'rate' }
  })
  return { title: 'Requests', unit: 'per second', series }
}

export function responseTimeChart(metric: string): ChartSpec {
  return quantileChart('Time to answer', 'seconds', metric, [0.5, 0.99, 0.999])
}

export function quantileChart(
  title: string,
  unit: ChartSpec['unit'],
  metric: string,
  shares: readonly number[],
): ChartSpec {
  const series = shares.map((share) => {
    return { title: `p${share * 100}`, metric, show: { quantile: share } }
  })
  return { title, unit, series }
}

/** Losses according to the counters; `more`: lines of other metrics. */
export function lostChart(
  counters: CounterList<string, string>,
  prefix: string,
  ...more: SeriesSpec[]
): ChartSpec {
  const series = counters.shown(prefix).flatMap(({ metric, lost }): SeriesSpec[] => {
    return lost === undefined ? [] : [{ title: lost, metric, show: 'rate' }]
  })
  return { title: 'Refused and lost', unit: 'per second', series: [...series, ...more] }
}

/** A protocol's tables, and the table of its workers. */
export function counterTables(
  counters: CounterList<string, string>,
  prefix: string,
  workers: string,
): BreakdownSpec[] {
  const tables = counters.shown(prefix).flatMap(({ table, nonZero = false, metric, label }) => {
    return table === undefined ? [] : [{ title: table, metric, label, nonZero }]
  })
  return [...tables, { title: 'Workers', metric: workers, label: 'worker', nonZero: false }]
}

export function trafficChart(prefix: string): ChartSpec {
  return {
    title: 'Traffic',
    unit: 'bytes per second',
    series: [
      { title: 'in', metric: `${prefix}_received_bytes_total`, show: 'rate' },
      { title: 'out', metric: `${prefix}_sent_bytes_total`, show: 'rate' },
    ],
  }
}

export const PROCESS_CHARTS: readonly ChartSpec[] = [
  {
    title: 'Memory',
    unit: 'bytes',
    series: [{ title: 'resident', metric: 'process_resident_memory_bytes', show: 'value' }],
  },
  {
    title: 'Processor time',
    unit: 'percent of one core',
    series: [
      { title: 'all threads', metric: 'process_cpu_seconds_total', show: 'rate', factor: 100 },
    ],
  },
]
