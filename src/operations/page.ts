// The page at /: what the tracker does now and did in the last hour. All of it is made here, in the
// main thread; the browser draws the charts and fetches the part that changes again (/live). It needs
// no network beyond the endpoint: no fonts, no scripts from elsewhere. Called by server.ts.
import { familyNamed, rateOf } from '../metrics/families.ts'
import { grouped } from '../metrics/text-table.ts'
import { PLOT_HINT, PLOT_SCRIPT, pagePolicy } from '../plot/plot.ts'
import { conditionOf, type FoundTrouble } from '../process/troubles.ts'
import { chartHtml } from './chart.ts'
import { agoText, valueText } from './format.ts'
import { ICON } from './icon.ts'
import { type Sampler, TICK_SECONDS } from './sampler.ts'
import { STYLE } from './style.ts'
import { summaryHtml } from './summary.ts'
import type { BreakdownSpec, TextTable, TrackerView } from './view.ts'

/** The newest value of those charts is of the last quarter of an hour. */
const DAYS_REFRESH_SECONDS = 300

/** Replaces the changing part; a tracker that does not answer is shown as lost, not as idle. */
const SCRIPT = `${PLOT_SCRIPT}
const live = document.getElementById('live')
const load = async (part) => {
  const response = await fetch(part.id, { cache: 'no-store' })
  if (!response.ok) throw new Error(response.statusText)
  part.innerHTML = await response.text()
  drawPlots()
}
const refresh = async () => {
  if (document.hidden) return
  try {
    await load(live)
    document.body.classList.remove('lost')
  } catch {
    document.body.classList.add('lost')
  }
}
setInterval(refresh, ${TICK_SECONDS * 1000})
setInterval(() => load(document.getElementById('days')).catch(() => {}), ${DAYS_REFRESH_SECONDS * 1000})
document.addEventListener('visibilitychange', refresh)
`

/** Parts of a row that are named; the others are in the metrics. */
const PARTS_MAX = 3

export const CONTENT_SECURITY_POLICY = pagePolicy(SCRIPT, STYLE)

/** `days`: the charts of the last days, from days.ts. */
export function pageHtml(
  view: TrackerView,
  sampler: Sampler,
  startedAt: number,
  days: string,
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${Bun.escapeHTML(view.name)}</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body>
<p id="lost" role="alert">No answer from the tracker: what you see is old.</p>
<main>
<div id="live">${liveHtml(view, sampler, startedAt)}</div>
<section id="days" aria-label="The last days">${days}</section>
<details class="card"><summary>Effective settings</summary>
<pre>${Bun.escapeHTML(view.settings())}</pre></details>
</main>
<footer>More: <a href="metrics">metrics</a> · <a href="stats.json">stats.json</a> · <a href="health">health</a> · <a href="ready">ready</a></footer>
<script>${SCRIPT}</script>
</body>
</html>
`
}

/** The part of the page that changes. */
export function liveHtml(view: TrackerView, sampler: Sampler, startedAt: number): string {
  const troubles = view.troubles()
  const state = conditionOf(troubles)
  return `<header data-tick="${sampler.ticks}" data-state="${state}">
<h1>${Bun.escapeHTML(view.name)} <small>${Bun.escapeHTML(view.version)}</small></h1>
</header>
${summaryHtml(view, sampler, { state, age: sampler.now.at - startedAt })}${troublesHtml(troubles, sampler.now.at)}${PLOT_HINT}
<div class="grid">
${view.charts.map((chart) => chartHtml(chart, sampler)).join('')}</div>
<div class="grid tables">
${view.breakdowns.map((spec) => breakdownHtml(spec, sampler)).join('')}</div>
${view.tables().map(tableHtml).join('')}
`
}

function troublesHtml(troubles: readonly FoundTrouble[], now: number): string {
  if (troubles.length === 0) return ''
  const items = troubles.map(({ name, severity, text, remedy, since }) => {
    const age = agoText(Math.max(0, now - since))
    return (
      `<li class="card ${severity}" data-trouble="${Bun.escapeHTML(name)}"><b>${Bun.escapeHTML(text)}</b> ` +
      `<small>for ${age}</small><br>${Bun.escapeHTML(remedy)}</li>`
    )
  })
  return `<ul class="troubles">${items.join('')}</ul>\n`
}

function tableHtml({ title, head, rows }: TextTable): string {
  const cells = (row: readonly (string | number)[]) =>
    row.map((cell) => {
      const text = typeof cell === 'number' ? grouped(cell) : Bun.escapeHTML(cell)
      return `<td>${text}</td>`
    })
  const heads = head.map((text) => `<th scope="col">${Bun.escapeHTML(text)}</th>`)
  return `<section class="card wide" tabindex="0" aria-label="${Bun.escapeHTML(title)}">
<h2>${Bun.escapeHTML(title)}</h2>
<table><thead><tr>${heads.join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row).join('')}</tr>`).join('\n')}
</tbody></table>
</section>
`
}

function breakdownHtml(spec: BreakdownSpec, sampler: Sampler): string {
  const rows = breakdownRows(spec, sampler)
  // A gauge is a present value: it has no rate, and no total.
  const isGauge = familyNamed(sampler.now, spec.metric)?.kind === 'gauge'
  const heads = isGauge ? ['now'] : ['per second', 'since the start']
  if (spec.detail !== undefined) heads.push('share')
  const all = rows.reduce((sum, { total }) => sum + total, 0)
  const cells = rows.map(
    ({ label, total, rate, parts }) =>
      `<tr><th scope="row">${Bun.escapeHTML(label)}${partsHtml(parts, total)}</th>` +
      `${isGauge ? '' : `<td>${valueText(rate, 'per second')}</td>`}` +
      `<td data-breakdown="${Bun.escapeHTML(`${spec.metric}/${label}`)}" data-value="${total}">${grouped(total)}</td>` +
      `${spec.detail === undefined ? '' : shareHtml(total / all)}</tr>`,
  )
  const body =
    cells.length === 0 ? `<tr><td colspan="${heads.length + 1}">none so far</td></tr>` : cells
  return `<section class="card">
<h2>${Bun.escapeHTML(spec.title)}</h2>
<table><thead><tr>${[spec.label, ...heads].map((head) => `<th scope="col">${Bun.escapeHTML(head)}</th>`).join('')}</tr></thead>
<tbody>
${[body].flat().join('\n')}
</tbody></table>
</section>
`
}

/** The largest parts of a row, in small print. */
function partsHtml(parts: ReadonlyMap<string, number>, total: number): string {
  const largest = [...parts].filter(([part]) => part !== '').slice(0, PARTS_MAX)
  if (largest.length === 0) return ''
  const texts = largest.map(([part, value]) =>
    value === total ? part : `${part} (${Math.round((value / total) * 100)} %)`,
  )
  return `<small>${Bun.escapeHTML(texts.join(' · '))}</small>`
}

/** A share as a number and as a bar, drawn as SVG since the page allows no style attributes. */
function shareHtml(share: number): string {
  const width = (share * 100).toFixed(1)
  return (
    `<td class="share">${percent(share)}<svg viewBox="0 0 100 1" preserveAspectRatio="none" ` +
    `aria-hidden="true"><rect class="whole" width="100" height="1"/>` +
    `<rect class="part" width="${width}" height="1"/></svg></td>`
  )
}

function percent(share: number): string {
  return share > 0 && share < 0.001 ? '< 0.1 %' : `${(share * 100).toFixed(1)} %`
}

interface BreakdownRow {
  readonly label: string
  readonly total: number
  readonly rate: number
  /** By the second label, in the order of the family. */
  readonly parts: ReadonlyMap<string, number>
}

function breakdownRows(
  { metric, label, nonZero, detail }: BreakdownSpec,
  { now, before }: Sampler,
): BreakdownRow[] {
  const family = familyNamed(now, metric)
  if (family === undefined || family.kind === 'histogram') return []
  const rows = new Map<string, { total: number; parts: Map<string, number> }>()
  for (const { labels, value } of family.samples) {
    const row = rows.get(labels[label]) ?? { total: 0, parts: new Map() }
    row.total += value
    if (detail !== undefined) row.parts.set(labels[detail], value)
    rows.set(labels[label], row)
  }
  return [...rows]
    .filter(([, { total }]) => !nonZero || total > 0)
    .map(([name, { total, parts }]) => {
      return { label: name, total, parts, rate: rateOf(now, before, metric, { [label]: name }) }
    })
}
