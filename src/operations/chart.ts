// One chart of the page: the history of its series, their newest values beside their names. It shows
// the last hour, or less if the tracker has not run that long. plot.ts draws it in the
// browser. Called by page.ts.
import { wallMilliseconds } from '../os/clock.ts'
import { plotHtml } from '../plot/plot.ts'
import { valueText } from './format.ts'
import { HISTORY_TICKS, type Sampler, TICK_SECONDS } from './sampler.ts'
import type { ChartSpec, SeriesSpec, Unit } from './view.ts'

const SIGNS: Readonly<Record<Unit, string>> = {
  'per second': '/s',
  'bytes per second': 'B/s',
  bytes: 'B',
  seconds: 's',
  count: '',
  percent: '%',
  'percent of one core': '%',
}

export function chartHtml({ title, unit, series }: ChartSpec, sampler: Sampler): string {
  const format = (value: number) => valueText(value, unit)
  const ticks = Math.min(sampler.ticks, HISTORY_TICKS)
  const newestAt = Math.round(wallMilliseconds(sampler.now.at) / 1000)
  const first = newestAt - (ticks - 1) * TICK_SECONDS
  const clock = { kind: 'clock', at: [first], step: TICK_SECONDS } as const
  const lines = series.map((spec) => ({
    name: spec.title,
    values: sampler.historyOf(spec).slice(HISTORY_TICKS - ticks),
    ...newest(title, spec, sampler, format),
  }))
  return `<section class="card chart">
<h2>${Bun.escapeHTML(title)}${unitHtml(unit)}</h2>
${plotHtml({ title, ...clock, unit: unitSign(unit), lines, format })}</section>
`
}

export function unitHtml(unit: Unit): string {
  return unit === 'count' ? '' : ` <small>${unit}</small>`
}

/** What follows the values in a chart. */
export function unitSign(unit: Unit): string {
  return SIGNS[unit]
}

function newest(
  title: string,
  spec: SeriesSpec,
  sampler: Sampler,
  format: (value: number) => string,
): { text: string; attributes: string } {
  const value = sampler.newestOf(spec)
  const key = Bun.escapeHTML(`${title}/${spec.title}`)
  const raw = Number.isFinite(value) ? String(value) : ''
  return { text: format(value), attributes: `data-series="${key}" data-value="${raw}"` }
}
