// What the WebTorrent tracker shows its operator: its counters as metric families, and the page's charts
// and tables. Used by main.ts; reads what watch.ts reads. Owns nothing.
import {
  counterFamily,
  gaugeFamily,
  type LabelledValue,
  type Labels,
  type MetricFamily,
} from '../metrics/families.ts'
import type { BreakdownSpec, ChartSpec } from '../operations/view.ts'
import { peersChart, quantileChart, responseTimeChart, trafficChart } from '../tracker/charts.ts'
import type { ProtocolFigures } from '../tracker/view.ts'
import { COUNTERS, type CounterName, type FamilyCounter } from './counters.ts'
import type { ListenerGuard } from './listener-guard.ts'
import type { Reading, Watch } from './watch.ts'

const IP_VERSIONS = [
  ['ipv4', '4'],
  ['ipv6', '6'],
] as const
const REQUESTS = ['requests_announce', 'requests_answer', 'requests_scrape'] as const

type GuardFigures = Pick<ListenerGuard, 'isResting' | 'rests' | 'closed'>

export function wsFigures(watch: Watch, guard: GuardFigures): ProtocolFigures {
  const families = () => {
    const reading = watch.read()
    return [
      ...messageFamilies(reading),
      ...timeFamilies(reading),
      ...connectionFamilies(reading),
      ...guardFamilies(guard),
      ...swarmFamilies(reading),
    ]
  }
  return { families, charts: CHARTS, breakdowns: BREAKDOWNS }
}

function messageFamilies(reading: Reading): MetricFamily[] {
  const byWorker = reading.workers.map((messages, i): LabelledValue => {
    return [{ worker: String(i + 1) }, messages]
  })
  return [
    counterFamily(
      'tracker_ws_requests_total',
      'Valid requests by type; an answer is one to an offer.',
      REQUESTS.flatMap((name) => byFamily(reading, name, { type: name.slice('requests_'.length) })),
    ),
    counterFamily(
      'tracker_ws_responses_total',
      'Responses by type.',
      byLabel(reading, 'responses_', 'type'),
    ),
    counterFamily(
      'tracker_ws_rejected_total',
      'Messages that were refused, by reason.',
      byLabel(reading, 'rejected_', 'reason'),
    ),
    plain(reading, 'offers_received', 'Offers that clients made.'),
    counterFamily(
      'tracker_ws_offers_left_out_total',
      'Items of offers that were none, and offers beyond max_offers, by reason.',
      byLabel(reading, 'offers_left_out_', 'reason'),
    ),
    plain(reading, 'offers_sent', 'Offers that were passed on to peers.'),
    plain(reading, 'answers_sent', 'Answers that were passed on to who had made the offer.'),
    ofFamilies(reading, 'received_messages', 'Messages received.'),
    ofFamilies(reading, 'sent_messages', 'Messages sent.'),
    ofFamilies(reading, 'received_bytes', 'Text received, in bytes.'),
    ofFamilies(reading, 'sent_bytes', 'Text sent, in bytes.'),
    counterFamily(
      'tracker_ws_dropped_between_workers_total',
      'Offers and answers that found the way to another worker full, by type.',
      byLabel(reading, 'dropped_between_workers_', 'type'),
    ),
    counterFamily(
      'tracker_ws_dropped_backlog_total',
      'Offers and answers for clients that read too slowly, by type.',
      byLabel(reading, 'dropped_backlog_', 'type'),
    ),
    counterFamily(
      'tracker_ws_receiver_gone_total',
      'Offers and answers whose receiver had left, by type.',
      byLabel(reading, 'receiver_gone_', 'type'),
    ),
    counterFamily('tracker_ws_worker_messages_total', 'Messages by socket worker.', byWorker),
  ]
}

function timeFamilies(reading: Reading): MetricFamily[] {
  return [
    {
      kind: 'histogram',
      name: RESPONSE_TIME,
      help: 'From when a message came until all that it caused was sent.',
      scale: 1e-9,
      samples: [{ labels: {}, distribution: reading.responseTime }],
    },
    {
      kind: 'histogram',
      name: TURN_MESSAGES,
      help: 'Messages that came in one turn of the event loop.',
      scale: 1,
      samples: [{ labels: {}, distribution: reading.turnSize }],
    },
    counterFamily(
      'tracker_ws_lock_waits_total',
      'Times that a worker waited for another one, because both needed the same part of the torrents.',
      [[{}, reading.lockWaits]],
    ),
    counterFamily(
      'tracker_ws_lock_sleeps_total',
      'Of these waits those that took so long that the worker slept.',
      [[{}, reading.lockSleeps]],
    ),
    gaugeFamily(
      'tracker_ws_channel_fill_ratio',
      'The fullest channel between two workers, from 0 to 1.',
      [[{}, reading.channelFill]],
    ),
  ]
}

function connectionFamilies(reading: Reading): MetricFamily[] {
  return [
    gaugeFamily('tracker_ws_connections', 'Open connections.', openConnections(reading)),
    gaugeFamily('tracker_ws_connections_max', 'Connections that there may be at once.', [
      [{}, reading.connectionLimit],
    ]),
    ofFamilies(reading, 'connections_opened', 'Connections opened.'),
    plain(
      reading,
      'slow_clients',
      'Times that a client did not take all at once; until it has, it gets no offers.',
    ),
    counterFamily(
      'tracker_ws_refused_connections_total',
      'Connections that were refused, by reason.',
      byLabel(reading, 'refused_', 'reason'),
    ),
    counterFamily(
      'tracker_ws_proxy_header_total',
      'Connections of trusted proxies that do not tell whose they are, by what is wrong.',
      byLabel(reading, 'proxy_header_', 'fault'),
    ),
    counterFamily(
      'tracker_ws_closed_connections_total',
      'Connections that the tracker closed, by reason: backlog is a client too slow for its messages, backlog_total one of many such.',
      byLabel(reading, 'closed_', 'reason'),
    ),
  ]
}

function guardFamilies({ isResting, rests, closed }: GuardFigures): MetricFamily[] {
  return [
    gaugeFamily(
      'tracker_ws_listener_resting',
      'Whether new connections have to wait because no descriptor is left: 1 or 0.',
      [[{}, isResting ? 1 : 0]],
    ),
    counterFamily('tracker_ws_listener_rests_total', 'How often that began.', [[{}, rests]]),
    counterFamily(
      'tracker_ws_idle_connections_closed_total',
      'Connections without a handshake that were closed, of addresses with too many of them.',
      [[{}, closed]],
    ),
  ]
}

function swarmFamilies({ swarms }: Reading): MetricFamily[] {
  return [
    gaugeFamily('tracker_ws_torrents', 'Torrents with at least one peer.', [[{}, swarms.torrents]]),
    gaugeFamily('tracker_ws_peers', 'Peers in all torrents.', [
      [{ role: 'seeder' }, swarms.seeders],
      [{ role: 'leecher' }, swarms.leechers],
    ]),
  ]
}

/** Counters that differ in one label. */
function byLabel({ counts }: Reading, prefix: string, label: string): LabelledValue[] {
  return COUNTERS.filter((name) => name.startsWith(prefix)).map((name) => {
    return [{ [label]: name.slice(prefix.length) }, counts.get(name) ?? 0]
  })
}

/** With one label more, the address family. */
function byFamily({ stored }: Reading, name: FamilyCounter, labels: Labels = {}): LabelledValue[] {
  return IP_VERSIONS.map(([family, ip_version]) => {
    return [{ ...labels, ip_version }, stored.get(`${name}_${family}`) ?? 0]
  })
}

function openConnections(reading: Reading): LabelledValue[] {
  const closed = byFamily(reading, 'connections_closed')
  return byFamily(reading, 'connections_opened').map(([labels, opened], i) => {
    return [labels, opened - closed[i][1]]
  })
}

function ofFamilies(reading: Reading, name: FamilyCounter, help: string): MetricFamily {
  return counterFamily(`tracker_ws_${name}_total`, help, byFamily(reading, name))
}

function plain({ counts }: Reading, name: CounterName, help: string): MetricFamily {
  return counterFamily(`tracker_ws_${name}_total`, help, [[{}, counts.get(name) ?? 0]])
}

const RESPONSE_TIME = 'tracker_ws_response_time_seconds'
const TURN_MESSAGES = 'tracker_ws_turn_messages'

const CHARTS: readonly ChartSpec[] = [
  {
    title: 'Requests',
    unit: 'per second',
    series: ['announce', 'scrape'].map((type) => {
      return { title: type, metric: 'tracker_ws_requests_total', labels: { type }, show: 'rate' }
    }),
  },
  {
    title: 'Offers and answers',
    unit: 'per second',
    series: [
      { title: 'offers made', metric: 'tracker_ws_offers_received_total', show: 'rate' },
      { title: 'passed on', metric: 'tracker_ws_offers_sent_total', show: 'rate' },
      { title: 'answers', metric: 'tracker_ws_answers_sent_total', show: 'rate' },
    ],
  },
  responseTimeChart(RESPONSE_TIME),
  {
    title: 'Connections',
    unit: 'count',
    series: [{ title: 'open', metric: 'tracker_ws_connections', show: 'value' }],
  },
  {
    title: 'Torrents',
    unit: 'count',
    series: [{ title: 'torrents', metric: 'tracker_ws_torrents', show: 'value' }],
  },
  peersChart('tracker_ws'),
  {
    title: 'Refused and lost',
    unit: 'per second',
    series: [
      { title: 'refused messages', metric: 'tracker_ws_rejected_total', show: 'rate' },
      {
        title: 'refused connections',
        metric: 'tracker_ws_refused_connections_total',
        show: 'rate',
      },
      {
        title: 'lost between workers',
        metric: 'tracker_ws_dropped_between_workers_total',
        show: 'rate',
      },
      { title: 'slow clients', metric: 'tracker_ws_slow_clients_total', show: 'rate' },
      { title: 'dropped for them', metric: 'tracker_ws_dropped_backlog_total', show: 'rate' },
    ],
  },
  trafficChart('tracker_ws'),
  quantileChart('Messages per turn', 'count', TURN_MESSAGES, [0.5, 0.99]),
]

const BREAKDOWNS: readonly BreakdownSpec[] = [
  { title: 'Responses', metric: 'tracker_ws_responses_total', label: 'type', nonZero: false },
  {
    title: 'Refused messages',
    metric: 'tracker_ws_rejected_total',
    label: 'reason',
    nonZero: true,
  },
  {
    title: 'Refused connections',
    metric: 'tracker_ws_refused_connections_total',
    label: 'reason',
    nonZero: true,
  },
  {
    title: 'Closed connections',
    metric: 'tracker_ws_closed_connections_total',
    label: 'reason',
    nonZero: true,
  },
  { title: 'Workers', metric: 'tracker_ws_worker_messages_total', label: 'worker', nonZero: false },
]
