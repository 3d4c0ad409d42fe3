// The report of a load tester as one HTML file: charts, the tables of the summary, the settings. It
// needs no network and no script, and follows the reader's choice of light or dark.
// Pure functions; a tester writes the file.
import type { Section } from './report.ts'
import { CHART_STYLE, escapeText } from './svg.ts'

export interface Chart {
  readonly title: string
  /** What lineChart or histogramChart gave. */
  readonly svg: string
  readonly note?: string
}

export interface HtmlReport {
  readonly title: string
  /** One line: what, when, how long. */
  readonly subtitle: string
  /** Whether something is wrong, in a sentence; '' for nothing. */
  readonly alarm: string
  readonly charts: readonly Chart[]
  /** The first one stands before the charts. */
  readonly sections: readonly Section[]
  /** The settings in force, as TOML. */
  readonly settings: string
  readonly machine: readonly string[]
}

export function htmlReport(report: HtmlReport): string {
  const { title, subtitle, alarm, charts, sections, settings, machine } = report
  const alarmText = alarm === '' ? '' : `<p class="alarm">${escapeText(alarm)}</p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>${escapeText(title)}</title>
<style>${CHART_STYLE}${PAGE_STYLE}</style></head><body>
<h1>${escapeText(title)}</h1><p class="soft">${escapeText(subtitle)}</p>${alarmText}
${sections.slice(0, 1).map(tableText).join('\n')}
${charts.map(chartText).join('\n')}
${sections.slice(1).map(tableText).join('\n')}
<details><summary>Settings</summary><pre>${escapeText(settings)}</pre></details>
<ul class="soft">${machine.map((line) => `<li>${escapeText(line)}</li>`).join('')}</ul>
</body></html>
`
}

const PAGE_STYLE = `
body{background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:820px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}.soft{color:var(--soft)}svg{width:100%;height:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid var(--grid)}th{font-weight:600;color:var(--soft)}
th:first-child,td:first-child{text-align:left;padding-left:0}.scroll{overflow-x:auto}
.legend{margin:.2rem 0}.legend span{margin-right:1.2rem}.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
.alarm{border-left:4px solid #d03b3b;padding:.3rem .8rem;font-weight:600}pre{overflow-x:auto;font-size:.85rem}
`

function chartText({ title, svg, note }: Chart): string {
  const noteText = note === undefined ? '' : `<p class="soft">${escapeText(note)}</p>`
  return `<h2>${escapeText(title)}</h2>${svg}${noteText}`
}

function tableText({ title, head, rows, notes }: Section): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('')
  const notesText = (notes ?? []).map((note) => `<p class="soft">${escapeText(note)}</p>`).join('')
  const headText = `<thead><tr>${cells('th', head)}</tr></thead>`
  return `<h2>${escapeText(title)}</h2><div class="scroll"><table>${headText}<tbody>${body}</tbody></table></div>${notesText}`
}
