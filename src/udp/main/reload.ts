// Which UDP settings can change at runtime, and in what form workers receive them. Used by main.ts.

import { PEER_ADDRESS_PATHS, peerAddressRules } from '../../peer-addresses/settings.ts'
import { pauseOf, pausePaths } from '../../requests/pause-settings.ts'
import { SOURCE_LIMIT_PATHS, sourceRates } from '../../source-limits/settings.ts'
import { liveSettings } from '../../tracker/live-settings.ts'
import type { UdpConfig } from '../settings/config.ts'
import type { WorkerSettings } from '../worker/worker-updates.ts'

export const LIVE_SETTINGS = liveSettings<UdpConfig>(
  [
    'protocol.max_scrape_torrents',
    'protocol.max_response_peers',
    'protocol.max_response_bytes',
    'protocol.invalid_connection_id',
    'cleaning.max_connection_age',
    ...SOURCE_LIMIT_PATHS,
    ...pausePaths(),
    ...PEER_ADDRESS_PATHS,
  ],
  {
    // There is no way to go back to the system's own default.
    'network.socket_recv_buffer_size': (_, { network }) => network.socket_recv_buffer_size > 0,
  },
)

export function workerSettings(config: UdpConfig): WorkerSettings {
  const { protocol, cleaning, source_limits, peer_addresses, pause } = config
  return {
    requests: {
      maxScrapeTorrents: protocol.max_scrape_torrents,
      maxResponsePeers: protocol.max_response_peers,
      maxResponseBytes: protocol.max_response_bytes,
      announceInterval: protocol.peer_announce_interval,
      intervalJitter: protocol.interval_jitter,
      answerInvalidId: protocol.invalid_connection_id === 'error',
      pause: pauseOf(pause),
    },
    rates: sourceRates(source_limits),
    maxConnectionAge: cleaning.max_connection_age,
    peerAddresses: peerAddressRules(peer_addresses),
    cleaningInterval: cleaning.interval,
    maxPeerAge: cleaning.max_peer_age,
  }
}
