// Runs our UDP tracker for minutes under load, with peers that come and go and frequent cleaning,
// and says whether its resident memory stays flat.
// Run by hand: node_modules/.bin/bun bench/soak.ts --help. Owns the tracker and the load it starts.
//
// The generator walks through its two million peers in some 20 s at full speed; with a peer age of
// 10 s each has been forgotten when it comes again, so peers and torrents turn over all the time.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { pinSelf } from '../load/children.ts'
import { findCandidates, findLoadTest } from '../load/compare/candidates.ts'
import { Generator, udpGeneratorCommand } from '../load/compare/generator.ts'
import { type RunningTracker, startTracker } from '../load/compare/start.ts'
import { machineList } from '../load/machine.ts'
import { memoryOf } from '../load/proc.ts'
import { table } from '../load/statistics.ts'
import { COMMON_FLAGS, COMMON_USAGE, pairs, runProgram, wholeNumber } from './support/flags.ts'
import { newFolder } from './support/folder.ts'
import { UdpClient } from './support/udp-client.ts'

const USAGE = `usage: bun bench/soak.ts [flags]
  --seconds N             under load (default 600)
  --sample N              seconds between samples of VmRSS (default 5)
  --max-peer-age N        default 10
  --cleaning-interval N   default 2
  --probe                 load by the probe, at --rate, even where aquatic_udp_load_test is
  --rate N                requests per second of the probe (default 50000)
${COMMON_USAGE}`

/** Peers of the probe, and how many of them are replaced every second: all within 20 s. */
const PROBE_PEERS = 1_000_000
const PROBE_NEW_PEERS = 50_000

/** Of the samples, this share counts as warm-up. */
const WARM_UP_SHARE = 0.5
/** Flat: the line through the samples after the warm-up rises less than this over their time. */
const GROWTH_MAX = 0.02
const ROWS_MAX = 30

interface Sample {
  readonly second: number
  readonly rssKb: number
}

async function main(): Promise<void> {
  const flags = readFlags()
  const paths = pairs(flags.path)
  const [ours] = findCandidates(['ours'], paths, pairs(flags.settings))
  const folder = newFolder()
  const generatorCore = wholeNumber(flags['generator-core'])
  pinSelf(generatorCore)
  const age = wholeNumber(flags['max-peer-age'])
  const interval = wholeNumber(flags['cleaning-interval'])
  const settings = `${ours.settings}
[protocol]
peer_announce_interval = ${Math.max(1, age - 1)}

[cleaning]
interval = ${interval}
max_peer_age = ${age}
`
  const core = wholeNumber(flags['tracker-core'])
  const tracker = await startTracker({ ...ours, settings }, core, folder)
  const loadTest = flags.probe ? null : findLoadTest(paths)
  const load =
    loadTest === null
      ? startProbe(tracker.port, wholeNumber(flags.rate))
      : startGenerator(loadTest, tracker.port, generatorCore, folder)
  try {
    const sample = wholeNumber(flags.sample)
    const samples = await watch(tracker, wholeNumber(flags.seconds), sample, load)
    const how = `max_peer_age ${age} s, cleaning every ${interval} s; load: ${load.name}`
    const report = [...tableOf(samples), '', verdict(samples), '', `- ${how}`]
    const text = [...report, `- ours: ${ours.version}`, ...machineList(), ''].join('\n')
    process.stdout.write(`\n${text}`)
    if (flags.report !== undefined) writeFileSync(flags.report, text)
    if (growth(samples) >= GROWTH_MAX) process.exitCode = 1
  } finally {
    await load.stop()
    await tracker.child.stop()
  }
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '600' },
      sample: { type: 'string', default: '5' },
      'max-peer-age': { type: 'string', default: '10' },
      'cleaning-interval': { type: 'string', default: '2' },
      probe: { type: 'boolean', default: false },
      rate: { type: 'string', default: '50000' },
      ...COMMON_FLAGS,
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  }
  return values
}

interface Load {
  readonly name: string
  /** Rejects when the load ends by itself. */
  readonly failed: Promise<never>
  responses(): number
  stop(): Promise<void>
}

function startGenerator(executable: string, port: number, core: number, folder: string): Load {
  let blocks = 0
  const command = udpGeneratorCommand(executable, port, folder)
  const generator = new Generator(command, core, () => {
    blocks++
  })
  return {
    name: 'aquatic_udp_load_test, default mix, full speed',
    failed: generator.child.ended.then(() => {
      throw new Error(`the generator ended: ${generator.child.errors()}`)
    }),
    responses: () => (blocks < 3 ? 0 : generator.traffic(0, blocks - 2).responses),
    stop: () => generator.child.stop(),
  }
}

function startProbe(port: number, rate: number): Load {
  const client = new UdpClient(port, PROBE_PEERS)
  let stopping = false
  let responses = 0
  const run = async () => {
    client.connect()
    while (!stopping) {
      const { sent, lost } = await client.openLoop(rate, 1)
      responses += sent - lost
      client.firstPeer += PROBE_NEW_PEERS
      await Bun.sleep(1)
    }
  }
  const ended = run()
  return {
    name: `the probe, ${rate} requests/s`,
    failed: ended.then(() => new Promise<never>(() => {})),
    responses: () => responses,
    stop: async () => {
      stopping = true
      await ended.catch(() => {})
      client.close()
    },
  }
}

async function watch(
  tracker: RunningTracker,
  seconds: number,
  everySeconds: number,
  load: Load,
): Promise<Sample[]> {
  const start = performance.now()
  const samples: Sample[] = []
  const died = tracker.child.ended.then(() => {
    throw new Error(`the tracker ended under load: ${tracker.child.errors()}`)
  })
  for (let second = everySeconds; second <= seconds; second += everySeconds) {
    const wait = start + second * 1000 - performance.now()
    await Promise.race([Bun.sleep(Math.max(0, wait)), died, load.failed])
    const { rssKb } = memoryOf(tracker.child.pid)
    samples.push({ second, rssKb })
    const text = `${second} s: ${megabytes(rssKb)} MB, ${Math.round(load.responses())} responses`
    process.stderr.write(`${text}\n`)
  }
  return samples
}

function tableOf(samples: Sample[]): string[] {
  const step = Math.max(1, Math.ceil(samples.length / ROWS_MAX))
  const rows = samples
    .filter((_, index) => (index + 1) % step === 0)
    .map(({ second, rssKb }) => [String(second), megabytes(rssKb)])
  return [table(['second', 'resident MB'], rows)]
}

function verdict(samples: Sample[]): string {
  const share = growth(samples)
  const flat = share < GROWTH_MAX ? 'flat after warm-up' : 'NOT flat after warm-up'
  const rise = `${(share * 100).toFixed(2)} %`
  const peak = megabytes(Math.max(...samples.map((sample) => sample.rssKb)))
  return (
    `Verdict: ${flat}. The line fitted to the last ${(1 - WARM_UP_SHARE) * 100} % of the samples ` +
    `rises ${rise} over their time (limit ${GROWTH_MAX * 100} %); the highest sample is ${peak} MB.`
  )
}

/** Rise of the least-squares line over the time after warm-up, as a share of the mean. */
function growth(samples: Sample[]): number {
  const late = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  if (late.length < 2) return 0
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const time = mean(late.map((sample) => sample.second))
  const memory = mean(late.map((sample) => sample.rssKb))
  let products = 0
  let squares = 0
  for (const { second, rssKb } of late) {
    products += (second - time) * (rssKb - memory)
    squares += (second - time) ** 2
  }
  const span = late[late.length - 1].second - late[0].second
  return ((products / squares) * span) / memory
}

function megabytes(kilobytes: number): string {
  return (kilobytes / 1024).toFixed(1)
}

await runProgram(main)
