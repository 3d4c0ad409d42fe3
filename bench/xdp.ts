// What the path past the kernel is worth: aquatic_udp by sockets and by XDP, beside other trackers, over a pair of virtual
// devices between two network namespaces (flood/network.ts), which it makes itself.
// Run as root: bun bench/xdp.ts --help. The load always comes by XDP, since nothing else here would fill the tracker's core.
//
// On virtual devices the sender's core does the receiver's soft interrupts. So there are two figures for what a response
// costs: the time of the tracker's process, and that of both cores, which also has the generator and whatever else ran.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Child, exitOnSignals, plainEnvironment, startChild } from '../load/children.ts'
import { machineList } from '../load/machine.ts'
import { createPopulation, Population } from '../load/population.ts'
import { type CoreTicks, coresTicks, cpuSeconds, TICKS_PER_SECOND } from '../load/proc.ts'
import { median, spread, table } from '../load/statistics.ts'
import { connectNamespaces, enterNamespace, TRACKER_HOST } from './flood/network.ts'
import { pairs, wholeNumber } from './support/flags.ts'
import { newFolder } from './support/folder.ts'
import {
  AQUATIC_UDP,
  LOAD_CORE,
  load,
  type Summary,
  TRACKER_CORE,
  written,
} from './support/pair.ts'
import { receiveInThread } from './support/receive-threads.ts'

const USAGE = `usage: bun bench/xdp.ts [flags]
  --trackers LIST    of sockets,native,generic,aquatic,aquatic-uring,opentracker (default all that are here)
  --path NAME=FILE   the executable of one of them, if not ours of dist/ or in the PATH
  --rounds N         each begins with another tracker (default 3)
  --seconds N        of each measurement, after the warm-up (default 3)
  --warm-up N        seconds before it (default 2)
  --peers N          of which swarms have a hundred each (default 100000)
  --in-flight N      requests under way at saturation (default: the load tester finds it)
  --only LOAD        connects or announces (default both)
  --receive-threads  each end receives in a kernel thread, on its own core
  --no-pin           all programs on all cores
  --no-half-load     without the latencies at half of what the sockets can do
  --rate N           latencies at this rate instead, in requests per second
  --report FILE      writes the tables too`

const { values } = parseArgs({
  options: {
    trackers: {
      type: 'string',
      default: 'sockets,native,generic,aquatic,aquatic-uring,opentracker',
    },
    path: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '2' },
    peers: { type: 'string', default: '100000' },
    'in-flight': { type: 'string', default: '0' },
    only: { type: 'string' },
    'receive-threads': { type: 'boolean', default: false },
    'no-pin': { type: 'boolean', default: false },
    'no-half-load': { type: 'boolean', default: false },
    rate: { type: 'string', default: '0' },
    report: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
    inside: { type: 'boolean', default: false },
  },
})

const PORT = 23_921
const SEED = 1
const SWARM = 100
const PEERS_WANTED = 30
/** A multiple of the time between two samples of the cores. */
const SAMPLE_MS = 250
const START_MS = 30_000
const folder = newFolder()
const paths = pairs(values.path)
const peers = wholeNumber(values.peers)
const requests = {
  REQUESTS_NUMBER_OF_TORRENTS: Math.ceil(peers / SWARM),
  REQUESTS_NUMBER_OF_PEERS: peers,
  REQUESTS_TORRENT_GAMMA_SHAPE: 1000,
  REQUESTS_PEER_SEEDER_PROBABILITY: 0.25,
  REQUESTS_ANNOUNCE_PEERS_WANTED: PEERS_WANTED,
  REQUESTS_WEIGHT_SCRAPE: 0,
}

const LOADS = {
  connects: { ...requests, REQUESTS_WEIGHT_CONNECT: 1, REQUESTS_WEIGHT_ANNOUNCE: 0 },
  announces: { ...requests, REQUESTS_WEIGHT_CONNECT: 0, REQUESTS_WEIGHT_ANNOUNCE: 1 },
}
type Load = keyof typeof LOADS

interface Figures {
  readonly perSecond: number
  readonly processMicros: number
  readonly trackerCoreMicros: number
  readonly bothCoresMicros: number
  readonly processShare: number
  readonly peers: number
  readonly p999: number
  readonly missing: number
}

interface Contender {
  readonly name: string
  command(): string[]
  readonly returnsOwnPeer: boolean
}

const UNLIMITED = `[source_limits]
connects_per_second = 0
requests_per_second = 0
sustained_requests_per_second = 0
new_torrents_per_second = 0
peers_per_torrent = 0
[pressure]
enabled = false
[peer_addresses]
private_peers = 'store'
reserved_peers = 'store'
`

function ours(name: string, network: string): Contender {
  const settings = `socket_workers = 1
request_workers = 0
[network]
address = '${TRACKER_HOST}:${PORT}'
${network}
${UNLIMITED}`
  const executable = paths.get(name) ?? AQUATIC_UDP
  const command = () => [executable, '-c', inFolder(`${name}.toml`, settings)]
  return { name, command, returnsOwnPeer: false }
}

function byXdp(mode: string): Contender {
  return ours(mode, `packet_path = 'xdp'\nxdp_interfaces = 'tracker'\nxdp_mode = '${mode}'`)
}

function aquatic(name: string, executable: string): Contender {
  const settings = `[network]\naddress = "${TRACKER_HOST}:${PORT}"\n`
  const command = () => [executable, '-c', inFolder(`${name}.toml`, settings)]
  return { name, command, returnsOwnPeer: false }
}

/** Debian's serves only torrents of a list. */
function opentracker(executable: string): Contender {
  const command = () => {
    const population = createPopulation({
      torrents: requests.REQUESTS_NUMBER_OF_TORRENTS,
      peers,
      gammaShape: requests.REQUESTS_TORRENT_GAMMA_SHAPE,
      seederProbability: requests.REQUESTS_PEER_SEEDER_PROBABILITY,
      seed: SEED,
      sockets: 1,
    })
    inFolder('white-list', new Population(population).infoHashLines())
    chmodSync(folder, 0o755)
    const ports = ['-i', TRACKER_HOST, '-p', String(PORT), '-P', String(PORT)]
    return [executable, ...ports, '-u', 'nobody', '-d', folder, '-w', 'white-list']
  }
  return { name: 'opentracker', command, returnsOwnPeer: true }
}

function inFolder(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

function contenders(): Contender[] {
  const others = {
    aquatic: 'aquatic_udp',
    'aquatic-uring': 'aquatic_udp_uring',
    opentracker: 'opentracker',
  }
  return values.trackers.split(',').flatMap((name) => {
    if (name === 'sockets') return [ours(name, '')]
    if (name === 'native' || name === 'generic') return [byXdp(name)]
    if (!(name in others)) throw new Error(`unknown tracker «${name}»`)
    const path = paths.get(name) ?? Bun.which(others[name as keyof typeof others])
    if (path === null) {
      process.stderr.write(`skipped: ${name} is not on this machine\n`)
      return []
    }
    return [name === 'opentracker' ? opentracker(path) : aquatic(name, path)]
  })
}

async function start({ name, command }: Contender, prefix: readonly string[]): Promise<Child> {
  const pin = values['no-pin'] ? {} : { core: TRACKER_CORE }
  const child = startChild(name, [...prefix, ...command()], { ...pin, env: plainEnvironment() })
  const isOurs = ['sockets', 'native', 'generic'].includes(name)
  if (isOurs) await written(child, /listening on /)
  else await bound(child)
  return child
}

/** /proc/PID/net is that of the process's namespace. */
async function bound(child: Child): Promise<void> {
  const end = performance.now() + START_MS
  const port = `:${PORT.toString(16).toUpperCase().padStart(4, '0')} `
  for (;;) {
    if (!child.alive()) throw new Error(`${child.name} ended: ${child.errors()}`)
    const lines = await Bun.file(`/proc/${child.pid}/net/udp`).text()
    if (lines.includes(port)) return
    if (performance.now() > end) throw new Error(`${child.name} does not open its port`)
    await Bun.sleep(SAMPLE_MS)
  }
}

interface Sample {
  readonly at: number
  readonly process: number
  readonly core: CoreTicks
  readonly both: CoreTicks
}

/** `rate` in requests per second; 0 is as fast as responses come. */
async function measure(
  who: Contender,
  kind: Load,
  rate: number,
  prefix: readonly string[],
): Promise<Figures> {
  const tracker = await start(who, prefix)
  const samples: Sample[] = []
  const timer = setInterval(() => {
    if (!tracker.alive()) return
    const [core, both] = [[TRACKER_CORE], [TRACKER_CORE, LOAD_CORE]].map(coresTicks)
    samples.push({ at: performance.now(), process: cpuSeconds(tracker.pid), core, both })
  }, SAMPLE_MS)
  try {
    const seconds = wholeNumber(values.seconds)
    const settings = {
      ...LOADS[kind],
      SERVER_ADDRESS: `${TRACKER_HOST}:${PORT}`,
      SEED,
      MODE: rate === 0 ? 'closed' : 'open',
      CLOSED_LOOP_IN_FLIGHT: Number(values['in-flight']),
      ...(rate === 0 ? {} : { OPEN_LOOP_RATE: rate }),
      DURATION: wholeNumber(values['warm-up']) + seconds,
      SUMMARIZE_LAST: seconds,
      NETWORK_PACKET_PATH: 'xdp',
      TRACKER_PID: tracker.pid,
      CHECKS_OWN_PEER: String(!who.returnsOwnPeer),
    }
    const summary = await load(`${who.name}-${kind}`, folder, PORT, settings, !values['no-pin'])
    if (!tracker.alive()) throw new Error(`${who.name} ended under load: ${tracker.errors()}`)
    return figuresOf(summary, samples)
  } finally {
    clearInterval(timer)
    await tracker.stop()
  }
}

/** Of the last `seconds` of the run, as the load tester's. */
function figuresOf(summary: Summary, samples: readonly Sample[]): Figures {
  const last = samples[samples.length - 1]
  const first = samples.find(({ at }) => at >= last.at - summary.seconds * 1000) ?? samples[0]
  const perSecond: number = summary.responses_per_second.all
  const responses = (perSecond * (last.at - first.at)) / 1000
  const micros = (seconds: number) => (seconds / responses) * 1e6
  const busy = (read: (sample: Sample) => CoreTicks) =>
    micros((read(last).busy - read(first).busy) / TICKS_PER_SECOND)
  return {
    perSecond,
    processMicros: (summary.tracker.cpu_seconds / (perSecond * summary.seconds)) * 1e6,
    trackerCoreMicros: busy(({ core }) => core),
    bothCoresMicros: busy(({ both }) => both),
    processShare: summary.tracker.cpu_seconds / summary.seconds,
    peers: summary.peers_per_announce ?? 0,
    p999: summary.latency_ms.all['p99.9'],
    missing: 1 - perSecond / summary.requests_per_second.all,
  }
}

type Results = Map<string, Figures[]>

async function allRounds(
  prefix: readonly string[],
  kind: Load,
  rate: number,
  who: Contender[],
): Promise<Results> {
  const results: Results = new Map(who.map(({ name }) => [name, []]))
  const rounds = wholeNumber(values.rounds)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < who.length; i++) {
      const contender = who[(i + round) % who.length]
      const figures = await measure(contender, kind, rate, prefix)
      results.get(contender.name)?.push(figures)
      process.stderr.write(
        `${kind} ${round + 1}/${rounds} ${contender.name}: ${Math.round(figures.perSecond)}/s, ${figures.processMicros.toFixed(2)} µs\n`,
      )
    }
  }
  return results
}

function saturationTable(kind: Load, results: Results): string {
  const sockets = results.get('sockets') ?? []
  const head = [
    ...[kind, 'responses/s', '× sockets', '/s of its CPU', 'process µs', '× sockets'],
    ...['its core µs', 'both cores µs', 'process of a core', 'peers', 'missing'],
  ]
  const rows = [...results].map(([name, all]) => {
    const of = (read: (each: Figures) => number) => all.map(read)
    // Within a round, so that what else ran then matters less.
    const ratio = (read: (each: Figures) => number) =>
      spread(
        all.slice(0, sockets.length).map((each, i) => read(each) / read(sockets[i])),
        2,
      )
    return [
      name,
      `${spread(
        of((each) => each.perSecond / 1000),
        0,
      )}k`,
      ratio((each) => each.perSecond),
      `${(1000 / median(of((each) => each.processMicros))).toFixed(0)}k`,
      spread(
        of((each) => each.processMicros),
        2,
      ),
      ratio((each) => each.processMicros),
      median(of((each) => each.trackerCoreMicros)).toFixed(2),
      median(of((each) => each.bothCoresMicros)).toFixed(2),
      `${(100 * median(of((each) => each.processShare))).toFixed(0)} %`,
      median(of((each) => each.peers)).toFixed(1),
      `${(100 * median(of((each) => each.missing))).toFixed(1)} %`,
    ]
  })
  return table(head, rows)
}

function latencyTable(kind: Load, rate: number, results: Results): string {
  const rows = [...results].map(([name, all]) => [
    name,
    spread(
      all.map(({ p999 }) => p999),
      2,
    ),
    spread(
      all.map(({ processMicros }) => processMicros),
      2,
    ),
  ])
  return table([`${kind}, ${Math.round(rate / 1000)}k/s`, 'p99.9 ms', 'process µs'], rows)
}

async function main(): Promise<void> {
  exitOnSignals()
  const prefix = await connectNamespaces(null)
  if (values['receive-threads']) {
    receiveInThread('clients', LOAD_CORE, [])
    receiveInThread('tracker', TRACKER_CORE, prefix)
  }
  const who = contenders()
  const others = readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')
  const parts = [[...machineList(), `- load average at the start: ${others}`].join('\n')]
  for (const kind of ['connects', 'announces'] as const) {
    if (values.only !== undefined && values.only !== kind) continue
    let rate = wholeNumber(values.rate)
    if (rate === 0) {
      const results = await allRounds(prefix, kind, 0, who)
      parts.push(saturationTable(kind, results))
      const sockets = results.get('sockets')
      if (values['no-half-load'] || sockets === undefined) continue
      rate = Math.round(median(sockets.map(({ perSecond }) => perSecond)) / 2)
    }
    const own = who.filter(({ name }) => ['sockets', 'native', 'generic'].includes(name))
    parts.push(latencyTable(kind, rate, await allRounds(prefix, kind, rate, own)))
  }
  const text = `${parts.join('\n\n')}\n`
  console.log(text)
  if (values.report !== undefined) writeFileSync(values.report, text)
  process.exit(0)
}

if (values.help) console.log(USAGE)
else if (values.inside) await main()
else await enterNamespace('--inside')
