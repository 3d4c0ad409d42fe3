// The figures of a run as people and programs read them: tables on standard output, the JSON file, the
// HTML report. Called by run.ts at the end. The rows, figures and charts of a protocol are in the
// reports.ts of its tester. Pure but for writing.
import { writeFileSync } from 'node:fs'
import { writeStdout } from '../src/config/output.ts'
import type { Schema } from '../src/config/schema.ts'
import { effectiveFile } from '../src/config/toml-text.ts'
import { type OutputFiles, writeFailure } from './flags.ts'
import { describeHardware } from './machine.ts'
import { type Counts, type Period, WRONG, wrongOf } from './measure.ts'
import { figure, grouped, type Section, sectionsText } from './report.ts'
import { type Chart, htmlReport } from './report-html.ts'
import type { CommonSettings } from './settings.ts'

export interface Result<C, P> {
  readonly config: C
  readonly version: string
  /** Why the run ended early, or null. */
  readonly failure: string | null
  /** What the summary is about, the whole run, and each second of it. */
  readonly period: P
  readonly whole: P
  readonly periods: readonly P[]
}

/** What the reports of a load tester have of their own. */
export interface Reports<C, P> {
  /** Name of the executable. */
  readonly program: string
  readonly protocol: string
  readonly schema: Schema
  /** What a tracker gives: 'answers' or 'messages'. */
  readonly answers: string
  /** What each wrong one means, by the name of its count. */
  readonly wrongTexts: Readonly<Record<string, string>>
  /** Short texts, the most important one first. `wrong`: so far. */
  readonly progress: (period: P, wrong: number) => string[]
  /** Those of the wrong answers follow. */
  readonly sections: (result: Result<C, P>) => Section[]
  /** What programs read of a period. Names are stable; new ones may come. */
  readonly json: (period: P) => object
  readonly charts: (result: Result<C, P>) => Chart[]
}

/** Returns what went wrong with a file, or null. */
export function writeReports<C extends CommonSettings, P extends Period>(
  reports: Reports<C, P>,
  result: Result<C, P>,
  files: OutputFiles,
): string | null {
  const sections = [...reports.sections(result), wrongSection(reports, result.whole.counts)]
  writeStdout(`${sectionsText(sections)}\n`)
  try {
    if (files.json !== undefined) {
      writeFileSync(files.json, `${JSON.stringify(jsonOf(reports, result), null, 2)}\n`)
    }
    if (files.html !== undefined) writeFileSync(files.html, htmlOf(reports, result, sections))
    return null
  } catch (error) {
    return `the report could not be written: ${writeFailure(error)}`
  }
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
  { program, answers, wrongTexts, json }: Reports<C, P>,
  { config, version, failure, period, whole, periods }: Result<C, P>,
): object {
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
    summary: json(period),
    samples: periods.map(json),
  }
}

function htmlOf<C extends CommonSettings, P extends Period>(
  { program, protocol, answers, schema, charts }: Reports<C, P>,
  result: Result<C, P>,
  sections: readonly Section[],
): string {
  const { config, whole, version, failure } = result
  const wrong = wrongOf(whole.counts)
  const alarms = [
    ...(failure === null ? [] : [`The run ended early: ${failure}.`]),
    ...(wrong === 0 ? [] : [`${grouped(wrong)} wrong ${answers}: see the last table.`]),
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
