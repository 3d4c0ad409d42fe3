// What the doctor found, in one form for the host and for trackers: the sentence with its figure, what it
// costs, and what to do. Its text and its JSON. Used by main.ts and by everything in host/ and tracker/.
import { printable } from '../src/config/output.ts'
import { counted } from '../src/config/quantities.ts'
import { wrap } from '../src/config/toml-text.ts'

/**
 * good: looked at, and right. note: good to know, or could not be read; nothing to do. warning: will hurt under load, or
 * hurts some clients. fault: hurts now.
 */
export type Severity = 'good' | 'note' | 'warning' | 'fault'

export interface Finding {
  /** In snake_case. The key in JSON: it never changes. */
  readonly name: string
  readonly severity: Severity
  /** One plain sentence with its figure. */
  readonly text: string
  /** What it does to the tracker or its clients, in a sentence. */
  readonly cost?: string
  /** Exactly what to do: a sentence, then commands or lines of a file, each on a line of its own. */
  readonly remedy?: string
}

/** The findings about one subject: this host, or a tracker's URL. */
export interface Report {
  readonly subject: string
  readonly findings: readonly Finding[]
}

export const EXIT_GOOD = 0
export const EXIT_WRONG = 1
export const EXIT_USAGE = 2

/** From the worst to the best, which is the order in which people read them. */
const ORDER: readonly Severity[] = ['fault', 'warning', 'note', 'good']
const COLUMNS = 100
const INDENT = '         '

export function exitCodeOf(reports: readonly Report[]): number {
  const isWrong = ({ severity }: Finding) => severity === 'fault' || severity === 'warning'
  return reports.some(({ findings }) => findings.some(isWrong)) ? EXIT_WRONG : EXIT_GOOD
}

/** The worst first; of the same severity in the order in which they were found. */
export function sorted(findings: readonly Finding[]): Finding[] {
  return ORDER.flatMap((severity) => findings.filter((finding) => finding.severity === severity))
}

export function reportText({ subject, findings }: Report): string {
  const lines = sorted(findings).flatMap(findingLines)
  return `${printable(subject)}: ${summary(findings)}\n\n${lines.map((line) => `${line}\n`).join('')}`
}

function findingLines({ name, severity, text, cost, remedy }: Finding): string[] {
  const [first, ...rest] = filled(`${text} [${name}]`)
  const lines = [`${severity.padEnd(INDENT.length)}${first}`, ...rest.map(indented)]
  if (cost !== undefined) lines.push(...filled(cost).map(indented))
  // Commands are to be copied, so only sentences are filled.
  const [sentence, ...commands] = (remedy ?? '').split('\n')
  if (sentence !== '') lines.push(...filled(`→ ${sentence}`).map(indented))
  lines.push(...commands.map((command) => indented(`    ${printable(command)}`)))
  return lines
}

function filled(text: string): string[] {
  return wrap(printable(text), COLUMNS - INDENT.length)
}

function indented(line: string): string {
  return `${INDENT}${line}`
}

function summary(findings: readonly Finding[]): string {
  const parts = ORDER.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    if (count === 0) return []
    return [severity === 'good' ? `${count} good` : counted(count, severity)]
  })
  return parts.join(', ') || 'nothing to look at'
}

/** One object for all subjects, with a line break at its end. */
export function reportsJson(reports: readonly Report[], version: string): string {
  const list = reports.map(({ subject, findings }) => ({ subject, findings: sorted(findings) }))
  const good = exitCodeOf(reports) === EXIT_GOOD
  return `${JSON.stringify({ program: 'aquatic_doctor', version, good, reports: list }, null, 2)}\n`
}
