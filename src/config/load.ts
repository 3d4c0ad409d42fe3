// Puts the effective settings together: defaults, then the file, then the environment, and says
// everything that is wrong with them at once. Called by cli.ts at start-up.

import { isForeign } from './foreign-variables.ts'
import { printable } from './output.ts'
import { profileValues } from './profile.ts'
import { readSettingsFile, type SettingsFile } from './read-file.ts'
import {
  buildConfig,
  type ConfigOf,
  ENVIRONMENT_PREFIX,
  type Entry,
  entriesOf,
  isSection,
  pathOf,
  type Schema,
  type Settings,
  sectionsOf,
  titleOf,
  variableOf,
} from './schema.ts'
import { mentionsSecret } from './secrets.ts'
import { type Fault, isA, type TomlValue, type Verdict } from './setting.ts'
import { nearest } from './suggest.ts'
import { keyText, tomlText } from './toml-text.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Loaded<S extends Schema> {
  /** Complete even when there are problems: what is wrong has its default value. */
  config: ConfigOf<S>
  /** One line each. Any problem means: do not start. */
  problems: string[]
  warnings: string[]
  /** Where a value comes from, such as `aquatic.toml:3` or a variable; no entry for a default. */
  origins: Map<string, string>
  /** The settings file's text, when nobody can read it again, as that of a pipe. */
  readOnce?: Uint8Array
}

/** Another program of the family, whose settings may stand here by mistake. */
export interface Relative {
  readonly name: string
  readonly settings: { readonly schema: Schema }
  /** Sections that no other program has: a file with one of them is meant for it. */
  readonly sections?: readonly string[]
  /** What to do with such a file. */
  readonly remedy?: string
}

/** Values that come from elsewhere, before the file's and the environment's, which override them. */
export interface BaseSettings {
  /** Where they come from, for people. */
  readonly files: readonly string[]
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** By path. */
  readonly values: ReadonlyMap<string, GivenValue>
  /** What is wrong with a value, by path, unless it is overridden. */
  readonly conflicts: ReadonlyMap<string, string>
}

export interface GivenValue {
  readonly value: unknown
  readonly origin: string
}

export interface LoadOptions {
  readonly base?: BaseSettings | undefined
  /** The program runs already: the file may be no pipe, which has given its text. */
  readonly isRunning?: boolean
  /** The one that named the file. */
  readonly flag?: string
  readonly relatives?: readonly Relative[]
}

export function loadSettings<S extends Schema>(
  settings: Settings<S>,
  configPath: string | null,
  environment: Environment,
  { base, isRunning = false, flag = '-c', relatives = [] }: LoadOptions = {},
): Loaded<S> {
  const loading = new Loading(settings, relatives)
  if (base !== undefined) loading.takeBase(base)
  if (configPath !== null) {
    const shownPath = printable(configPath)
    const file = readSettingsFile(configPath, {
      flag,
      isStart: !isRunning,
      secretKeys: loading.secretKeys,
      accepts: (key, value) => loading.accepts(key, value),
    })
    if ('problem' in file) loading.problems.push(`${shownPath}${file.problem}`)
    else loading.takeFile(shownPath, file)
  }
  loading.takeEnvironment(environment)
  return loading.finish()
}

class Loading<S extends Schema> {
  readonly problems: string[] = []
  readonly #warnings: string[] = []
  readonly #origins = new Map<string, string>()
  readonly #values = new Map<string, unknown>()
  readonly #faulty = new Set<string>()
  #conflicts: ReadonlyMap<string, string> = new Map()
  readonly #overridden = new Set<string>()
  #readOnce: Uint8Array | undefined
  readonly #settings: Settings<S>
  readonly #entries: Map<string, Entry>

  readonly #relatives: readonly Relative[]

  constructor(settings: Settings<S>, relatives: readonly Relative[]) {
    this.#settings = settings
    this.#relatives = relatives
    this.#entries = new Map(entriesOf(settings.schema).map((entry) => [entry.path, entry]))
  }

  /** Names of the keys whose values are secret. */
  get secretKeys(): string[] {
    return [...this.#entries.values()].filter(({ setting }) => setting.secret).map(({ key }) => key)
  }

  /** True when a setting of this name, in any section, takes the value, or there is no such setting. */
  accepts(key: string, value: TomlValue): boolean {
    const named = [...this.#entries.values()].filter((entry) => entry.key === key)
    return named.length === 0 || named.some(({ setting }) => 'value' in setting.check(value))
  }

  takeBase({ problems, warnings, values, conflicts }: BaseSettings): void {
    this.problems.push(...problems)
    this.#warnings.push(...warnings)
    this.#conflicts = conflicts
    for (const [path, { value, origin }] of values) {
      this.#values.set(path, value)
      this.#origins.set(path, origin)
    }
  }

  takeFile(path: string, file: SettingsFile): void {
    this.#readOnce = file.readOnce
    this.#takeTable({ path, file, names: [] }, this.#settings.schema, file.table)
  }

  /** `schema`: of the settings that belong in it. */
  #takeTable(place: Place, schema: Schema, table: { readonly [key: string]: TomlValue }): void {
    const section = place.names.join('.')
    for (const [name, value] of Object.entries(table)) {
      const node = Object.hasOwn(schema, name) ? schema[name] : null
      const inner = { ...place, names: [...place.names, name] }
      if (node !== null && isSection(node)) this.#takeSection(inner, node.settings, value)
      else if (isTable(value) && this.#isRetiredSection(pathOf(section, name))) {
        this.#takeTable(inner, {}, value)
      } else this.#takeKey(section, name, value, originOf(inner))
    }
  }

  /** A table for which every key has a sentence of its own. */
  #isRetiredSection(name: string): boolean {
    return Object.keys(this.#settings.retired).some((path) => path.startsWith(`${name}.`))
  }

  #takeSection(place: Place, schema: Schema, value: TomlValue): void {
    if (isTable(value)) {
      this.#takeTable(place, schema, value)
      return
    }
    const name = place.names.join('.')
    this.problems.push(
      `${originOf(place)}: ${name} ${isA(value)}, but it is the name of a section: ` +
        `write [${name}] on a line of its own and its keys below.`,
    )
  }

  #takeKey(section: string, key: string, value: TomlValue, origin: string): void {
    const path = pathOf(section, key)
    const entry = key.includes('.') ? undefined : this.#entries.get(path)
    if (entry === undefined) {
      this.problems.push(`${origin}: ${this.#unknownKey(section, key, value)}`)
      return
    }
    const text = writtenText(value)
    const isSecret =
      entry.setting.secret || (isTable(value) && mentionsSecret(text, this.secretKeys))
    const shown = isSecret ? '(hidden)' : abbreviate(text)
    const where = `${origin}: ${titleOf(entry)} = ${shown}`
    this.#take(entry, entry.setting.check(value), origin, where, 'delete the line')
  }

  takeEnvironment(environment: Environment): void {
    const names = new Map([...this.#entries.values()].map((entry) => [entry.variable, entry]))
    for (const variable of Object.keys(environment).sort()) {
      const text = environment[variable]
      if (!variable.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue
      const entry = names.get(variable)
      if (entry === undefined) {
        if (isForeign(variable, text)) continue
        this.problems.push(this.#unknownVariable(variable, [...names.keys()]))
        continue
      }
      const read = entry.setting.fromText(text)
      const verdict = 'fault' in read ? read : entry.setting.check(read.value)
      const shown = entry.setting.secret ? '(hidden)' : abbreviate(tomlText(text))
      const where = `environment variable ${variable} = ${shown}`
      this.#take(entry, verdict, variable, where, 'unset the variable')
    }
  }

  #take(
    entry: Entry,
    verdict: Verdict<unknown>,
    origin: string,
    where: string,
    undo: string,
  ): void {
    if ('fault' in verdict) {
      this.#faulty.add(entry.path)
      this.problems.push(`${where} ${faultText(entry, verdict, undo)}`)
      return
    }
    this.#values.set(entry.path, verdict.value)
    this.#origins.set(entry.path, origin)
    this.#overridden.add(entry.path)
  }

  #unknownKey(section: string, key: string, value: TomlValue): string {
    const path = pathOf(section, key)
    const wantsSection = isTable(value) && this.#hasSections(section)
    const shown = keyText(key)
    const title = wantsSection ? `[${pathOf(section, shown)}]` : titleOf({ section, key: shown })
    const retired = this.#settings.retired
    if (Object.hasOwn(retired, path)) return `${title} is not a setting here: ${retired[path]}`
    const kind = wantsSection ? 'is not a section' : 'is not a setting'
    const hint = wantsSection ? this.#sectionHint(path) : this.#keyHint(section, key)
    return `${title} ${kind} of this program. ${hint}`
  }

  /** Whether a table in it may be meant for a section. */
  #hasSections(section: string): boolean {
    return (
      section === '' ||
      sectionsOf(this.#settings.schema).some((name) => name.startsWith(`${section}.`))
    )
  }

  #sectionHint(path: string): string {
    const sections = sectionsOf(this.#settings.schema)
    const inner = sections.filter((name) => name.endsWith(`.${path}`)).map((name) => `[${name}]`)
    const owner = this.#relatives.find(({ sections = [] }) => sections.includes(path))
    const remedy = owner?.remedy ?? 'start that with these settings'
    if (inner.length > 0) {
      const written = `Write ${inner.join(' or ')}`
      return owner === undefined
        ? `${written}.`
        : `${written}; or if the file is that of ${owner.name}, ${remedy}.`
    }
    if (owner !== undefined) return `It is one of ${owner.name}: ${remedy}.`
    const relative = this.#relativeWith((entry) => entry.section === path)
    if (relative !== null) return `It belongs to ${relative}: delete it.`
    const near = nearest(path, sections)
    return near === null ? `Sections are: ${sections.join(', ')}.` : `Did you mean [${near}]?`
  }

  #keyHint(section: string, key: string): string {
    const entries = [...this.#entries.values()]
    const relative = this.#relativeWith((entry) => entry.section === section && entry.key === key)
    if (section === '' && this.#entries.has(key)) return 'Write it without quotes.'
    const elsewhere = entries.filter((entry) => entry.key === key).map(placeOf)
    if (elsewhere.length > 0) return `It belongs ${elsewhere.join(' or ')}.`
    if (relative !== null) return `It belongs to ${relative}: delete the line.`
    const here = entries.filter((entry) => entry.section === section)
    const near =
      nearest(
        key,
        here.map((entry) => entry.key),
      ) ??
      nearest(
        key,
        entries.map((entry) => entry.key),
      )
    if (near === null) return 'Delete the line, or see -p for all settings.'
    const found = here.find((entry) => entry.key === near)
    const meant = found ?? entries.find((entry) => entry.key === near)
    return meant === undefined ? '' : `Did you mean ${titleOf(meant)}?`
  }

  #unknownVariable(variable: string, known: string[]): string {
    const gone = Object.keys(this.#settings.retired).find((path) => variableOf(path) === variable)
    if (gone !== undefined) {
      const remedy = this.#settings.retired[gone]
      return `environment variable ${variable} is not a setting here: ${remedy}`
    }
    const start = `environment variable ${variable} names no setting of this program`
    const relative = this.#relativeWith((entry) => entry.variable === variable)
    if (relative !== null) return `${start}; it belongs to ${relative}: unset it.`
    const elsewhere = [...this.#entries.values()].filter(({ path }) =>
      endsOf(path).includes(variable),
    )
    if (elsewhere.length > 0) {
      return `${start}; did you mean ${elsewhere.map((entry) => entry.variable).join(' or ')}?`
    }
    const near = nearest(variable, known)
    return near === null ? `${start}: unset it.` : `${start}; did you mean ${near}?`
  }

  /** The name of another program that has such a setting; null when none has. */
  #relativeWith(isMeant: (entry: Entry) => boolean): string | null {
    const found = this.#relatives.find(({ settings }) => entriesOf(settings.schema).some(isMeant))
    return found?.name ?? null
  }

  #takeProfile(): void {
    const { values, origin, warnings } = profileValues(this.#settings, this.#values)
    this.#warnings.push(...warnings)
    for (const [path, value] of values) {
      if (this.#faulty.has(path)) continue
      this.#values.set(path, value)
      this.#origins.set(path, origin)
    }
  }

  finish(): Loaded<S> {
    this.#takeProfile()
    const config = buildConfig(this.#settings.schema, (entry) =>
      this.#values.has(entry.path) ? this.#values.get(entry.path) : entry.setting.defaultValue,
    )
    for (const [path, text] of this.#conflicts) {
      if (!this.#overridden.has(path)) this.problems.push(text)
    }
    for (const finding of this.#settings.crossCheck(config)) {
      // A setting that is wrong by itself has its default here, which is not worth reporting.
      if (finding.paths.some((path) => this.#faulty.has(path))) continue
      const list = finding.kind === 'problem' ? this.problems : this.#warnings
      const origin = this.#originOf(finding.paths)
      list.push(origin === '' ? finding.text : `${origin}: ${finding.text}`)
    }
    const { problems } = this
    const loaded = { config, problems, warnings: this.#warnings, origins: this.#origins }
    return this.#readOnce === undefined ? loaded : { ...loaded, readOnce: this.#readOnce }
  }

  #originOf(paths: readonly string[]): string {
    const known = paths.find((path) => this.#origins.has(path))
    return known === undefined ? '' : (this.#origins.get(known) ?? '')
  }
}

function faultText(entry: Entry, { fault, remedy }: Fault, undo: string): string {
  const fallback = tomlText(entry.setting.defaultValue as TomlValue)
  const back = `${undo} to have the default, ${fallback}`
  return `${fault}: allowed is ${entry.setting.allowed}. ${remedy}, or ${back}.`
}

function placeOf(entry: Entry): string {
  return entry.section === '' ? 'before the first section' : `in section [${entry.section}]`
}

/** Where a value stands in a file. */
interface Place {
  readonly path: string
  readonly file: SettingsFile
  readonly names: readonly string[]
}

function originOf({ path, file, names }: Place): string {
  return `${path}:${file.lines.find(names)}`
}

/** Variables that would fit if one or more of the setting's sections were left out. */
function endsOf(path: string): string[] {
  const names = path.split('.')
  return names.slice(1).map((_, i) => variableOf(names.slice(i + 1).join('.')))
}

function isTable(value: TomlValue): value is { [key: string]: TomlValue } {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
}

/** A value as it may have been written. A number is a float here, since integers are bigint. */
function writtenText(value: TomlValue): string {
  return typeof value === 'number' && Number.isInteger(value) ? value.toFixed(1) : tomlText(value)
}

function abbreviate(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}
