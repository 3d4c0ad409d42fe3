// What the reports of the load tester for HTTP trackers have of their own: the progress line, rows, figures
// and charts. Used by run.ts and reports.ts of load/. Pure functions.

import { grouped } from '../../src/metrics/text-table.ts'
import type { Plot } from '../../src/plot/plot.ts'
import { figure, lostShare, percent, type Section } from '../report.ts'
import {
  chartOver,
  cpuJson,
  DESCRIPTORS,
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
import { LATENCIES, WRONG_TEXTS } from './counts.ts'
import type { HttpPeriod } from './measure.ts'

const KIND_NAMES = ['announce', 'scrape'] as const

export const reports: Reports<LoadConfig, HttpPeriod> = {
  program: 'aquatic_http_load_test',
  protocol: 'HTTP',
  schema: loadSettings.schema,
  answers: 'answers',
  wrongTexts: WRONG_TEXTS,
  progress,
  // What was answered wrongly was answered.
  owed: (result) => owedAnswers(KIND_NAMES, result),
  gist: (period) => ({
    asked: period.asked,
    lost: lostOf(period),
    errors: period.counts.answered_error,
    latency: period.all,
    responses: period.answered + period.counts.flood_answers,
    per: 'response',
  }),
  shares: ({ counts }) => requestShares(KIND_NAMES, counts),
  sections: ({ period, whole }) => [
    traffic(period, whole),
    latency(period),
    connections(period),
    ...floodSections(period, 'requests', ['bytes answered are those of bodies']),
    processes(period),
  ],
  json,
  charts,
}

/** What was sent and not answered, and what became due and could not be sent. */
function lostOf({ counts }: HttpPeriod): number {
  return counts.lost + counts.held_back
}

function progress(period: HttpPeriod, wrong: number): string[] {
  const { seconds, asked, answered, counts } = period
  return [
    `${rate(answered, seconds)} responses/s`,
    `lost ${percent(lostShare(lostOf(period), asked), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    latencyProgress(period),
    ...trackerProgress(period),
    `${rate(counts.connections_opened, seconds)} connections/s`,
    ...floodProgress(period),
  ]
}

function traffic(period: HttpPeriod, whole: HttpPeriod): Section {
  const { counts, asked } = period
  const lost = lostOf(period)
  return {
    title: ratesTitle('per second', period, whole),
    head: ['', 'requests', 'responses'],
    rows: trafficRows(KIND_NAMES, period, 'failures among them'),
    notes: [
      `lost ${grouped(lost)} (${percent(lostShare(lost, asked), 1)}), of them held back ` +
        `${grouped(counts.held_back)}; peers per announce ${figure(peersPerAnnounce(period))}`,
    ],
  }
}

function latency({ all, latencies }: HttpPeriod): Section {
  const [announce, scrape, connect] = latencies
  return latencySection([
    ['announce', announce],
    ['scrape', scrape],
    ['both', all],
    ['connect → open', connect],
  ])
}

function connections({ counts, seconds, sent }: HttpPeriod): Section {
  const row = (name: string, count: number) => [name, grouped(count), rate(count, seconds)]
  const perConnection = sent / Math.max(1, counts.connections_opened - counts.flood_sent)
  return {
    title: 'connections',
    head: ['', '', 'per second'],
    rows: [
      row('opened', counts.connections_opened),
      row('not opened', counts.connections_failed),
      row('closed without an answer', counts.connections_unanswered),
      row('sessions resumed', counts.sessions_resumed),
      row('requests on kept ones', counts.sent_on_kept),
      row('requests asked again', counts.retried),
    ],
    notes: [
      `${figure(perConnection)} requests per connection; asked again is what a kept connection was ` +
        'closed on before it was answered',
    ],
  }
}

function processes(period: HttpPeriod): Section {
  const { sent, answered, counts } = period
  const both = { own: sent + counts.flood_sent, tracker: answered + counts.flood_answers }
  const note = 'CPU µs: of the load tester per request, of the tracker per response'
  return processSection(period, both, note, [DESCRIPTORS])
}

function json(period: HttpPeriod): object {
  const { seconds, counts, asked, sent, answered, tracker, ownCpuSec } = period
  const responses = answered + counts.flood_answers
  return {
    seconds,
    ...ratesJson(KIND_NAMES, period),
    lost_share: lostShare(lostOf(period), asked),
    latency_ms: latenciesJson(LATENCIES, period),
    peers_per_announce: peersPerAnnounce(period),
    counts,
    load_tester: cpuJson(ownCpuSec, 'request', sent + counts.flood_sent),
    tracker: tracker && {
      ...cpuJson(tracker.cpuSec, 'response', responses),
      ...memoryJson(tracker.now),
      open_files: tracker.now.openFiles,
    },
  }
}

function charts({ periods, period }: Result<LoadConfig, HttpPeriod>): Plot[] {
  return [
    chartOver('Rate over time', periods, '/s', {
      responses: ({ answered, seconds }) => answered / seconds,
      requests: ({ sent, seconds }) => sent / seconds,
      connections: ({ counts, seconds }) => counts.connections_opened / seconds,
      lost: (one) => lostOf(one) / one.seconds,
    }),
    ...latencyCharts(periods, period),
  ]
}
