// Charts for a page: a place with the data of each, and the script and style that draw them in the
// browser (uPlot, and plot.browser.js, which sets it up). All of it is part of the page: nothing is
// fetched, and a content security policy can name the one script by its hash. Used by the operator's
// page and the reports of the load testers. Pure.
import { createHash } from 'node:crypto'
import library from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' }
import libraryStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' }
import licence from 'uplot/LICENSE' with { type: 'text' }
import type { PlotData } from './data.ts'
import drawing from './plot.browser.js' with { type: 'text' }

/** Digits of a value that reach the browser: what a cursor shows has four. */
const DIGITS = 5

export interface PlotLine {
  readonly name: string
  readonly values: readonly number[]
  /** Beside the name, until the chart is pointed at. */
  readonly text?: string
  /** Further attributes of that text. */
  readonly attributes?: string
}

export type Plot = Omit<PlotData, 'lines'> & {
  readonly lines: readonly PlotLine[]
  /** For those who cannot see the chart. */
  readonly format: (value: number) => string
}

/** The script that draws the charts of a page, and draws them again by `drawPlots()`. */
export const PLOT_SCRIPT = `/*! uPlot. ${licence.replaceAll('*/', '')} */\n${library}\n${drawing}`

/** A chart has no more lines than there are colours, `--s1` to `--s7` of the page's style. */
export const PLOT_COLOURS = 7

export const PLOT_STYLE = `${libraryStyle}
.legend { position: relative; display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .25rem 0 .4rem; padding: 0; list-style: none; color: var(--soft); font-size: .87rem; }
.legend b { display: inline-block; min-width: 5.2em; color: var(--text); font-weight: 600; }
.legend .at { position: absolute; right: 0; bottom: 100%; padding-left: .5rem; background: var(--card); }
.swatch { display: inline-block; width: .7rem; height: .2rem; margin: 0 .4rem .22rem 0; border-radius: 1px; }
${Array.from({ length: PLOT_COLOURS }, (_, i) => `.s${i + 1} .swatch { background: var(--s${i + 1}); }`).join('\n')}
.plot { height: 10rem; overflow: hidden; }
.u-select { background: var(--soft); opacity: .25; }
.u-vt .u-cursor-x { border-color: var(--soft); }
.hint { margin: 0 0 .6rem; color: var(--soft); font-size: .87rem; }
`

/** How charts are used, once for a page. */
export const PLOT_HINT =
  '<p class="hint"><noscript>Charts are drawn by a script, which this browser does not run. ' +
  '</noscript>Point at a chart to read its values, drag to zoom, double-click to see all again.</p>'

export function plotHtml({ format, lines, ...rest }: Plot): string {
  const shortened = (values: readonly number[]) =>
    values.map((value) => (Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : null))
  const data: PlotData = { ...rest, lines: lines.map(({ values }) => shortened(values)) }
  const label = lines.map(({ name, values }) => `${name} ${rangeText(values, format)}`).join('; ')
  const marks = (rest.marks ?? []).map(([name, at]) => `, ${name} ${format(at)}`).join('')
  return `<ul class="legend">${lines.map(legendItem).join('')}<li class="at"></li></ul>
<div class="plot" data-plot="${Bun.escapeHTML(JSON.stringify(data))}" role="img" aria-label="${Bun.escapeHTML(`${rest.title}: ${label}${marks}`)}"></div>
`
}

/** For a content security policy. */
export function policyHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

/** The Content-Security-Policy of a page with one script and one style: nothing may run or be loaded that is not in it. */
export function pagePolicy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${policyHash(script)}`,
    `style-src ${policyHash(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function legendItem({ name, text = '', attributes = '' }: PlotLine, i: number): string {
  return `<li class="s${i + 1}"><span class="swatch"></span>${Bun.escapeHTML(name)} <b ${attributes}>${Bun.escapeHTML(text)}</b></li>`
}

function rangeText(values: readonly number[], format: Plot['format']): string {
  const known = values.filter(Number.isFinite)
  if (known.length === 0) return 'without values'
  const [low, high] = [known, known].map((all, i) =>
    all.reduce((a, b) => (i === 0 ? Math.min(a, b) : Math.max(a, b))),
  )
  return `from ${format(low)} to ${format(high)}, at last ${format(known[known.length - 1])}`
}
