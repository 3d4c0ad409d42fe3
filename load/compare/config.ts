// The settings of aquatic_bench: names, defaults, limits and their manual. The default file, its
// checks, the environment variables and docs/config-bench.md are derived from this schema.
import {
  type ConfigOf,
  defineSettings,
  type Finding,
  problem,
  section,
} from '../../src/config/schema.ts'
import {
  choice,
  decimal,
  type Fault,
  integer,
  seconds,
  string,
  stringOrList,
} from '../../src/config/setting.ts'
import { profileSetting } from '../profiles.ts'
import { PEERS_MAX, RATE_MAX } from '../settings.ts'
import { entryOf, namesOf, PROTOCOLS } from './entries.ts'

const ROUNDS_MAX = 100
const HOUR_SEC = 3600
const WORKERS_MAX = 256

const schema = {
  protocol: choice(
    'udp',
    PROTOCOLS,
    `What to compare: UDP trackers, HTTP trackers, those that speak HTTPS themselves, or WebTorrent
    trackers ('ws', over TLS). How HTTP clients connect (once per request, kept, with resumed sessions) is
    set in load_settings. 'site' asks one tracker of all protocols over all of them at once, see [site].`,
  ),
  profile: profileSetting(
    `The profile of our load testers: 'public', 'reconnecting' or 'listed' ask as public trackers are asked.
    What load_settings sets overrides it.`,
  ),
  trackers: stringOrList(
    ['ours', 'aquatic', 'aquatic-uring', 'opentracker', 'bittorrent-tracker', 'chihaya', 'torrust'],
    { allowed: 'the name of a tracker' },
    `Run these trackers in turn. A name that begins with 'ours-' is another build or other settings of
    our own tracker, see paths and tracker_settings. Trackers missing on this machine are skipped and
    named. The flag --trackers does the same, with commas.

    UDP: ${namesOf('udp').join(', ')}. HTTP: ${namesOf('http').join(', ')}. HTTPS:
    ${namesOf('https').join(', ')}. WebTorrent: ${namesOf('ws').join(', ')}. Site:
    ${namesOf('site').join(', ')}. Debian's opentracker serves
    listed torrents only; it gets a list of those that the load tester announces.`,
  ),
  paths: stringOrList(
    [],
    { allowed: 'NAME=FILE', check: checkPair },
    `Where a tracker or the load tester ('load-test') is. Otherwise it is looked up in the environment
    (AQUATIC_COMPARE_<NAME>), then in PATH; our own executables are looked for beside this one.`,
  ),
  tracker_settings: stringOrList(
    [],
    { allowed: 'NAME=FILE', check: checkPair },
    `Settings (TOML) for a tracker of the aquatic family. The address is added, and workers unless the
    file sets them.`,
  ),
  load_settings: string(
    '',
    {},
    `A settings file (TOML) for the load tester. Address, duration and seed are added. Empty uses its
    defaults.`,
  ),
  generator: choice(
    'ours',
    ['ours', 'aquatic'],
    `Which load tester to use: ours, which checks responses and measures latency, or that of aquatic 0.9
    (cargo install aquatic_udp_load_test aquatic_http_load_test
    aquatic_ws_load_test).`,
  ),
  rounds: integer(
    3,
    { min: 1, max: ROUNDS_MAX },
    `Run each tracker this many times. Each round begins with another one, and ratios are taken within
    rounds, so that a machine that slows down meanwhile affects them little.`,
  ),
  warm_up: seconds(
    20,
    { min: 1, max: HOUR_SEC },
    `Load before measuring (seconds). With the default million torrents and two million peers, a tracker
    on one core knows all of them after 15 to 40 seconds.`,
  ),
  measured: seconds(
    10,
    { min: 1, max: HOUR_SEC },
    'Measure for this long (seconds). aquatic’s load testers count in steps of 5.',
  ),
  tracker_workers: integer(
    1,
    { min: 1, max: WORKERS_MAX },
    'Socket workers of each tracker that has such a setting. Give trackers as many cores.',
  ),
  tracker_cores: string(
    '0',
    { allowed: "cores such as '0' or '0,2-3'", check: checkCores },
    'Processor cores for the tracker.',
  ),
  generator_cores: string(
    '1',
    { allowed: "cores such as '0' or '0,2-3'", check: checkCores },
    'Processor cores for the load tester and this program. They must differ from the tracker’s.',
  ),
  seed: integer(
    1,
    { min: 1, max: 2147483647 },
    'The seed of the torrents and peers that our load tester simulates.',
  ),
  site: section(
    `Protocol 'site': UDP, HTTP, HTTPS and WebTorrent over TLS at once, on a schedule, over IPv4 and IPv6.
    Needs a profile. Each has torrents of its own, so that all answers can be checked.`,
    {
      requests_per_second: integer(
        2000,
        { min: 10, max: RATE_MAX },
        `Announces, scrapes and connects of all protocols together. With the profile 'listed' four times as
        many from half a minute on.`,
      ),
      https_share: decimal(
        0.25,
        { min: 0, max: 1 },
        'The share of HTTPS, with a new connection and a full handshake for each request.',
      ),
      http_share: decimal(
        0.1,
        { min: 0, max: 1 },
        'The share of HTTP, with a new connection for each request.',
      ),
      ws_share: decimal(
        0.02,
        { min: 0, max: 1 },
        'The share of WebTorrent, on connections that stay.',
      ),
      ipv6_share: decimal(
        0.25,
        { min: 0, max: 1 },
        'The share of IPv6 among requests over UDP, HTTP and HTTPS.',
      ),
      peers: integer(
        300_000,
        { min: 1000, max: PEERS_MAX },
        'Peers to simulate over UDP, HTTP and HTTPS together, in swarms of the size that the profile has.',
      ),
    },
  ),
}

export type BenchConfig = ConfigOf<typeof schema>

const common = [
  'protocol',
  'profile',
  'trackers',
  'rounds',
  'warm_up',
  'measured',
  'tracker_cores',
  'generator_cores',
]

export const benchSettings = defineSettings({ schema, retired: {}, crossCheck, common })

/** What bin/aquatic_bench.ts runs, and what the manual pages are made from. */
export const benchProgram = {
  name: 'aquatic_bench',
  description: 'compares BitTorrent trackers under one load',
  settings: benchSettings,
  flags: [
    { name: 'trackers', value: 'LIST', help: ['run these trackers, such as ours,opentracker'] },
    { name: 'rounds', value: 'N', help: ['run each of them N times'] },
    {
      name: 'report',
      value: 'FILE',
      help: ['write the report (Markdown) to FILE, and its', 'chart to FILE.svg'],
    },
  ],
}

function checkPair(text: string): Fault | null {
  if (/^[^=]+=.+$/.test(text)) return null
  return { fault: 'is not NAME=FILE', remedy: "Write it such as 'opentracker=/opt/opentracker'" }
}

function checkCores(text: string): Fault | null {
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return null
  return { fault: 'names no cores', remedy: "Write them such as '0' or '0,2-3'" }
}

function crossCheck({
  protocol,
  trackers,
  tracker_cores,
  generator_cores,
  ...rest
}: BenchConfig): Finding[] {
  const findings = protocol === 'site' ? siteFindings(rest) : []
  for (const name of [trackers].flat()) {
    if (PROTOCOLS.some((one) => entryOf(one, name) !== null)) continue
    const text = `'${name}' is not a tracker that this program knows: known are
      ${namesOf(protocol).join(', ')} and ours-… .`
    findings.push(problem(['trackers'], text))
  }
  if (tracker_cores === generator_cores) {
    const text = `tracker_cores and generator_cores are both '${tracker_cores}': the load tester would
      take the tracker's time. Choose other cores for one of them.`
    findings.push(problem(['tracker_cores', 'generator_cores'], text))
  }
  return findings
}

function siteFindings({
  profile,
  load_settings,
  generator,
  site,
}: Pick<BenchConfig, 'profile' | 'load_settings' | 'generator' | 'site'>): Finding[] {
  const findings: Finding[] = []
  if (profile === 'none') {
    const text = `protocol = 'site' needs a profile: set profile = 'public'.`
    findings.push(problem(['protocol', 'profile'], text))
  }
  if (load_settings !== '' || generator === 'aquatic') {
    const text = `protocol = 'site' has several load testers, all ours: load_settings and generator =
      'aquatic' do not apply. Delete them.`
    findings.push(problem(['load_settings', 'generator'], text))
  }
  const { https_share, http_share, ws_share } = site
  if (https_share + http_share + ws_share > 1) {
    const text = '[site] https_share, http_share and ws_share are more than 1 together: lower one.'
    findings.push(problem(['site.https_share', 'site.http_share', 'site.ws_share'], text))
  }
  return findings
}
