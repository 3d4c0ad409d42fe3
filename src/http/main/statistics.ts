// The table of [statistics] interval: activity since the previous table, per second and address family, and
// current figures. Called by reader.ts.
import { clientsText } from '../../census/view.ts'
import { totalOf } from '../../metrics/counter-list.ts'
import { countOf } from '../../metrics/histogram.ts'
import { grouped } from '../../metrics/text-table.ts'
import type { Interval } from '../../tracker/statistics-reader.ts'
import {
  addressFigures,
  addressTable,
  type Cell,
  servedText,
  sharedFigures,
  titleText,
  turnedUp,
} from '../../tracker/statistics-text.ts'
import { COUNTER_LIST, COUNTERS, type FamilyCounter, type HttpNames } from '../worker/counters.ts'

const HEAD = ['announce', 'scrape', 'other', 'failure', 'bytes']
const REQUESTS: readonly Cell<FamilyCounter>[] = [
  'requests_announce',
  'requests_scrape',
  ['requests_page', 'requests_health'],
  null,
  'received_bytes',
]
const RESPONSES: readonly Cell<FamilyCounter>[] = [
  'responses_announce',
  'responses_scrape',
  ['responses_page', 'responses_health', 'responses_error', 'responses_redirect'],
  'responses_failure',
  'sent_bytes',
]

export function statisticsText(interval: Interval<HttpNames>, until: Date): string {
  const { counts, gauges, histograms, totals } = interval
  const rejects = turnedUp(interval, COUNTER_LIST.ofMetric('rejected'), (name) =>
    name.slice('rejected_'.length),
  )
  const served = servedText(histograms.response_time, 'connections at once', histograms.turn_size)
  const waits = interval.tendsSwarms ? `waits for another worker ${totals.lockWaits}` : ''
  const last = [served, waits].filter((part) => part !== '').join('; ')
  return (
    titleText(interval.seconds, until) +
    addressTable(interval, HEAD, REQUESTS, RESPONSES) +
    rejects +
    clientsText(interval.clients) +
    `connections ${grouped(gauges.connections)} of ${grouped(gauges.connectionLimit)} kept, ` +
    `${grouped(totalOf(counts, 'accepted'))} accepted; closed: ${closedText(counts)}\n` +
    (last === '' ? '' : `${last}\n`)
  )
}

/** The same figures for programs. */
export function statisticsFigures(interval: Interval<HttpNames>): object {
  const { histograms, gauges } = interval
  return {
    ...sharedFigures(interval, COUNTERS),
    turns: countOf(histograms.turn_size),
    now: {
      connections: gauges.connections,
      connection_limit: gauges.connectionLimit,
      ...addressFigures(interval),
    },
  }
}

function closedText(counts: Interval<HttpNames>['counts']): string {
  const found = COUNTER_LIST.ofMetric('closed_connections')
    .map((name) => [name.slice('closed_'.length), totalOf(counts, name)] as const)
    .filter(([, count]) => count > 0)
  if (found.length === 0) return 'none'
  return found.map(([name, count]) => `${name} ${grouped(count)}`).join(', ')
}
