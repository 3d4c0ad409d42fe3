// The settings of aquatic_http_load_test: names, defaults, limits and their manual. The default file, its
// checks, the environment variables and docs/config-http-load-test.md are derived from this schema.
import {
  type ConfigOf,
  defineSettings,
  type Finding,
  problem,
  section,
} from '../../src/config/schema.ts'
import { boolean, choice, decimal, type Fault, integer, string } from '../../src/config/setting.ts'
import { COMMON, LOAD_TEST_FLAGS } from '../flags.ts'
import { HTTP_PROFILES } from '../profiles.ts'
import {
  announceAndScrapeWeights,
  clientAddresses,
  commonFindings,
  connectionFindings,
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
  weightFindings,
} from '../settings.ts'

const PIPELINING_MAX = 64
/** Each needs a descriptor, here and at the tracker. */
const CONNECTIONS_MAX = 100_000
const REQUESTS_PER_CONNECTION_MAX = 1_000_000
/** As many fit a request line of 16 KB. */
const SCRAPE_TORRENTS_MAX = 255

const network = section('Where connections come from, and how they are made.', {
  use_tls: boolean(
    false,
    `Speak HTTPS. The tracker's certificate is not checked: it may be one that was made for the test.`,
  ),
  tls_resumption: boolean(
    false,
    `With HTTPS, let new connections take up the session of an earlier one, as clients do that come back:
    a shorter handshake. With false each does a full one.`,
  ),
  path: string(
    '/announce',
    { check: checkPath },
    `Path of announces, such as '/KEY/announce' for a private tracker. In that of scrapes, «scrape» stands
    in place of its last «announce».`,
  ),
  keep_alive_share: decimal(
    0,
    { min: 0, max: 1 },
    `The share of connections that ask to be kept for further requests. The others, as those of most
    clients do, say «Connection: close» and are used once.`,
  ),
  requests_per_connection: integer(
    100,
    { min: 0, max: REQUESTS_PER_CONNECTION_MAX },
    `Requests on a connection that is kept; the last one says «Connection: close». 0 never ends it.`,
  ),
  pipelining: integer(
    1,
    { min: 1, max: PIPELINING_MAX },
    `Requests that are under way at once on a connection that is kept. With more than 1 they leave without
    waiting for the answers to those before. Clients of trackers do not do that.`,
  ),
  multiple_client_ipv4s: boolean(
    true,
    `Open connections from several loopback addresses (127.0.0.1, 127.0.0.2 and so on, 16 for each worker)
    when the tracker is on IPv4 loopback, so that the ports do not run out.

    With false, and towards other addresses, they have the address that the system chooses.`,
  ),
  client_addresses: clientAddresses,
})

const requests = section('What is asked for.', {
  number_of_torrents: integer(
    100000,
    { min: 1, max: TORRENTS_MAX },
    `Torrents to simulate. How many of them get peers depends on the popularity. Each takes 32 bytes of the
    load tester's memory.`,
  ),
  number_of_peers: numberOfPeers(200000),
  torrent_gamma_shape: gammaShape(
    0.05,
    'The default makes half of the peers members of swarms of more than 30, as in the load for UDP.',
  ),
  peer_seeder_probability: seederProbability(0.75, 'a peer is a seeder'),
  announce_peers_wanted: integer(
    50,
    { min: 1, max: 1000 },
    'Ask for this many peers in announces. An answer with more of them counts as wrong.',
  ),
  scrape_max_torrents: integer(
    10,
    { min: 1, max: SCRAPE_TORRENTS_MAX },
    `Ask for one to this many torrents in a scrape. Those of more popular torrents come more often. 1 for
    trackers that take no more.`,
  ),
  ...announceAndScrapeWeights(50),
  response_timeout_milliseconds: responseTimeout(5000, 'answer'),
})

const closedLoop = section(
  "Mode 'closed': some connections are busy, and each answer makes room for the next request.",
  {
    connections: integer(
      64,
      { min: 1, max: CONNECTIONS_MAX },
      `Connections of all workers together. At full speed, latency is this number divided by the answers
      per second, whatever the tracker does.`,
    ),
  },
)

const openLoop = section(
  "Mode 'open': requests leave on a schedule, whether answers come or not.",
  {
    rate: integer(
      1000,
      { min: 1, max: RATE_MAX },
      `Requests per second of all workers together. Latency counts from the moment that the schedule says,
      and so takes in the time that connections need to open, and to become free.`,
    ),
    connections_max: integer(
      4096,
      { min: 1, max: CONNECTIONS_MAX },
      `Connections of all workers together, at most. Requests that find none wait for one; those that wait
      for longer than response_timeout_milliseconds are lost, and counted as held back.`,
    ),
    ...stepSettings,
  },
)

const flood = section(
  `Mode 'flood': requests that a tracker must refuse, to see what they cost it. For your own trackers
  only.`,
  {
    flood_kind: choice(
      'mixed',
      ['garbage', 'bad_requests', 'mixed'],
      `'garbage' sends random bytes, 'bad_requests' requests without an info hash or with a wrong one, with
      lines and fields of 12,000 bytes, of other methods and versions, each on a connection of its own.
      'mixed' sends half of each, and beside them the requests of mode 'closed', whose loss and latency
      tell what the flood does to clients.`,
    ),
    flood_rate: integer(
      0,
      { min: 0, max: RATE_MAX },
      'Such requests per second of all workers together. 0 sends as many as are answered or refused.',
    ),
    flood_connections: integer(
      64,
      { min: 1, max: CONNECTIONS_MAX },
      'Connections of the flood at once, of all workers together.',
    ),
    allow_other_targets: boolean(
      false,
      `Flood addresses other than loopback. Without it such a target is refused. Set it only for
      addresses of your own, such as those of a network namespace.`,
    ),
  },
)

const checks = section(
  'What answers are held to. Wrong and missing ones are counted by kind; exit code 3.',
  {
    own_peer: ownPeer,
    canonical_bencoding: boolean(
      true,
      `Keys have to be in order, each once, numbers without zeros in front, and nothing behind the
    dictionary, as BEP 3 demands. Most clients read other answers too; set false for trackers that rely
    on that.`,
    ),
    content_length: boolean(
      true,
      `Each answer tells its length. With false, an answer may end with its connection.`,
    ),
    unknown_torrents: boolean(
      true,
      `A scrape has to list every torrent that it was asked for, with zeros when nobody is in it: some
    clients take a missing one for a failure. With false only those with peers must be there.`,
    ),
    fresh_tracker: freshTracker,
    peers_kept: peersKept,
    max_missing: maxMissing(
      'answers to requests of a kind',
      `A tracker that gets more than it can take needs a larger share here. In mode 'flood' each kind of
    request must only be answered half as often as the other.`,
    ),
  },
)

const schema = {
  ...firstSettings,
  mode: choice(
    'closed',
    ['closed', 'open', 'flood'],
    `'closed' sends as fast as answers come, to find what a tracker can do. 'open' sends at a fixed rate
    and measures latency honestly. 'flood' sends what a tracker must not be impressed by.`,
  ),
  seed,
  network,
  requests,
  closed_loop: closedLoop,
  open_loop: openLoop,
  flood,
  checks,
  tracker: trackerSection('aquatic_http', 'a first request'),
}

export type LoadConfig = ConfigOf<typeof schema>

const common = [...COMMON, 'network.use_tls', 'network.path']

export const loadSettings = defineSettings({
  schema,
  retired: {},
  profiles: HTTP_PROFILES,
  crossCheck,
  common,
})

export const httpLoadProgram = {
  name: 'aquatic_http_load_test',
  description: 'load tester for HTTP and HTTPS BitTorrent trackers (BEP 3, 7, 23, 48)',
  settings: loadSettings,
  flags: LOAD_TEST_FLAGS,
  exitCodes: '3 wrong or missing answers',
}

function checkPath(text: string): Fault | null {
  const remedy = "Write it with a slash in front and with «announce», such as '/announce'"
  if (!/^\/[!-~]*$/.test(text)) return { fault: 'is no path of a URL', remedy }
  if (text.split('?')[0].includes('announce')) return null
  return { fault: 'has no «announce» in its path', remedy }
}

function crossCheck(config: LoadConfig): Finding[] {
  return [
    ...ownFindings(config),
    ...swarmFindings(config),
    ...commonFindings(config),
    ...floodFindings(config),
  ]
}

function ownFindings(config: LoadConfig): Finding[] {
  const { network, mode, workers } = config
  const key = mode === 'open' ? '[open_loop] connections_max' : '[closed_loop] connections'
  const paths = ['closed_loop.connections', 'open_loop.connections_max']
  const findings = [
    ...weightFindings(config),
    ...connectionFindings(key, connectionsOf(config), workers, paths),
  ]
  if (network.pipelining > 1 && network.keep_alive_share === 0) {
    const text = `[network] pipelining = ${network.pipelining} changes nothing while keep_alive_share is 0:
      such connections have one request each.`
    findings.push(problem(['network.pipelining', 'network.keep_alive_share'], text))
  }
  if (network.tls_resumption && !network.use_tls) {
    const text = `[network] tls_resumption = true changes nothing while use_tls is false: set that to true.`
    findings.push(problem(['network.tls_resumption', 'network.use_tls'], text))
  }
  return findings
}

/** Connections of ordinary requests, of all workers together. */
export function connectionsOf({ mode, closed_loop, open_loop }: LoadConfig): number {
  return mode === 'open' ? open_loop.connections_max : closed_loop.connections
}
