// The protocols of the combined tracker. To add one, add an entry to PROTOCOLS. Used by bin/aquatic.ts, and by
// the script that writes its manual.

import { httpProtocol } from '../http/main/main.ts'
import { httpSettings } from '../http/settings/config.ts'
import { runHttpWorker } from '../http/worker/run.ts'
import { combinedPersistence } from '../persistence/settings.ts'
import type { WorkerStart } from '../process/workers.ts'
import type { OpenGuest } from '../tcp/guest.ts'
import { combinedTracker, type Member } from '../tracker/combined.ts'
import { udpProtocol } from '../udp/main/main.ts'
import { udpSettings } from '../udp/settings/config.ts'
import { runUdpWorker } from '../udp/worker/run.ts'
import { wsProtocol } from '../ws/main/main.ts'
import { PATHS_WITHOUT_EFFECT } from '../ws/settings/config-checks.ts'
import { wsSettings } from '../ws/settings/program.ts'
import { WsGuest, type WsGuestData } from '../ws/worker/guest.ts'
import { runWsWorker } from '../ws/worker/run.ts'
import { SHARED_EXPLANATIONS } from './explanations.ts'

const NAME = 'aquatic'

interface ServedProtocol extends Member {
  readonly runWorker: (data: never) => void
}

const UDP: ServedProtocol = {
  name: 'udp',
  title: 'UDP',
  program: 'aquatic_udp',
  transport: 'udp',
  settings: udpSettings,
  type: udpProtocol,
  runWorker: runUdpWorker,
  defaults: {
    // With three kinds of peers, the defaults of a tracker with two would reserve more than is possible.
    'limits.max_torrents': 10_000_000,
    'limits.max_peers': 50_000_000,
    // HTTP peers are in the same swarms, and are told to announce half as often.
    'cleaning.max_peer_age': 2400,
  },
}

type HttpStart = Parameters<typeof runHttpWorker>[0]

/** In a worker of HTTP: WebTorrent on its connections. */
const openGuest: OpenGuest = (start, own, host) => new WsGuest(start, own as WsGuestData, host)

const HTTP: ServedProtocol = {
  name: 'http',
  title: 'HTTP',
  program: 'aquatic_http',
  transport: 'tcp',
  settings: httpSettings,
  type: httpProtocol,
  runWorker: (data: HttpStart) => runHttpWorker(data, openGuest),
}

const WS: ServedProtocol = {
  name: 'ws',
  title: 'WebTorrent',
  program: 'aquatic_ws',
  transport: 'tcp',
  settings: wsSettings,
  type: wsProtocol,
  runWorker: runWsWorker,
  // Its source limits count per connection, with other bursts.
  ownSections: ['source_limits'],
  omitted: PATHS_WITHOUT_EFFECT,
  guestOf: {
    host: 'http',
    followed: [
      'socket_workers',
      'network.use_tls',
      'network.tls_certificate_path',
      'network.tls_private_key_path',
      'network.tls_pkcs12_path',
      'network.tls_pkcs12_password',
      'network.trusted_proxies',
      'network.proxy_header',
      'network.proxy_protocol',
    ],
  },
  // Port 3000 over TCP is left for HTTP, so that its announce URL has UDP's port. 3001 needs no rights either.
  defaults: { 'network.address': '0.0.0.0:3001' },
}

const PROTOCOLS: readonly ServedProtocol[] = [UDP, HTTP, WS]

export const aquaticTracker = combinedTracker({
  name: NAME,
  description: 'BitTorrent tracker over UDP (BEP 15), HTTP (BEP 3) and WebTorrent, in one process',
  sections: { persistence: combinedPersistence(NAME) },
  explanations: SHARED_EXPLANATIONS,
  members: PROTOCOLS,
})

/** In a new thread. */
export function runWorker(data: WorkerStart): void {
  const served = PROTOCOLS.find(({ name }) => name === data.protocol)
  if (served === undefined) throw new Error(`there is no protocol ${data.protocol}`)
  served.runWorker(data as never)
}
