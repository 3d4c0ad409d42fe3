// The HTTP settings that can change at runtime, and the form in which workers receive them. Used by main.ts.
import { listOf } from '../../config/setting.ts'
import { PEER_ADDRESS_PATHS, peerAddressRules } from '../../peer-addresses/settings.ts'
import { pauseOf, pausePaths } from '../../requests/pause-settings.ts'
import { SOURCE_LIMIT_PATHS, sourceRates } from '../../source-limits/settings.ts'
import { liveSettings, upToStart } from '../../tracker/live-settings.ts'
import type { HttpConfig } from '../settings/config.ts'
import type { WorkerSettings } from '../worker/worker-updates.ts'

export const LIVE_SETTINGS = liveSettings<HttpConfig>(
  [
    'network.keep_alive',
    'network.request_timeout',
    'network.trusted_proxies',
    'network.proxy_header',
    'network.response_timeout',
    'protocol.max_scrape_torrents',
    'protocol.max_response_peers',
    'protocol.min_announce_interval',
    'protocol.trust_announced_address',
    'cleaning.max_connection_idle',
    'limits.max_connections_per_ip',
    ...SOURCE_LIMIT_PATHS,
    ...pausePaths(['http', 'https']),
    ...PEER_ADDRESS_PATHS,
  ],
  { 'limits.max_connections': upToStart(({ limits }) => limits.max_connections) },
)

/** `maxConnections`: the number that memory has been set up for. */
export function workerSettings(config: HttpConfig, maxConnections: number): WorkerSettings {
  const { network, protocol, cleaning, limits, source_limits, peer_addresses, pause } = config
  return {
    requests: {
      announceInterval: protocol.peer_announce_interval,
      minAnnounceInterval: protocol.min_announce_interval,
      intervalJitter: protocol.interval_jitter,
      maxResponsePeers: protocol.max_response_peers,
      maxScrapeTorrents: protocol.max_scrape_torrents,
      believesAddresses: protocol.trust_announced_address,
      pauseHttp: pauseOf(pause, pause.http),
      pauseHttps: pauseOf(pause, pause.https),
    },
    // HTTP has no connect requests as UDP does, since TCP proves the address.
    rates: sourceRates({ ...source_limits, connects_per_second: 0 }),
    connections: {
      max: Math.min(limits.max_connections, maxConnections),
      maxPerAddress: limits.max_connections_per_ip,
      keepAlive: network.keep_alive,
      times: {
        first: network.request_timeout,
        request: network.request_timeout,
        idle: cleaning.max_connection_idle,
        unread: network.response_timeout,
      },
    },
    proxies: {
      protocol: network.proxy_protocol === 'required',
      unix: network.unix_socket !== '',
      trusted: listOf(network.trusted_proxies),
      header: network.proxy_header,
    },
    peerAddresses: peerAddressRules(peer_addresses),
    cleaningInterval: cleaning.interval,
    maxPeerAge: cleaning.max_peer_age,
  }
}
