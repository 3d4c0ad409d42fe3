// The charts of the operator's page that both trackers have. `prefix`: of the metrics' names. Used by the
// protocols' view.ts and by view.ts beside this. Pure functions.
import type { ChartSpec } from '../operations/view.ts'

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

export function peersChart(prefix: string): ChartSpec {
  const metric = `${prefix}_peers`
  return {
    title: 'Peers',
    unit: 'count',
    series: [
      { title: 'seeders', metric, labels: { role: 'seeder' }, show: 'value' },
      { title: 'leechers', metric, labels: { role: 'leecher' }, show: 'value' },
    ],
  }
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
