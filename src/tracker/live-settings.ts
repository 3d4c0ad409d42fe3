// Which settings can change while a tracker runs: those of the process stand here, those of a protocol in
// its reload.ts. Used by tracker.ts when the settings are read again. Pure functions.
import type { CommonConfig } from './settings.ts'

/** Whether a setting can take the value it has in `after`; `start`: what memory was reserved for. */
export type LiveRule<C> = (start: C, after: C) => boolean

/** By path; a setting that is missing needs a restart. */
export type LiveSettings<C> = ReadonlyMap<string, LiveRule<C>>

/** `always`: paths of settings that can take any value. */
export function liveSettings<C>(
  always: readonly string[],
  rules: Readonly<Record<string, LiveRule<C>>> = {},
): LiveSettings<C> {
  const any = always.map((path) => [path, () => true] as const)
  return new Map<string, LiveRule<C>>([...any, ...Object.entries(rules)])
}

/** Memory was made for the value of the start: it may be lowered, and raised again up to there. */
export function upToStart<C>(value: (config: C) => number): LiveRule<C> {
  return (start, after) => value(after) <= value(start)
}

/** `own`: those of the protocols. */
export function canApply<C extends CommonConfig>(
  path: string,
  start: C,
  after: C,
  own: readonly LiveSettings<C>[],
): boolean {
  return [PROCESS_LIVE, ...own].some((live) => live.get(path)?.(start, after) === true)
}

export const PROCESS_LIVE: LiveSettings<CommonConfig> = liveSettings<CommonConfig>(
  [
    'log_level',
    'log_format',
    'log_addresses',
    'statistics.interval',
    'access_list.mode',
    'access_list.path',
    'access_keys.mode',
    'access_keys.path',
    'access_keys.unknown_keys_per_minute',
    'protocol.peer_announce_interval',
    'protocol.interval_jitter',
    'cleaning.interval',
    'cleaning.max_peer_age',
    'persistence.interval_minutes',
    'scrape_export.cleanings',
  ],
  {
    'limits.max_torrents': upToStart(({ limits }) => limits.max_torrents),
    'limits.max_peers': upToStart(({ limits }) => limits.max_peers),
  },
)
