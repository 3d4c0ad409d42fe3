// Draws one chart as SVG inside HTML: lines on a common scale from 0, their newest values as the
// legend, and columns that tell their values when pointed at. It shows the last hour, or less as long
// as the tracker has not run for so long. Called by page.ts. Owns nothing; colours are in style.ts.
import { escapeHtml, valueText } from './format.ts'
import { HISTORY_TICKS, type Sampler, TICK_SECONDS } from './sampler.ts'
import type { ChartSpec, Unit } from './view.ts'

/** What a chart may span: the shortest that holds all there is. Ticks become points one by one or in groups. */
const SPANS = [
  { ticks: 60, ticksPerPoint: 1 },
  { ticks: 180, ticksPerPoint: 1 },
  { ticks: HISTORY_TICKS, ticksPerPoint: 3 },
] as const
type Span = (typeof SPANS)[number]

/** Columns that can be pointed at. */
const COLUMNS = 60
const HEIGHT = 100

export function chartHtml(chart: ChartSpec, sampler: Sampler): string {
  const span = SPANS.find(({ ticks }) => sampler.ticks <= ticks) ?? SPANS[SPANS.length - 1]
  const lines = chart.series.map((spec) => pointsOf(sampler.historyOf(spec), sampler.ticks, span))
  const width = lines[0].length
  const top = niceTop(Math.max(0, ...lines.flat().filter(Number.isFinite)), chart.unit === 'count')
  const paths = lines.map((line, i) => `<path class="line s${i + 1}" d="${path(line, top)}"/>`)
  const minutes = (span.ticks * TICK_SECONDS) / 60
  const label = escapeHtml(`${chart.title}, ${chart.unit}, over the last ${minutes} minutes`)
  return `<section class="card chart">
<h2>${escapeHtml(chart.title)}${unitHtml(chart.unit)}</h2>
${legend(chart, sampler)}
<div class="plot"><span class="top">${valueText(top, chart.unit)}</span>
<svg viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">
<path class="grid" d="M0 0H${width}M0 ${HEIGHT / 2}H${width}M0 ${HEIGHT}H${width}"/>
${paths.join('\n')}
${columns(chart, lines, span)}
</svg></div>
<p class="axis"><span>${minutes} min ago</span><span>now</span></p>
</section>
`
}

/** Where the values do not tell it. */
function unitHtml(unit: Unit): string {
  return unit === 'per second' || unit === 'percent of one core' ? ` <small>${unit}</small>` : ''
}

function legend(chart: ChartSpec, sampler: Sampler): string {
  const items = chart.series.map((spec, i) => {
    const value = sampler.newestOf(spec)
    const key = escapeHtml(`${chart.title}/${spec.title}`)
    const raw = Number.isFinite(value) ? String(value) : ''
    return (
      `<li class="s${i + 1}"><span class="swatch"></span>${escapeHtml(spec.title)} ` +
      `<b data-series="${key}" data-value="${raw}">${valueText(value, chart.unit)}</b></li>`
    )
  })
  return `<ul class="legend">${items.join('')}</ul>`
}

/** Ticks in groups, whose borders stay with the ticks while they move through the chart. */
function pointsOf(history: readonly number[], ticks: number, span: Span): number[] {
  const { ticksPerPoint } = span
  const newest = ticks % ticksPerPoint === 0 ? ticksPerPoint : ticks % ticksPerPoint
  return Array.from({ length: span.ticks / ticksPerPoint }, (_, i) => {
    const groupsBack = span.ticks / ticksPerPoint - 1 - i
    const end = HISTORY_TICKS - (groupsBack === 0 ? 0 : newest + (groupsBack - 1) * ticksPerPoint)
    const start = groupsBack === 0 ? end - newest : end - ticksPerPoint
    return mean(history.slice(Math.max(0, start), Math.max(0, end)))
  })
}

/** Of the values that are there; NaN if none is. */
function mean(values: readonly number[]): number {
  const known = values.filter(Number.isFinite)
  return known.reduce((sum, value) => sum + value, 0) / known.length
}

/** A line with gaps where there is nothing; a lone point is drawn as a short dash. */
function path(line: readonly number[], top: number): string {
  let text = ''
  let drawing = false
  for (const [x, value] of line.entries()) {
    if (!Number.isFinite(value)) {
      drawing = false
      continue
    }
    const y = Number((HEIGHT - (value / top) * HEIGHT).toFixed(1))
    text += drawing ? `L${x + 1} ${y}` : `M${x} ${y}H${x + 1}`
    drawing = true
  }
  return text
}

function columns(chart: ChartSpec, lines: readonly (readonly number[])[], span: Span): string {
  const width = lines[0].length / COLUMNS
  const seconds = (span.ticks * TICK_SECONDS) / COLUMNS
  const rects = Array.from({ length: COLUMNS }, (_, column) => {
    const values = lines.map((line) => mean(line.slice(column * width, (column + 1) * width)))
    if (!values.some(Number.isFinite)) return ''
    const rows = chart.series.map((spec, i) => `${spec.title} ${valueText(values[i], chart.unit)}`)
    const title = escapeHtml([agoTitle((COLUMNS - column) * seconds), ...rows].join('\n'))
    return (
      `<rect class="column" x="${column * width}" y="0" width="${width}" height="${HEIGHT}">` +
      `<title>${title}</title></rect>`
    )
  })
  return rects.filter((rect) => rect !== '').join('\n')
}

function agoTitle(seconds: number): string {
  return seconds < 120 ? `${seconds} s ago` : `${Number((seconds / 60).toFixed(1))} min ago`
}

/** The next of 1, 2, 5, 10, 20, … at or above a value; counts go up to at least 1. */
function niceTop(value: number, whole: boolean): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10
  return whole ? Math.max(1, step * power) : step * power
}
