// The settings of aquatic_ws_load_test: names, defaults, limits and their manual. The default file,
// its checks, the environment variables and docs/config-ws-load-test.md are derived from this schema.
import {
  type ConfigOf,
  defineSettings,
  type Finding,
  problem,
  section,
  warning,
} from '../../src/config/schema.ts'
import {
  boolean,
  choice,
  decimal,
  type Fault,
  integer,
  seconds,
  string,
} from '../../src/config/setting.ts'
import { COMMON, LOAD_TEST_FLAGS } from '../flags.ts'
import { WS_PROFILES } from '../profiles.ts'
import {
  announceAndScrapeWeights,
  clientAddresses,
  commonFindings,
  connectionFindings,
  DAY_SEC,
  firstSettings,
  gammaShape,
  maxMissing,
  RATE_MAX,
  responseTimeout,
  seed,
  seederProbability,
  stepSettings,
  trackerSection,
  weightFindings,
} from '../settings.ts'
import { UNDER_WAY_MAX } from './client.ts'
import { SDP_CHARACTERS_MIN } from './payload.ts'

// Each takes a place in every worker's tables.
const CONNECTIONS_MAX = 1_000_000
const TORRENTS_MAX = 10_000_000
const TORRENTS_PER_CONNECTION_MAX = 100_000
const OFFERS_MAX = 100
const SCRAPE_TORRENTS_MAX = 1000
// A message of ten such offers is what trackers refuse by default.
const SDP_CHARACTERS_MAX = 16384
/** Of all connections together: each offer under way has 16 bytes of shared memory. */
const OFFER_PLACES_MAX = 100_000_000

/** Of all connections together, and of each. */
const REMEMBERED_ANNOUNCES = 65536
const REMEMBERED_MIN = 15
const REMEMBERED_MAX = 250

const network = section('Where connections come from, and how they are made.', {
  use_tls: boolean(
    false,
    `Speak wss:// instead of ws://. The tracker's certificate is not checked, since it may have been
    made for the test.`,
  ),
  path: string(
    '/',
    { check: checkPath },
    'Path and query of the handshake. Trackers ignore it; a proxy in front of one may not.',
  ),
  connections: integer(
    64,
    { min: 1, max: CONNECTIONS_MAX },
    `Connections of all workers together. Each is one client with its own peer id. One that fails or
    is closed by the tracker is counted and reopened a second later.`,
  ),
  connection_rate: integer(
    0,
    { min: 0, max: RATE_MAX },
    `Open this many connections per second over all workers, each of which starts asking at once. 0
    opens the next one as soon as one of some dozens is ready, and mode 'closed' begins when all are
    open.`,
  ),
  multiple_client_ipv4s: boolean(
    true,
    `Open connections from several loopback addresses (127.0.0.1, 127.0.0.2 and so on) when the
    tracker is on IPv4 loopback, so that neither its limit per address nor the number of ports
    restricts them.

    With false, and towards other addresses, they have the address that the system chooses.`,
  ),
  client_addresses: clientAddresses,
})

const requests = section('What is asked for.', {
  number_of_torrents: integer(1000, { min: 1, max: TORRENTS_MAX }, 'Torrents to simulate.'),
  torrents_per_connection: integer(
    100,
    { min: 1, max: TORRENTS_PER_CONNECTION_MAX },
    `Torrents that a client is in and announces in turn. Popular ones are more likely, so that swarms
    differ in size; a client is in fewer when hardly any others are popular.`,
  ),
  torrent_gamma_shape: gammaShape(0.2, ''),
  peer_seeder_probability: seederProbability(0.25, 'a client is a seeder of one of its torrents'),
  offers_per_announce: integer(
    10,
    { min: 0, max: OFFERS_MAX },
    'Send this many offers with each announce.',
  ),
  answer_probability: decimal(
    1,
    { min: 0, max: 1 },
    'The share of received offers that are answered. The others are checked and dropped.',
  ),
  session_description_size: integer(
    650,
    { min: SDP_CHARACTERS_MIN, max: SDP_CHARACTERS_MAX },
    `Length of the session description in each offer and answer (characters). Browsers' have 600 to
    3,000. It contains sender, torrent and number, and is compared character by character on
    arrival; every 64th has characters outside ASCII.`,
  ),
  scrape_max_torrents: integer(
    10,
    { min: 1, max: SCRAPE_TORRENTS_MAX },
    'Ask for one to this many torrents in a scrape.',
  ),
  ...announceAndScrapeWeights(100),
  response_timeout_milliseconds: responseTimeout(5000, 'response'),
})

const closedLoop = section(
  "Mode 'closed': some requests are in flight, and each response makes room for the next.",
  {
    in_flight: integer(
      1,
      { min: 1, max: UNDER_WAY_MAX },
      `Requests that each connection keeps in flight. Offers and answers come on top. At full speed,
      latency is this number times the connections divided by the responses per second, whatever the
      tracker does.`,
    ),
  },
)

const openLoop = section(
  "Mode 'open': requests leave on a schedule, whether responses come or not.",
  {
    rate: integer(
      1000,
      { min: 1, max: RATE_MAX },
      `Announces and scrapes per second of all workers together, over the open connections in turn.
      Latency is measured from the scheduled time, so that a tracker that stalls cannot hide it.
      Requests that no connection could take are counted as held back.`,
    ),
    ...stepSettings,
  },
)

const mix = section(
  "Mode 'mix': fixed rates of each kind over all connections, so that any tracker does the same work.",
  {
    announces_per_second: integer(
      1000,
      { min: 1, max: RATE_MAX },
      `Announces per second of all workers together. Latency is measured from the scheduled time.`,
    ),
    offers_per_announce: integer(
      10,
      { min: 0, max: OFFERS_MAX },
      'Offers in each announce. Each is delivered as one message if the swarm has enough other peers.',
    ),
    answers_per_second: integer(
      10_000,
      { min: 0, max: RATE_MAX },
      `Answers per second to offers that arrived, at most as many as these. Trackers may give no more
      offers to a client that leaves too many unanswered, so by default all are answered.`,
    ),
    scrapes_per_second: integer(
      10,
      { min: 0, max: RATE_MAX },
      'Scrapes per second of all workers together.',
    ),
    peers_per_torrent: integer(
      30,
      { min: 1, max: CONNECTIONS_MAX },
      `Every torrent has this many peers, or a few more. So number_of_torrents and
      torrent_gamma_shape do not apply: there are as many torrents as torrents_per_connection makes.
      Before the rates begin, each client announces in all its torrents without offers.`,
    ),
  },
)

const checks = section(
  'What messages must satisfy. Wrong and missing ones are counted by kind; exit code 3.',
  {
    fresh_tracker: boolean(
      true,
      `The tracker holds no other peers, so counts in responses are at most what this run has
      announced.`,
    ),
    peers_kept: seconds(
      120,
      { min: 0, max: DAY_SEC },
      `For this long (seconds) after the start, counts in responses must include every peer whose
      announce was answered and whose connection lives. If the tracker forgets silent peers sooner,
      set it to that time.`,
    ),
    roles_kept: boolean(
      true,
      `Seeders and leechers must be counted separately, as they announced themselves. Some trackers,
      such as aquatic_ws 0.9.0, take a seeder that answers an offer for a leecher: with false, only
      the sum is checked.`,
    ),
    max_missing: maxMissing(
      'responses, of deliverable offers, and of answers',
      `Trackers may drop offers to clients that read slowly, and offers beyond their own maximum per
    announce. At most as many offers of an announce are deliverable as there certainly are other peers.`,
    ),
    answers_answered: boolean(
      false,
      `The tracker responds to answers as it does to announces, as aquatic_ws 0.9.0 does. With false
      such a response counts as wrong, because no request asked for it.`,
    ),
  },
)

const schema = {
  ...firstSettings,
  mode: choice(
    'closed',
    ['closed', 'open', 'mix'],
    `'closed' sends as fast as responses come, to find what a tracker can do. 'open' sends at a fixed
    rate and measures latency honestly. 'mix' fixes the rate of answers too, see [mix]: for comparing
    what trackers need for the same work.`,
  ),
  seed,
  network,
  requests,
  closed_loop: closedLoop,
  open_loop: openLoop,
  mix,
  checks,
  tracker: trackerSection('aquatic_ws', 'a first handshake'),
}

export type LoadConfig = ConfigOf<typeof schema>

const common = [...COMMON, 'network.use_tls', 'network.connections']

export const loadSettings = defineSettings({
  schema,
  retired: {},
  profiles: WS_PROFILES,
  crossCheck,
  common,
})

export const wsLoadProgram = {
  name: 'aquatic_ws_load_test',
  description: 'load tester for WebTorrent trackers',
  settings: loadSettings,
  flags: LOAD_TEST_FLAGS,
  exitCodes: '3 wrong or missing messages',
}

function checkPath(text: string): Fault | null {
  if (/^\/[!-~]*$/.test(text)) return null
  return {
    fault: 'is not a URL path',
    remedy: "Write it with a slash in front, such as '/announce'",
  }
}

function crossCheck(config: LoadConfig): Finding[] {
  const { network, workers } = config
  const findings = [
    ...commonFindings(config),
    ...weightFindings(config),
    ...connectionFindings('[network] connections', network.connections, workers, [
      'network.connections',
    ]),
  ]
  if (network.connections * offerRing(config) > OFFER_PLACES_MAX) {
    const section = config.mode === 'mix' ? 'mix' : 'requests'
    const text = `[network] connections = ${network.connections} with [${section}] offers_per_announce =
      ${offersPerAnnounce(config)} need more than ${OFFER_PLACES_MAX} places for offers under way:
      lower one of them.`
    findings.push(problem(['network.connections', `${section}.offers_per_announce`], text))
  }
  return [...findings, ...mixFindings(config)]
}

/**
 * Offers of a connection that are remembered: those of its last announces. One that is delivered
 * after so many further announces cannot be checked any more; with few connections, each announces
 * often.
 */
export function offerRing(config: LoadConfig): number {
  const { closed_loop, mode, network } = config
  const underWay = mode === 'closed' ? closed_loop.in_flight : UNDER_WAY_MAX
  const more = Math.round(REMEMBERED_ANNOUNCES / network.connections)
  const announces = underWay + Math.min(REMEMBERED_MAX, Math.max(REMEMBERED_MIN, more))
  return 2 ** Math.ceil(Math.log2(Math.max(2, offersPerAnnounce(config) * announces)))
}

/** Of whichever mode. */
export function offersPerAnnounce({ mode, mix, requests }: LoadConfig): number {
  return mode === 'mix' ? mix.offers_per_announce : requests.offers_per_announce
}

/** Offers that cannot be delivered and answers that cannot be sent would be missing in the mix. */
function mixFindings({ mode, mix, network, requests }: LoadConfig): Finding[] {
  if (mode !== 'mix') return []
  const { announces_per_second, offers_per_announce, answers_per_second, peers_per_torrent } = mix
  const findings: Finding[] = []
  if (peers_per_torrent > network.connections) {
    const text = `[mix] peers_per_torrent = ${peers_per_torrent} is more than [network] connections =
      ${network.connections}, each of which is one peer of a torrent: raise the second.`
    findings.push(problem(['mix.peers_per_torrent', 'network.connections'], text))
  }
  const offers = announces_per_second * offers_per_announce
  if (answers_per_second > offers) {
    const text = `[mix] answers_per_second = ${answers_per_second} is more than the offers that there are
      to answer: announces_per_second × offers_per_announce = ${offers}.`
    findings.push(problem(['mix.answers_per_second', 'mix.offers_per_announce'], text))
  }
  const leechers = Math.floor(peers_per_torrent * (1 - requests.peer_seeder_probability))
  if (leechers <= offers_per_announce) {
    const text = `[mix] peers_per_torrent = ${peers_per_torrent} makes about ${leechers} leechers. Trackers that
      pass offers of seeders to leechers only cannot deliver ${offers_per_announce} of each: raise it.`
    findings.push(warning(['mix.peers_per_torrent', 'mix.offers_per_announce'], text))
  }
  return findings
}
