// What WebTorrent shows the operator: its counters as metric families, and the page's charts and tables. Used
// by main.ts.

import { valuesByFamily } from '../../metrics/counter-list.ts'
import {
  counterFamily,
  gaugeFamily,
  type LabelledValue,
  type MetricFamily,
} from '../../metrics/families.ts'
import type { ChartSpec } from '../../operations/view.ts'
import {
  counterTables,
  lostChart,
  quantileChart,
  requestsChart,
  responseTimeChart,
  summaryOf,
  trafficChart,
} from '../../tracker/charts.ts'
import type { DescriptorGuard } from '../../tracker/descriptor-guard.ts'
import { histogramFamily, timeFamily, workerFamily } from '../../tracker/figures.ts'
import type { Reading, StatisticsReader } from '../../tracker/statistics-reader.ts'
import type { ProtocolFigures } from '../../tracker/view.ts'
import type { WsNames } from '../worker/counters.ts'
import { COUNTER_LIST } from '../worker/counters.ts'

const PREFIX = 'tracker_ws'
const WORKER_MESSAGES = `${PREFIX}_worker_messages_total`
const RESPONSE_TIME = `${PREFIX}_response_time_seconds`
const REQUESTS = ['announce', 'scrape']
const TURN_MESSAGES = `${PREFIX}_turn_messages`

type GuardFigures = Pick<DescriptorGuard, 'isPaused' | 'pauses'>

export function wsFigures(
  reader: StatisticsReader<WsNames>,
  guard: GuardFigures | null,
): ProtocolFigures {
  const families = () => {
    const reading = reader.read()
    const { counts, histograms, workers } = reading
    return [
      ...COUNTER_LIST.families(PREFIX, counts),
      workerFamily(WORKER_MESSAGES, 'Messages by socket worker.', workers),
      timeFamily(
        RESPONSE_TIME,
        'From when a message arrived until everything that it caused was sent.',
        histograms.response_time,
      ),
      histogramFamily(
        TURN_MESSAGES,
        'Messages that arrived in one turn of the event loop.',
        histograms.turn_size,
      ),
      ...connectionFamilies(reading),
      ...(guard === null ? [] : guardFamilies(guard)),
    ]
  }
  const breakdowns = counterTables(COUNTER_LIST, PREFIX, WORKER_MESSAGES)
  const summary = summaryOf({
    title: 'WebTorrent',
    prefix: PREFIX,
    types: REQUESTS,
    charts: CHARTS,
    responseTime: RESPONSE_TIME,
    connections: `${PREFIX}_connections`,
  })
  return { families, charts: CHARTS, breakdowns, summary }
}

function connectionFamilies({ counts, gauges }: Reading<WsNames>): MetricFamily[] {
  const closed = valuesByFamily(counts, 'connections_closed')
  const open = valuesByFamily(counts, 'connections_opened').map(
    ([labels, opened], i): LabelledValue => [labels, opened - closed[i][1]],
  )
  return [
    gaugeFamily(`${PREFIX}_connections`, 'Open connections.', open),
    gaugeFamily(`${PREFIX}_connections_max`, 'The most connections allowed at once.', [
      [{}, gauges.connectionLimit],
    ]),
    gaugeFamily(
      `${PREFIX}_channel_fill_ratio`,
      'The fullest channel between two workers, from 0 to 1.',
      [[{}, gauges.channelFill]],
    ),
  ]
}

function guardFamilies({ isPaused, pauses }: GuardFigures): MetricFamily[] {
  return [
    gaugeFamily(
      `${PREFIX}_listener_resting`,
      'Whether new connections have to wait because no descriptor is left: 1 or 0.',
      [[{}, isPaused ? 1 : 0]],
    ),
    counterFamily(`${PREFIX}_listener_rests_total`, 'How often new connections began to wait.', [
      [{}, pauses],
    ]),
  ]
}

const CHARTS: readonly ChartSpec[] = [
  requestsChart(PREFIX, REQUESTS),
  {
    title: 'Offers and answers',
    unit: 'per second',
    series: [
      { title: 'offers made', metric: `${PREFIX}_offers_received_total`, show: 'rate' },
      { title: 'passed on', metric: `${PREFIX}_offers_sent_total`, show: 'rate' },
      { title: 'answers', metric: `${PREFIX}_answers_sent_total`, show: 'rate' },
    ],
  },
  responseTimeChart(RESPONSE_TIME),
  {
    title: 'Connections',
    unit: 'count',
    series: [{ title: 'open', metric: `${PREFIX}_connections`, show: 'value' }],
  },
  lostChart(COUNTER_LIST, PREFIX),
  trafficChart(PREFIX),
  quantileChart('Messages per turn', 'count', TURN_MESSAGES, [0.5, 0.99]),
]
