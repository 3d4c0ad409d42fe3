// What public trackers are asked in the wild, as settings by name: `profile` chooses one. Used by the
// schema of each load tester and by the report. Where the figures come from: docs/load-testing.md.
//
//   public        clients that keep their connection id: 20 % connects, 78 % announces, 2 % scrapes; 1.3
//                 peers per torrent
//   reconnecting  most announces come long after the one before, so they connect anew: 60, 38 and 1 to 2 %;
//                 2.5 peers per torrent
//   listed        'public' on a schedule that is four times as fast from the half of the run on, as when
//                 a list of trackers has taken the tracker up
import { choice } from '../src/config/setting.ts'

const NAMES = ['none', 'public', 'reconnecting', 'listed'] as const
type ProfileName = Exclude<(typeof NAMES)[number], 'none'>

/** Values by path. */
export type Values = Readonly<Record<string, unknown>>

const SEEDERS = 0.35
/** What libtorrent asks for; Transmission asks for 80. */
const PEERS_WANTED = 200
const INVALID_IDS = 0.2
/** Of the larger kind of client that opens a connection for each request. */
const LISTED_FACTOR = 4

/** `what`: it changes. */
export function profileSetting(what: string) {
  return choice('none', NAMES, what)
}

export const profile = profileSetting(
  `A mix of requests as public trackers get them, in place of the defaults below: 'public' (clients keep
  their connection ids, swarms have 1.3 peers on average), 'reconnecting' (most connect before they
  announce, 2.5 peers), or 'listed' ('public' in mode 'open', at four times the rate from half a minute on).
  What else is set here overrides it; the report names the mix that came of it. -P shows what it sets.`,
)

/** Torrents without peers are among them, so that swarms have 1.3 and 2.5 peers. */
const SWARMS: Readonly<Record<ProfileName, Values>> = {
  public: { 'requests.number_of_torrents': 4_000_000, 'requests.number_of_peers': 1_300_000 },
  reconnecting: { 'requests.number_of_torrents': 1_000_000, 'requests.number_of_peers': 1_130_000 },
  listed: { 'requests.number_of_torrents': 4_000_000, 'requests.number_of_peers': 1_300_000 },
}

const OF_SWARMS = {
  'requests.torrent_gamma_shape': 0.3,
  'requests.peer_seeder_probability': SEEDERS,
  'requests.announce_peers_wanted': PEERS_WANTED,
}

const STEP = {
  mode: 'open',
  'open_loop.step_factor': LISTED_FACTOR,
  'open_loop.step_after': 30,
}

function weights(connect: number, announce: number, scrape: number): Values {
  return {
    'requests.weight_connect': connect,
    'requests.weight_announce': announce,
    'requests.weight_scrape': scrape,
    'requests.invalid_id_share': INVALID_IDS,
  }
}

export const UDP_PROFILES: Readonly<Record<ProfileName, Values>> = {
  public: { ...SWARMS.public, ...OF_SWARMS, ...weights(20, 78, 2) },
  reconnecting: { ...SWARMS.reconnecting, ...OF_SWARMS, ...weights(60, 38, 1) },
  listed: {
    ...SWARMS.listed,
    ...OF_SWARMS,
    ...weights(20, 78, 2),
    ...STEP,
    'open_loop.rate': 5000,
  },
}

const HTTP = {
  ...OF_SWARMS,
  'requests.weight_announce': 98,
  'requests.weight_scrape': 2,
  'network.keep_alive_share': 0,
}

export const HTTP_PROFILES: Readonly<Record<ProfileName, Values>> = {
  public: { ...SWARMS.public, ...HTTP },
  reconnecting: { ...SWARMS.reconnecting, ...HTTP },
  listed: { ...SWARMS.listed, ...HTTP, ...STEP, 'open_loop.rate': 500 },
}

/** A page is in one torrent or two. Descriptions have the candidates of several interfaces. */
const WS = {
  'network.connections': 1000,
  'requests.torrents_per_connection': 2,
  'requests.torrent_gamma_shape': 0.3,
  'requests.peer_seeder_probability': SEEDERS,
  'requests.session_description_size': 1200,
  'requests.weight_announce': 98,
  'requests.weight_scrape': 2,
}

export const WS_PROFILES: Readonly<Record<ProfileName, Values>> = {
  public: { ...WS, 'requests.number_of_torrents': 6000 },
  reconnecting: { ...WS, 'requests.number_of_torrents': 1800 },
  listed: { ...WS, 'requests.number_of_torrents': 6000, ...STEP, 'open_loop.rate': 500 },
}
