// What every load tester says at its end: sections of figures, as text for a terminal and for the
// report file. A tester builds the sections; report-html.ts shows the same ones with charts.
// Pure functions.
import { grouped } from '../src/metrics/text-table.ts'

/** A table with a title. The first column is left-aligned, the others are figures. */
export interface Section {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Sentences below the table. */
  readonly notes?: readonly string[]
}

export function sectionsText(sections: readonly Section[]): string {
  return sections.map(sectionText).join('\n')
}

function sectionText({ title, head, rows, notes }: Section): string {
  const all = [[title, ...head.slice(1)], ...rows]
  const columns = Math.max(...all.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...all.map((row) => [...(row[column] ?? '')].length)),
  )
  const lines = all.map((row) =>
    row
      .map((cell, column) =>
        column === 0
          ? cell.padEnd(widths[0])
          : ' '.repeat(widths[column] - [...cell].length) + cell,
      )
      .join('  ')
      .trimEnd(),
  )
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width, 2 * (columns - 1)))
  return [lines[0], rule, ...lines.slice(1), ...(notes ?? []), ''].join('\n')
}

/** Three significant digits, and no more zeros than needed. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1000) return grouped(value)
  if (size === 0) return '0'
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %'
  const share = (part / whole) * 100
  return `${share >= 0.01 ? share.toFixed(2) : share.toExponential(1)} %`
}

/** Never above 100 %: what was lost in a period may have been requested before it. */
export function lostShare(lost: number, asked: number): number {
  return lost === 0 ? 0 : Math.min(1, lost / asked)
}
