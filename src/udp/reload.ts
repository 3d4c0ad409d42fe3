// Which settings of aquatic_udp can change while it runs, and in what form workers get them. Used by
// main.ts. Owns nothing.
import type { UdpConfig } from './config.ts'
import type { WorkerSettings } from './news.ts'
import { sourceRates } from './source-limit-settings.ts'

const LIVE: ReadonlySet<string> = new Set([
  'log_level',
  'log_format',
  'log_addresses',
  'protocol.max_scrape_torrents',
  'protocol.max_response_peers',
  'protocol.peer_announce_interval',
  'protocol.interval_jitter',
  'protocol.invalid_connection_id',
  'statistics.interval',
  'access_list.mode',
  'access_list.path',
  'cleaning.interval',
  'cleaning.max_peer_age',
  'cleaning.max_connection_age',
  'source_limits.connects_per_second',
  'source_limits.requests_per_second',
  'source_limits.sustained_requests_per_second',
  'source_limits.new_torrents_per_second',
  'source_limits.peers_per_torrent',
  'source_limits.ban_seconds',
  'scrape_export.cleanings',
  'persistence.interval_minutes',
])

/** `start`: the settings that memory was reserved for. */
export function canApply(start: UdpConfig, path: string, after: UdpConfig): boolean {
  if (path === 'limits.max_torrents') return after.limits.max_torrents <= start.limits.max_torrents
  if (path === 'limits.max_peers') return after.limits.max_peers <= start.limits.max_peers
  // What the system's own default is, cannot be asked for.
  if (path === 'network.socket_recv_buffer_size') return after.network.socket_recv_buffer_size > 0
  return LIVE.has(path)
}

export function workerSettings({ protocol, cleaning, source_limits }: UdpConfig): WorkerSettings {
  return {
    requests: {
      maxScrapeTorrents: protocol.max_scrape_torrents,
      maxResponsePeers: protocol.max_response_peers,
      announceInterval: protocol.peer_announce_interval,
      intervalJitter: protocol.interval_jitter,
      answerInvalidId: protocol.invalid_connection_id === 'error',
    },
    rates: sourceRates(source_limits),
    maxConnectionAge: cleaning.max_connection_age,
    cleaningInterval: cleaning.interval,
    maxPeerAge: cleaning.max_peer_age,
  }
}
