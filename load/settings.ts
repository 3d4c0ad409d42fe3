// The settings that all load testers have, and what is checked about them. Used by the schema of
// each tester.
import { isIPv4, isIPv6 } from 'node:net'
import { ADDRESS_FORMS, parseSocketAddress, type SocketAddress } from '../src/config/address.ts'
import { type Finding, problem, section, warning } from '../src/config/schema.ts'
import {
  boolean,
  decimal,
  type Fault,
  integer,
  seconds,
  string,
  stringOrList,
} from '../src/config/setting.ts'
import type { Step } from './due-times.ts'
import { SWARM_MAX } from './population.ts'
import { profile } from './profiles.ts'

export const DAY_SEC = 86400
const WORKERS_MAX = 64
export const SEED_MAX = 2147483647
const PID_MAX = 4194304 // The kernel's own limit.

/** 127.0.0.1, and as many more as there are sockets. */
const LOOPBACK_ADDRESSES_MAX = 250

/** Of a run with the default settings. */
const DURATION_SEC = 60

/** 32 bytes each in one shared buffer, and an info hash that follows from a 32-bit number. */
export const TORRENTS_MAX = 100_000_000
/** Two bits each, and a number that fits a word. */
export const PEERS_MAX = 1_000_000_000

/** Of requests, connections, packets: more than any machine sends. */
export const RATE_MAX = 10_000_000

/** The first settings of every load tester. */
export const firstSettings = {
  server_address: string(
    '127.0.0.1:3000',
    { allowed: ADDRESS_FORMS, check: checkServer },
    `Address and port of the tracker. An IPv6 address, such as '[::1]:3000', tests it over IPv6.`,
  ),
  profile,
  workers: integer(
    1,
    { min: 1, max: WORKERS_MAX },
    'Threads that send requests. Each can fill one core; one can saturate several trackers.',
  ),
  duration: seconds(
    DURATION_SEC,
    { min: 0, max: DAY_SEC },
    `End after this long (seconds). 0 runs until Ctrl-C. The summary is printed in any case, also if
    Ctrl-C ends the run earlier.`,
  ),
  summarize_last: seconds(
    0,
    { min: 0, max: DAY_SEC },
    `Summarise only this many seconds at the end, to exclude the warm-up. 0 takes the whole run. Wrong
    responses count from the start in any case.`,
  ),
}

/** Of every open loop. */
export const stepSettings = {
  step_factor: decimal(
    1,
    { min: 0.01, max: 1000 },
    `From step_after on, send at this many times the rate. 1 changes nothing. A public tracker gets about
    four times its load within a day when a list of trackers takes it up.`,
  ),
  step_after: seconds(
    30,
    { min: 1, max: DAY_SEC },
    'When the rate changes (seconds after the start).',
  ),
}

export function stepOf(openLoop: { step_factor: number; step_after: number }): Step {
  return { factor: openLoop.step_factor, afterSec: openLoop.step_after }
}

export const seed = integer(
  0,
  { min: 0, max: SEED_MAX },
  `Determines torrents, peers and the order of requests. 0 takes a new one each time, shown in the
    summary: a tracker that still holds the peers of an earlier run with the same seed would return
    them, and they would count as wrong.`,
)

export const clientAddresses = stringOrList(
  '',
  { allowed: "'' or an IP address", check: checkClientAddress },
  `Send from these addresses in turn, such as ['10.0.0.2', '10.0.0.3'] or ['::1', 'fd00::2'].
    Each must belong to this machine and have the family of server_address. If empty, the setting
    above decides.`,
)

/** `effect`: of the default, in a sentence; '' for none. */
export function gammaShape(defaultValue: number, effect: string) {
  return decimal(
    defaultValue,
    { min: 0.01, max: 1000 },
    `How unequal torrents are: their popularity follows a gamma distribution of this shape. A smaller
    value is more unequal; with 1000 all torrents have nearly the same number of peers. ${effect}`.trim(),
  )
}

/** `event`: what the probability is of. */
export function seederProbability(defaultValue: number, event: string) {
  return decimal(
    defaultValue,
    { min: 0, max: 1 },
    `The probability that ${event}. Roles do not change during a run.`,
  )
}

/** `text`: what is weighed against what. */
export function weight(defaultValue: number, text: string) {
  return integer(defaultValue, { min: 0, max: 1000000 }, text)
}

/** Of testers whose requests are either one or the other. */
export function announceAndScrapeWeights(announce: number) {
  return {
    weight_announce: weight(
      announce,
      'How often a request is an announce, in proportion to the next weight.',
    ),
    weight_scrape: weight(1, 'How often a request is a scrape, in proportion to the weight above.'),
  }
}

// Of the load testers whose peers have addresses, which simulate them alike.

export function numberOfPeers(defaultValue: number) {
  return integer(
    defaultValue,
    { min: 1, max: PEERS_MAX },
    `Peers to simulate over all torrents. Each announces in one torrent, again and again. A torrent
  gets at most ${SWARM_MAX} of them.`,
  )
}

export const ownPeer = boolean(
  true,
  `An announcing peer must not be among the peers it gets. Set false for trackers that return it.`,
)

export const freshTracker = boolean(
  true,
  `The tracker holds no peers of an earlier run with the same seed, so it can return only what
  this run has announced. With false every simulated peer of the torrent is accepted.`,
)

export const peersKept = seconds(
  600,
  { min: 0, max: DAY_SEC },
  `For this long (seconds) after the start, counts in responses must include every peer whose
  announce was answered. If the tracker forgets silent peers sooner, set it to that time.`,
)

/** `answer`: what the protocol calls it. */
export function responseTimeout(defaultValue: number, answer: string) {
  return integer(
    defaultValue,
    { min: 10, max: 60000 },
    `Count a request as lost if its ${answer} has not come within this time (milliseconds). One that
    comes later is counted as late.`,
  )
}

/** `what`: of what a share may be missing. `reasons`: why. */
export function maxMissing(what: string, reasons: string) {
  return decimal(
    0.1,
    { min: 0, max: 1 },
    `The share of ${what} that may be missing before the exit code is 3, as for wrong ones. ${reasons} 1
    allows everything to be missing.`,
  )
}

/** `executable`: the tracker, as an example; `contact`: what it has to answer at the start. */
export function trackerSection(executable: string, contact: string) {
  return section('The tracker process to measure.', {
    pid: integer(
      0,
      { min: 0, max: PID_MAX },
      `Watch the CPU time and memory of this process on this machine. 0 watches none. The flag --pid does
    the same.`,
    ),
    command: string(
      '',
      {},
      `Start the tracker with this command line, watch it, and stop it at the end, such as
    './dist/${executable} -c tracker.toml'. It must listen on server_address. It is started without
    environment variables that begin with AQUATIC_. Empty starts none.`,
    ),
    start_timeout: seconds(
      10,
      { min: 1, max: 3600 },
      `Give up if the tracker has not answered ${contact} within this time (seconds).`,
    ),
  })
}

function checkServer(text: string): Fault | null {
  const address = parseSocketAddress(text)
  if ('fault' in address) return address
  if (address.port === 0) return { fault: 'has port 0', remedy: "Write the tracker's port" }
  if (address.host !== '0.0.0.0' && address.host !== '::') return null
  return { fault: 'is the wildcard address', remedy: 'Write one address of the tracker' }
}

function checkClientAddress(text: string): Fault | null {
  if (text === '' || isIPv4(text) || isIPv6(text)) return null
  return { fault: 'is no IP address', remedy: "Write it in numbers, such as '127.0.0.2'" }
}

/** What the settings of every load tester have. */
export interface CommonSettings {
  readonly server_address: string
  readonly profile: string
  readonly workers: number
  readonly duration: number
  readonly summarize_last: number
  readonly mode: string
  readonly seed: number
  readonly network: {
    readonly client_addresses: string | readonly string[]
    readonly multiple_client_ipv4s: boolean
  }
  readonly requests: { readonly response_timeout_milliseconds: number }
  readonly tracker: { readonly pid: number; readonly command: string }
}

/** Contradictions between the common settings. */
export function commonFindings(config: CommonSettings): Finding[] {
  const { server_address, duration, summarize_last, network, tracker } = config
  const findings: Finding[] = []
  const isOther = server_address.startsWith('[') ? isIPv4 : isIPv6
  const wrong = [network.client_addresses].flat().find(isOther)
  if (wrong !== undefined) {
    const text = `[network] client_addresses names ${wrong}, which is of the other address family than
      server_address (${server_address}): write addresses of one family.`
    findings.push(problem(['network.client_addresses', 'server_address'], text))
  }
  if (tracker.pid !== 0 && tracker.command !== '') {
    const text = `[tracker] has both a pid and a command, so which process to watch is not clear: delete
      one of them.`
    findings.push(problem(['tracker.pid', 'tracker.command'], text))
  }
  if (duration > 0 && summarize_last >= duration) {
    const text = `summarize_last = ${summarize_last} is not below duration =
      ${duration}, so the whole run is summarised.`
    findings.push(warning(['summarize_last', 'duration'], text))
  }
  return findings
}

/** What load testers that simulate torrents with numbered peers have. */
interface SwarmSettings {
  readonly requests: { readonly number_of_torrents: number; readonly number_of_peers: number }
}

export function swarmFindings({ requests }: SwarmSettings): Finding[] {
  const { number_of_torrents, number_of_peers } = requests
  if (number_of_peers <= number_of_torrents * SWARM_MAX) return []
  const text = `[requests] number_of_peers = ${number_of_peers} does not fit number_of_torrents =
      ${number_of_torrents}: a torrent has room for ${SWARM_MAX} peers. Raise the second.`
  return [problem(['requests.number_of_peers', 'requests.number_of_torrents'], text)]
}

interface WeightSettings {
  readonly requests: { readonly weight_announce: number; readonly weight_scrape: number }
}

export function weightFindings({ requests }: WeightSettings): Finding[] {
  if (requests.weight_announce + requests.weight_scrape > 0) return []
  const paths = ['requests.weight_announce', 'requests.weight_scrape']
  return [problem(paths, '[requests] both weights are 0: raise one of them.')]
}

/** `key`: as the message names it; `paths`: whichever settings it may come from. */
export function connectionFindings(
  key: string,
  connections: number,
  workers: number,
  paths: readonly string[],
): Finding[] {
  if (connections >= workers) return []
  const text = `${key} = ${connections} is less than workers = ${workers}: a worker without a connection
    has nothing to do. Raise the first or lower the second.`
  return [problem([...paths, 'workers'], text)]
}

interface FloodSettings {
  readonly mode: string
  readonly server_address: string
  readonly flood: { readonly flood_kind: string; readonly allow_other_targets: boolean }
}

export function floodFindings({ mode, server_address, flood }: FloodSettings): Finding[] {
  if (mode !== 'flood' || flood.allow_other_targets || isLoopback(server_address)) return []
  const text = `mode 'flood' is for loopback, and server_address = '${server_address}' is not: choose
    another address, or set [flood] allow_other_targets = true if the machine is your own.`
  return [problem(['mode', 'server_address', 'flood.allow_other_targets'], text)]
}

/** No valid request is sent, so no answer is owed. */
export function isFloodAlone({ mode, flood }: Pick<FloodSettings, 'mode' | 'flood'>): boolean {
  return mode === 'flood' && flood.flood_kind !== 'mixed'
}

export function serverOf({ server_address }: { readonly server_address: string }): SocketAddress {
  const address = parseSocketAddress(server_address)
  if ('fault' in address) throw new Error(`server_address was not checked: it ${address.fault}`)
  return address
}

/** `address` as settings have it. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address.startsWith('[::1]')
}

/** The addresses to send from, for so many sockets; one `other` when the system is to choose. */
export function clientHosts(
  config: Pick<CommonSettings, 'server_address' | 'network'>,
  count: number,
  other: string,
): string[] {
  const { server_address, network } = config
  const given = [network.client_addresses].flat().filter((text) => text !== '')
  if (given.length > 0) return given
  const isIPv4Loopback = isLoopback(server_address) && serverOf(config).family === 4
  if (!network.multiple_client_ipv4s || !isIPv4Loopback) return [other]
  const addresses = Math.min(count, LOOPBACK_ADDRESSES_MAX)
  return Array.from({ length: addresses }, (_, i) => `127.0.0.${i + 1}`)
}
