// What the UDP tracker shows its operator: its counters as metric families, and the page's charts and
// tables. Made by main.ts for the operations endpoint; reads what watch.ts reads. Owns nothing.
import { clientBreakdowns, clientFamilies } from '../census/view.ts'
import {
  counterFamily,
  gaugeFamily,
  type LabelledValue,
  type MetricFamily,
} from '../metrics/families.ts'
import type { SurveyView } from '../operations/survey-view.ts'
import type { BreakdownSpec, ChartSpec, TextTable, TrackerView } from '../operations/view.ts'
import type { ProcessFigures } from '../process/figures.ts'
import type { Workers } from '../process/workers.ts'
import { COUNTERS, type FamilyCounter, type WorkerCounter } from './counters.ts'
import type { Reading, Watch } from './watch.ts'

const IP_VERSIONS = [
  ['ipv4', '4'],
  ['ipv6', '6'],
] as const

export class UdpView implements TrackerView {
  readonly name = 'aquatic_udp'
  readonly version: string
  readonly charts = CHARTS
  readonly breakdowns: readonly BreakdownSpec[]
  private readonly watch: Watch
  private readonly figures: ProcessFigures
  readonly settings: () => string
  private readonly survey: SurveyView | null
  private readonly workers: Workers

  constructor(
    version: string,
    watch: Watch,
    workers: Workers,
    figures: ProcessFigures,
    settings: () => string,
    survey: SurveyView | null,
  ) {
    this.version = version
    this.watch = watch
    this.figures = figures
    this.settings = settings
    this.survey = survey
    this.breakdowns = [
      ...BREAKDOWNS,
      ...clientBreakdowns('tracker_udp', watch.countsClients),
      ...(survey?.breakdowns('tracker_udp') ?? []),
    ]
    this.workers = workers
  }

  tables(): readonly TextTable[] {
    return this.survey?.tables() ?? []
  }

  troubles(): readonly string[] {
    return this.workers.stalled().map((name) => `No progress in ${name}.`)
  }

  isReady(): boolean {
    return this.workers.areServing()
  }

  families(): readonly MetricFamily[] {
    const reading = this.watch.read()
    const labels = { name: this.name, version: this.version }
    return [
      gaugeFamily('tracker_build_info', 'Name and version of the tracker; always 1.', [
        [labels, 1],
      ]),
      ...trafficFamilies(reading),
      ...timeFamilies(reading),
      ...channelFamilies(reading),
      ...swarmFamilies(reading),
      ...clientFamilies('tracker_udp', reading.clients),
      ...(this.survey?.families('tracker_udp') ?? []),
      ...this.figures.families(),
    ]
  }
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
      'Times that a table was locked by another worker.',
      [[{}, reading.lockWaits]],
    ),
    counterFamily(
      'tracker_udp_lock_sleeps_total',
      'Lock waits that took so long that the worker slept.',
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
const RESPONSE_TIME = 'tracker_udp_response_time_seconds'
const PEERS = 'tracker_udp_peers'

const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Requests',
    unit: 'per second',
    series: ['connect', 'announce', 'scrape'].map((type) => {
      return { title: type, metric: REQUESTS, labels: { type }, show: 'rate' }
    }),
  },
  {
    title: 'Time to answer',
    unit: 'seconds',
    series: [0.5, 0.99, 0.999].map((share) => {
      return { title: `p${share * 100}`, metric: RESPONSE_TIME, show: { quantile: share } }
    }),
  },
  {
    title: 'Torrents',
    unit: 'count',
    series: IP_VERSIONS.map(([, version]) => {
      const labels = { ip_version: version }
      return { title: `IPv${version}`, metric: 'tracker_udp_torrents', labels, show: 'value' }
    }),
  },
  {
    title: 'Peers',
    unit: 'count',
    series: [
      { title: 'seeders', metric: PEERS, labels: { role: 'seeder' }, show: 'value' },
      { title: 'leechers', metric: PEERS, labels: { role: 'leecher' }, show: 'value' },
    ],
  },
  {
    title: 'Refused and lost',
    unit: 'per second',
    series: [
      { title: 'refused', metric: 'tracker_udp_rejected_total', show: 'rate' },
      { title: 'dropped before', metric: 'tracker_udp_receive_drops_total', show: 'rate' },
      { title: 'dropped inside', metric: 'tracker_udp_channel_dropped_total', show: 'rate' },
      { title: 'not sent', metric: 'tracker_udp_send_failures_total', show: 'rate' },
    ],
  },
  {
    title: 'Traffic',
    unit: 'bytes per second',
    series: [
      { title: 'in', metric: 'tracker_udp_received_bytes_total', show: 'rate' },
      { title: 'out', metric: 'tracker_udp_sent_bytes_total', show: 'rate' },
    ],
  },
  {
    title: 'Packets at once',
    unit: 'count',
    series: [0.5, 0.99].map((share) => {
      const title = `p${share * 100}`
      return { title, metric: 'tracker_udp_batch_packets', show: { quantile: share } }
    }),
  },
  {
    title: 'Memory',
    unit: 'bytes',
    series: [{ title: 'resident', metric: 'process_resident_memory_bytes', show: 'value' }],
  },
  {
    title: 'Processor cores in use',
    unit: 'per second',
    series: [{ title: 'cores', metric: 'process_cpu_seconds_total', show: 'rate' }],
  },
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
