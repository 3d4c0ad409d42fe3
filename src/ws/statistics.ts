// The table of [statistics] interval: what was done since the table before it, per second, and what there
// is now. Called by watch.ts. Owns nothing.
import type { ClientCount } from '../census/tally.ts'
import { clientsFigures, clientsText } from '../census/view.ts'
import { countOf, type Distribution } from '../metrics/histogram.ts'
import { responseTimesFigures, responseTimesText } from '../metrics/response-times.ts'
import { grouped, rateText, textTable } from '../metrics/text-table.ts'
import type { SwarmCounts } from '../swarm/count.ts'
import { COUNTERS, type CounterName } from './counters.ts'

export interface StatisticsInterval {
  readonly seconds: number
  /** Counts that were added in it. */
  readonly counts: ReadonlyMap<CounterName, number>
  /** Peers by client; null when they are not counted. */
  readonly clients: readonly ClientCount[] | null
  readonly responseTime: Distribution
  /** Messages per turn of the event loop. */
  readonly turnSize: Distribution
  /** Times that a lock was not free at once. */
  readonly lockWaits: number
  readonly connections: number
  /** At most so many at once. */
  readonly connectionLimit: number
  readonly swarms: SwarmCounts
}

const HEAD = ['', 'announce', 'scrape', 'offer', 'answer', 'error', 'messages', 'bytes']
const RECEIVED: readonly (CounterName | null)[] = [
  'requests_announce',
  'requests_scrape',
  'offers_received',
  'requests_answer',
  null,
  'received_messages',
  'received_bytes',
]
const SENT: readonly CounterName[] = [
  'responses_announce',
  'responses_scrape',
  'offers_sent',
  'answers_sent',
  'responses_error',
  'sent_messages',
  'sent_bytes',
]

export function statisticsText(interval: StatisticsInterval, until: Date): string {
  const { counts, connections, connectionLimit, swarms, lockWaits } = interval
  const row = (title: string, names: readonly (CounterName | null)[]) => [
    title,
    ...names.map((name) => (name === null ? '' : rate(interval, name))),
  ]
  const changed = (name: CounterName) => grouped(counts.get(name) ?? 0)
  return (
    `statistics of ${interval.seconds.toFixed(1)} s until ${until.toISOString()}\n` +
    textTable([HEAD, row('received/s', RECEIVED), row('sent/s', SENT)]) +
    `now: connections ${grouped(connections)} of ${grouped(connectionLimit)} (${changed('connections_opened')} opened, ` +
    `${changed('connections_closed')} closed), torrents ${grouped(swarms.torrents)}, ` +
    `seeders ${grouped(swarms.seeders)}, leechers ${grouped(swarms.leechers)}\n` +
    `rejects/s: ${troubles(interval)}\n` +
    clientsText(interval.clients) +
    served(interval) +
    `slow clients ${changed('slow_clients')}; not sent to them: offers ${changed('dropped_backlog_offer')}, ` +
    `answers ${changed('dropped_backlog_answer')}; lost between workers: offers ${changed('dropped_between_workers_offer')}, ` +
    `answers ${changed('dropped_between_workers_answer')}; receiver gone: ` +
    `offers ${changed('receiver_gone_offer')}, answers ${changed('receiver_gone_answer')}; ` +
    `waits for another worker ${lockWaits}\n`
  )
}

/** How long messages took, and how many came at once; '' when there was none. */
function served({ responseTime, turnSize }: StatisticsInterval): string {
  if (countOf(responseTime) === 0) return ''
  const atOnce = turnSize.sum / Math.max(1, countOf(turnSize))
  return `${responseTimesText(responseTime)}; messages at once ${atOnce.toFixed(1)}\n`
}

/** The same for programs: counts of the interval, not rates. */
export function statisticsFigures(interval: StatisticsInterval): object {
  const { seconds, counts, connections, connectionLimit, swarms, lockWaits } = interval
  const { torrents, seeders, leechers } = swarms
  const now = { connections, connection_limit: connectionLimit, torrents, seeders, leechers }
  const clients = clientsFigures(interval.clients)
  return {
    seconds,
    counts: Object.fromEntries(counts),
    response_time_seconds: responseTimesFigures(interval.responseTime),
    turns: countOf(interval.turnSize),
    lock_waits: lockWaits,
    clients,
    now,
  }
}

function rate({ counts, seconds }: StatisticsInterval, name: CounterName): string {
  return rateText((counts.get(name) ?? 0) / seconds)
}

/** Reasons that turned up: messages and connections refused, connections closed by the tracker. */
function troubles(interval: StatisticsInterval): string {
  const found = COUNTERS.filter((name) => /^(rejected|refused|closed)_/.test(name))
    .filter((name) => (interval.counts.get(name) ?? 0) > 0)
    .map((name) => `${name.replace(/^rejected_/, '')} ${rate(interval, name)}`)
  return found.length === 0 ? 'none' : found.join(', ')
}
