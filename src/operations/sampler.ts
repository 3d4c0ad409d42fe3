// Samples a tracker's figures every few seconds and remembers the charts' values of the last hour.
// Made by server.ts; page.ts and stats.ts show what it has. Owns the history, a ring of 32-bit floats
// of fixed size, and its timer.
import { familyNamed, rateOf, type Snapshot, seenBetween, sumOf } from '../metrics/families.ts'
import { countOf, quantile } from '../metrics/histogram.ts'
import { nowMilliseconds } from '../os/clock.ts'
import type { SeriesSpec, TrackerView } from './view.ts'

export const TICK_SECONDS = 5
export const HISTORY_TICKS = (60 * 60) / TICK_SECONDS

export class Sampler {
  /** Ticks so far; the newest has this number less one. */
  ticks = 0
  now: Snapshot
  /** The tick before; rates are growth since then. */
  before: Snapshot
  private readonly view: TrackerView
  private readonly clock: () => number
  private readonly specs: readonly SeriesSpec[]
  /** Per tick, the value of each series; NaN where there is none. */
  private readonly ring: Float32Array
  private readonly newest: number[]
  private timer: ReturnType<typeof setInterval> | undefined

  /** `clock`: milliseconds of a monotonic clock. */
  constructor(view: TrackerView, clock: () => number = nowMilliseconds) {
    this.view = view
    this.clock = clock
    this.specs = view.charts.flatMap((chart) => chart.series)
    this.ring = new Float32Array(HISTORY_TICKS * this.specs.length).fill(Number.NaN)
    this.newest = this.specs.map(() => Number.NaN)
    this.now = this.snapshot()
    this.before = this.now
  }

  start(): void {
    this.timer = setInterval(() => this.tick(), TICK_SECONDS * 1000)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** All figures of this moment. */
  snapshot(): Snapshot {
    return { at: this.clock(), families: this.view.families() }
  }

  tick(): void {
    this.before = this.now
    this.now = this.snapshot()
    const base = (this.ticks % HISTORY_TICKS) * this.specs.length
    for (const [i, spec] of this.specs.entries()) {
      this.newest[i] = seriesValue(spec, this.now, this.before)
      this.ring[base + i] = this.newest[i]
    }
    this.ticks++
  }

  /** The newest value of a series, NaN if there is none. */
  newestOf(spec: SeriesSpec): number {
    return this.newest[this.specs.indexOf(spec)]
  }

  /** The last hour of a series, oldest first, one value per tick; NaN where there was none. */
  historyOf(spec: SeriesSpec): number[] {
    const series = this.specs.indexOf(spec)
    return Array.from({ length: HISTORY_TICKS }, (_, i) => {
      const tick = this.ticks - HISTORY_TICKS + i
      if (tick < 0) return Number.NaN
      return this.ring[(tick % HISTORY_TICKS) * this.specs.length + series]
    })
  }
}

/** The value of a series in its chart's unit; NaN if there is none. */
export function seriesValue(spec: SeriesSpec, now: Snapshot, before: Snapshot): number {
  return currentValue(spec, now, before) * (spec.factor ?? 1)
}

function currentValue(spec: SeriesSpec, now: Snapshot, before: Snapshot): number {
  if (spec.show === 'rate') return rateOf(now, before, spec.metric, spec.labels)
  if (spec.show === 'value') return sumOf(now, spec.metric, spec.labels)
  const family = familyNamed(now, spec.metric)
  const seen = seenBetween(now, before, spec.metric)
  if (seen === undefined || family?.kind !== 'histogram' || countOf(seen) === 0) return Number.NaN
  return quantile(seen, spec.show.quantile) * family.scale
}
