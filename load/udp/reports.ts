// What the reports of the UDP load tester have of their own: the progress line, rows, figures and
// charts. Used by run.ts and reports.ts of load/. Pure functions.

import { bytesText } from '../../src/config/quantities.ts'
import { grouped } from '../../src/metrics/text-table.ts'
import type { Plot } from '../../src/plot/plot.ts'
import type { Owed } from '../missing.ts'
import { figure, lostShare, percent, type Section } from '../report.ts'
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
  owed,
  gist: ({ counts, sent, answered, all }) => ({
    asked: sent,
    lost: counts.lost,
    errors: counts.answered_error,
    latency: all,
    responses: answered,
    per: 'response',
  }),
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

/** Drops at full buffers hit all kinds alike, but not exactly. */
const DROPS_FACTOR = 2

/**
 * Of each kind of request. What was answered with an error or as another kind was answered, and of which
 * kind that was is not counted.
 */
function owed({ config, whole }: Result<LoadConfig, UdpPeriod>): Owed[] {
  const { counts, sent } = whole
  const unclear = counts.answered_error + counts.wrong_kind
  const dropped = whole.trackerDrops + whole.ownDrops + counts.send_failures
  const { max_missing } = config.checks
  const mayBeLost =
    config.mode === 'flood' ? 1 : max_missing + (DROPS_FACTOR * dropped) / Math.max(1, sent)
  return KIND_NAMES.map((name) => {
    const [asked, came] = [counts[`sent_${name}`], counts[`answered_${name}`] + unclear]
    const others = (whole.answered + counts.wrong_kind - came) / Math.max(1, sent - asked)
    // However much is lost, it must not be of one kind.
    const mayLack = Math.min(mayBeLost, Math.max(max_missing, 1 - others / 2))
    return { kind: name, text: `answers to ${PLURALS[name]}`, owed: asked, came, mayLack }
  })
}

const PLURALS = { connect: 'connects', announce: 'announces', scrape: 'scrapes' } as const

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
      ['bytes', bytesText(counts.sent_bytes / seconds), bytesText(counts.received_bytes / seconds)],
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
          bytesText(counts.flood_sent_bytes / seconds),
          bytesText(counts.flood_answered_bytes / seconds),
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

function charts({ periods, period }: Result<LoadConfig, UdpPeriod>): Plot[] {
  return [
    chartOver('Rate over time', periods, '/s', {
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
