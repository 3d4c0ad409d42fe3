// The differences between two sets of settings. Used when settings are read again while a program runs
// (process/reloader.ts).
import { buildConfig, type ConfigOf, entriesOf, type Schema, titleOf, valueAt } from './schema.ts'
import { tomlText } from './toml-text.ts'

export interface Change {
  /** Such as `protocol.max_response_peers`. */
  readonly path: string
  /** `[protocol] max_response_peers = 30 (it was 50)`; values of secrets are left out. */
  readonly text: string
}

export function changesBetween(schema: Schema, before: object, after: object): Change[] {
  return entriesOf(schema).flatMap((entry) => {
    const [old, now] = [tomlText(valueAt(before, entry)), tomlText(valueAt(after, entry))]
    if (old === now) return []
    const values = entry.setting.secret ? '' : ` = ${now} (it was ${old})`
    return [{ path: entry.path, text: `${titleOf(entry)}${values}` }]
  })
}

/** `before` with the values that `after` has at these paths. */
export function withChanges<S extends Schema>(
  schema: S,
  before: ConfigOf<S>,
  after: ConfigOf<S>,
  paths: ReadonlySet<string>,
): ConfigOf<S> {
  return buildConfig(schema, (entry) => valueAt(paths.has(entry.path) ? after : before, entry))
}
