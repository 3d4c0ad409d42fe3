// The figures of a run as people and programs read them: tables on standard output, the JSON file, the
// HTML report. Called by run.ts at the end. The rows, figures and charts of a protocol are in the
// reports.ts of its tester. Pure but for writing.
import { writeFileSync } from 'node:fs'
import { writeStdout } from '../src/config/output.ts'
import type { Schema } from '../src/config/schema.ts'
import { effectiveFile } from '../src/config/toml-text.ts'
import { grouped } from '../src/metrics/text-table.ts'
import type { Plot } from '../src/plot/plot.ts'
import { type OutputFiles, writeFailure } from './flags.ts'
import { describeHardware } from './machine.ts'
import { type Counts, type Period, WRONG, wrongOf } from './measure.ts'
import { type Missing, missingOf, type Owed } from './missing.ts'
import { figure, type Section, sectionsText } from './report.ts'
import { htmlReport } from './report-html.ts'
import { type CommonSettings, isLoopback } from './settings.ts'
import { type Announced, type Share, simulatedJson, simulatedSection } from './simulated.ts'
import { disturbance, type Gist, verdictSection } from './verdict.ts'

export interface Result<C, P> {
  readonly config: C
  readonly version: string
  /** Why the run ended early, or null. */
  readonly failure: string | null
  /** What the summary is about, the whole run, and each second of it. */
  readonly period: P
  readonly whole: P
  readonly periods: readonly P[]
  readonly announced: Announced
}

/** What the reports of a load tester have of their own. */
export interface Reports<C, P> {
  /** Name of the executable. */
  readonly program: string
  readonly protocol: string
  readonly schema: Schema
  /** What a tracker sends: 'answers' or 'messages'. */
  readonly answers: string
  /** What each wrong one means, by the name of its count. */
  readonly wrongTexts: Readonly<Record<string, string>>
  /** Short texts, the most important one first. `wrong`: so far. */
  readonly progress: (period: P, wrong: number) => string[]
  /** What the tracker had to send in the whole run. */
  readonly owed: (result: Result<C, P>) => Owed[]
  readonly gist: (period: P) => Gist
  /** The mix that was sent. */
  readonly shares: (period: P) => Share[]
  /** The verdict stands before them, those of the wrong answers follow. */
  readonly sections: (result: Result<C, P>) => Section[]
  /** What programs read of a period. Names are stable; new ones may come. */
  readonly json: (period: P) => object
  readonly charts: (result: Result<C, P>) => Plot[]
}

/** What did not come although it had to. Unknown for a run that ended early. */
export function missingIn<C, P>({ owed }: Reports<C, P>, result: Result<C, P>): Missing[] {
  return result.failure === null ? missingOf(owed(result)) : []
}

/** Returns what went wrong with a file, or null. */
export function writeReports<C extends CommonSettings, P extends Period>(
  reports: Reports<C, P>,
  result: Result<C, P>,
  files: OutputFiles,
): string | null {
  const { answers } = reports
  const { config, period, whole } = result
  const wrong = wrongOf(whole.counts)
  const missing = missingIn(reports, result)
  const gist = reports.gist(period)
  const warning = disturbance(period, isLoopback(config.server_address))
  const sections = [
    verdictSection({ answers, wrong, missing, gist, period, warning }),
    ...reports.sections(result),
    simulatedSection(config.profile, reports.shares(period), result.announced),
    wrongSection(reports, whole.counts),
  ]
  const text = sectionsText(sections)
  writeStdout(`${warning === '' ? text : text.replace(warning, bold)}\n`)
  try {
    if (files.json !== undefined) {
      writeFileSync(files.json, `${JSON.stringify(jsonOf(reports, result), null, 2)}\n`)
    }
    if (files.html !== undefined) {
      writeFileSync(files.html, htmlOf(reports, result, sections, warning))
    }
    return null
  } catch (error) {
    return `the report could not be written: ${writeFailure(error)}`
  }
}

/** Bold where the terminal can show it. */
function bold(text: string): string {
  return process.stdout.isTTY === true ? `\x1b[1m${text}\x1b[0m` : text
}

function wrongSection<C, P>(
  { answers, wrongTexts }: Reports<C, P>,
  counts: Counts<string>,
): Section {
  const title = `wrong ${answers}`
  const found = Object.entries(wrongTexts).filter(([name]) => counts[name] > 0)
  if (found.length === 0) return { title, head: ['', ''], rows: [['none', '0']] }
  return {
    title,
    head: ['', answers],
    rows: found.map(([name, text]) => [text, grouped(counts[name])]),
  }
}

function jsonOf<C extends CommonSettings, P extends Period>(
  reports: Reports<C, P>,
  result: Result<C, P>,
): object {
  const { program, answers, wrongTexts, json } = reports
  const { config, version, failure, period, whole, periods } = result
  const counts: Counts<string> = whole.counts
  const wrong = Object.keys(wrongTexts).map((name) => [name.slice(WRONG.length), counts[name]])
  return {
    program,
    version,
    date: new Date().toISOString(),
    failure,
    seed: config.seed,
    settings: config,
    machine: describeHardware(),
    [`wrong_${answers}`]: wrongOf(counts),
    wrong: Object.fromEntries(wrong),
    missing: Object.fromEntries(missingIn(reports, result).map(({ kind, count }) => [kind, count])),
    machine_use: period.machine,
    asked_for: simulatedJson(config.profile, reports.shares(period), result.announced),
    summary: json(period),
    samples: periods.map(json),
  }
}

function htmlOf<C extends CommonSettings, P extends Period>(
  reports: Reports<C, P>,
  result: Result<C, P>,
  sections: readonly Section[],
  warning: string,
): string {
  const { program, protocol, answers, schema, charts } = reports
  const { config, whole, version, failure } = result
  const wrong = wrongOf(whole.counts)
  const alarms = [
    ...(failure === null ? [] : [`The run ended early: ${failure}.`]),
    ...(wrong === 0 ? [] : [`${grouped(wrong)} wrong ${answers}: see the last table.`]),
    ...missingIn(reports, result).map(({ text, count }) => `${grouped(count)} missing ${text}.`),
    ...(warning === '' ? [] : [warning]),
  ]
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
  return htmlReport({
    title: `${protocol} load test of ${config.server_address}`,
    subtitle: `mode '${config.mode}', ${figure(whole.seconds)} s, ${date} UTC, ${program} ${version}`,
    alarm: alarms.join(' '),
    charts: charts(result),
    sections,
    settings: effectiveFile(schema, config, () => ''),
    machine: describeHardware(),
  })
}
