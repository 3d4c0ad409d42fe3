// The report of a load tester as one HTML file: charts, the tables of the summary, the settings. It
// needs no network, runs no script but the one that draws its charts, and follows the reader's choice
// of light or dark. Pure functions; a tester writes the file.
import {
  PLOT_HINT,
  PLOT_SCRIPT,
  PLOT_STYLE,
  type Plot,
  plotHtml,
  policyHash,
} from '../src/plot/plot.ts'
import type { Section } from './report.ts'

export interface HtmlReport {
  readonly title: string
  /** One line: what, when, how long. */
  readonly subtitle: string
  /** Whether something is wrong, in a sentence; '' for nothing. */
  readonly alarm: string
  readonly charts: readonly Plot[]
  /** The first one stands before the charts. */
  readonly sections: readonly Section[]
  /** The settings in force, as TOML. */
  readonly settings: string
  readonly machine: readonly string[]
}

export function htmlReport(report: HtmlReport): string {
  const { title, subtitle, alarm, charts, sections, settings, machine } = report
  const alarmText = alarm === '' ? '' : `<p class="alarm">${Bun.escapeHTML(alarm)}</p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>${Bun.escapeHTML(title)}</title>
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<style>${STYLE}</style></head><body>
<h1>${Bun.escapeHTML(title)}</h1><p class="soft">${Bun.escapeHTML(subtitle)}</p>${alarmText}
${sections.slice(0, 1).map(tableText).join('\n')}
<h2>Charts</h2>${PLOT_HINT}
${charts.map(chartText).join('\n')}
${sections.slice(1).map(tableText).join('\n')}
<details><summary>Settings</summary><pre>${Bun.escapeHTML(settings)}</pre></details>
<ul class="soft">${machine.map((line) => `<li>${Bun.escapeHTML(line)}</li>`).join('')}</ul>
<script>${PLOT_SCRIPT}</script></body></html>
`
}

/** Colours that colour-blind people can tell apart, on light and on dark. */
const STYLE = `${PLOT_STYLE}
:root{--page:#fcfcfb;--card:var(--page);--text:#1a1a19;--soft:#6d6c67;--edge:#e4e3df;
--s1:#2a78d6;--s2:#eb6834;--s3:#1baf7a;--s4:#eda100;--s5:#e87ba4;--s6:#4a3aa7;--s7:#6f6a60}
@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--text:#f4f3ef;--soft:#a5a49d;--edge:#383733;
--s1:#3987e5;--s2:#d95926;--s3:#199e70;--s4:#c98500;--s5:#d55181;--s6:#9085e9;--s7:#a39d91}}
body{background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}h3{font-size:1rem;margin:1.2rem 0 0}.soft{color:var(--soft)}.plot{height:17rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid var(--edge)}th{font-weight:600;color:var(--soft)}
th:first-child,td:first-child{text-align:left;padding-left:0}.scroll{overflow-x:auto}
.alarm{border-left:4px solid #d03b3b;padding:.3rem .8rem;font-weight:600}pre{overflow-x:auto;font-size:.85rem}
`

/** Nothing may run or be loaded that is not in this file. */
const POLICY = `default-src 'none'; script-src ${policyHash(PLOT_SCRIPT)}; style-src ${policyHash(STYLE)}`

function chartText(chart: Plot): string {
  return `<h3>${Bun.escapeHTML(chart.title)}</h3>${plotHtml(chart)}`
}

function tableText({ title, head, rows, notes }: Section): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${Bun.escapeHTML(cell)}</${tag}>`).join('')
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('')
  const notesText = (notes ?? [])
    .map((note) => `<p class="soft">${Bun.escapeHTML(note)}</p>`)
    .join('')
  const headText = `<thead><tr>${cells('th', head)}</tr></thead>`
  return `<h2>${Bun.escapeHTML(title)}</h2><div class="scroll"><table>${headText}<tbody>${body}</tbody></table></div>${notesText}`
}
