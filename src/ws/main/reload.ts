// Which WebTorrent settings can change at runtime, and in what form workers receive them. Used by main.ts.
import { listOf } from '../../config/setting.ts'
import { pauseOf, pausePaths } from '../../requests/pause-settings.ts'
import { liveSettings, upToStart } from '../../tracker/live-settings.ts'
import type { WsConfig } from '../settings/config.ts'
import type { WorkerSettings } from '../worker/worker-updates.ts'

export const LIVE_SETTINGS = liveSettings<WsConfig>(
  [
    'cleaning.max_connection_age',
    'cleaning.max_offer_age',
    'cleaning.ping_interval_seconds',
    'limits.max_torrents_per_connection',
    'limits.max_peer_ids_per_torrent',
    'limits.max_connections_per_ip',
    'limits.max_backlog_bytes',
    'limits.max_total_backlog_bytes',
    'source_limits.connection_requests_per_second',
    'source_limits.requests_per_second',
    'source_limits.new_torrents_per_second',
    'network.trusted_proxies',
    'network.proxy_header',
    'network.allowed_origins',
    ...pausePaths(),
  ],
  {
    'limits.max_connections': upToStart(({ limits }) => limits.max_connections),
    'protocol.max_offers': upToStart(({ protocol }) => protocol.max_offers),
    'protocol.max_scrape_torrents': upToStart(({ protocol }) => protocol.max_scrape_torrents),
  },
)

/** `maxConnections`: as many as there is memory for. `workers`: how many share limits for the whole process. */
export function workerSettings(
  { network, protocol, pause, cleaning, limits, source_limits, log_level }: WsConfig,
  maxConnections: number,
  workers: number,
): WorkerSettings {
  return {
    requests: {
      maxScrapeTorrents: protocol.max_scrape_torrents,
      maxOffers: protocol.max_offers,
      announceInterval: protocol.peer_announce_interval,
      intervalJitter: protocol.interval_jitter,
      maxTorrentsPerConnection: limits.max_torrents_per_connection,
      maxPeerIdsPerTorrent: limits.max_peer_ids_per_torrent,
    },
    pause: pauseOf(pause),
    housekeeping: {
      maxConnectionAge: cleaning.max_connection_age,
      pingInterval: cleaning.ping_interval_seconds,
      maxOfferAge: cleaning.max_offer_age,
    },
    maxConnections: Math.min(limits.max_connections, maxConnections),
    maxConnectionsPerAddress: limits.max_connections_per_ip,
    requestRates: {
      perConnection: source_limits.connection_requests_per_second,
      perAddress: source_limits.requests_per_second,
      newTorrents: source_limits.new_torrents_per_second,
    },
    backlogs: {
      perConnection: limits.max_backlog_bytes,
      inAll: limits.max_total_backlog_bytes / workers,
    },
    trustedProxies: listOf(network.trusted_proxies),
    proxyHeader: network.proxy_header,
    proxyProtocol: network.proxy_protocol === 'required',
    allowedOrigins: listOf(network.allowed_origins),
    reports: log_level === 'debug' || log_level === 'trace',
    cleaningInterval: cleaning.interval,
    maxPeerAge: cleaning.max_peer_age,
  }
}
