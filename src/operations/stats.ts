// The content of /stats.json: the figures of the sampler's newest tick, the same that the page shows.
// Called by server.ts.
import { type MetricFamily, rateOf, type Snapshot, seenBetween } from '../metrics/families.ts'
import { countOf, type Distribution, quantile } from '../metrics/histogram.ts'
import { wallMilliseconds } from '../os/clock.ts'
import { conditionOf } from '../process/troubles.ts'
import type { Sampler } from './sampler.ts'
import type { TrackerView } from './view.ts'

export function statsOf(view: TrackerView, sampler: Sampler, startedAt: number): object {
  const { now, before } = sampler
  const troubles = view.troubles()
  return {
    name: view.name,
    version: view.version,
    started: timeText(startedAt),
    ready: view.isReady(),
    state: conditionOf(troubles),
    troubles: troubles.map(({ name, severity, text, remedy, since }) => {
      return { name, severity, text, remedy, since: timeText(since) }
    }),
    tick: sampler.ticks,
    time: timeText(now.at),
    rates_over_seconds: (now.at - before.at) / 1000,
    charts: view.charts.map((chart) => ({
      title: chart.title,
      unit: chart.unit,
      series: chart.series.map((spec) => ({
        title: spec.title,
        value: numberOrNull(sampler.newestOf(spec)),
      })),
    })),
    tables: view.tables(),
    metrics: Object.fromEntries(
      now.families.map((family) => [family.name, metricOf(family, now, before)]),
    ),
  }
}

/** Of a moment of the monotonic clock. */
export function timeText(moment: number): string {
  return new Date(wallMilliseconds(moment)).toISOString()
}

function metricOf(family: MetricFamily, now: Snapshot, before: Snapshot): object {
  if (family.kind === 'histogram') {
    const seen = seenBetween(now, before, family.name)
    return {
      kind: family.kind,
      samples: family.samples.map(({ labels, distribution }) => ({
        labels,
        count: countOf(distribution),
        sum: distribution.sum * family.scale,
        recent: seen === undefined ? null : quantilesOf(seen, family.scale),
      })),
    }
  }
  return {
    kind: family.kind,
    samples: family.samples.map(({ labels, value }) => {
      if (family.kind === 'gauge') return { labels, value }
      return { labels, value, per_second: rateOf(now, before, family.name, labels) }
    }),
  }
}

function quantilesOf(seen: Distribution, scale: number): object | null {
  if (countOf(seen) === 0) return null
  const at = (share: number) => quantile(seen, share) * scale
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
}

/** JSON knows no NaN. */
function numberOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
