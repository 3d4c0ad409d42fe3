// The figures of a run as people and programs read them: the progress line, the final tables, the
// JSON file, the HTML report. Called by main.ts. Pure but for writing the files.
import { writeFileSync } from 'node:fs'
import { writeStdout } from '../../src/config/output.ts'
import { effectiveFile } from '../../src/config/toml-text.ts'
import { describeHardware } from '../machine.ts'
import {
  byteText,
  figure,
  grouped,
  lostShare,
  percent,
  type Section,
  sectionsText,
} from '../report.ts'
import { type Chart, htmlReport } from '../report-html.ts'
import {
  cpuLines,
  latencyJson,
  latencySection,
  lineOf,
  memoryLines,
  quantileMarks,
  secondsOf,
  trackerProgress,
} from '../report-parts.ts'
import { type OutputFiles, writeFailure } from '../run.ts'
import { histogramChart, lineChart } from '../svg.ts'
import { type LoadConfig, loadSettings } from './config.ts'
import { type Counts, LATENCIES, OFFER, WRONG_NAMES, WRONG_TEXTS, wrongOf } from './counts.ts'
import type { Period } from './measure.ts'

export interface Result {
  readonly config: LoadConfig
  readonly version: string
  /** Why the run ended early, or null. */
  readonly failure: string | null
  /** What the summary is about, the whole run, and each second of it. */
  readonly period: Period
  readonly whole: Period
  readonly periods: readonly Period[]
}

const LATENCY_TEXTS: Readonly<Record<(typeof LATENCIES)[number], string>> = {
  announce: 'announce → response',
  scrape: 'scrape → response',
  offer: 'announce → offer delivered',
  answer: 'answer → answer delivered',
  handshake: 'connect → open',
}

export function progressParts(period: Period, wrong: number): string[] {
  const { seconds, received, counts, responses, connections, latencies } = period
  const asked = counts.sent_announce + counts.sent_scrape
  return [
    `${grouped(received / seconds)} messages/s`,
    `${grouped(counts.received_announce / seconds)} announces/s`,
    `lost ${percent(lostShare(counts.lost, asked), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    `p50/p99 ${figure(responses.quantile(0.5))}/${figure(responses.quantile(0.99))} ms`,
    ...trackerProgress(period),
    `${grouped(connections)} connections`,
    `${figure(offersPerAnnounce(counts))} offers/announce`,
    `offer p99 ${figure(latencies[OFFER].quantile(0.99))} ms`,
  ]
}

/** Returns what went wrong with a file, or null. */
export function writeReports(result: Result, files: OutputFiles): string | null {
  const sections = sectionsOf(result)
  writeStdout(`${sectionsText(sections)}\n`)
  try {
    if (files.json !== undefined) {
      writeFileSync(files.json, `${JSON.stringify(jsonOf(result), null, 2)}\n`)
    }
    if (files.html !== undefined) writeFileSync(files.html, htmlOf(result, sections))
    return null
  } catch (error) {
    return `the report could not be written: ${writeFailure(error)}`
  }
}

export function sectionsOf({ period, whole }: Result): Section[] {
  return [
    traffic(period, period.seconds < whole.seconds),
    signalling(period.counts),
    latencySection(LATENCIES.map((name, i) => [LATENCY_TEXTS[name], period.latencies[i]])),
    connections(period, whole.counts),
    processes(period),
    wrongMessages(whole.counts),
  ]
}

function traffic(period: Period, isPart: boolean): Section {
  const { seconds, counts, sent, received } = period
  const row = (name: string, to: number, from: number) => [
    name,
    rate(to, seconds),
    rate(from, seconds),
  ]
  const part = isPart ? ', the last of the run' : ''
  const asked = counts.sent_announce + counts.sent_scrape
  return {
    title: `messages per second (${figure(seconds)} s${part})`,
    head: ['', 'to tracker', 'from tracker'],
    rows: [
      row('announces', counts.sent_announce, counts.received_announce),
      row('scrapes', counts.sent_scrape, counts.received_scrape),
      ['offers', `(${rate(counts.sent_offer, seconds)})`, rate(counts.received_offer, seconds)],
      row('answers', counts.sent_answer, counts.received_answer),
      ['errors', '', rate(counts.received_error, seconds)],
      row('all', sent, received),
      ['bytes', byteText(counts.sent_bytes / seconds), byteText(counts.received_bytes / seconds)],
    ],
    notes: [
      `lost ${grouped(counts.lost)} (${percent(lostShare(counts.lost, asked), 1)}), late ${grouped(counts.late)}, ` +
        `held back ${grouped(counts.held_back)}; offers travel in announces`,
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

function offersPerAnnounce(counts: Counts): number {
  return counts.received_offer / counts.received_announce
}

function connections(period: Period, all: Counts): Section {
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

function processes(period: Period): Section {
  const { seconds, sent, received, ownCpuSec, tracker } = period
  const core = (cpuSec: number) => `${((cpuSec / seconds) * 100).toFixed(0)} %`
  const micros = (cpuSec: number) => figure((cpuSec / (sent + received)) * 1e6)
  const rows = [['load tester', core(ownCpuSec), micros(ownCpuSec), '', '', '']]
  if (tracker !== null) {
    const { rssKb, peakKb, openFiles } = tracker.now
    rows.push([
      'tracker',
      core(tracker.cpuSec),
      micros(tracker.cpuSec),
      (rssKb / 1024).toFixed(1),
      (peakKb / 1024).toFixed(1),
      grouped(openFiles),
    ])
  }
  return {
    title: 'processes',
    head: ['', 'of a core', 'CPU µs', 'resident MB', 'peak MB', 'descriptors'],
    rows,
    notes: ['CPU µs: per message, both directions together'],
  }
}

function wrongMessages(counts: Counts): Section {
  const rows = WRONG_NAMES.filter((name) => counts[name] > 0).map((name) => [
    WRONG_TEXTS[name] ?? name,
    grouped(counts[name]),
  ])
  if (rows.length === 0) return { title: 'wrong messages', head: ['', ''], rows: [['none', '0']] }
  return { title: 'wrong messages', head: ['', 'messages'], rows }
}

function rate(count: number, seconds: number): string {
  return grouped(count / seconds)
}

/** What programs read. Names are stable; new ones may come. */
export function jsonOf(result: Result): object {
  const { config, version, failure, period, whole, periods } = result
  return {
    program: 'aquatic_ws_load_test',
    version,
    date: new Date().toISOString(),
    failure,
    seed: config.seed,
    settings: config,
    machine: describeHardware(),
    wrong_messages: wrongOf(whole.counts),
    wrong: Object.fromEntries(WRONG_NAMES.map((name) => [name.slice(6), whole.counts[name]])),
    summary: periodJson(period),
    samples: periods.map(periodJson),
  }
}

function periodJson(period: Period): object {
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
    lost_share: lostShare(counts.lost, counts.sent_announce + counts.sent_scrape),
    offers_delivered_per_announce: share(counts.received_offer, counts.received_announce),
    answers_delivered_per_answer: share(counts.received_answer, counts.sent_answer),
    latency_ms: Object.fromEntries(
      LATENCIES.map((name, i) => [name, latencyJson(period.latencies[i])]),
    ),
    connections: period.connections,
    counts,
    load_tester: {
      cpu_seconds: ownCpuSec,
      cpu_micros_per_message: (ownCpuSec / (sent + received)) * 1e6,
    },
    tracker: tracker && {
      cpu_seconds: tracker.cpuSec,
      cpu_micros_per_message: (tracker.cpuSec / (sent + received)) * 1e6,
      resident_kb: tracker.now.rssKb,
      peak_kb: tracker.now.peakKb,
      open_files: tracker.now.openFiles,
    },
  }
}

function htmlOf(result: Result, sections: readonly Section[]): string {
  const { config, whole, version, failure } = result
  const wrong = wrongOf(whole.counts)
  const alarms = [
    ...(failure === null ? [] : [`The run ended early: ${failure}.`]),
    ...(wrong === 0 ? [] : [`${grouped(wrong)} wrong messages: see the last table.`]),
  ]
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
  return htmlReport({
    title: `WebTorrent load test of ${config.server_address}`,
    subtitle: `mode '${config.mode}', ${figure(whole.seconds)} s, ${date} UTC, aquatic_ws_load_test ${version}`,
    alarm: alarms.join(' '),
    charts: charts(result),
    sections,
    settings: effectiveFile(loadSettings.schema, config, () => ''),
    machine: describeHardware(),
  })
}

function charts({ periods, period }: Result): Chart[] {
  const seconds = secondsOf(periods)
  const rates = [
    lineOf('from tracker', periods, ({ received, seconds }) => received / seconds),
    lineOf('offers', periods, ({ counts, seconds }) => counts.received_offer / seconds),
    lineOf('answers', periods, ({ counts, seconds }) => counts.received_answer / seconds),
    lineOf('announces', periods, ({ counts, seconds }) => counts.received_announce / seconds),
    lineOf('lost', periods, ({ counts, seconds }) => counts.lost / seconds),
  ]
  const offers = [lineOf('delivered', periods, ({ counts }) => offersPerAnnounce(counts))]
  const latencies = [
    lineOf('response p50', periods, ({ responses }) => responses.quantile(0.5)),
    lineOf('response p99', periods, ({ responses }) => responses.quantile(0.99)),
    lineOf('offer p50', periods, ({ latencies }) => latencies[OFFER].quantile(0.5)),
    lineOf('offer p99', periods, ({ latencies }) => latencies[OFFER].quantile(0.99)),
  ]
  const histogram = (distribution: typeof period.responses) =>
    histogramChart(distribution.bars(8), 'ms', quantileMarks(distribution))
  const found: Chart[] = [
    { title: 'Messages over time', svg: lineChart(seconds, rates, 'per second') },
    { title: 'Offers delivered per announce', svg: lineChart(seconds, offers, 'offers') },
    { title: 'Latency over time', svg: lineChart(seconds, latencies, 'ms') },
    { title: 'Latency of responses', svg: histogram(period.responses) },
    { title: 'Latency of offers', svg: histogram(period.latencies[OFFER]) },
  ]
  if (period.tracker === null) return found
  const files = [
    lineOf('descriptors', periods, ({ tracker }) => tracker?.now.openFiles ?? Number.NaN),
  ]
  return [
    ...found,
    { title: 'Processor time', svg: lineChart(seconds, cpuLines(periods), '% of a core') },
    { title: "The tracker's memory", svg: lineChart(seconds, memoryLines(periods), 'MB') },
    { title: "The tracker's open descriptors", svg: lineChart(seconds, files, '') },
  ]
}
