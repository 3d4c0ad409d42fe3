// The tracker of all protocols: which there are. A further one is one more entry in PROTOCOLS. Used by
// bin/aquatic.ts, and by the script that writes its manual.

import { httpProtocol } from '../http/main/main.ts'
import { httpSettings } from '../http/settings/config.ts'
import { runHttpWorker } from '../http/worker/run.ts'
import { combinedPersistence } from '../persistence/settings.ts'
import type { WorkerStart } from '../process/workers.ts'
import { combinedTracker, type Member } from '../tracker/combined.ts'
import { udpProtocol } from '../udp/main/main.ts'
import { udpSettings } from '../udp/settings/config.ts'
import { runUdpWorker } from '../udp/worker/run.ts'
import { wsProtocol } from '../ws/main/main.ts'
import { PATHS_WITHOUT_EFFECT } from '../ws/settings/config-checks.ts'
import { wsSettings } from '../ws/settings/program.ts'
import { runSocketWorker as runWsWorker } from '../ws/worker/socket-worker.ts'

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
    // For three kinds of peers the reserve of a tracker of two would be larger than it can be.
    'limits.max_torrents': 10_000_000,
    'limits.max_peers': 50_000_000,
    // A peer of HTTP is in the same swarms, and told to announce half as often.
    'cleaning.max_peer_age': 2400,
  },
}

const HTTP: ServedProtocol = {
  name: 'http',
  title: 'HTTP',
  program: 'aquatic_http',
  transport: 'tcp',
  settings: httpSettings,
  type: httpProtocol,
  runWorker: runHttpWorker,
}

const WS: ServedProtocol = {
  name: 'ws',
  title: 'WebTorrent',
  program: 'aquatic_ws',
  transport: 'tcp',
  settings: wsSettings,
  type: wsProtocol,
  runWorker: runWsWorker,
  // What one address may ask for is counted by connections here, with other bursts.
  ownSections: ['source_limits'],
  omitted: PATHS_WITHOUT_EFFECT,
  // Port 3000 over TCP is left to HTTP, whose announce URL has the port of UDP's. Needs no rights either.
  defaults: { 'network.address': '0.0.0.0:3001' },
}

const PROTOCOLS: readonly ServedProtocol[] = [UDP, HTTP, WS]

export const aquaticTracker = combinedTracker({
  name: NAME,
  description: 'BitTorrent tracker over UDP (BEP 15), HTTP (BEP 3) and WebTorrent, in one process',
  sections: { persistence: combinedPersistence(NAME) },
  members: PROTOCOLS,
})

/** In a new thread. */
export function runWorker(data: WorkerStart): void {
  const served = PROTOCOLS.find(({ name }) => name === data.protocol)
  if (served === undefined) throw new Error(`no protocol is called ${data.protocol}`)
  served.runWorker(data as never)
}
