// What UDP shows the operator: its counters as metric families, and the page's charts and tables. Used by
// main.ts.

import { counterFamily, gaugeFamily } from '../../metrics/families.ts'
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
import type { UdpNames } from '../worker/counters.ts'
import { COUNTER_LIST } from '../worker/counters.ts'

const PREFIX = 'tracker_udp'
const WORKER_REQUESTS = `${PREFIX}_worker_requests_total`
const RECEIVE_DROPS = `${PREFIX}_receive_drops_total`
const XDP_LOST = `${PREFIX}_xdp_lost_total`
const XDP_PASSED = `${PREFIX}_xdp_passed_total`
const RESPONSE_TIME = `${PREFIX}_response_time_seconds`
const BATCH_PACKETS = `${PREFIX}_batch_packets`

export function udpFigures(reader: StatisticsReader<UdpNames>): ProtocolFigures {
  const families = () => {
    const { counts, totals, gauges, histograms, workers } = reader.read()
    return [
      ...COUNTER_LIST.families(PREFIX, counts),
      counterFamily(
        RECEIVE_DROPS,
        'Packets that the system dropped before the tracker saw them, because a receive buffer was full.',
        [[{}, totals.receiveDrops]],
      ),
      counterFamily(XDP_LOST, 'Packets lost at network cards (packet_path), by reason.', [
        [{ reason: 'ring_full' }, totals.xdpRingFull],
        [{ reason: 'fill_empty' }, totals.xdpFillEmpty],
        [{ reason: 'dropped' }, totals.xdpDropped],
      ]),
      counterFamily(
        XDP_PASSED,
        'Packets of network cards (packet_path) that were left to the kernel.',
        [
          [{ what: 'others' }, totals.xdpPassedOthers],
          [{ what: 'forms' }, totals.xdpPassedForms],
        ],
      ),
      workerFamily(WORKER_REQUESTS, 'Valid requests by socket worker.', workers),
      timeFamily(
        RESPONSE_TIME,
        'From before a packet was received until its response was sent.',
        histograms.response_time,
      ),
      histogramFamily(BATCH_PACKETS, 'Packets received per batch.', histograms.batch_size),
      // Between socket workers and request workers; 0 without the latter.
      gaugeFamily(`${PREFIX}_channel_fill_ratio`, 'The fullest channel, from 0 to 1.', [
        [{ direction: 'requests' }, gauges.requestFill],
        [{ direction: 'responses' }, gauges.responseFill],
      ]),
    ]
  }
  return {
    families,
    charts: CHARTS,
    breakdowns: [...counterTables(COUNTER_LIST, PREFIX, WORKER_REQUESTS), ...CARD_TABLES],
    summary: summaryOf({
      title: 'UDP',
      prefix: PREFIX,
      types: REQUESTS,
      charts: CHARTS,
      responseTime: RESPONSE_TIME,
    }),
  }
}

/** With packet_path. */
const CARD_TABLES = [
  { title: 'Lost at network cards', metric: XDP_LOST, label: 'reason', nonZero: true },
  { title: 'Left to the kernel', metric: XDP_PASSED, label: 'what', nonZero: true },
]

const REQUESTS = ['connect', 'announce', 'scrape']

const CHARTS: readonly ChartSpec[] = [
  requestsChart(PREFIX, REQUESTS),
  responseTimeChart(RESPONSE_TIME),
  lostChart(
    COUNTER_LIST,
    PREFIX,
    { title: 'receive buffer full', metric: RECEIVE_DROPS, show: 'rate' },
    { title: 'lost at network cards', metric: XDP_LOST, show: 'rate' },
  ),
  trafficChart(PREFIX),
  quantileChart('Packets per batch', 'count', BATCH_PACKETS, [0.5, 0.99]),
]
