// What a profile sets: values under a name, for programs whose settings have them. Called by load.ts once
// file and environment have been read, which override it. Pure functions.
import { entriesOf, PROFILE, type Schema, type Settings, titleOf } from './schema.ts'

export interface ProfileValues {
  /** By path, without those that are given. */
  readonly values: readonly (readonly [path: string, value: unknown])[]
  /** Where they come from, for people. */
  readonly origin: string
  readonly warnings: readonly string[]
}

/** `given`: the values of file and environment, by path. */
export function profileValues<S extends Schema>(
  { profiles, schema }: Settings<S>,
  given: ReadonlyMap<string, unknown>,
): ProfileValues {
  const name = String(given.get(PROFILE))
  const all = Object.entries(profiles?.[name] ?? {})
  const values = all.filter(([path]) => !given.has(path))
  const undone = entriesOf(schema).filter(({ path, setting: { defaultValue } }) =>
    all.some(
      ([set, value]) => set === path && given.get(path) === defaultValue && value !== defaultValue,
    ),
  )
  return { values, origin: `profile '${name}'`, warnings: warningsOf(name, undone.map(titleOf)) }
}

/** A file that -p printed has all defaults: it would leave nothing of the profile. */
function warningsOf(name: string, titles: readonly string[]): string[] {
  if (titles.length === 0) return []
  return [
    `profile = '${name}' does not change ${titles.join(', ')}, because you give the default. ` +
      "To have the profile's value, delete the line.",
  ]
}
