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
import { COUNTS, type Counts, WRONG_TEXTS } from './counts.ts'
import { type Period, wrongOf } from './measure.ts'
import type { PopulationBuffers } from './population.ts'

export interface Result {
  readonly config: LoadConfig
  readonly version: string
  /** Why the run ended early, or null. */
  readonly failure: string | null
  /** What the summary is about, the whole run, and each second of it. */
  readonly period: Period
  readonly whole: Period
  readonly periods: readonly Period[]
  readonly population: PopulationBuffers
}

const KIND_NAMES = ['connect', 'announce', 'scrape'] as const

export function progressParts(period: Period, wrong: number): string[] {
  const { seconds, sent, answered, counts, all } = period
  const latency = [0.5, 0.99].map((share) => figure(all.quantile(share))).join('/')
  return [
    `${grouped(answered / seconds)} responses/s`,
    `lost ${percent(lostShare(counts.lost, sent), 1)}`,
    ...(wrong > 0 ? [`WRONG ${wrong}`] : []),
    `p50/p99 ${latency} ms`,
    ...trackerProgress(period),
    ...(counts.flood_sent > 0 ? [`flood ${grouped(counts.flood_sent / seconds)}/s`] : []),
    `${grouped(sent / seconds)} requests/s`,
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

export function sectionsOf(result: Result): Section[] {
  const { period } = result
  return [
    traffic(period, period.seconds < result.whole.seconds),
    latency(period),
    ...flood(period),
    processes(period),
    wrongAnswers(result.whole.counts),
  ]
}

function traffic(period: Period, isPart: boolean): Section {
  const { seconds, counts, sent, answered } = period
  const kinds = KIND_NAMES.map((name) => [
    name,
    rate(counts[`sent_${name}`], seconds),
    rate(counts[`answered_${name}`], seconds),
  ])
  const peers = counts.returned_peers / Math.max(1, counts.answered_announce)
  const part = isPart ? ', the last of the run' : ''
  return {
    title: `per second (${figure(seconds)} s${part})`,
    head: ['', 'requests', 'responses'],
    rows: [
      ...kinds,
      ['errors', '', rate(counts.answered_error, seconds)],
      ['all', rate(sent, seconds), rate(answered, seconds)],
      ['bytes', byteText(counts.sent_bytes / seconds), byteText(counts.received_bytes / seconds)],
    ],
    notes: [
      `lost ${grouped(counts.lost)} (${percent(lostShare(counts.lost, sent), 1)}), late ${grouped(counts.late)}, ` +
        `not sent ${grouped(counts.send_failures)}, peers per announce ${figure(peers)}`,
      `dropped at full receive buffers: tracker ${grouped(period.trackerDrops)}, ` +
        `load tester ${grouped(period.ownDrops)}`,
    ],
  }
}

function latency({ all, latencies }: Period): Section {
  const kinds = KIND_NAMES.map((name, i) => [name, latencies[i]] as const)
  return latencySection([...kinds, ['all', all]])
}

function flood({ counts, seconds }: Period): Section[] {
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

function processes(period: Period): Section {
  const { seconds, sent, answered, ownCpuSec, tracker, counts } = period
  const core = (cpuSec: number) => `${((cpuSec / seconds) * 100).toFixed(0)} %`
  const micros = (cpuSec: number, count: number) => figure((cpuSec / count) * 1e6)
  const packets = sent + counts.flood_sent
  const rows = [['load tester', core(ownCpuSec), micros(ownCpuSec, packets), '', '']]
  if (tracker !== null) {
    const { rssKb, peakKb } = tracker.now
    rows.push([
      'tracker',
      core(tracker.cpuSec),
      micros(tracker.cpuSec, answered),
      (rssKb / 1024).toFixed(1),
      (peakKb / 1024).toFixed(1),
    ])
  }
  return {
    title: 'processes',
    head: ['', 'of a core', 'CPU µs', 'resident MB', 'peak MB'],
    rows,
    notes: ['CPU µs: of the load tester per request, of the tracker per response'],
  }
}

function wrongAnswers(counts: Counts): Section {
  const rows = COUNTS.filter((name) => name.startsWith('wrong_') && counts[name] > 0).map(
    (name) => [WRONG_TEXTS[name] ?? name, grouped(counts[name])],
  )
  if (rows.length === 0) return { title: 'wrong answers', head: ['', ''], rows: [['none', '0']] }
  return { title: 'wrong answers', head: ['', 'answers'], rows }
}

function rate(count: number, seconds: number): string {
  return grouped(count / seconds)
}

/** What programs read. Names are stable; new ones may come. */
export function jsonOf(result: Result): object {
  const { config, version, failure, period, whole, periods } = result
  const wrong = COUNTS.filter((name) => name.startsWith('wrong_'))
  return {
    program: 'aquatic_udp_load_test',
    version,
    date: new Date().toISOString(),
    failure,
    seed: config.seed,
    settings: config,
    machine: describeHardware(),
    wrong_answers: wrongOf(whole.counts),
    wrong: Object.fromEntries(wrong.map((name) => [name.slice(6), whole.counts[name]])),
    summary: periodJson(period),
    samples: periods.map(periodJson),
  }
}

function periodJson(period: Period): object {
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
    peers_per_announce: counts.returned_peers / Math.max(1, counts.answered_announce),
    counts,
    load_tester: { cpu_seconds: ownCpuSec, cpu_micros_per_request: (ownCpuSec / sent) * 1e6 },
    tracker: tracker && {
      cpu_seconds: tracker.cpuSec,
      cpu_micros_per_response: (tracker.cpuSec / answered) * 1e6,
      resident_kb: tracker.now.rssKb,
      peak_kb: tracker.now.peakKb,
    },
    receive_buffer_drops: { tracker: period.trackerDrops, load_tester: period.ownDrops },
  }
}

function htmlOf(result: Result, sections: readonly Section[]): string {
  const { config, whole, version, failure } = result
  const wrong = wrongOf(whole.counts)
  const alarms = [
    ...(failure === null ? [] : [`The run ended early: ${failure}.`]),
    ...(wrong === 0 ? [] : [`${grouped(wrong)} wrong answers: see the last table.`]),
  ]
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
  return htmlReport({
    title: `UDP load test of ${config.server_address}`,
    subtitle: `mode '${config.mode}', ${figure(whole.seconds)} s, ${date} UTC, aquatic_udp_load_test ${version}`,
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
    lineOf('responses', periods, ({ answered, seconds }) => answered / seconds),
    lineOf('requests', periods, ({ sent, seconds }) => sent / seconds),
    lineOf('lost', periods, ({ counts, seconds }) => counts.lost / seconds),
  ]
  const latencies = [0.5, 0.99, 0.999].map((share) =>
    lineOf(`p${share * 100}`, periods, ({ all }) => all.quantile(share)),
  )
  const marks = quantileMarks(period.all)
  const found: Chart[] = [
    { title: 'Rate over time', svg: lineChart(seconds, rates, 'per second') },
    { title: 'Latency over time', svg: lineChart(seconds, latencies, 'ms') },
    { title: 'Latency', svg: histogramChart(period.all.bars(8), 'ms', marks) },
  ]
  if (period.tracker === null) return found
  return [
    ...found,
    { title: 'Processor time', svg: lineChart(seconds, cpuLines(periods), '% of a core') },
    { title: "The tracker's memory", svg: lineChart(seconds, memoryLines(periods), 'MB') },
  ]
}
