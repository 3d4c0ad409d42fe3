// A schema is a tree of settings, one level of sections deep, as in the TOML file. The type of the
// loaded configuration and the names of the environment variables are derived here.

import type { Setting, TomlValue } from './setting.ts'

export interface Section<T extends Record<string, Setting<unknown>>> {
  readonly explanation: string
  readonly settings: T
}
export type Schema = Record<string, Setting<unknown> | Section<Record<string, Setting<unknown>>>>

type ValueOf<T> = T extends Setting<infer V> ? V : never
export type ConfigOf<S> = {
  [K in keyof S]: S[K] extends Section<infer T> ? { [J in keyof T]: ValueOf<T[J]> } : ValueOf<S[K]>
}

/** What a look at several settings together found. Reported unless one of them is wrong by itself. */
export interface Finding {
  kind: 'problem' | 'warning'
  /** Paths of the settings involved, such as `network.address`; the first one is located in the file. */
  paths: readonly string[]
  text: string
}

/** `text` may be written over several lines. */
export function problem(paths: readonly string[], text: string): Finding {
  return { kind: 'problem', paths, text: text.replace(/\s+/g, ' ') }
}

export function warning(paths: readonly string[], text: string): Finding {
  return { kind: 'warning', paths, text: text.replace(/\s+/g, ' ') }
}

export interface Settings<S extends Schema = Schema> {
  readonly schema: S
  /**
   * Keys that other versions of aquatic have, by path (`cleaning.torrent_cleaning_interval`, or the
   * name of a whole section), with a sentence that says what to do instead.
   */
  readonly retired: Readonly<Record<string, string>>
  readonly crossCheck: (config: ConfigOf<S>) => Finding[]
}

/** One setting with its place in the schema. */
export interface Entry {
  /** '' for the top level. */
  section: string
  key: string
  path: string
  variable: string
  setting: Setting<unknown>
}

export const ENVIRONMENT_PREFIX = 'AQUATIC_'

/** Checks that no two settings share an environment variable. */
export function defineSettings<S extends Schema>(settings: Settings<S>): Settings<S> {
  const owners = new Map<string, string>()
  for (const entry of entriesOf(settings.schema)) {
    const other = owners.get(entry.variable)
    if (other !== undefined) {
      throw new Error(`${entry.path} and ${other} share the variable ${entry.variable}: rename one`)
    }
    owners.set(entry.variable, entry.path)
  }
  return settings
}

export function section<T extends Record<string, Setting<unknown>>>(
  explanation: string,
  settings: T,
): Section<T> {
  return { explanation, settings }
}

export function isSection(
  node: Setting<unknown> | Section<Record<string, Setting<unknown>>>,
): node is Section<Record<string, Setting<unknown>>> {
  return 'settings' in node
}

/** All settings in file order: top level first, as TOML wants it, then section by section. */
export function entriesOf(schema: Schema): Entry[] {
  const top: Entry[] = []
  const inSections: Entry[] = []
  for (const [name, node] of Object.entries(schema)) {
    if (!isSection(node)) {
      top.push(entry('', name, node))
      continue
    }
    for (const [key, setting] of Object.entries(node.settings)) {
      inSections.push(entry(name, key, setting))
    }
  }
  return [...top, ...inSections]
}

/** A setting in a section and one outside of any, to explain the names of variables with. */
export function exampleEntries(schema: Schema): Entry[] {
  const entries = entriesOf(schema)
  const inSection = entries.find(({ section }) => section !== '')
  const outside = entries.find(({ section }) => section === '')
  return [inSection, outside].filter((item) => item !== undefined)
}

/** The same in words: how the name of a variable comes about. */
export function variableExamples(schema: Schema): string {
  const examples = exampleEntries(schema).map(({ section, key, variable }) =>
    section === ''
      ? `${variable} for ${key}, which is in no section`
      : `${variable} for ${key} in section [${section}]`,
  )
  return examples.join(', or ')
}

function entry(sectionName: string, key: string, setting: Setting<unknown>): Entry {
  const path = sectionName === '' ? key : `${sectionName}.${key}`
  return { section: sectionName, key, path, variable: variableOf(path), setting }
}

export function variableOf(path: string): string {
  return ENVIRONMENT_PREFIX + path.replace('.', '_').toUpperCase()
}

/** Builds a configuration from a function that gives the value of each setting. */
export function buildConfig<S extends Schema>(
  schema: S,
  pick: (entry: Entry) => unknown,
): ConfigOf<S> {
  const config: Record<string, unknown> = {}
  for (const item of entriesOf(schema)) {
    if (item.section === '') {
      config[item.key] = pick(item)
      continue
    }
    config[item.section] ??= {}
    const sectionValues = config[item.section] as Record<string, unknown>
    sectionValues[item.key] = pick(item)
  }
  return config as ConfigOf<S>
}

export function defaultsOf<S extends Schema>(schema: S): ConfigOf<S> {
  return buildConfig(schema, (item) => item.setting.defaultValue)
}

/** The value at `section.key` or `key` of a loaded configuration. */
export function valueAt(config: object, item: Entry): TomlValue {
  const values = config as Record<string, TomlValue & Record<string, TomlValue>>
  return item.section === '' ? values[item.key] : values[item.section][item.key]
}

/** How messages and manuals write the name of a setting: `[network] address`, `log_level`. */
export function titleOf(item: { section: string; key: string }): string {
  return item.section === '' ? item.key : `[${item.section}] ${item.key}`
}
