// What the reports of the load tester for HTTP trackers have of their own: the progress line, rows, figures
// and charts. Used by run.ts and reports.ts of load/. Pure functions.

import { bytesText } from '../../src/config/quantities.ts'
import { grouped } from '../../src/metrics/text-table.ts'
import type { Plot } from '../../src/plot/plot.ts'
import type { Owed } from '../missing.ts'
import { figure, lostShare, percent, type Section } from '../report.ts'
import {
  chartOver,
  cpuJson,
  DESCRIPTORS,
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
  owed,
  gist: (period) => ({
    asked: period.asked,
    lost: lostOf(period),
    errors: period.counts.answered_error,
    latency: period.all,
    responses: period.answered + period.counts.flood_answers,
    per: 'response',
  }),
  sections: ({ period, whole }) => [
    traffic(period, whole),
    latency(period),
    connections(period),
    ...flood(period),
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
  const { seconds, asked, answered, counts, all } = period
  const latency = [0.5, 0.99].map((share) => figure(all.quantile(share))).join('/')
  return [
    `${rate(answered, seconds)} responses/s`,
    `lost ${percent(lostShare(lostOf(period), asked), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    `p50/p99 ${latency} ms`,
    ...trackerProgress(period),
    `${rate(counts.connections_opened, seconds)} connections/s`,
    ...(counts.flood_sent > 0 ? [`flood ${rate(counts.flood_sent, seconds)}/s`] : []),
  ]
}

/** Of each kind of request. What was answered wrongly was answered. */
function owed({ config, whole }: Result<LoadConfig, HttpPeriod>): Owed[] {
  const { counts, sent, answered } = whole
  const { max_missing } = config.checks
  const mayBeLost = config.mode === 'flood' ? 1 : max_missing
  return KIND_NAMES.map((name) => {
    const [asked, came] = [counts[`sent_${name}`], counts[`answered_${name}`]]
    const others = (answered - came) / Math.max(1, sent - asked)
    // However much is lost, it must not be of one kind.
    const mayLack = Math.min(mayBeLost, Math.max(max_missing, 1 - others / 2))
    return { kind: name, text: `answers to ${name}s`, owed: asked, came, mayLack }
  })
}

function traffic(period: HttpPeriod, whole: HttpPeriod): Section {
  const { seconds, counts, asked, sent, answered } = period
  const kinds = KIND_NAMES.map((name) => [
    name,
    rate(counts[`sent_${name}`], seconds),
    rate(counts[`answered_${name}`], seconds),
  ])
  const lost = lostOf(period)
  return {
    title: ratesTitle('per second', period, whole),
    head: ['', 'requests', 'responses'],
    rows: [
      ...kinds,
      ['failures among them', '', rate(counts.answered_error, seconds)],
      ['all', rate(sent, seconds), rate(answered, seconds)],
      ['bytes', bytesText(counts.sent_bytes / seconds), bytesText(counts.received_bytes / seconds)],
    ],
    notes: [
      `lost ${grouped(lost)} (${percent(lostShare(lost, asked), 1)}), of them held back ` +
        `${grouped(counts.held_back)}; peers per announce ${figure(peersPerAnnounce(period))}`,
    ],
  }
}

function peersPerAnnounce({ counts }: HttpPeriod): number {
  return counts.returned_peers / Math.max(1, counts.answered_announce)
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

function flood({ counts, seconds }: HttpPeriod): Section[] {
  if (counts.flood_sent === 0) return []
  return [
    {
      title: 'flood, per second',
      head: ['', 'sent', 'answered'],
      rows: [
        ['requests', rate(counts.flood_sent, seconds), rate(counts.flood_answers, seconds)],
        [
          'bytes',
          bytesText(counts.flood_sent_bytes / seconds),
          bytesText(counts.flood_answered_bytes / seconds),
        ],
      ],
      notes: ['bytes answered are those of bodies'],
    },
  ]
}

function processes(period: HttpPeriod): Section {
  const { sent, answered, counts } = period
  const both = { own: sent + counts.flood_sent, tracker: answered + counts.flood_answers }
  const note = 'CPU µs: of the load tester per request, of the tracker per response'
  return processSection(period, both, note, [DESCRIPTORS])
}

function json(period: HttpPeriod): object {
  const { seconds, counts, asked, sent, answered, tracker, ownCpuSec } = period
  const perSecond = (count: number) => Number((count / seconds).toFixed(2))
  const kinds = (prefix: 'sent' | 'answered') =>
    KIND_NAMES.map((name) => [name, perSecond(counts[`${prefix}_${name}`])])
  const responses = answered + counts.flood_answers
  return {
    seconds,
    requests_per_second: { all: perSecond(sent), ...Object.fromEntries(kinds('sent')) },
    responses_per_second: {
      all: perSecond(answered),
      ...Object.fromEntries(kinds('answered')),
      error: perSecond(counts.answered_error),
    },
    lost_share: lostShare(lostOf(period), asked),
    latency_ms: {
      all: latencyJson(period.all),
      ...Object.fromEntries(LATENCIES.map((name, i) => [name, latencyJson(period.latencies[i])])),
    },
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
    chartOver('Latency over time', periods, 'ms', {
      p50: ({ all }) => all.quantile(0.5),
      p99: ({ all }) => all.quantile(0.99),
      'p99.9': ({ all }) => all.quantile(0.999),
    }),
    latencyChart('Latency', period.all),
    ...processCharts(periods),
  ]
}
