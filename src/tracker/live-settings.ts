// Which settings can change at runtime: those of the process are here, those of a protocol in its reload.ts.
// Used by tracker.ts when the settings are read again.
import { PRESSURE_PATHS } from '../pressure/settings.ts'
import { PUBLIC_PAGE_PATHS } from '../public-page/settings.ts'
import type { CommonConfig } from './settings.ts'

/** Whether a setting can take its value in `after`; `start`: the settings for which memory was reserved. */
export type LiveRule<C> = (start: C, after: C) => boolean

/** By path; settings not in the map need a restart. */
export type LiveSettings<C> = ReadonlyMap<string, LiveRule<C>>

/** `always`: paths of settings that can take any value. */
export function liveSettings<C>(
  always: readonly string[],
  rules: Readonly<Record<string, LiveRule<C>>> = {},
): LiveSettings<C> {
  const any = always.map((path) => [path, () => true] as const)
  return new Map<string, LiveRule<C>>([...any, ...Object.entries(rules)])
}

/** Memory was reserved for the value at startup: it can be lowered, and raised again up to that. */
export function upToStart<C>(value: (config: C) => number): LiveRule<C> {
  return (start, after) => value(after) <= value(start)
}

/** `own`: the protocols' settings. */
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
    'network_list.mode',
    'network_list.path',
    'client_list.mode',
    'client_list.path',
    'protocol.peer_announce_interval',
    'protocol.interval_jitter',
    'cleaning.interval',
    'cleaning.max_peer_age',
    'persistence.interval_minutes',
    'scrape_export.cleanings',
    ...PRESSURE_PATHS,
    ...PUBLIC_PAGE_PATHS,
  ],
  {
    'limits.max_torrents': upToStart(({ limits }) => limits.max_torrents),
    'limits.max_peers': upToStart(({ limits }) => limits.max_peers),
  },
)
