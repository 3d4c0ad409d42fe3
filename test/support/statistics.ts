// The statistics of a tracker, as numbers. Used by tests with [statistics] interval = 1.

export const STATISTICS = '[statistics]\ninterval = 1\n'
export const TWO_STATISTICS =
  /^statistics of [\s\S]*^statistics of [\s\S]*, waits for another worker \d+(?: \(\d+ long\))?$/m

export type Figures = Readonly<Record<string, number>>

/**
 * One entry per table in what a tracker wrote, both address families together: requests by type,
 * `responses`, `in` and `out` (bytes), what there is now, and rejects as `rejected_…`, and
 * `send_failures`.
 */
export function statisticsIn(log: string): Figures[] {
  const tables = log.matchAll(
    /^statistics of [\s\S]*?, waits for another worker \d+(?: \(\d+ long\))?$/gm,
  )
  return [...tables].map(([table]) => figuresOf(table))
}

function figuresOf(table: string): Figures {
  const figures: Record<string, number> = {}
  const add = (name: string, text: string) => {
    figures[name] = (figures[name] ?? 0) + Math.round(Number(text.replaceAll(',', '')))
  }
  for (const [, text] of table.matchAll(/requests\/s +(.*)$/gm)) {
    const names = ['connect', 'announce', 'scrape', 'in']
    for (const [i, cell] of text.split(/ +/).entries()) add(names[i], cell)
  }
  for (const [, text] of table.matchAll(/responses\/s +(.*)$/gm)) {
    const names = [...Array(4).fill('responses'), 'out', 'torrents', 'seeders', 'leechers']
    for (const [i, cell] of text.split(/ +/).entries()) add(names[i], cell)
  }
  const [, rejects] = table.match(/^rejects\/s: (.*)$/m) ?? ['', '']
  for (const [, name, text] of rejects.matchAll(/(\w+) ([\d,.]+)(?:, |$)/g))
    add(`rejected_${name}`, text)
  add('send_failures', table.match(/send failures (\d+)/)?.[1] ?? '')
  return figures
}

/** How much there was of something since the start, where each table is for a second. */
export function totalIn(log: string, ...names: string[]): number {
  const sums = statisticsIn(log).map((figures) =>
    names.reduce((sum, name) => sum + (figures[name] ?? 0), 0),
  )
  return sums.reduce((sum, n) => sum + n, 0)
}
