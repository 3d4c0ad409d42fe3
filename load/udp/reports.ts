// What the reports of the UDP load tester have of their own: the progress line, rows, figures and
// charts. Used by run.ts and reports.ts of load/. Pure functions.

import { grouped } from '../../src/metrics/text-table.ts'
import type { Plot } from '../../src/plot/plot.ts'
import type { Owed } from '../missing.ts'
import { figure, lostShare, percent, type Section } from '../report.ts'
import {
  chartOver,
  cpuJson,
  latencySection,
  memoryJson,
  processSection,
  rate,
  ratesTitle,
  trackerProgress,
} from '../report-parts.ts'
import type { Reports, Result } from '../reports.ts'
import {
  floodProgress,
  floodSections,
  latenciesJson,
  latencyCharts,
  latencyProgress,
  owedAnswers,
  peersPerAnnounce,
  ratesJson,
  trafficRows,
} from '../request-reports.ts'
import { requestShares } from '../simulated.ts'
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
  shares: ({ counts, sent }) => [
    ...requestShares(KIND_NAMES, counts),
    {
      kind: 'invalid_id',
      text: 'with an invalid id, of packets',
      part: counts.sent_invalid,
      whole: sent + counts.sent_invalid,
    },
  ],
  sections: ({ period, whole }) => [
    traffic(period, whole),
    latency(period),
    ...floodSections(period, 'packets'),
    processes(period),
  ],
  json,
  charts,
}

function progress(period: UdpPeriod, wrong: number): string[] {
  const { seconds, sent, answered, counts } = period
  return [
    `${rate(answered, seconds)} responses/s`,
    `lost ${percent(lostShare(counts.lost, sent), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    latencyProgress(period),
    ...trackerProgress(period),
    ...floodProgress(period),
    `${rate(sent, seconds)} requests/s`,
  ]
}

/** Drops at full buffers hit all kinds alike, but not exactly. */
const DROPS_FACTOR = 2

/** Of which kind an answer with an error, or of another kind than its request, should have been, is not counted. */
function owed(result: Result<LoadConfig, UdpPeriod>): Owed[] {
  const { counts, sent, trackerDrops, ownDrops } = result.whole
  const dropped = trackerDrops + ownDrops + counts.send_failures
  return owedAnswers(KIND_NAMES, result, {
    unclear: counts.answered_error + counts.wrong_kind,
    droppedShare: (DROPS_FACTOR * dropped) / Math.max(1, sent),
  })
}

function traffic(period: UdpPeriod, whole: UdpPeriod): Section {
  const { counts, sent } = period
  return {
    title: ratesTitle('per second', period, whole),
    head: ['', 'requests', 'responses'],
    rows: trafficRows(KIND_NAMES, period, 'errors'),
    notes: [
      `lost ${grouped(counts.lost)} (${percent(lostShare(counts.lost, sent), 1)}), late ${grouped(counts.late)}, ` +
        `not sent ${grouped(counts.send_failures)}, peers per announce ${figure(peersPerAnnounce(period))}`,
      `dropped at full receive buffers: tracker ${grouped(period.trackerDrops)}, ` +
        `load tester ${grouped(period.ownDrops)}`,
    ],
  }
}

function latency({ all, latencies }: UdpPeriod): Section {
  const kinds = KIND_NAMES.map((name, i) => [name, latencies[i]] as const)
  return latencySection([...kinds, ['all', all]])
}

function processes(period: UdpPeriod): Section {
  const { flood_sent, sent_invalid } = period.counts
  const counts = { own: period.sent + flood_sent + sent_invalid, tracker: period.answered }
  const note = 'CPU µs: of the load tester per request, of the tracker per response'
  return processSection(period, counts, note)
}

function json(period: UdpPeriod): object {
  const { seconds, counts, sent, answered, tracker, ownCpuSec } = period
  return {
    seconds,
    ...ratesJson(KIND_NAMES, period),
    lost_share: lostShare(counts.lost, sent),
    latency_ms: latenciesJson(KIND_NAMES, period),
    peers_per_announce: peersPerAnnounce(period),
    counts,
    load_tester: cpuJson(ownCpuSec, 'request', sent + counts.sent_invalid),
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
    ...latencyCharts(periods, period),
  ]
}
