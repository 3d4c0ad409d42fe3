// Metric families that every protocol has: of its workers, of times and sizes. `prefix`: of the metrics' names.
// Used by the protocols' view.ts.
import {
  counterFamily,
  type HistogramFamily,
  type LabelledValue,
  type MetricFamily,
} from '../metrics/families.ts'
import type { Distribution } from '../metrics/histogram.ts'

export function histogramFamily(
  name: string,
  help: string,
  distribution: Distribution,
  scale = 1,
): HistogramFamily {
  return { kind: 'histogram', name, help, scale, samples: [{ labels: {}, distribution }] }
}

/** A histogram of nanoseconds, shown as seconds. */
export function timeFamily(name: string, help: string, times: Distribution): HistogramFamily {
  return histogramFamily(name, help, times, 1e-9)
}

export function workerFamily(name: string, help: string, asked: readonly number[]): MetricFamily {
  const values = asked.map((count, i): LabelledValue => [{ worker: String(i + 1) }, count])
  return counterFamily(name, help, values)
}
