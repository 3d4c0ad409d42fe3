// What a tracker of the size of the largest public ones costs: memory with many peers in small swarms, latency
// and processor time at a steady rate, and how long a restart takes.
// Run: bun bench/site.ts [--trackers ours,aquatic] [--peers N] [--rate N] [--seconds N] [--profile NAME]
//   [--path NAME=FILE] [--report FILE] [--smoke]
//
// The tracker has one core, the load tester the other. First every peer announces once, as fast as
// answers come; then requests leave on a schedule in the mix of the profile. Ours is stopped then, which writes
// the snapshot, and started again. 30 million peers take some minutes, and 2 GB for the load tester.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Child, plainEnvironment, startChild } from '../load/children.ts'
import { findCandidates, findExecutable } from '../load/compare/candidates.ts'
import { ownExecutable, runner } from '../load/compare/entries.ts'
import { startTracker } from '../load/compare/start.ts'
import { machineList } from '../load/machine.ts'
import { memoryOf } from '../load/proc.ts'
import { table } from '../load/statistics.ts'
import { COMMON_FLAGS, pairs, runProgram, wholeNumber } from './support/flags.ts'
import { newFolder } from './support/folder.ts'

const { values } = parseArgs({
  options: {
    ...COMMON_FLAGS,
    trackers: { type: 'string', default: 'ours,aquatic' },
    peers: { type: 'string', default: '30000000' },
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '30' },
    profile: { type: 'string', default: 'reconnecting' },
    smoke: { type: 'boolean', default: false },
  },
})

const PEERS = values.smoke ? 5000 : wholeNumber(values.peers)
const RATE = values.smoke ? 500 : wholeNumber(values.rate)
const SECONDS = values.smoke ? 2 : wholeNumber(values.seconds)
const SEED = 7
/** Torrents for each simulated peer, most of them without any (load/profiles.ts). */
const TORRENTS_PER_PEER = values.profile === 'reconnecting' ? 1 / 1.13 : 4 / 1.3
/** Of the rate that a first try shows. The machine may be slower later, or the tracker with more peers. */
const FILL_FACTOR = 1.25
const TRY_SECONDS = values.smoke ? 1 : 10
const DAY_SEC = 86400
const ANNOUNCES_A_DAY = 100e6
/** Ethernet with preamble and gap 38, IPv4 20, UDP 8. */
const PACKET_OVERHEAD_BYTES = 66
const POLL_MS = 20

const folder = newFolder()
const paths = pairs(values.path)

interface Result {
  readonly name: string
  readonly version: string
  // biome-ignore lint/suspicious/noExplicitAny: the report of our load tester, read where its fields are known
  readonly steady: any
  readonly peers: number
  readonly torrents: number
  readonly residentMb: number
  /** Seconds; null for trackers that forget everything. */
  readonly restart: {
    readonly stop: number
    readonly start: number
    readonly fileMb: number
  } | null
}

// biome-ignore lint/suspicious/noExplicitAny: see above
async function load(port: number, pid: number, lines: string): Promise<any> {
  const executable = findExecutable('load-test', '', ownExecutable('aquatic_udp_load_test'), paths)
  if (executable === null) throw new Error('there is no aquatic_udp_load_test: ./scripts/build.sh')
  const settings = join(folder, 'load.toml')
  const report = join(folder, 'load.json')
  const torrents = Math.ceil(PEERS * TORRENTS_PER_PEER)
  writeFileSync(
    settings,
    `server_address = '127.0.0.1:${port}'\nprofile = '${values.profile}'\nseed = ${SEED}\n${lines}
number_of_torrents = ${torrents}\nnumber_of_peers = ${PEERS}\n[checks]\nfresh_tracker = false\npeers_kept = 0\nmax_missing = 1\n`,
  )
  const argv = [...runner(executable), '-c', settings, '--json', report, '--pid', String(pid)]
  const child = startChild('the load tester', argv, {
    core: values['generator-core'],
    env: plainEnvironment(),
  })
  const code = await child.ended
  if (code !== 0) throw new Error(`the load tester ended with ${code}: ${child.errors()}`)
  return JSON.parse(readFileSync(report, 'utf8'))
}

/** Every peer announces once. Returns how many have, and in how many torrents. */
async function fill(port: number, pid: number): Promise<{ peers: number; torrents: number }> {
  const announces = '[requests]\nweight_connect = 0\nweight_scrape = 0\ninvalid_id_share = 0\n'
  const run = (seconds: number) => load(port, pid, `duration = ${seconds}\n${announces}`)
  const first = await run(TRY_SECONDS)
  const perSecond = first.summary.counts.answered_announce / first.summary.seconds
  const seconds = Math.ceil((PEERS / perSecond) * FILL_FACTOR)
  const { asked_for } = await run(Math.max(TRY_SECONDS, seconds))
  return asked_for
}

/** Requests of the mix on a schedule. */
// biome-ignore lint/suspicious/noExplicitAny: see above
function steady(port: number, pid: number): Promise<any> {
  const lines = `duration = ${SECONDS}\nmode = 'open'\n[open_loop]\nrate = ${RATE}\n[requests]\n`
  return load(port, pid, lines)
}

function ourSettings(): string {
  const torrents = Math.max(1_000_000, PEERS)
  return `[limits]\nmax_torrents = ${torrents}\nmax_peers = ${PEERS * 2}\n[persistence]\npath = '${folder}'\ninterval_minutes = 0\n`
}

async function measure(name: string): Promise<Result> {
  const settings = new Map<string, string>()
  if (name.startsWith('ours')) {
    const file = join(folder, 'tracker.toml')
    writeFileSync(file, ourSettings())
    settings.set(name, file)
  }
  const [candidate] = findCandidates([name], paths, settings)
  const tracker = await startTracker(candidate, values['tracker-core'], folder)
  const { child, port } = tracker
  const { peers, torrents } = await fill(port, child.pid)
  const { summary } = await steady(port, child.pid)
  const residentMb = memoryOf(child.pid).rssKb / 1024
  const restart = name.startsWith('ours') ? await restarted(child, name, settings, port) : null
  if (restart === null) await child.stop()
  const { version } = candidate
  return { name, version, steady: summary, peers, torrents, residentMb, restart }
}

/** Stops it and starts it again on the same port with what it kept. */
async function restarted(
  child: Child,
  name: string,
  settings: ReadonlyMap<string, string>,
  port: number,
): Promise<Result['restart']> {
  const stopAt = performance.now()
  process.kill(child.pid, 'SIGTERM')
  await child.ended
  const stop = (performance.now() - stopAt) / 1000
  const file = join(folder, 'aquatic_udp.snapshot')
  const fileMb = existsSync(file) ? statSync(file).size / 1e6 : 0
  const [{ entry, executable, settings: lines }] = findCandidates([name], paths, settings)
  const startAt = performance.now()
  const { argv, env } = entry.command({
    ...{ name, executable, settings: lines, port, workers: 1, folder, certificate: null },
    infoHashes: () => '',
  })
  const again = startChild(name, argv, {
    core: values['tracker-core'],
    env: { ...plainEnvironment(), ...env },
  })
  while (again.alive() && !again.errors().includes('listening on')) await Bun.sleep(POLL_MS)
  if (!again.alive()) throw new Error(`${name} did not start again: ${again.errors()}`)
  const start = (performance.now() - startAt) / 1000
  await again.stop()
  return { stop, start, fileMb }
}

/** Of a hundred million announces a day, with all that belongs to them. */
function daily({ steady }: Result): { coreShare: number; inMbit: number; outMbit: number } {
  const { counts, tracker } = steady
  const announces = counts.answered_announce
  const requests = counts.sent_connect + announces + counts.sent_scrape + counts.sent_invalid
  const answers = counts.answered_connect + announces + counts.answered_scrape
  const mbit = (bytes: number) => ((bytes / announces) * ANNOUNCES_A_DAY * 8) / DAY_SEC / 1e6
  return {
    coreShare: ((tracker.cpu_seconds / announces) * ANNOUNCES_A_DAY) / DAY_SEC,
    inMbit: mbit(counts.sent_bytes + requests * PACKET_OVERHEAD_BYTES),
    outMbit: mbit(counts.received_bytes + answers * PACKET_OVERHEAD_BYTES),
  }
}

function reportOf(results: readonly Result[]): string {
  const head = ['', ...results.map(({ name }) => name)]
  const row = (title: string, of: (result: Result) => string) => [title, ...results.map(of)]
  const ms = (key: string) => (result: Result) => result.steady.latency_ms.all[key].toFixed(2)
  const rows = [
    row('peers, million', ({ peers }) => (peers / 1e6).toFixed(1)),
    row('torrents, million', ({ torrents }) => (torrents / 1e6).toFixed(1)),
    row('resident MB', ({ residentMb }) => residentMb.toFixed(0)),
    row('bytes per peer', (one) => ((one.residentMb * 2 ** 20) / one.peers).toFixed(1)),
    row('CPU µs per response', ({ steady }) => cpuOf(steady).toFixed(2)),
    row('p50 ms', ms('p50')),
    row('p99 ms', ms('p99')),
    row('p99.9 ms', ms('p99.9')),
    row('dropped at its full receive buffer', ({ steady }) =>
      String(steady.receive_buffer_drops.tracker),
    ),
    row('lost', ({ steady }) => `${(steady.lost_share * 100).toFixed(3)} %`),
    row('stop with a snapshot, s', ({ restart }) => restart?.stop.toFixed(1) ?? 'keeps nothing'),
    row('start with it, s', ({ restart }) => restart?.start.toFixed(1) ?? ''),
    row('the file, MB', ({ restart }) => restart?.fileMb.toFixed(0) ?? ''),
    row(
      '100 M announces a day: of a core',
      (one) => `${(daily(one).coreShare * 100).toFixed(1)} %`,
    ),
    row('100 M announces a day: Mbit/s in', (one) => daily(one).inMbit.toFixed(1)),
    row('100 M announces a day: Mbit/s out', (one) => daily(one).outMbit.toFixed(1)),
  ]
  return [
    `${PEERS} peers to simulate, profile '${values.profile}', ${RATE} requests/s for ${SECONDS} s`,
    '',
    table(head, rows),
    '',
    ...results.map(({ name, version }) => `- ${name}: ${version}`),
    ...machineList(),
  ].join('\n')
}

// biome-ignore lint/suspicious/noExplicitAny: see above
function cpuOf({ tracker, responses_per_second, seconds }: any): number {
  return (tracker.cpu_seconds / (responses_per_second.all * seconds)) * 1e6
}

await runProgram(async () => {
  const results: Result[] = []
  for (const name of values.trackers.split(',')) {
    const result = await measure(name)
    results.push(result)
    process.stderr.write(`${name}: measured\n`)
  }
  const text = reportOf(results)
  console.log(text)
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
})
