// Metric families that the figures of every protocol have: of its workers, of their locks, of its swarms.
// `prefix`: of the metrics' names. Used by the protocols' view.ts. Pure functions.
import {
  counterFamily,
  gaugeFamily,
  type HistogramFamily,
  type LabelledValue,
  type Labels,
  type MetricFamily,
} from '../metrics/families.ts'
import type { Distribution } from '../metrics/histogram.ts'
import type { SwarmCounts } from '../swarm/walks/count.ts'

export function histogramFamily(
  name: string,
  help: string,
  distribution: Distribution,
  scale = 1,
): HistogramFamily {
  return { kind: 'histogram', name, help, scale, samples: [{ labels: {}, distribution }] }
}

/** Of nanoseconds, told as seconds. */
export function timeFamily(name: string, help: string, times: Distribution): HistogramFamily {
  return histogramFamily(name, help, times, 1e-9)
}

export function workerFamily(name: string, help: string, asked: readonly number[]): MetricFamily {
  const values = asked.map((count, i): LabelledValue => [{ worker: String(i + 1) }, count])
  return counterFamily(name, help, values)
}

export function lockFamilies(
  prefix: string,
  { lockWaits, lockSleeps }: { readonly lockWaits: number; readonly lockSleeps: number },
): MetricFamily[] {
  return [
    counterFamily(
      `${prefix}_lock_waits_total`,
      'Times that a worker waited for another one, because both needed the same part of the torrents.',
      [[{}, lockWaits]],
    ),
    counterFamily(
      `${prefix}_lock_sleeps_total`,
      'Of these waits those that took so long that the worker slept.',
      [[{}, lockSleeps]],
    ),
  ]
}

/** `swarms`: with the labels that tell them apart. */
export function swarmFamilies(
  prefix: string,
  swarms: readonly (readonly [labels: Labels, counts: SwarmCounts])[],
): MetricFamily[] {
  const torrents = swarms.map(([labels, counts]): LabelledValue => [labels, counts.torrents])
  const peers = swarms.flatMap(([labels, { seeders, leechers }]): LabelledValue[] => [
    [{ ...labels, role: 'seeder' }, seeders],
    [{ ...labels, role: 'leecher' }, leechers],
  ])
  return [
    gaugeFamily(`${prefix}_torrents`, 'Torrents with at least one peer.', torrents),
    gaugeFamily(`${prefix}_peers`, 'Peers in all torrents.', peers),
  ]
}
