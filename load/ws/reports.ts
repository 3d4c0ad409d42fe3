// What the reports of the WebTorrent load tester have of their own: the progress line, rows, figures
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
import { requestShares } from '../simulated.ts'
import { type LoadConfig, loadSettings } from './config.ts'
import { type Counts, LATENCIES, OFFER, WRONG_TEXTS } from './counts.ts'
import type { WsPeriod } from './measure.ts'
import { isMix, mixDoubt, mixJson, mixSection } from './mix-report.ts'

const LATENCY_TEXTS: Readonly<Record<(typeof LATENCIES)[number], string>> = {
  announce: 'announce → response',
  scrape: 'scrape → response',
  offer: 'announce → offer delivered',
  answer: 'answer → answer delivered',
  handshake: 'connect → open',
}

export const reports: Reports<LoadConfig, WsPeriod> = {
  program: 'aquatic_ws_load_test',
  protocol: 'WebTorrent',
  schema: loadSettings.schema,
  answers: 'messages',
  wrongTexts: WRONG_TEXTS,
  progress,
  owed,
  gist: (period) => ({
    asked: askedOf(period.counts),
    lost: period.counts.lost,
    errors: period.counts.received_error,
    latency: period.responses,
    responses: isMix(period) ? period.received : period.sent + period.received,
    per: isMix(period) ? 'response' : 'message',
    doubt: mixDoubt(period),
  }),
  shares: ({ counts }) => requestShares(['announce', 'scrape'], counts),
  sections: ({ period, whole }) => [
    ...(isMix(period) ? [mixSection(period)] : []),
    traffic(period, whole),
    signalling(period.counts),
    latencySection(LATENCIES.map((name, i) => [LATENCY_TEXTS[name], period.latencies[i]])),
    connections(period, whole.counts),
    processes(period),
  ],
  json,
  charts,
}

function progress(period: WsPeriod, wrong: number): string[] {
  const { seconds, received, counts, responses, connections, latencies } = period
  return [
    `${rate(received, seconds)} messages/s`,
    `${rate(counts.received_announce, seconds)} announces/s`,
    `lost ${percent(lostShare(counts.lost, askedOf(counts)), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    `p50/p99 ${figure(responses.quantile(0.5))}/${figure(responses.quantile(0.99))} ms`,
    ...trackerProgress(period),
    `${grouped(connections)} ${connections === 1 ? 'connection' : 'connections'}`,
    `${figure(offersPerAnnounce(counts))} offers/announce`,
    `offer p99 ${figure(latencies[OFFER].quantile(0.99))} ms`,
  ]
}

/** What came in another form than it should is wrong, not missing. */
function owed({ config, whole: { counts } }: Result<LoadConfig, WsPeriod>): Owed[] {
  const mayLack = config.checks.max_missing
  const { wrong_json, wrong_kind, wrong_fields, wrong_torrent, received_error, late } = counts
  const unclear = wrong_json + wrong_kind + wrong_fields + received_error + late
  const wrongOffers = wrong_torrent + counts.wrong_own_offer + counts.wrong_offer_changed
  const wrongAnswers = wrong_torrent + counts.wrong_answer_changed + counts.wrong_answer_sender
  const row = (kind: string, text: string, number: number, came: number) => ({
    kind,
    text,
    owed: number,
    came,
    mayLack,
  })
  return [
    row(
      'announce',
      'responses to announces',
      counts.sent_announce,
      counts.received_announce + unclear,
    ),
    row('scrape', 'responses to scrapes', counts.sent_scrape, counts.received_scrape + unclear),
    row(
      'offer',
      'deliverable offers',
      counts.expected_offer,
      counts.received_offer + wrongOffers + counts.wrong_offer_sender,
    ),
    row(
      'answer',
      'answers to offers',
      counts.sent_answer,
      counts.received_answer + wrongAnswers + counts.wrong_answer_receiver,
    ),
  ]
}

/** Requests, which can be lost. */
function askedOf({ sent_announce, sent_scrape }: Counts): number {
  return sent_announce + sent_scrape
}

function offersPerAnnounce({ received_offer, received_announce }: Counts): number {
  return received_offer / received_announce
}

function traffic(period: WsPeriod, whole: WsPeriod): Section {
  const { seconds, counts, sent, received } = period
  const row = (name: string, to: number, from: number) => [
    name,
    rate(to, seconds),
    rate(from, seconds),
  ]
  return {
    title: ratesTitle('messages per second', period, whole),
    head: ['', 'to tracker', 'from tracker'],
    rows: [
      row('announces', counts.sent_announce, counts.received_announce),
      row('scrapes', counts.sent_scrape, counts.received_scrape),
      ['offers', `(${rate(counts.sent_offer, seconds)})`, rate(counts.received_offer, seconds)],
      row('answers', counts.sent_answer, counts.received_answer),
      ['errors', '', rate(counts.received_error, seconds)],
      row('all', sent, received),
      ['bytes', bytesText(counts.sent_bytes / seconds), bytesText(counts.received_bytes / seconds)],
    ],
    notes: [
      `lost ${grouped(counts.lost)} (${percent(lostShare(counts.lost, askedOf(counts)), 1)}), ` +
        `late ${grouped(counts.late)}, held back ${grouped(counts.held_back)}; offers travel in announces`,
    ],
  }
}

function signalling(counts: Counts): Section {
  const { sent_offer, received_offer, sent_answer, received_answer, received_announce } = counts
  const row = (name: string, count: number, of: number) => [
    name,
    grouped(count),
    percent(count, of),
  ]
  return {
    title: 'offers and answers',
    head: ['', '', 'share'],
    rows: [
      ['offers sent', grouped(sent_offer), ''],
      row('offers delivered, of those sent', received_offer, sent_offer),
      row('offers answered, of those delivered', sent_answer, received_offer),
      row('answers delivered, of those sent', received_answer, sent_answer),
      ['offers delivered per announce', figure(offersPerAnnounce(counts)), ''],
      ['answers delivered per announce', figure(received_answer / received_announce), ''],
    ],
  }
}

function connections(period: WsPeriod, all: Counts): Section {
  return {
    title: 'connections',
    head: ['', ''],
    rows: [
      ['open at the end', grouped(period.connections)],
      ['opened', grouped(all.connections_opened)],
      ['not opened', grouped(all.connections_failed)],
      ['closed by the tracker', grouped(all.connections_lost)],
    ],
  }
}

function processes(period: WsPeriod): Section {
  const messages = period.sent + period.received
  const note = 'CPU µs: per message, both directions together'
  return processSection(period, { own: messages, tracker: messages }, note, [DESCRIPTORS])
}

function json(period: WsPeriod): object {
  const { seconds, counts, sent, received, tracker, ownCpuSec } = period
  const perSecond = (count: number) => Number((count / seconds).toFixed(2))
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
  return {
    seconds,
    sent_per_second: {
      all: perSecond(sent),
      announce: perSecond(counts.sent_announce),
      scrape: perSecond(counts.sent_scrape),
      offer: perSecond(counts.sent_offer),
      answer: perSecond(counts.sent_answer),
    },
    received_per_second: {
      all: perSecond(received),
      announce: perSecond(counts.received_announce),
      scrape: perSecond(counts.received_scrape),
      offer: perSecond(counts.received_offer),
      answer: perSecond(counts.received_answer),
      error: perSecond(counts.received_error),
    },
    lost_share: lostShare(counts.lost, askedOf(counts)),
    offers_delivered_per_announce: share(counts.received_offer, counts.received_announce),
    answers_delivered_per_answer: share(counts.received_answer, counts.sent_answer),
    latency_ms: Object.fromEntries(
      LATENCIES.map((name, i) => [name, latencyJson(period.latencies[i])]),
    ),
    connections: period.connections,
    ...(isMix(period) ? { mix: mixJson(period) } : {}),
    counts,
    load_tester: cpuJson(ownCpuSec, 'message', sent + received),
    tracker: tracker && {
      ...cpuJson(tracker.cpuSec, 'message', sent + received),
      ...memoryJson(tracker.now),
      open_files: tracker.now.openFiles,
    },
  }
}

function charts({ periods, period }: Result<LoadConfig, WsPeriod>): Plot[] {
  const found = [
    chartOver('Messages over time', periods, '/s', {
      'from tracker': ({ received, seconds }) => received / seconds,
      offers: ({ counts, seconds }) => counts.received_offer / seconds,
      answers: ({ counts, seconds }) => counts.received_answer / seconds,
      announces: ({ counts, seconds }) => counts.received_announce / seconds,
      lost: ({ counts, seconds }) => counts.lost / seconds,
    }),
    chartOver('Offers delivered per announce', periods, '', {
      delivered: ({ counts }) => offersPerAnnounce(counts),
    }),
    chartOver('Latency over time', periods, 'ms', {
      'response p50': ({ responses }) => responses.quantile(0.5),
      'response p99': ({ responses }) => responses.quantile(0.99),
      'offer p50': ({ latencies }) => latencies[OFFER].quantile(0.5),
      'offer p99': ({ latencies }) => latencies[OFFER].quantile(0.99),
    }),
    latencyChart('Latency of responses', period.responses),
    latencyChart('Latency of offers', period.latencies[OFFER]),
    ...processCharts(periods),
  ]
  if (period.tracker === null) return found
  const descriptors = ({ tracker }: WsPeriod) => tracker?.now.openFiles ?? Number.NaN
  return [...found, chartOver("The tracker's open descriptors", periods, '', { descriptors })]
}
