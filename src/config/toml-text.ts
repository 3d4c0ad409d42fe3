// Writes settings as TOML: the commented default file of --print-config, the effective settings of
// --print-effective-config, and single values for messages.

import {
  defaultsOf,
  type Entry,
  entriesOf,
  type Schema,
  type Settings,
  sectionAt,
  valueAt,
  variableExamples,
} from './schema.ts'
import type { TomlValue } from './setting.ts'

const COMMENT_COLUMNS = 80

/** The default settings, each under its explanation. Reading the text back gives the defaults. */
export function defaultFile(name: string, schema: Schema): string {
  const head =
    `Settings of ${name}, all with their default values. Save this text to a file, change what you ` +
    `need and start ${name} with -c FILE. A line that is deleted has its default value. An ` +
    'environment variable overrides the file: AQUATIC_ with section and key in capitals, such as ' +
    `${variableExamples(schema)}.`
  return explainedFile(head, schema, entriesOf(schema), paragraphsOf)
}

/** Only those that most users change, each with the first paragraph of its explanation. */
export function shortFile(
  name: string,
  { schema, common }: Pick<Settings, 'schema' | 'common'>,
): string {
  const entries = entriesOf(schema).filter(({ path }) => common?.includes(path) ?? true)
  const head =
    `The settings of ${name} that most users change, with their default values; ${name} -p has all. Save this ` +
    `text to a file, change what you need and start ${name} with -c FILE.`
  return explainedFile(head, schema, entries, (text) => paragraphsOf(text).slice(0, 1))
}

function explainedFile(
  head: string,
  schema: Schema,
  entries: readonly Entry[],
  shown: (explanation: string) => string[],
): string {
  const config = defaultsOf(schema)
  const lines = comment(head)
  let current = ''
  for (const entry of entries) {
    if (entry.section !== current) {
      current = entry.section
      lines.push('', ...sectionHead(schema, current))
    }
    lines.push('', ...comment(shown(entry.setting.explanation).join('\n\n')))
    lines.push(...comment(`Allowed: ${entry.setting.allowed}.`))
    lines.push(`${entry.key} = ${tomlText(valueAt(config, entry))}`)
  }
  return `${lines.join('\n')}\n`
}

/** Settings without explanations; `note` says where a value comes from, '' for a default. */
export function effectiveFile(
  schema: Schema,
  config: object,
  note: (entry: Entry) => string,
): string {
  const lines: string[] = []
  let current = ''
  for (const entry of entriesOf(schema)) {
    if (entry.section !== current) {
      current = entry.section
      lines.push('', `[${current}]`)
    }
    lines.push(effectiveLine(entry, valueAt(config, entry), note(entry)))
  }
  return `${lines.join('\n')}\n`
}

function effectiveLine(entry: Entry, value: TomlValue, note: string): string {
  if (entry.setting.secret && note !== '') return `# ${entry.key} is secret: ${note}`
  const line = `${entry.key} = ${tomlText(value)}`
  return note === '' ? line : `${line} # ${note}`
}

function sectionHead(schema: Schema, name: string): string[] {
  return [...comment(sectionAt(schema, name).explanation), `[${name}]`]
}

/** One value as TOML on one line. */
export function tomlText(value: TomlValue): string {
  if (typeof value === 'string') return stringText(value)
  if (Array.isArray(value)) return `[${value.map(tomlText).join(', ')}]`
  if (value instanceof Date) return value.toISOString()
  if (typeof value !== 'object') return String(value)
  const pairs = Object.entries(value).map(([key, item]) => `${keyText(key)} = ${tomlText(item)}`)
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
}

/** A key as it would be written in a file: bare where TOML allows it. */
export function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : stringText(key)
}

function stringText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: TOML's literal strings exclude just these
  if (!/['\u0000-\u001f\u007f]/.test(text)) return `'${text}'`
  // JSON's escapes are a subset of TOML's; DEL is the one character only TOML wants escaped.
  return JSON.stringify(text).replaceAll('\u007f', '\\u007f')
}

function comment(explanation: string): string[] {
  const lines: string[] = []
  for (const [index, paragraph] of paragraphsOf(explanation).entries()) {
    if (index > 0) lines.push('#')
    const parts = isCommand(paragraph) ? [paragraph] : wrap(paragraph, COMMENT_COLUMNS - 2)
    for (const part of parts) lines.push(`# ${part}`)
  }
  return lines
}

/** Paragraphs with their line breaks undone. */
export function paragraphsOf(explanation: string): string[] {
  return explanation
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim().replace(/\s+/g, ' '))
    .filter((paragraph) => paragraph !== '')
}

export function isCommand(paragraph: string): boolean {
  return paragraph.startsWith('$ ')
}

export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  if (line !== '') lines.push(line)
  return lines
}
