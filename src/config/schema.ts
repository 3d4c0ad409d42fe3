// A schema is a tree of settings in sections, and of sections in sections, as in the TOML file. The type of the
// loaded configuration and the names of the environment variables are derived here.

import type { Setting, TomlValue } from './setting.ts'

export interface Section<T extends Schema = Schema> {
  readonly explanation: string
  readonly settings: T
}
export interface Schema {
  readonly [name: string]: Setting<unknown> | Section
}

type ValueOf<T> = T extends Setting<infer V> ? V : never
export type ConfigOf<S> = {
  [K in keyof S]: S[K] extends Section<infer T> ? ConfigOf<T> : ValueOf<S[K]>
}

/** What is wrong with several settings together. Reported unless one of them is wrong by itself. */
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

export type Profiles = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The path of the setting that chooses one. */
export const PROFILE = 'profile'

export interface Settings<S extends Schema = Schema> {
  readonly schema: S
  /**
   * Keys that other versions of aquatic have, by path (`cleaning.torrent_cleaning_interval`, or the
   * name of a whole section), with a sentence that says what to do instead.
   */
  readonly retired: Readonly<Record<string, string>>
  /** Values by path under the name that the setting `profile` may have: defaults for a purpose. */
  readonly profiles?: Profiles
  readonly crossCheck: (config: ConfigOf<S>) => Finding[]
  /** Paths of those that most users change, for --short: all, if it is missing. */
  readonly common?: readonly string[]
}

/** One setting with its place in the schema. */
export interface Entry {
  /** '' for the top level; `udp.network` for a section in another. */
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
  const paths = new Set(owners.values())
  const unknown = settings.common?.find((path) => !paths.has(path))
  if (unknown !== undefined) throw new Error(`${unknown} is not a setting`)
  return settings
}

export function section<T extends Schema>(explanation: string, settings: T): Section<T> {
  return { explanation, settings }
}

export function isSection(node: Setting<unknown> | Section): node is Section {
  return 'settings' in node
}

/** All settings in file order: top level first, as TOML wants it, then section by section. */
export function entriesOf(schema: Schema, within = ''): Entry[] {
  const own: Entry[] = []
  const inSections: Entry[] = []
  for (const [name, node] of Object.entries(schema)) {
    if (isSection(node)) inSections.push(...entriesOf(node.settings, pathOf(within, name)))
    else own.push(entry(within, name, node))
  }
  return [...own, ...inSections]
}

/** Names of all sections, such as `network` and `udp.network`. */
export function sectionsOf(schema: Schema, within = ''): string[] {
  return Object.entries(schema).flatMap(([name, node]) => {
    if (!isSection(node)) return []
    const path = pathOf(within, name)
    return [path, ...sectionsOf(node.settings, path)]
  })
}

/** Throws when there is none of this name. */
export function sectionAt(schema: Schema, path: string): Section {
  const [name, ...inner] = path.split('.')
  const node = Object.hasOwn(schema, name) ? schema[name] : undefined
  if (node === undefined || !isSection(node)) throw new Error(`${path} is not a section`)
  return inner.length === 0 ? node : sectionAt(node.settings, inner.join('.'))
}

export function pathOf(section: string, key: string): string {
  return section === '' ? key : `${section}.${key}`
}

/** A setting in a section and one outside of any, to explain the names of variables with. */
export function exampleEntries(schema: Schema): Entry[] {
  const entries = entriesOf(schema)
  const inSection = entries.find(({ section }) => section !== '')
  const outside = entries.find(({ section }) => section === '')
  return [inSection, outside].filter((item) => item !== undefined)
}

/** The same in words: how the name of a variable is formed. */
export function variableExamples(schema: Schema): string {
  const examples = exampleEntries(schema).map(({ section, key, variable }) =>
    section === ''
      ? `${variable} for ${key}, which is in no section`
      : `${variable} for ${key} in section [${section}]`,
  )
  return examples.join(', or ')
}

function entry(sectionName: string, key: string, setting: Setting<unknown>): Entry {
  const path = pathOf(sectionName, key)
  return { section: sectionName, key, path, variable: variableOf(path), setting }
}

export function variableOf(path: string): string {
  return ENVIRONMENT_PREFIX + path.replaceAll('.', '_').toUpperCase()
}

/** Builds a configuration from a function that gives the value of each setting. */
export function buildConfig<S extends Schema>(
  schema: S,
  pick: (entry: Entry) => unknown,
): ConfigOf<S> {
  const config: Record<string, unknown> = {}
  for (const item of entriesOf(schema)) {
    let values = config
    for (const name of sectionNames(item)) {
      values[name] ??= {}
      values = values[name] as Record<string, unknown>
    }
    values[item.key] = pick(item)
  }
  return config as ConfigOf<S>
}

export function defaultsOf<S extends Schema>(schema: S): ConfigOf<S> {
  return buildConfig(schema, (item) => item.setting.defaultValue)
}

/** The value of a loaded configuration at a setting's place. */
export function valueAt(config: object, item: Entry): TomlValue {
  let values = config as Record<string, unknown>
  for (const name of sectionNames(item)) values = values[name] as Record<string, unknown>
  return values[item.key] as TomlValue
}

function sectionNames({ section }: Entry): string[] {
  return section === '' ? [] : section.split('.')
}

/** How messages and manuals write the name of a setting: `[network] address`, `log_level`. */
export function titleOf(item: { section: string; key: string }): string {
  return item.section === '' ? item.key : `[${item.section}] ${item.key}`
}
