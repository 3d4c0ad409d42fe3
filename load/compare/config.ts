// The settings of aquatic_bench: names, defaults, limits and their manual. The default file, its
// checks, the environment variables and docs/config-bench.md are derived from this schema.
import { type ConfigOf, defineSettings, type Finding, problem } from '../../src/config/schema.ts'
import {
  choice,
  type Fault,
  integer,
  seconds,
  string,
  stringOrList,
} from '../../src/config/setting.ts'
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
    set in load_settings.`,
  ),
  trackers: stringOrList(
    ['ours', 'aquatic', 'aquatic-uring', 'opentracker', 'bittorrent-tracker', 'chihaya', 'torrust'],
    { allowed: 'the name of a tracker' },
    `Run these trackers in turn. A name that begins with 'ours-' is another build or other settings of
    our own tracker, see paths and tracker_settings. Trackers missing on this machine are skipped and
    named. The flag --trackers does the same, with commas.

    UDP: ${namesOf('udp').join(', ')}. HTTP: ${namesOf('http').join(', ')}. HTTPS:
    ${namesOf('https').join(', ')}. WebTorrent: ${namesOf('ws').join(', ')}. Debian's opentracker serves
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
}

export type BenchConfig = ConfigOf<typeof schema>

const common = [
  'protocol',
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
}: BenchConfig): Finding[] {
  const findings: Finding[] = []
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
