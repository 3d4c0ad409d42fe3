// The settings of aquatic_udp_load_test: names, defaults, limits and their manual. The default file,
// its checks, the environment variables and docs/config-udp-load-test.md are derived from this schema.
// Keys that the original has keep their names.

import {
  type ConfigOf,
  defineSettings,
  type Finding,
  problem,
  section,
} from '../../src/config/schema.ts'
import { boolean, bytes, choice, decimal, integer } from '../../src/config/setting.ts'
import { PORT_RANGES_MAX } from '../../src/xdp/program.ts'
import { COMMON, LOAD_TEST_FLAGS } from '../flags.ts'
import { UDP_PROFILES } from '../profiles.ts'
import {
  clientAddresses,
  commonFindings,
  firstSettings,
  floodFindings,
  freshTracker,
  gammaShape,
  maxMissing,
  numberOfPeers,
  ownPeer,
  peersKept,
  RATE_MAX,
  responseTimeout,
  seed,
  seederProbability,
  stepSettings,
  swarmFindings,
  TORRENTS_MAX,
  trackerSection,
  weight,
} from '../settings.ts'
import { retiredKeys } from './retired-keys.ts'
import { RING_MAX } from './under-way.ts'

const SOCKETS_MAX = 256
const RECV_BUFFER_BYTES_MAX = 1073741823 // The kernel doubles it, and counts in 31 bits.
const IN_FLIGHT_MAX = 65536
// BEP 15 speaks of «about 74» torrents that fit a packet.
const SCRAPE_TORRENTS_MAX = 74
/** In an Ethernet frame of 1,514 bytes, over IPv6: 16 + 71 × 20 + 48. */
const XDP_SCRAPE_TORRENTS_MAX = 71

const network = section('Where requests come from.', {
  multiple_client_ipv4s: boolean(
    true,
    `Give each socket its own loopback address (127.0.0.1, 127.0.0.2 and so on) when the tracker is
    on IPv4 loopback. A tracker with several sockets on its port then gets a share on each.

    With false, and towards other addresses, all sockets have the address that the system chooses.`,
  ),
  client_addresses: clientAddresses,
  sockets_per_worker: integer(
    4,
    { min: 1, max: SOCKETS_MAX },
    `Sockets that each worker opens. Each has its own port, connection id and share of the peers.
    More of them spread clients better over a tracker's sockets but make each batch of requests
    smaller.`,
  ),
  recv_buffer: bytes(
    8000000,
    { min: 0, max: RECV_BUFFER_BYTES_MAX },
    `Ask the system for a receive buffer of this size (bytes) for each socket. 0 leaves the system's
    default. Responses that find it full are dropped, and counted in the summary. The system grants
    at most net.core.rmem_max to users other than root. To allow 8 MB:

    $ sudo sysctl -w net.core.rmem_max=8000000`,
  ),
  packet_path: choice(
    'sockets',
    ['sockets', 'xdp'],
    `How requests leave and responses come. 'xdp' passes the kernel by (AF_XDP, docs/kernel-bypass.md), which takes a
    tracker with the same path to saturate. It needs a network card that leads to the tracker, such as one end of a veth pair,
    root, and workers = 1, which serves all queues of the card.`,
  ),
  xdp_mode: choice(
    'auto',
    ['auto', 'native', 'generic'],
    `With packet_path = 'xdp', as in the tracker: by the card's driver, or after it.`,
  ),
  send_together: boolean(
    true,
    `Hand requests of the same size to the system in one piece, which it cuts into packets again
    (UDP_SEGMENT). The tracker receives the same packets, and the load tester needs less than half
    the CPU time. The tracker's own time per packet is also slightly lower, because its queue fills
    in larger steps. With false each packet is sent by itself, as clients do.`,
  ),
})

const requests = section('What is asked for.', {
  number_of_torrents: integer(
    1000000,
    { min: 1, max: TORRENTS_MAX },
    `Torrents to simulate. How many of them get peers depends on the popularity: about 170,000 of the
    default million. Each takes 32 bytes of the load tester's memory.`,
  ),
  number_of_peers: numberOfPeers(2000000),
  torrent_gamma_shape: gammaShape(
    0.05,
    `With the default, half of the peers are in swarms of more than 30, as under the original's default
    load.`,
  ),
  peer_seeder_probability: seederProbability(0.75, 'a peer is a seeder'),
  announce_peers_wanted: integer(
    30,
    { min: 1, max: 500 },
    'Ask for this many peers in announces. A response with more counts as wrong.',
  ),
  scrape_max_torrents: integer(
    10,
    { min: 1, max: SCRAPE_TORRENTS_MAX },
    `Ask for one to this many torrents in a scrape. Popular torrents are scraped more often. About
    ${SCRAPE_TORRENTS_MAX} fit a packet.`,
  ),
  weight_connect: weight(
    50,
    `How often a request is a connect, in proportion to the other two weights. With 0 each socket still
    connects at startup and once a minute, as clients do.`,
  ),
  weight_announce: weight(
    50,
    'How often a request is an announce, in proportion to the other two weights.',
  ),
  weight_scrape: weight(
    1,
    'How often a request is a scrape, in proportion to the other two weights.',
  ),
  invalid_id_share: decimal(
    0,
    { min: 0, max: 0.9 },
    `The share of all packets that are announces with an invalid connection id, on top of the requests: what
    clients send that use an id for longer than they may. They get no response, or one that is no longer.`,
  ),
  response_timeout_milliseconds: responseTimeout(2000, 'response'),
})

const closedLoop = section(
  "Mode 'closed': a number of requests is in flight, and each response makes room for the next.",
  {
    in_flight: integer(
      0,
      { min: 0, max: IN_FLIGHT_MAX },
      `Requests that each worker keeps in flight. 0 finds the number automatically: more while that
      brings more responses, fewer when responses are missing.

      A larger number gives the tracker larger batches and makes responses wait longer: at full
      speed, latency is this number divided by the responses per second, whatever the tracker does.`,
    ),
  },
)

const openLoop = section(
  "Mode 'open': requests leave on a schedule, whether responses come or not.",
  {
    rate: integer(
      10000,
      { min: 1, max: RATE_MAX },
      `Requests per second of all workers together. Latency is measured from the scheduled time, so
      that a tracker that stalls cannot hide it.`,
    ),
    ...stepSettings,
  },
)

const flood = section(
  `Mode 'flood': packets that a tracker must not answer at length, to see what they cost it. Use it on
  your own trackers only.`,
  {
    flood_kind: choice(
      'mixed',
      ['garbage', 'expired_ids', 'mixed'],
      `'garbage' sends random bytes of random length, 'expired_ids' announces and scrapes with an
      invalid connection id. 'mixed' sends half of each, beside the requests of mode 'closed', whose
      loss and latency show what the flood does to clients.`,
    ),
    flood_rate: integer(
      0,
      { min: 0, max: RATE_MAX },
      'Flood packets per second of all workers together. 0 sends as many as the system takes.',
    ),
    allow_other_targets: boolean(
      false,
      `Flood addresses other than loopback, which are refused otherwise. Set it only for addresses of
      your own, such as those of a network namespace.`,
    ),
  },
)

const checks = section(
  'What responses must satisfy. Wrong and missing ones are counted by kind; exit code 3.',
  {
    own_peer: ownPeer,
    fresh_tracker: freshTracker,
    peers_kept: peersKept,
    max_missing: maxMissing(
      'responses to requests of one kind',
      `Packets dropped at full receive buffers are counted separately, as far as they are visible: on this
    machine. An overloaded tracker on another machine needs a larger share here. In mode 'flood' each
    kind of request need only be answered half as often as the others.`,
    ),
  },
)

const schema = {
  ...firstSettings,
  mode: choice(
    'closed',
    ['closed', 'open', 'flood'],
    `'closed' sends as fast as responses come, to find what a tracker can do. 'open' sends at a fixed
    rate and measures latency honestly. 'flood' sends what a tracker must withstand.`,
  ),
  seed,
  network,
  requests,
  closed_loop: closedLoop,
  open_loop: openLoop,
  flood,
  checks,
  tracker: trackerSection('aquatic_udp', 'a first connect request'),
}

export type LoadConfig = ConfigOf<typeof schema>

const common = [...COMMON, 'network.client_addresses']

export const loadSettings = defineSettings({
  schema,
  retired: retiredKeys,
  profiles: UDP_PROFILES,
  crossCheck,
  common,
})

export const udpLoadProgram = {
  name: 'aquatic_udp_load_test',
  description: 'load tester for UDP BitTorrent trackers (BEP 15)',
  settings: loadSettings,
  flags: LOAD_TEST_FLAGS,
  exitCodes: '3 wrong or missing responses',
}

function crossCheck(config: LoadConfig): Finding[] {
  return [
    ...requestFindings(config),
    ...swarmFindings(config),
    ...commonFindings(config),
    ...floodFindings(config),
    ...pathFindings(config),
  ]
}

function pathFindings({ network, mode, workers, requests }: LoadConfig): Finding[] {
  if (network.packet_path !== 'xdp') return []
  const findings: Finding[] = []
  const refuse = (path: string, remedy: string) => {
    findings.push(
      problem(['network.packet_path', path], `[network] packet_path = 'xdp' ${remedy}.`),
    )
  }
  if (workers !== 1)
    refuse('workers', `is for one worker, which serves all queues: set workers = 1`)
  if (mode === 'flood') refuse('mode', `has no mode 'flood': choose another mode`)
  if (network.sockets_per_worker > PORT_RANGES_MAX) {
    refuse(
      'network.sockets_per_worker',
      `has at most ${PORT_RANGES_MAX} ports: lower sockets_per_worker`,
    )
  }
  if (requests.scrape_max_torrents > XDP_SCRAPE_TORRENTS_MAX) {
    refuse(
      'requests.scrape_max_torrents',
      `sends no fragments: lower [requests] scrape_max_torrents to ${XDP_SCRAPE_TORRENTS_MAX}`,
    )
  }
  return findings
}

function requestFindings({ requests, mode, open_loop, workers }: LoadConfig): Finding[] {
  const findings: Finding[] = []
  const { weight_connect, weight_announce, weight_scrape } = requests
  if (weight_connect + weight_announce + weight_scrape === 0) {
    const paths = ['requests.weight_connect', 'requests.weight_announce', 'requests.weight_scrape']
    findings.push(problem(paths, '[requests] all three weights are 0: raise one of them.'))
  }
  const { response_timeout_milliseconds } = requests
  const rate = open_loop.rate * Math.max(1, open_loop.step_factor)
  const waiting = (rate / workers) * (response_timeout_milliseconds / 1000)
  if (mode === 'open' && waiting > RING_MAX) {
    const text = `each worker would have to remember ${Math.ceil(waiting)} requests under way, and
      ${RING_MAX} is the most: raise workers, or lower [open_loop] rate or [requests]
      response_timeout_milliseconds.`
    findings.push(problem(['open_loop.rate'], text))
  }
  return findings
}
