// Loads the settings files of single-protocol trackers into a tracker with several (--udp FILE): a protocol's
// own settings apply as they do there; of shared settings, those that the file changes. Used by combined.ts.
import type { Lens } from '../config/combine.ts'
import type { OwnFlag } from '../config/flags.ts'
import { type BaseSettings, type GivenValue, type Loaded, loadSettings } from '../config/load.ts'
import { printable } from '../config/output.ts'
import { type Entry, entriesOf, pathOf, type Schema, titleOf, valueAt } from '../config/schema.ts'
import { tomlText } from '../config/toml-text.ts'
import type { KnownProtocol } from './combined-settings.ts'
import { COMBINED } from './relatives.ts'

interface Given {
  readonly protocol: KnownProtocol
  readonly lens: Lens
  readonly path: string
  readonly loaded: Loaded<Schema>
}

type FoundValue = GivenValue & { readonly shown: string }

/** A flag for each protocol. */
export function fileFlags(protocols: readonly KnownProtocol[]): OwnFlag[] {
  return protocols.map(({ name, title, program }) => ({
    name,
    value: 'FILE',
    help: [
      `serve ${title} as ${program} -c FILE does; then`,
      'protocols without such a file are not served',
    ],
  }))
}

/** `given`: files by protocol name. `reached`: the file's path now; null if it cannot be read any more. */
export function settingsOfFiles(
  protocols: readonly KnownProtocol[],
  lenses: readonly Lens[],
  given: ReadonlyMap<string, string>,
  reached: (path: string) => string | null,
): BaseSettings {
  const found = protocols.flatMap((protocol, i): Given[] => {
    const path = given.get(protocol.name)
    if (path === undefined) return []
    return [{ protocol, lens: lenses[i], path, loaded: load(protocol, path, reached) }]
  })
  const values = new Map<string, FoundValue>()
  const conflicts = new Map<string, string>()
  for (const each of found) {
    for (const entry of entriesOf(each.protocol.settings.schema))
      take(each, entry, values, conflicts)
  }
  if (found.length > 0) {
    for (const { name } of protocols) {
      if (!given.has(name)) {
        values.set(pathOf(name, 'enabled'), {
          value: false,
          origin: `the flags, without --${name}`,
          shown: 'false',
        })
      }
    }
  }
  return {
    files: found.map(({ path }) => path),
    problems: found.flatMap(({ loaded }) => loaded.problems),
    warnings: found.flatMap(warningsOf),
    values,
    conflicts,
  }
}

/** Settings are checked together only once all are known. */
function load(
  { name, settings: { schema, retired } }: KnownProtocol,
  path: string,
  reached: (path: string) => string | null,
): Loaded<Schema> {
  const now = reached(path)
  const settings = { schema, retired, crossCheck: () => [] }
  // A pipe is refused, since it gives its text only once, and the file is read again on SIGHUP.
  const relatives = [{ ...COMBINED, remedy: `give the file with -c in place of --${name}` }]
  const loaded = loadSettings<Schema>(
    settings,
    now,
    {},
    { isRunning: true, flag: `--${name}`, relatives },
  )
  if (now !== null) return loaded
  const problem = `${printable(path)} is not below [privileges] chroot_path, so it cannot be read again`
  return { ...loaded, problems: [problem] }
}

function take(
  { protocol, lens, path, loaded }: Given,
  entry: Entry,
  values: Map<string, FoundValue>,
  conflicts: Map<string, string>,
): void {
  const outer = lens.outer(entry.path)
  if (outer === undefined) return
  const value = valueAt(loaded.config, entry)
  const shown = entry.setting.secret ? '(hidden)' : tomlText(value)
  const origin = loaded.origins.get(entry.path)
  const isChanged = tomlText(value) !== tomlText(entry.setting.defaultValue as typeof value)
  if (outer !== entry.path) {
    const default_ = `${printable(path)}, by the default of ${protocol.program}`
    const isOther = Object.hasOwn(lens.part.defaults, entry.path)
    if (origin !== undefined || isOther)
      values.set(outer, { value, origin: origin ?? default_, shown })
    return
  }
  if (!isChanged || origin === undefined) return
  const before = values.get(outer)
  values.set(outer, { value, origin, shown })
  if (before === undefined || before.shown === shown) return
  conflicts.set(
    outer,
    `${titleOf(entry)} is ${before.shown} in ${before.origin}, and ${shown} in ${origin}: make them the same, ` +
      'or write it in the file of -c.',
  )
}

/** Warnings about settings without effect that the combined settings do not have. */
function warningsOf({ protocol, lens, loaded }: Given): string[] {
  return entriesOf(protocol.settings.schema).flatMap((entry) => {
    const origin = loaded.origins.get(entry.path)
    const isDefault = valueAt(loaded.config, entry) === entry.setting.defaultValue
    if (origin === undefined || isDefault || lens.outer(entry.path) !== undefined) return []
    return [`${origin}: ${titleOf(entry)} has no effect in this version.`]
  })
}
