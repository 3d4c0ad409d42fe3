// The table of [statistics] interval: activity since the previous table, per second, and current figures.
// Called by reader.ts.

import { clientsText } from '../../census/view.ts'
import { totalOf } from '../../metrics/counter-list.ts'
import { countOf } from '../../metrics/histogram.ts'
import { grouped, textTable } from '../../metrics/text-table.ts'
import type { Interval } from '../../tracker/statistics-reader.ts'
import {
  countRate,
  presentFigures,
  servedText,
  sharedFigures,
  titleText,
  turnedUp,
} from '../../tracker/statistics-text.ts'
import type { WsNames } from '../worker/counters.ts'
import { COUNTER_LIST, COUNTERS, type CounterName } from '../worker/counters.ts'

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

/** Messages and connections refused, and connections closed by the tracker. */
const REFUSED = ['rejected', 'refused_connections', 'closed_connections'].flatMap((metric) =>
  COUNTER_LIST.ofMetric(metric),
)

export function statisticsText(interval: Interval<WsNames>, until: Date): string {
  const { counts, gauges, swarms, histograms, totals } = interval
  const row = (title: string, names: readonly (CounterName | null)[]) => [
    title,
    ...names.map((name) => (name === null ? '' : countRate(interval, name))),
  ]
  const changed = (name: CounterName) => grouped(totalOf(counts, name))
  const { torrents, seeders, leechers } = swarms.websocket
  const served = servedText(histograms.response_time, 'messages at once', histograms.turn_size)
  return (
    titleText(interval.seconds, until) +
    textTable([HEAD, row('received/s', RECEIVED), row('sent/s', SENT)]) +
    `now: connections ${grouped(gauges.connections)} of ${grouped(gauges.connectionLimit)} (${changed('connections_opened')} opened, ` +
    `${changed('connections_closed')} closed), torrents ${grouped(torrents)}, ` +
    `seeders ${grouped(seeders)}, leechers ${grouped(leechers)}\n` +
    turnedUp(interval, REFUSED, (name) => name.replace(/^rejected_/, '')) +
    clientsText(interval.clients) +
    (served === '' ? '' : `${served}\n`) +
    `slow clients ${changed('slow_clients')}; not sent to them: offers ${changed('dropped_backlog_offer')}, ` +
    `answers ${changed('dropped_backlog_answer')}; lost between workers: offers ${changed('dropped_between_workers_offer')}, ` +
    `answers ${changed('dropped_between_workers_answer')}; receiver gone: ` +
    `offers ${changed('receiver_gone_offer')}, answers ${changed('receiver_gone_answer')}; ` +
    `waits for another worker ${totals.lockWaits}\n`
  )
}

/** The same figures for programs. */
export function statisticsFigures(interval: Interval<WsNames>): object {
  const { connections, connectionLimit } = interval.gauges
  const present = presentFigures(interval.swarms.websocket)
  return {
    ...sharedFigures(interval, COUNTERS),
    turns: countOf(interval.histograms.turn_size),
    now: { connections, connection_limit: connectionLimit, ...present },
  }
}
