// The charts and tables of the operator's page that every protocol has. `prefix`: of the metrics' names. Used
// by the protocols' view.ts and by view.ts in this folder.
import type { CounterList } from '../metrics/counter-list.ts'
import type { BreakdownSpec, ChartSpec, ProtocolSummary, SeriesSpec } from '../operations/view.ts'

const LOST = 'Refused and lost'

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
  return { title: LOST, unit: 'per second', series: [...series, ...more] }
}

/**
 * A protocol in one row. `types`: what counts as a request of a client; `charts`: its own, with one of what it has
 * refused and lost.
 */
export function summaryOf(options: {
  readonly title: string
  readonly prefix: string
  readonly types: readonly string[]
  readonly charts: readonly ChartSpec[]
  readonly responseTime: string
  readonly connections?: string
}): ProtocolSummary {
  const { title, prefix, types, charts, responseTime, connections } = options
  return {
    title,
    requests: requestsChart(prefix, types).series,
    lost: charts.find((chart) => chart.title === LOST)?.series ?? [],
    responseTime: { title: 'p99', metric: responseTime, show: { quantile: 0.99 } },
    connections:
      connections === undefined ? null : { title: 'open', metric: connections, show: 'value' },
  }
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
