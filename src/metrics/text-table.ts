// Figures as lines of text with aligned columns, for people who read a log. Used by the statistics of
// both trackers.

/** The first column is aligned to the left, the others to the right; lines end without spaces. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

/** A whole number with its digits in groups of three. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A number per second: whole, with one decimal below 10, so that a small rate does not look like none. */
export function rateText(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : grouped(value)
}

/** A time in a suitable unit, to three digits. */
export function duration(nanoseconds: number): string {
  if (nanoseconds < 999_500) return `${Number((nanoseconds / 1e3).toPrecision(3))} µs`
  if (nanoseconds < 999_500_000) return `${Number((nanoseconds / 1e6).toPrecision(3))} ms`
  return `${Number((nanoseconds / 1e9).toPrecision(3))} s`
}
