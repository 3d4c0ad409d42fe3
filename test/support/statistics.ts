// The statistics lines of a tracker, as numbers. Used by tests with [statistics] interval = 1.

export const STATISTICS = '[statistics]\ninterval = 1\n'
export const TWO_STATISTICS_LINES = /^per second: [\s\S]*^per second: /m

export type Figures = Readonly<Record<string, number>>

/** One entry per line in what a tracker wrote: each number under the word before it. */
export function statisticsIn(log: string): Figures[] {
  const lines = log.split('\n').filter((line) => line.startsWith('per second: '))
  return lines.map((line) =>
    Object.fromEntries([...line.matchAll(/(\w+) (\d+)/g)].map(([, name, n]) => [name, Number(n)])),
  )
}

/** How much there was of something since the start, where each line is for a second. */
export function totalIn(log: string, ...names: string[]): number {
  const sums = statisticsIn(log).map((figures) =>
    names.reduce((sum, name) => sum + (figures[name] ?? 0), 0),
  )
  return sums.reduce((sum, n) => sum + n, 0)
}
