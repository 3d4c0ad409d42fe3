// What holds for the settings of every executable. Used by the config tests of each.
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { loadSettings } from '../../src/config/load.ts'
import {
  type ConfigOf,
  defaultsOf,
  entriesOf,
  isSection,
  type Schema,
  type Settings,
} from '../../src/config/schema.ts'
import { defaultFile } from '../../src/config/toml-text.ts'

export function settingsContract<S extends Schema>(
  name: string,
  settings: Settings<S>,
  defaults: ConfigOf<S>,
): void {
  const { schema } = settings
  const entries = entriesOf(schema)

  describe(`the settings of ${name}`, () => {
    test('have these names and defaults', () => expect(defaultsOf(schema)).toEqual(defaults))

    test('are printed as a file that gives the defaults', () => {
      const text = defaultFile(name, schema)
      expect(parse(text) as object).toEqual(defaults)
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    })

    test('have defaults that pass their own checks without a warning', () => {
      const environment = Object.fromEntries(
        entries.map((entry) => [entry.variable, inEnvironment(entry.setting.defaultValue)]),
      )
      const { config, problems, warnings, origins } = loadSettings(settings, null, environment)
      expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
      expect(config).toEqual(defaults)
      expect(origins.size).toBe(entries.length)
    })

    test('have an environment variable each, and no two the same', () => {
      const variables = new Set(entries.map((entry) => entry.variable))
      expect(variables.size).toBe(entries.length)
      for (const variable of variables) expect(variable).toMatch(/^AQUATIC_[A-Z0-9_]+$/)
    })

    test('can be sent to another thread', () => {
      expect(structuredClone(defaultsOf(schema))).toEqual(defaults)
    })

    test('are explained in sentences', () => {
      for (const { path, setting } of entries) {
        expect(setting.explanation.trim(), path).toMatch(/^.{20,}([.]|\$ .*)$/s)
      }
    })
  })
}

/** That a settings file of 2020, of so many keys, means now what it meant then. */
export function oldFileContract<S extends Schema>(
  name: string,
  settings: Settings<S>,
  keys: number,
  meaning: ConfigOf<S>,
): void {
  test(`the file of ${name} of 2020 is accepted as it is`, () => {
    const path = join(import.meta.dir, `../fixtures/${name}-2020.toml`)
    const { config, problems, warnings, origins } = loadSettings(settings, path, {})
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
    expect(config).toEqual(meaning)
    // Every key of the file is a setting, and none is read from elsewhere.
    const inFile = Object.values(parse(readFileSync(path, 'utf8'))).flatMap((value) =>
      typeof value === 'object' ? Object.keys(value) : [''],
    )
    expect([origins.size, inFile.length]).toEqual([keys, keys])
  })
}

/** `keys` are those that aquatic 0.9 prints; a renamed or missing one is reported as such. */
export function newerFileContract<S extends Schema>(
  name: string,
  settings: Settings<S>,
  keys: readonly string[],
): void {
  const { schema, retired } = settings
  const paths = new Set(entriesOf(schema).map(({ path }) => path))

  describe(`the keys of ${name} 0.9`, () => {
    test('that are gone do not shadow a setting that exists', () => {
      for (const path of Object.keys(retired)) {
        expect(paths).not.toContain(path)
        const [section] = path.split('.')
        if (path.includes('.') && section in schema) expect(isSection(schema[section])).toBe(true)
      }
    })

    test('are each a setting here too, or have a sentence that says what to do', () => {
      for (const path of keys) {
        const [section] = path.split('.')
        expect(paths.has(path) || path in retired || section in retired, path).toBe(true)
      }
    })

    test('that were renamed name keys that exist', () => {
      const titles = [
        ...Object.values(retired)
          .join(' ')
          .matchAll(/\[(\w+)\] (\w+)/g),
      ]
      expect(titles.length).toBeGreaterThan(5)
      for (const [, section, key] of titles) expect(paths).toContain(`${section}.${key}`)
    })
  })
}

/** An empty list is not the empty text. */
function inEnvironment(value: unknown): string {
  return Array.isArray(value) && value.length === 0 ? '[]' : String(value)
}
