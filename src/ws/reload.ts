// Which settings of aquatic_ws can change while it runs, and in what form workers get them. Used by
// main.ts. Owns nothing.
import type { WsConfig } from './config.ts'

const LIVE: ReadonlySet<string> = new Set([
  'log_level',
  'log_format',
  'protocol.peer_announce_interval',
  'protocol.interval_jitter',
  'statistics.interval',
  'access_list.mode',
  'access_list.path',
  'cleaning.interval',
  'cleaning.max_peer_age',
  'cleaning.max_connection_age',
  'cleaning.max_offer_age',
  'limits.max_torrents_per_connection',
])

/** What a worker takes over while it runs. */
export interface WorkerSettings {
  readonly announceInterval: number
  readonly intervalJitter: number
  readonly maxTorrentsPerConnection: number
  readonly maxConnectionAge: number
  readonly maxOfferAge: number
  readonly cleaningInterval: number
  readonly maxPeerAge: number
}

/** `start`: the settings that memory was reserved for. */
export function canApply(start: WsConfig, path: string, after: WsConfig): boolean {
  if (path === 'limits.max_torrents') return after.limits.max_torrents <= start.limits.max_torrents
  if (path === 'limits.max_peers') return after.limits.max_peers <= start.limits.max_peers
  return LIVE.has(path)
}

export function workerSettings({ protocol, cleaning, limits }: WsConfig): WorkerSettings {
  return {
    announceInterval: protocol.peer_announce_interval,
    intervalJitter: protocol.interval_jitter,
    maxTorrentsPerConnection: limits.max_torrents_per_connection,
    maxConnectionAge: cleaning.max_connection_age,
    maxOfferAge: cleaning.max_offer_age,
    cleaningInterval: cleaning.interval,
    maxPeerAge: cleaning.max_peer_age,
  }
}
