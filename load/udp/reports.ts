// What the reports of the UDP load tester have of their own: the progress line, rows, figures and
// charts. Used by run.ts and reports.ts of load/. Pure functions.
import { byteText, figure, grouped, lostShare, percent, type Section } from '../report.ts'
import type { Chart } from '../report-html.ts'
import {
  chartOver,
  cpuJson,
  latencyChart,
  latencyJson,
  latencySection,
  memoryJson,
  processCharts,
  processSection,
  rate,
  ratesTitle,
  trackerProgress,
} from '../report-parts.ts'
import type { Reports, Result } from '../reports.ts'
import { type LoadConfig, loadSettings } from './config.ts'
import { WRONG_TEXTS } from './counts.ts'
import type { UdpPeriod } from './measure.ts'

const KIND_NAMES = ['connect', 'announce', 'scrape'] as const

export const reports: Reports<LoadConfig, UdpPeriod> = {
  program: 'aquatic_udp_load_test',
  protocol: 'UDP',
  schema: loadSettings.schema,
  answers: 'answers',
  wrongTexts: WRONG_TEXTS,
  progress,
  sections: ({ period, whole }) => [
    traffic(period, whole),
    latency(period),
    ...flood(period),
    processes(period),
  ],
  json,
  charts,
}

function progress(period: UdpPeriod, wrong: number): string[] {
  const { seconds, sent, answered, counts, all } = period
  const latency = [0.5, 0.99].map((share) => figure(all.quantile(share))).join('/')
  return [
    `${rate(answered, seconds)} responses/s`,
    `lost ${percent(lostShare(counts.lost, sent), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    `p50/p99 ${latency} ms`,
    ...trackerProgress(period),
    ...(counts.flood_sent > 0 ? [`flood ${rate(counts.flood_sent, seconds)}/s`] : []),
    `${rate(sent, seconds)} requests/s`,
  ]
}

function traffic(period: UdpPeriod, whole: UdpPeriod): Section {
  const { seconds, counts, sent, answered } = period
  const kinds = KIND_NAMES.map((name) => [
    name,
    rate(counts[`sent_${name}`], seconds),
    rate(counts[`answered_${name}`], seconds),
  ])
  return {
    title: ratesTitle('per second', period, whole),
    head: ['', 'requests', 'responses'],
    rows: [
      ...kinds,
      ['errors', '', rate(counts.answered_error, seconds)],
      ['all', rate(sent, seconds), rate(answered, seconds)],
      ['bytes', byteText(counts.sent_bytes / seconds), byteText(counts.received_bytes / seconds)],
    ],
    notes: [
      `lost ${grouped(counts.lost)} (${percent(lostShare(counts.lost, sent), 1)}), late ${grouped(counts.late)}, ` +
        `not sent ${grouped(counts.send_failures)}, peers per announce ${figure(peersPerAnnounce(period))}`,
      `dropped at full receive buffers: tracker ${grouped(period.trackerDrops)}, ` +
        `load tester ${grouped(period.ownDrops)}`,
    ],
  }
}

function peersPerAnnounce({ counts }: UdpPeriod): number {
  return counts.returned_peers / Math.max(1, counts.answered_announce)
}

function latency({ all, latencies }: UdpPeriod): Section {
  const kinds = KIND_NAMES.map((name, i) => [name, latencies[i]] as const)
  return latencySection([...kinds, ['all', all]])
}

function flood({ counts, seconds }: UdpPeriod): Section[] {
  if (counts.flood_sent === 0) return []
  return [
    {
      title: 'flood, per second',
      head: ['', 'sent', 'answered'],
      rows: [
        ['packets', rate(counts.flood_sent, seconds), rate(counts.flood_answers, seconds)],
        [
          'bytes',
          byteText(counts.flood_sent_bytes / seconds),
          byteText(counts.flood_answered_bytes / seconds),
        ],
      ],
    },
  ]
}

function processes(period: UdpPeriod): Section {
  const counts = { own: period.sent + period.counts.flood_sent, tracker: period.answered }
  const note = 'CPU µs: of the load tester per request, of the tracker per response'
  return processSection(period, counts, note)
}

function json(period: UdpPeriod): object {
  const { seconds, counts, sent, answered, tracker, ownCpuSec } = period
  const perSecond = (count: number) => Number((count / seconds).toFixed(2))
  const kinds = (prefix: 'sent' | 'answered') =>
    KIND_NAMES.map((name) => [name, perSecond(counts[`${prefix}_${name}`])])
  return {
    seconds,
    requests_per_second: { all: perSecond(sent), ...Object.fromEntries(kinds('sent')) },
    responses_per_second: {
      all: perSecond(answered),
      ...Object.fromEntries(kinds('answered')),
      error: perSecond(counts.answered_error),
    },
    lost_share: lostShare(counts.lost, sent),
    latency_ms: {
      all: latencyJson(period.all),
      ...Object.fromEntries(KIND_NAMES.map((name, i) => [name, latencyJson(period.latencies[i])])),
    },
    peers_per_announce: peersPerAnnounce(period),
    counts,
    load_tester: cpuJson(ownCpuSec, 'request', sent),
    tracker: tracker && {
      ...cpuJson(tracker.cpuSec, 'response', answered),
      ...memoryJson(tracker.now),
    },
    receive_buffer_drops: { tracker: period.trackerDrops, load_tester: period.ownDrops },
  }
}

function charts({ periods, period }: Result<LoadConfig, UdpPeriod>): Chart[] {
  return [
    chartOver('Rate over time', periods, 'per second', {
      responses: ({ answered, seconds }) => answered / seconds,
      requests: ({ sent, seconds }) => sent / seconds,
      lost: ({ counts, seconds }) => counts.lost / seconds,
    }),
    chartOver('Latency over time', periods, 'ms', {
      p50: ({ all }) => all.quantile(0.5),
      p99: ({ all }) => all.quantile(0.99),
      'p99.9': ({ all }) => all.quantile(0.999),
    }),
    latencyChart('Latency', period.all),
    ...processCharts(periods),
  ]
}
