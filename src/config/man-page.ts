// Writes the manual pages of an executable: section 1 from its command line, section 5 from its
// settings. scripts/generate-docs.ts saves them to packaging/man/. In man(7) macros, which groff and
// mandoc both read, and in ASCII: other characters are written by name.
import type { Program } from './cli.ts'
import { type Flag, flagsOf } from './flags.ts'
import { type Entry, entriesOf, type Schema, sectionAt, variableExamples } from './schema.ts'
import type { TomlValue } from './setting.ts'
import { isCommand, paragraphsOf, tomlText, wrap } from './toml-text.ts'

const COLUMNS = 78
/** When the pages' form last changed: pages without a date are refused by linters. */
const DATE = '2026-11-24'

export interface ManPage {
  readonly version: string
  /** Whether it tells a service manager of its state. */
  readonly isService: boolean
  /** What the executable does on a signal; none if it leaves signals to the system. */
  readonly signals: readonly { readonly name: string; readonly effect: string }[]
}

/** Section 1: how to call it. */
export function commandPage<S extends Schema>(program: Program<S>, page: ManPage): string {
  const { name, description, settings } = program
  const variables = variableExamples(settings.schema)
  const lines = [
    ...head(`${name}`, 1, page.version),
    ...nameSection(name, description),
    '.SH SYNOPSIS',
    `.B ${literal(name)}`,
    '.RI [ flags ]',
    '.SH DESCRIPTION',
    ...filled(
      `${name} is a ${description}. Without flags it starts with the default settings. ` +
        `To change some, save those that --print-config prints, edit them, and name the file:`,
    ),
    ...example(
      `${name} -p > ${name}.toml`,
      `${name} --check -c ${name}.toml`,
      `${name} -c ${name}.toml`,
    ),
    '.SH OPTIONS',
    ...flagsOf(program.flags).flatMap(flagLines),
    '.SH ENVIRONMENT',
    ...filled(
      `An environment variable overrides the file: AQUATIC_ with section and key in capitals, such as ${variables}. All are listed in ${name}.toml(5).`,
    ),
    ...(page.isService ? serviceLines() : []),
    '.SH "EXIT STATUS"',
    ...exitLines(program.exitCodes),
    ...signalLines(page),
    '.SH "SEE ALSO"',
    `.BR ${literal(`${name}.toml`)} (5)`,
  ]
  return ended(lines, name)
}

/** Section 5: the settings file. */
export function settingsPage<S extends Schema>(program: Program<S>, page: ManPage): string {
  const { name, settings } = program
  const lines = [
    ...head(`${name}.toml`, 5, page.version),
    ...nameSection(`${name}.toml`, `settings of ${name}`),
    '.SH DESCRIPTION',
    ...filled(
      'A TOML file. Missing keys have their defaults; unknown keys are refused. An environment variable ' +
        'overrides the file: write text in it without quotes, and separate the items of a list with ' +
        'commas.',
    ),
  ]
  let current: string | null = null
  for (const entry of entriesOf(settings.schema)) {
    if (entry.section !== current) {
      current = entry.section
      lines.push(...sectionHead(settings.schema, current))
    }
    lines.push(...settingLines(entry))
  }
  lines.push('.SH "SEE ALSO"', `.BR ${literal(name)} (1)`)
  return ended(lines, name)
}

function head(title: string, section: number, version: string): string[] {
  const upper = literal(title.toUpperCase())
  return [`.TH ${upper} ${section} ${DATE} "aquatic ${version}" "aquatic manual"`, '.nh', '.ad l']
}

function nameSection(name: string, description: string): string[] {
  return ['.SH NAME', `${literal(name)} \\- ${plain(description)}`]
}

function flagLines({ name, short, value, help }: Flag): string[] {
  const long = `\\fB${literal(`--${name}`)}\\fR`
  const both = short === undefined ? long : `\\fB\\-${short}\\fR, ${long}`
  return tagged(value === undefined ? both : `${both} \\fI${value}\\fR`, `${help.join(' ')}.`)
}

function exitLines(more: string | undefined): string[] {
  const codes = [
    '0 done, or stopped by a signal',
    '1 failed, or settings are wrong',
    '2 wrong flags',
  ]
  if (more !== undefined) codes.push(...more.split(', '))
  return codes.flatMap((text) => {
    const [code, ...meaning] = text.split(' ')
    return tagged(`.B ${code}`, `${meaning.join(' ')}.`)
  })
}

function serviceLines(): string[] {
  return [
    ...tagged('.B NOTIFY_SOCKET', 'Set by systemd: the socket for reporting readiness and stop.'),
    ...tagged(
      '.B WATCHDOG_USEC',
      'Set by systemd: how often to report that all workers make progress.',
    ),
  ]
}

function signalLines({ signals }: ManPage): string[] {
  const each = signals.flatMap(({ name, effect }) => tagged(`.B ${name}`, effect))
  return each.length === 0 ? [] : ['.SH SIGNALS', ...each]
}

function sectionHead(schema: Schema, name: string): string[] {
  if (name === '') {
    return ['.SH "TOP LEVEL"', 'These settings come before the first section.']
  }
  const { explanation } = sectionAt(schema, name)
  return [`.SH [${literal(name)}]`, ...paragraphsOf(explanation).flatMap(paragraphLines)]
}

function settingLines({ key, setting, variable }: Entry): string[] {
  const { defaultValue, allowed, explanation } = setting
  const [first, ...rest] = paragraphsOf(explanation)
  return [
    ...tagged(`\\fB${literal(key)}\\fR = ${literal(tomlText(defaultValue as TomlValue))}`, first),
    ...rest.flatMap((text) =>
      isCommand(text) ? example(text.slice(2)) : ['.IP', ...filled(text)],
    ),
    '.IP',
    ...filled(`Allowed: ${allowed}. Environment: ${variable}.`),
  ]
}

function paragraphLines(text: string, index: number): string[] {
  return [...(index === 0 ? [] : ['.PP']), ...filled(text)]
}

/** A term and its explanation, indented. */
function tagged(term: string, text: string): string[] {
  return ['.TP', term, ...filled(text)]
}

function example(...commands: string[]): string[] {
  return ['.IP', '.nf', ...commands.map(literal), '.fi']
}

function ended(lines: readonly string[], name: string): string {
  const source = `.\\" Generated by scripts/generate-docs.ts from the command line and settings of ${name}.`
  return `${[source, ...lines].join('\n')}\n`
}

function filled(text: string): string[] {
  return wrap(text.trim().replace(/\s+/g, ' '), COLUMNS).map(plain)
}

/** Text to be copied literally: hyphens are minus signs, quotes straight. */
function literal(text: string): string {
  return guarded(escaped(text).replaceAll('-', '\\-').replaceAll("'", '\\(aq'))
}

function plain(text: string): string {
  return guarded(escaped(text))
}

/** Put before a line's first character, so that the line is not taken for a request. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line
}

function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replace(/[^\x20-\x7e]/g, (character) => {
      const code = character.codePointAt(0) as number
      return `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`
    })
}
