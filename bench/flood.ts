// What legitimate clients notice of a flood, with the limits per source in force: 5,000 requests per second
// in an open loop beside more and more packets that prove nothing, from forged addresses.
// Run: bun bench/flood.ts --help. Everything happens in two network namespaces (flood/network.ts).
//
// The tracker has one core; flood and clients share the other. Clients are households on many networks,
// some hundred thousand behind one address of a carrier, and a seedbox that announces its 10,000 torrents.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Child, exitOnSignals, startChild } from '../load/children.ts'
import { machineList } from '../load/machine.ts'
import { table } from '../load/statistics.ts'
import type { ForgerReport } from './flood/forger.ts'
import { connectNamespaces, enterNamespace, TRACKER_HOST } from './flood/network.ts'
import { newFolder } from './support/folder.ts'
import {
  AQUATIC_UDP,
  LOAD_CORE,
  load,
  type Summary,
  TRACKER_CORE,
  written,
} from './support/pair.ts'

const USAGE = `usage: bun bench/flood.ts [flags]
  --rates N,N…       packets per second of floods from all of 198.18.0.0/15
                     (default 0,150000,250000,350000)
  --network-rates …  of floods from one /24 network (default 150000)
  --proven-rates …   requests per second of one address that has proved itself (default 30000)
  --seconds N        of the clients, per run (default 6)
  --clients N        their requests per second in all (default 5000)
  --buffer BYTES     the tracker's receive buffer (default: the tracker's)
  --receive-core N   which core handles what arrives at the tracker's device; without it the sender's
  --no-pin           all programs on all cores
  --json FILE        writes the figures too`

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '0,150000,250000,350000' },
    'network-rates': { type: 'string', default: '150000' },
    'proven-rates': { type: 'string', default: '30000' },
    seconds: { type: 'string', default: '6' },
    clients: { type: 'string', default: '5000' },
    buffer: { type: 'string' },
    'receive-core': { type: 'string' },
    'no-pin': { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
    inside: { type: 'boolean', default: false },
  },
})

const PORT = 23_919
const TRACKER = `${TRACKER_HOST}:${PORT}`
const METRICS = `${TRACKER_HOST}:9000`
const folder = newFolder()

/** The flood starts before the clients and ends after them. */
const HEAD_START_SEC = 1
/** Half a second at a time, in which a core may be busy for two ticks of 10 ms. */
const QUIET_MILLISECONDS = 500
const QUIET_TICKS = 2
const QUIET_TRIES = 20
const OVERLAP_SEC = 3

/** An address in each of the 512 networks. */
const EVERYWHERE = { first: '198.18.0.9', step: 256, count: 512 }
const ONE_NETWORK = { first: '198.19.255.1', step: 1, count: 254 }
/** Below the number of ports: two peers with one address and port would be one for the tracker. */
const PEERS_PER_ADDRESS = 50_000
const PROVEN_HOST = '198.19.254.9'

interface Run {
  readonly title: string
  readonly rate: number
  /** What the flood invents; null: it is one address that has proved itself. */
  readonly sources: { first: string; step: number; count: number } | null
}

/** What the load tester reports about one kind of clients. */
interface ClientFigures {
  readonly answeredPercent: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly wrong: number
}

interface RunFigures {
  readonly title: string
  readonly floodRate: number
  readonly late: number
  readonly clients: Readonly<Record<string, ClientFigures>>
  readonly trackerCore: number
  readonly busyCores: readonly number[]
  readonly receiveDrops: number
  readonly backlogDrops: number
  readonly bans: number
  readonly rejects: Readonly<Record<string, number>>
  readonly forged: ForgerReport | null
  readonly provenAnswered: number
}

interface Counters {
  readonly metrics: ReadonlyMap<string, number>
  readonly cores: readonly { busy: number; all: number }[]
  readonly backlogDrops: number
}

function core(number: number): { core?: number } {
  return values['no-pin'] ? {} : { core: number }
}

function clientsOf(
  name: string,
  seconds: number,
  pid: number,
  settings: Record<string, string | number>,
): Promise<Summary> {
  const common = { SERVER_ADDRESS: TRACKER, MODE: 'open', DURATION: seconds, TRACKER_PID: pid }
  return load(name, folder, PORT, { ...common, ...settings }, !values['no-pin'])
}

/** The three kinds of clients, at their shares of the rate. */
function clients(seconds: number, pid: number): Record<string, Promise<Summary>> {
  const rate = Number(values.clients)
  const networks = Array.from({ length: 16 }, (_, i) => `198.18.${i * 16}.7`)
  const households = {
    NETWORK_CLIENT_ADDRESSES: networks.join(','),
    NETWORK_SOCKETS_PER_WORKER: String(networks.length),
    OPEN_LOOP_RATE: String(Math.round(rate * 0.5)),
  }
  const carrier = {
    SEED: '2',
    NETWORK_CLIENT_ADDRESSES: '198.19.1.1',
    NETWORK_SOCKETS_PER_WORKER: '64',
    REQUESTS_NUMBER_OF_PEERS: String(PEERS_PER_ADDRESS),
    OPEN_LOOP_RATE: String(Math.round(rate * 0.2)),
  }
  const seedbox = {
    SEED: '3',
    NETWORK_CLIENT_ADDRESSES: '198.19.2.2',
    NETWORK_SOCKETS_PER_WORKER: '1',
    OPEN_LOOP_RATE: String(Math.round(rate * 0.3)),
    REQUESTS_NUMBER_OF_TORRENTS: '10000',
    REQUESTS_NUMBER_OF_PEERS: '10000',
    REQUESTS_TORRENT_GAMMA_SHAPE: '1000',
    REQUESTS_PEER_SEEDER_PROBABILITY: '1',
    REQUESTS_WEIGHT_CONNECT: '0',
    REQUESTS_WEIGHT_SCRAPE: '0',
  }
  return {
    households: clientsOf('households', seconds, pid, households),
    carrier: clientsOf('carrier', seconds, pid, carrier),
    seedbox: clientsOf('seedbox', seconds, pid, seedbox),
  }
}

/** An address that has proved itself goes on far beyond what it may. */
function provenFlood(rate: number, seconds: number, pid: number): Promise<Summary> {
  return clientsOf('proven', seconds, pid, {
    SEED: '4',
    NETWORK_CLIENT_ADDRESSES: PROVEN_HOST,
    REQUESTS_NUMBER_OF_PEERS: String(PEERS_PER_ADDRESS),
    OPEN_LOOP_RATE: String(rate),
    REQUESTS_WEIGHT_CONNECT: '0',
  })
}

function startForger({ rate, sources }: Run, seconds: number) {
  let output = ''
  if (sources === null || rate === 0) return null
  const script = join(import.meta.dir, 'flood/forger.ts')
  const { first, step, count } = sources
  const what = [TRACKER, rate, seconds, first, step, count].map(String)
  const child = startChild('flood', [process.execPath, script, ...what], {
    ...core(LOAD_CORE),
    onOutput: (text) => {
      output += text
    },
  })
  return child.ended.then((code): ForgerReport => {
    if (code !== 0) throw new Error(`flood: ${child.errors()}`)
    return JSON.parse(output)
  })
}

async function startTracker(inside: readonly string[]): Promise<Child> {
  const settings = join(folder, 'settings.toml')
  const buffer = values.buffer === undefined ? '' : `socket_recv_buffer_size = ${values.buffer}\n`
  writeFileSync(
    settings,
    `[network]\naddress = '${TRACKER}'\n${buffer}[operations]\naddress = '${METRICS}'\n` +
      '[limits]\nmax_torrents = 2000000\nmax_peers = 10000000\n' +
      // The clients' addresses are reserved for benchmarks, and a flood is pressure.
      "[peer_addresses]\nreserved_peers = 'store'\n[pressure]\nenabled = false\n",
  )
  const command = [...inside, AQUATIC_UDP, '-c', settings]
  const tracker = startChild('tracker', command, core(TRACKER_CORE))
  await written(tracker, /operations at/)
  return tracker
}

/** Others on this machine would take the tracker's core. Waits until it has been idle for a moment. */
async function waitForQuiet(): Promise<void> {
  for (let tries = 0; tries < QUIET_TRIES; tries++) {
    const before = readCores()
    await Bun.sleep(QUIET_MILLISECONDS)
    const now = readCores()
    if (now.every(({ busy }, i) => busy - before[i].busy <= QUIET_TICKS)) return
  }
  console.error('this machine does not get quiet: figures will be worse than they should')
}

function readCores(): Counters['cores'] {
  const lines = readFileSync('/proc/stat', 'latin1').matchAll(/^cpu\d+ (.*)$/gm)
  return [...lines].map(([, line]) => {
    const times = line.split(' ').map(Number)
    const all = times.reduce((sum, time) => sum + time, 0)
    // Idle, and waiting for a disk.
    return { busy: all - times[3] - times[4], all }
  })
}

async function readCounters(): Promise<Counters> {
  const text = await (await fetch(`http://${METRICS}/metrics`)).text()
  const metrics = [...text.matchAll(/^(\w+(?:\{[^}]*\})?) ([\d.e+-]+)$/gm)].map(
    ([, name, value]) => [name, Number(value)] as const,
  )
  const softnet = readFileSync('/proc/net/softnet_stat', 'latin1').trim().split('\n')
  return {
    metrics: new Map(metrics),
    cores: readCores(),
    backlogDrops: softnet.reduce((sum, line) => sum + Number.parseInt(line.split(' ')[1], 16), 0),
  }
}

async function carryOut(run: Run, inside: readonly string[]): Promise<RunFigures> {
  if (!values['no-pin']) await waitForQuiet()
  const tracker = await startTracker(inside)
  const seconds = Number(values.seconds)
  const floodSeconds = seconds + OVERLAP_SEC
  const forger = startForger(run, floodSeconds)
  const proven = run.sources === null ? provenFlood(run.rate, floodSeconds, tracker.pid) : null
  await Bun.sleep(HEAD_START_SEC * 1000)
  const legitimate = clients(seconds, tracker.pid)
  await Bun.sleep(HEAD_START_SEC * 1000)
  const before = await readCounters()
  await Bun.sleep((seconds - HEAD_START_SEC - 0.5) * 1000)
  const after = await readCounters()
  const figures: Record<string, ClientFigures> = {}
  for (const [name, summary] of Object.entries(legitimate)) figures[name] = ofClients(await summary)
  const forged = await forger
  const provenSummary = await proven
  const { metrics } = await readCounters()
  await tracker.stop()
  return {
    title: run.title,
    floodRate: (forged?.sent ?? 0) / (forged?.seconds ?? 1) || run.rate,
    late: forged?.late ?? 0,
    clients: figures,
    trackerCore: shareOf(
      'process_cpu_seconds_total',
      before,
      after,
      seconds - HEAD_START_SEC - 0.5,
    ),
    busyCores: after.cores.map(({ busy, all }, i) => {
      return (busy - before.cores[i].busy) / (all - before.cores[i].all)
    }),
    receiveDrops: metrics.get('tracker_udp_receive_drops_total') ?? 0,
    backlogDrops: after.backlogDrops - before.backlogDrops,
    bans: metrics.get('tracker_udp_bans_total') ?? 0,
    rejects: rejectsIn(metrics),
    forged,
    provenAnswered: provenSummary === null ? 0 : provenSummary.responses_per_second.all,
  }
}

function shareOf(name: string, before: Counters, after: Counters, seconds: number): number {
  return ((after.metrics.get(name) ?? 0) - (before.metrics.get(name) ?? 0)) / seconds
}

function rejectsIn(metrics: ReadonlyMap<string, number>): Record<string, number> {
  const rejects: Record<string, number> = {}
  for (const [name, value] of metrics) {
    const reason = /^tracker_udp_rejected_total\{.*reason="(\w+)"/.exec(name)?.[1]
    if (reason !== undefined && value > 0) rejects[reason] = (rejects[reason] ?? 0) + value
  }
  return rejects
}

function ofClients(summary: {
  lost_share: number
  latency_ms: { all: { p50: number; p99: number } }
  counts: Record<string, number>
}): ClientFigures {
  const { counts, latency_ms, lost_share } = summary
  const wrong = Object.entries(counts).filter(([name]) => name.startsWith('wrong'))
  return {
    answeredPercent: 100 - lost_share * 100,
    p50Ms: latency_ms.all.p50,
    p99Ms: latency_ms.all.p99,
    wrong: wrong.reduce((sum, [, count]) => sum + count, 0),
  }
}

function rowOf({ title, floodRate, late, clients, ...rest }: RunFigures): string[] {
  const answered = Object.values(clients).map((kind) => `${kind.answeredPercent.toFixed(2)} %`)
  const { households } = clients
  const percent = (share: number) => `${(share * 100).toFixed(0)} %`
  const { forged, rejects } = rest
  return [
    title,
    Math.round(floodRate).toLocaleString('en'),
    ...answered,
    `${households.p50Ms.toFixed(2)} / ${households.p99Ms.toFixed(1)}`,
    percent(rest.trackerCore),
    rest.busyCores.map(percent).join(', '),
    (rest.receiveDrops + rest.backlogDrops).toLocaleString('en'),
    late.toLocaleString('en'),
    forged === null
      ? ''
      : `${forged.answers.toLocaleString('en')} of ${forged.connects.toLocaleString('en')}`,
    forged === null ? '' : (forged.answerBytes / forged.sentBytes).toFixed(3),
    `${rest.bans}, ${(rejects.banned ?? 0).toLocaleString('en')}`,
  ]
}

const HEAD = [
  'flood from',
  'packets/s',
  'households',
  'carrier',
  'seedbox',
  'p50 / p99 ms',
  'tracker',
  'cores',
  'dropped',
  'late',
  'connects answered',
  'bytes out ÷ in',
  'bans, refused by them',
]

function runsAsked(): Run[] {
  const of = (text: string) =>
    text
      .split(',')
      .filter((rate) => rate !== '')
      .map(Number)
  return [
    ...of(values.rates).map((rate) => ({ title: 'everywhere', rate, sources: EVERYWHERE })),
    ...of(values['network-rates']).map((rate) => ({
      title: 'one /24',
      rate,
      sources: ONE_NETWORK,
    })),
    ...of(values['proven-rates']).map((rate) => ({ title: 'one, proven', rate, sources: null })),
  ]
}

async function main(): Promise<void> {
  const receiveCore = values['receive-core']
  const inside = await connectNamespaces(receiveCore === undefined ? null : Number(receiveCore))
  const figures: RunFigures[] = []
  for (const run of runsAsked()) figures.push(await carryOut(run, inside))
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(figures, null, 2))
  console.log(`${values.clients} legitimate requests/s\n\n${table(HEAD, figures.map(rowOf))}\n`)
  console.log(machineList().join('\n'))
  process.exit(0)
}

if (values.help) console.log(USAGE)
else if (values.inside) {
  exitOnSignals()
  await main()
} else await enterNamespace('--inside')
