// What the UDP tracker shows its operator: its counters as metric families, and the page's charts and
// tables. Used by main.ts; reads what watch.ts reads. Owns nothing.
import {
  counterFamily,
  gaugeFamily,
  type LabelledValue,
  type MetricFamily,
} from '../metrics/families.ts'
import type { BreakdownSpec, ChartSpec } from '../operations/view.ts'
import { peersChart, quantileChart, responseTimeChart, trafficChart } from '../tracker/charts.ts'
import type { ProtocolFigures } from '../tracker/view.ts'
import { COUNTERS, type FamilyCounter, type WorkerCounter } from './counters.ts'
import type { Reading, Watch } from './watch.ts'

const IP_VERSIONS = [
  ['ipv4', '4'],
  ['ipv6', '6'],
] as const

export function udpFigures(watch: Watch): ProtocolFigures {
  const families = () => {
    const reading = watch.read()
    return [
      ...trafficFamilies(reading),
      ...timeFamilies(reading),
      ...channelFamilies(reading),
      ...swarmFamilies(reading),
    ]
  }
  return { families, charts: CHARTS, breakdowns: BREAKDOWNS }
}

function trafficFamilies(reading: Reading): MetricFamily[] {
  const { counts } = reading
  /** `kind` in front of the names of counters that differ in one label. */
  const byLabel = (prefix: string, label: string): LabelledValue[] => {
    const names = COUNTERS.filter((name) => name.startsWith(prefix))
    return names.map((name) => {
      const [, value, family] = name.slice(prefix.length).match(/^(.*)_(ipv4|ipv6)$/) ?? []
      return [{ [label]: value, ip_version: family === 'ipv4' ? '4' : '6' }, counts.get(name) ?? 0]
    })
  }
  const byFamily = (counter: FamilyCounter): LabelledValue[] =>
    IP_VERSIONS.map(([family, version]) => {
      return [{ ip_version: version }, counts.get(`${counter}_${family}`) ?? 0]
    })
  const byWorker: LabelledValue[] = reading.workers.map((worker, i) => {
    return [{ worker: String(i + 1) }, worker]
  })
  return [
    counterFamily(
      'tracker_udp_requests_total',
      'Valid requests by type.',
      byLabel('requests_', 'type'),
    ),
    counterFamily(
      'tracker_udp_responses_total',
      'Responses by type.',
      byLabel('responses_', 'type'),
    ),
    counterFamily(
      'tracker_udp_rejected_total',
      'Packets that were refused, by reason.',
      byLabel('rejected_', 'reason'),
    ),
    counterFamily(
      'tracker_udp_received_bytes_total',
      'Payload received.',
      byFamily('received_bytes'),
    ),
    counterFamily('tracker_udp_sent_bytes_total', 'Payload sent.', byFamily('sent_bytes')),
    counterFamily('tracker_udp_send_failures_total', 'Responses that the system did not take.', [
      [{}, counts.get('send_failures') ?? 0],
    ]),
    counterFamily(
      'tracker_udp_bans_total',
      'Bans of addresses that went on to exceed their limits.',
      [[{}, counts.get('bans') ?? 0]],
    ),
    counterFamily(
      'tracker_udp_receive_drops_total',
      'Packets that the system dropped before the tracker saw them, as a full receive buffer does.',
      [[{}, reading.receiveDrops]],
    ),
    counterFamily(
      'tracker_udp_worker_requests_total',
      'Valid requests by socket worker.',
      byWorker,
    ),
  ]
}

function timeFamilies(reading: Reading): MetricFamily[] {
  return [
    {
      kind: 'histogram',
      name: 'tracker_udp_response_time_seconds',
      help: 'From before a packet was received until its response was sent.',
      scale: 1e-9,
      samples: [{ labels: {}, distribution: reading.responseTime }],
    },
    {
      kind: 'histogram',
      name: 'tracker_udp_batch_packets',
      help: 'Packets that were received at once.',
      scale: 1,
      samples: [{ labels: {}, distribution: reading.batchSize }],
    },
    counterFamily(
      'tracker_udp_lock_waits_total',
      'Times that a worker waited for another one, because both needed the same part of the torrents.',
      [[{}, reading.lockWaits]],
    ),
    counterFamily(
      'tracker_udp_lock_sleeps_total',
      'Of these waits those that took so long that the worker slept.',
      [[{}, reading.lockSleeps]],
    ),
  ]
}

/** Between socket workers and request workers; all 0 without the latter. */
function channelFamilies({ counts, requestFill, responseFill }: Reading): MetricFamily[] {
  const of = (name: WorkerCounter) => counts.get(name) ?? 0
  return [
    counterFamily(
      'tracker_udp_channel_dropped_total',
      'What found a channel between workers full: clients ask again.',
      [
        [{ what: 'requests' }, of('dropped_requests')],
        [{ what: 'responses' }, of('dropped_responses')],
        [{ what: 'scrapes' }, of('dropped_scrapes')],
      ],
    ),
    counterFamily(
      'tracker_udp_channel_waits_total',
      'Times that a request worker waited for room on the way back.',
      [[{}, of('response_waits')]],
    ),
    counterFamily('tracker_udp_channel_wakes_total', 'Times that a sleeping worker was woken.', [
      [{ role: 'request' }, of('request_wakes')],
      [{ role: 'socket' }, of('response_wakes')],
    ]),
    gaugeFamily('tracker_udp_channel_fill_ratio', 'The fullest channel, from 0 to 1.', [
      [{ direction: 'requests' }, requestFill],
      [{ direction: 'responses' }, responseFill],
    ]),
  ]
}

function swarmFamilies(reading: Reading): MetricFamily[] {
  const torrents: LabelledValue[] = IP_VERSIONS.map(([family, version]) => {
    return [{ ip_version: version }, reading[family].torrents]
  })
  const peers: LabelledValue[] = IP_VERSIONS.flatMap(([family, version]) => [
    [{ ip_version: version, role: 'seeder' }, reading[family].seeders],
    [{ ip_version: version, role: 'leecher' }, reading[family].leechers],
  ])
  return [
    gaugeFamily('tracker_udp_torrents', 'Torrents with at least one peer.', torrents),
    gaugeFamily('tracker_udp_peers', 'Peers in all torrents.', peers),
  ]
}

const REQUESTS = 'tracker_udp_requests_total'

const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Requests',
    unit: 'per second',
    series: ['connect', 'announce', 'scrape'].map((type) => {
      return { title: type, metric: REQUESTS, labels: { type }, show: 'rate' }
    }),
  },
  responseTimeChart('tracker_udp_response_time_seconds'),
  {
    title: 'Torrents',
    unit: 'count',
    series: IP_VERSIONS.map(([, version]) => {
      const labels = { ip_version: version }
      return { title: `IPv${version}`, metric: 'tracker_udp_torrents', labels, show: 'value' }
    }),
  },
  peersChart('tracker_udp'),
  {
    title: 'Refused and lost',
    unit: 'per second',
    series: [
      { title: 'refused', metric: 'tracker_udp_rejected_total', show: 'rate' },
      { title: 'receive buffer full', metric: 'tracker_udp_receive_drops_total', show: 'rate' },
      { title: 'lost between workers', metric: 'tracker_udp_channel_dropped_total', show: 'rate' },
      { title: 'not sent', metric: 'tracker_udp_send_failures_total', show: 'rate' },
    ],
  },
  trafficChart('tracker_udp'),
  quantileChart('Packets per batch', 'count', 'tracker_udp_batch_packets', [0.5, 0.99]),
]

const BREAKDOWNS: readonly BreakdownSpec[] = [
  { title: 'Responses', metric: 'tracker_udp_responses_total', label: 'type', nonZero: false },
  {
    title: 'Refused packets',
    metric: 'tracker_udp_rejected_total',
    label: 'reason',
    nonZero: true,
  },
  {
    title: 'Workers',
    metric: 'tracker_udp_worker_requests_total',
    label: 'worker',
    nonZero: false,
  },
]
