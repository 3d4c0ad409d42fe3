// What a tracker gives to its operations endpoint: figures, and how the page shows them. Implemented
// once per protocol (udp/main/view.ts and its sibling); read by the other files of this folder.
import type { Labels, MetricFamily } from '../metrics/families.ts'
import type { FoundTrouble } from '../process/troubles.ts'

export interface TrackerView {
  /** Of the executable. */
  readonly name: string
  readonly version: string
  /** Effective settings as TOML, without secrets. */
  settings(): string
  /** What is wrong now, the worst first. */
  troubles(): readonly FoundTrouble[]
  /** Whether it serves: not before the start is done, nor once it stops. */
  isReady(): boolean
  /** All figures of this moment, in the order in which they are shown. */
  families(): readonly MetricFamily[]
  /** Tables that are shown as they are. */
  tables(): readonly TextTable[]
  readonly charts: readonly ChartSpec[]
  readonly breakdowns: readonly BreakdownSpec[]
  /** The tracker in a few figures. */
  readonly protocols: readonly ProtocolSummary[]
  readonly swarms: readonly SwarmSummary[]
}

/** What stands for a protocol in one row; `requests` and `lost` are summed up. */
export interface ProtocolSummary {
  readonly title: string
  readonly requests: readonly SeriesSpec[]
  readonly lost: readonly SeriesSpec[]
  readonly responseTime: SeriesSpec
  /** Null where there are none. */
  readonly connections: SeriesSpec | null
}

export interface SwarmSummary {
  readonly title: string
  readonly torrents: SeriesSpec
  readonly seeders: SeriesSpec
  readonly leechers: SeriesSpec
}

export interface TextTable {
  readonly title: string
  readonly head: readonly string[]
  /** Texts, and numbers, which are aligned to the right. */
  readonly rows: readonly (readonly (string | number)[])[]
}

export type Unit =
  | 'per second'
  | 'bytes per second'
  | 'bytes'
  | 'seconds'
  | 'count'
  | 'percent'
  | 'percent of one core'

/** A chart of the last hour; its newest values are shown above it. */
export interface ChartSpec {
  readonly title: string
  readonly unit: Unit
  readonly series: readonly SeriesSpec[]
}

export interface SeriesSpec {
  readonly title: string
  readonly metric: string
  readonly labels?: Labels
  /** A counter's growth per second, a gauge's value, or a histogram's quantile. */
  readonly show: 'rate' | 'value' | { readonly quantile: number }
  /** From the metric's unit to the chart's, where they differ. */
  readonly factor?: number
}

/**
 * A table by one of a metric's labels. For a counter it shows the total and the rate; for a gauge the present
 * value, with `detail` also the share of the whole, and the largest parts by that second label.
 */
export interface BreakdownSpec {
  readonly title: string
  readonly metric: string
  readonly label: string
  /** Leaves out what has not happened. */
  readonly nonZero: boolean
  readonly detail?: string
}
