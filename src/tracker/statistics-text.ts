// The common parts of every protocol's statistics: of the table's text, and of its form for programs. Used by
// the protocols' statistics.ts.
import { clientsFigures } from '../census/view.ts'
import { totalOf } from '../metrics/counter-list.ts'
import { countOf, type Distribution, quantile } from '../metrics/histogram.ts'
import { duration, grouped, rateText, textTable } from '../metrics/text-table.ts'
import type { SwarmCounts } from '../swarm/walks/count.ts'
import type { FigureNames, Interval } from './statistics-reader.ts'

type Timed = FigureNames & { readonly histogram: 'response_time' }
type Counts = Pick<Interval<FigureNames>, 'seconds' | 'counts'>
type WithSwarms = Pick<Interval<FigureNames>, 'swarms' | 'tendsSwarms'>

export function titleText(seconds: number, until: Date): string {
  return `statistics of ${seconds.toFixed(1)} s until ${until.toISOString()}\n`
}

/** The rate of counters by name, both address families together. */
export function countRate({ counts, seconds }: Counts, ...names: readonly string[]): string {
  return rateText(totalOf(counts, ...names) / seconds)
}

/** A column's content: one counter, or the sum of several; null for nothing. */
export type Cell<Name extends string> = Name | readonly Name[] | null

/**
 * The table of who keeps peers by their address: `requests` and `responses` under `head`, for IPv4 and IPv6, and
 * who is in the swarms, where that is told here.
 */
export function addressTable<Name extends string>(
  interval: Counts & WithSwarms,
  head: readonly string[],
  requests: readonly Cell<Name>[],
  responses: readonly Cell<Name>[],
): string {
  const rows = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const title = family.replace('ipv', 'IPv')
    const { torrents, seeders, leechers } = interval.swarms[family]
    const present = interval.tendsSwarms ? [torrents, seeders, leechers] : []
    const row = (cells: readonly Cell<Name>[]) =>
      cells.map((cell) => {
        if (cell === null) return ''
        return countRate(interval, ...[cell].flat().map((name) => `${name}_${family}`))
      })
    return [
      [`${title} requests/s`, ...row(requests)],
      [`${title} responses/s`, ...row(responses), ...present.map(grouped)],
    ]
  })
  return textTable([['', ...head, ...(interval.tendsSwarms ? PRESENT : [])], ...rows])
}

const PRESENT = ['torrents', 'seeders', 'leechers']

/** Those of these counters that are not 0; `titleOf` returns the title of each. */
export function turnedUp(
  interval: Counts,
  names: readonly string[],
  titleOf: (name: string) => string,
): string {
  const found = names
    .filter((name) => totalOf(interval.counts, name) > 0)
    .map((name) => `${titleOf(name)} ${countRate(interval, name)}`)
  return `rejects/s: ${found.length === 0 ? 'none' : found.join(', ')}\n`
}

/** How long work took, and how much of it came at once; '' if there was none. */
export function servedText(times: Distribution, atOnce: string, sizes: Distribution): string {
  if (countOf(times) === 0) return ''
  const mean = sizes.sum / Math.max(1, countOf(sizes))
  return `${responseTimesText(times)}; ${atOnce} ${mean.toFixed(1)}`
}

/** `times`: nanoseconds. */
function responseTimesText(times: Distribution): string {
  const [p50, p99, p999] = quantiles(times).map(duration)
  return `response time p50 ${p50}, p99 ${p99}, p99.9 ${p999}`
}

/** For programs: counts of the interval, not rates; times in seconds. */
export function sharedFigures(
  { seconds, counts, histograms, totals, clients, tendsSwarms }: SharedInterval,
  names: readonly string[],
): object {
  return {
    seconds,
    counts: Object.fromEntries(names.map((name) => [name, totalOf(counts, name)])),
    response_time_seconds: responseTimesFigures(histograms.response_time),
    ...(tendsSwarms ? { lock_waits: totals.lockWaits, lock_sleeps: totals.lockSleeps } : {}),
    clients: clientsFigures(clients),
  }
}

/** In seconds. */
function responseTimesFigures(times: Distribution): object {
  const [p50, p99, p999] = quantiles(times).map((time) => time / 1e9)
  return { p50, p99, p999 }
}

function quantiles(times: Distribution): number[] {
  return [0.5, 0.99, 0.999].map((share) => quantile(times, share))
}

type SharedInterval = Pick<
  Interval<Timed>,
  'seconds' | 'counts' | 'histograms' | 'totals' | 'clients' | 'tendsSwarms'
>

/** What there is of peers that are kept by their address; nothing where another protocol tells it. */
export function addressFigures({ swarms, tendsSwarms }: WithSwarms): object {
  if (!tendsSwarms) return {}
  return { ipv4: presentFigures(swarms.ipv4), ipv6: presentFigures(swarms.ipv6) }
}

export function presentFigures({ torrents, seeders, leechers }: SwarmCounts): object {
  return { torrents, seeders, leechers }
}
