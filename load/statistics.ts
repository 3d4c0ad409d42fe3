// Medians, spreads and tables of the benchmark programs. Pure functions.

/** The middle value; of an even number the mean of the middle two. NaN when there is none. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >>> 1
  if (sorted.length % 2 === 1) return sorted[middle]
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1] + sorted[middle]) / 2
}

/** «median (lowest–highest)». */
export function spread(values: number[], digits: number): string {
  if (values.length === 0) return '–'
  const text = (value: number) => value.toFixed(digits)
  if (values.length === 1) return text(values[0])
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`
}

/** A Markdown table that is also aligned as plain text. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column].length)),
  )
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
