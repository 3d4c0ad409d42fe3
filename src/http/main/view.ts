// What HTTP shows to operators: its counters as metric families, and the charts and tables of the page. Used by
// main.ts.
import { gaugeFamily } from '../../metrics/families.ts'
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
import { histogramFamily, timeFamily, workerFamily } from '../../tracker/figures.ts'
import type { StatisticsReader } from '../../tracker/statistics-reader.ts'
import type { ProtocolFigures } from '../../tracker/view.ts'
import { COUNTER_LIST, type HttpNames } from '../worker/counters.ts'

const PREFIX = 'tracker_http'
const WORKER_REQUESTS = `${PREFIX}_worker_requests_total`
const RESPONSE_TIME = `${PREFIX}_response_time_seconds`
const TURN_CONNECTIONS = `${PREFIX}_turn_connections`
const CONNECTIONS = `${PREFIX}_connections`
const CONNECTION_LIMIT = `${PREFIX}_connection_limit`

export function httpFigures(reader: StatisticsReader<HttpNames>): ProtocolFigures {
  const families = () => {
    const { counts, gauges, histograms, workers } = reader.read()
    return [
      ...COUNTER_LIST.families(PREFIX, counts),
      workerFamily(WORKER_REQUESTS, 'Valid requests by socket worker.', workers),
      timeFamily(
        RESPONSE_TIME,
        'From before a request was received until its response was sent.',
        histograms.response_time,
      ),
      histogramFamily(
        TURN_CONNECTIONS,
        'Connections served in one turn of the event loop.',
        histograms.turn_size,
      ),
      gaugeFamily(CONNECTIONS, 'Connections that are kept open, or whose request is incomplete.', [
        [{}, gauges.connections],
      ]),
      gaugeFamily(CONNECTION_LIMIT, 'The most such connections allowed.', [
        [{}, gauges.connectionLimit],
      ]),
    ]
  }
  const breakdowns = counterTables(COUNTER_LIST, PREFIX, WORKER_REQUESTS)
  // Pages and health checks are not what a tracker is for.
  const summary = summaryOf({
    title: 'HTTP',
    prefix: PREFIX,
    types: ['announce', 'scrape'],
    charts: CHARTS,
    responseTime: RESPONSE_TIME,
    connections: CONNECTIONS,
  })
  return { families, charts: CHARTS, breakdowns, summary }
}

const CHARTS: readonly ChartSpec[] = [
  requestsChart(PREFIX, ['announce', 'scrape', 'page', 'health']),
  responseTimeChart(RESPONSE_TIME),
  {
    title: 'Connections',
    unit: 'count',
    series: [{ title: 'kept', metric: CONNECTIONS, show: 'value' }],
  },
  lostChart(COUNTER_LIST, PREFIX),
  trafficChart(PREFIX),
  quantileChart('Connections at once', 'count', TURN_CONNECTIONS, [0.5, 0.99]),
]
