// What a tracker reports about itself, as named families of figures with labels: the form between a
// protocol, which knows its counters, and those who show them (src/operations/: Prometheus, JSON, the
// page). Names follow Prometheus: counters end in _total, units are seconds and bytes.
// Labels come from fixed sets, never from a packet.
import { type Distribution, since } from './histogram.ts'

export type Labels = Readonly<Record<string, string>>

export interface NumberFamily {
  /** A counter only grows; a gauge is what is now. */
  readonly kind: 'counter' | 'gauge'
  readonly name: string
  readonly help: string
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[]
}

export interface HistogramFamily {
  readonly kind: 'histogram'
  readonly name: string
  readonly help: string
  /** Factor from the histogram's unit to that of the name: 1e-9 for nanoseconds shown as seconds. */
  readonly scale: number
  readonly samples: readonly { readonly labels: Labels; readonly distribution: Distribution }[]
}

export type MetricFamily = NumberFamily | HistogramFamily

/** A sample, as the protocols write them down. */
export type LabelledValue = readonly [labels: Labels, value: number]

export function counterFamily(
  name: string,
  help: string,
  values: readonly LabelledValue[],
): NumberFamily {
  const samples = values.map(([labels, value]) => ({ labels, value }))
  return { kind: 'counter', name, help, samples }
}

export function gaugeFamily(
  name: string,
  help: string,
  values: readonly LabelledValue[],
): NumberFamily {
  return { ...counterFamily(name, help, values), kind: 'gauge' }
}

/** One moment of all families; `families` are in the order in which they are shown. */
export interface Snapshot {
  /** Milliseconds of the monotonic clock. */
  readonly at: number
  readonly families: readonly MetricFamily[]
}

export function familyNamed(snapshot: Snapshot, name: string): MetricFamily | undefined {
  return snapshot.families.find((family) => family.name === name)
}

/** The sum of a family's values that have these labels (and perhaps others). */
export function sumOf(snapshot: Snapshot, name: string, labels: Labels = {}): number {
  const family = familyNamed(snapshot, name)
  if (family === undefined || family.kind === 'histogram') return 0
  return family.samples
    .filter((sample) => hasLabels(sample.labels, labels))
    .reduce((sum, { value }) => sum + value, 0)
}

/** How fast a counter grew from one snapshot to a later one, per second. */
export function rateOf(now: Snapshot, before: Snapshot, name: string, labels?: Labels): number {
  const seconds = (now.at - before.at) / 1000
  if (seconds <= 0) return 0
  return Math.max(0, sumOf(now, name, labels) - sumOf(before, name, labels)) / seconds
}

/** What a histogram has seen between two snapshots; undefined if there is no such histogram. */
export function seenBetween(
  now: Snapshot,
  before: Snapshot,
  name: string,
): Distribution | undefined {
  const [later, earlier] = [familyNamed(now, name), familyNamed(before, name)]
  if (later?.kind !== 'histogram' || earlier?.kind !== 'histogram') return undefined
  return since(later.samples[0].distribution, earlier.samples[0].distribution)
}

function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value)
}
