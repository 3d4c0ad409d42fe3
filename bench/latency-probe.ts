// Measures how long a UDP tracker takes to answer at a fixed rate, with and without cleaning.
// Run by hand: node_modules/.bin/bun bench/latency-probe.ts --help. Owns the trackers it starts.
//
// The tracker first gets its peers; then requests (88 % announces, 10 % connects, 2 % scrapes) leave
// on a schedule, and each latency counts from the scheduled moment. «Probe's delay» tells how late
// the requests left: where that is large, something else used the probe's core.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { pinSelf } from '../load/children.ts'
import { type Candidate, findCandidates, withCleaning } from '../load/compare/candidates.ts'
import { startTracker } from '../load/compare/start.ts'
import { machineList } from '../load/machine.ts'
import { coreTicks, cpuSeconds, TICKS_PER_SECOND } from '../load/proc.ts'
import { median, spread, table } from '../load/statistics.ts'
import { COMMON_FLAGS, COMMON_USAGE, pairs, runProgram, wholeNumber } from './support/flags.ts'
import { newFolder } from './support/folder.ts'
import { type OpenLoopResult, UdpClient } from './support/udp-client.ts'

const USAGE = `usage: bun bench/latency-probe.ts [flags]
  --trackers LIST         of ours,aquatic,aquatic-uring and ours-… (default ours)
  --peers N               the tracker holds before (default 1000000)
  --loads LIST            percent of saturation (default 10,70)
  --saturation RATE       responses per second that count as 100 % (default: measured first)
  --seconds N             of each measurement (default 10)
  --rounds N              pairs with and without cleaning (default 3)
  --cleaning-interval N   seconds between cleanings where it is on (default 1)
${COMMON_USAGE}`

/** So long that no cleaning falls into a run. */
const CLEANING_OFF_SECONDS = 3600
const SATURATION_TRIES = 3
const SATURATION_SECONDS = 2
const WARM_UP_SECONDS = 2
/** The most that cleaning may add at p99.9. */
const CLEANING_ADDS_MAX_MS = 2
/** Above this, something else ran on the probe's core, and the differences mean nothing. */
const DISTURBED_MS = 1
/** The same for the tracker's core: the share of it that others used. */
const DISTURBED_SHARE = 0.05

interface Measurement {
  readonly load: number
  readonly cleaning: boolean
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly lostShare: number
  readonly errors: number
  readonly lag999: number
  /** Of the tracker's core, what others used. */
  readonly foreignShare: number
}

interface Plan {
  readonly peers: number
  readonly loads: number[]
  readonly saturation: number
  readonly seconds: number
  readonly rounds: number
  readonly interval: number
  readonly trackerCore: number
  readonly folder: string
}

async function main(): Promise<void> {
  const flags = readFlags()
  const candidates = findCandidates(
    flags.trackers.split(','),
    pairs(flags.path),
    pairs(flags.settings),
  )
  const plan: Plan = {
    peers: wholeNumber(flags.peers),
    loads: flags.loads.split(',').map(wholeNumber),
    saturation: wholeNumber(flags.saturation),
    seconds: wholeNumber(flags.seconds),
    rounds: wholeNumber(flags.rounds),
    interval: wholeNumber(flags['cleaning-interval']),
    trackerCore: wholeNumber(flags['tracker-core']),
    folder: newFolder(),
  }
  pinSelf(wholeNumber(flags['generator-core']))
  const sections: string[] = []
  for (const candidate of candidates) sections.push(await probe(candidate, plan))
  const text = [...sections, ...machineList(), ''].join('\n')
  process.stdout.write(`\n${text}`)
  if (flags.report !== undefined) writeFileSync(flags.report, text)
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      trackers: { type: 'string', default: 'ours' },
      peers: { type: 'string', default: '1000000' },
      loads: { type: 'string', default: '10,70' },
      saturation: { type: 'string', default: '0' },
      seconds: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      'cleaning-interval': { type: 'string', default: '1' },
      ...COMMON_FLAGS,
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  }
  return values
}

async function probe(candidate: Candidate, plan: Plan): Promise<string> {
  let saturation = plan.saturation
  if (saturation === 0) {
    saturation = await onTracker(candidate, false, plan, bestOf)
  }
  const measurements: Measurement[] = []
  for (let round = 0; round < plan.rounds; round++) {
    // With and without alternate, so that neither is always first.
    for (const cleaning of round % 2 === 0 ? [false, true] : [true, false]) {
      const rates = plan.loads.map((load) => [load, (saturation * load) / 100] as const)
      await onTracker(candidate, cleaning, plan, async (client, pid) => {
        await client.openLoop(rates[0][1], WARM_UP_SECONDS)
        for (const [load, rate] of rates) {
          const before = foreignUse(pid, plan.trackerCore)
          const result = await client.openLoop(rate, plan.seconds)
          const foreignShare = (foreignUse(pid, plan.trackerCore) - before) / plan.seconds
          const measurement = { load, cleaning, foreignShare, ...summaryOf(result) }
          measurements.push(measurement)
          process.stderr.write(`round ${round + 1}/${plan.rounds} ${progress(measurement)}\n`)
        }
      })
    }
  }
  return report(candidate, saturation, plan, measurements)
}

/** Starts the tracker, fills it, runs `work`, stops it. */
async function onTracker<Result>(
  candidate: Candidate,
  cleaning: boolean,
  plan: Plan,
  work: (client: UdpClient, pid: number) => Result | Promise<Result>,
): Promise<Result> {
  const interval = cleaning ? plan.interval : CLEANING_OFF_SECONDS
  const configured = withCleaning(candidate, interval)
  const tracker = await startTracker(configured, plan.trackerCore, plan.folder)
  const client = new UdpClient(tracker.port, plan.peers)
  try {
    client.connect()
    client.fill()
    return await work(client, tracker.child.pid)
  } finally {
    client.close()
    await tracker.child.stop()
  }
}

function bestOf(client: UdpClient): number {
  let best = 0
  for (let i = 0; i < SATURATION_TRIES; i++) {
    best = Math.max(best, client.saturation(SATURATION_SECONDS))
  }
  return Math.round(best)
}

/** Seconds that others than the tracker have used of its core, since some fixed moment. */
function foreignUse(pid: number, core: number): number {
  return coreTicks(core).busy / TICKS_PER_SECOND - cpuSeconds(pid)
}

function summaryOf(result: OpenLoopResult) {
  return {
    p50: quantile(result.latencies, 0.5),
    p99: quantile(result.latencies, 0.99),
    p999: quantile(result.latencies, 0.999),
    max: quantile(result.latencies, 1),
    lostShare: result.lost / result.sent,
    errors: result.errors,
    lag999: quantile(result.lags, 0.999),
  }
}

function quantile(sorted: Float32Array, share: number): number {
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

function progress(run: Measurement): string {
  const name = `${run.load} % load, cleaning ${run.cleaning ? 'on' : 'off'}`
  return `${name}: p50 ${run.p50.toFixed(3)} ms, p99.9 ${run.p999.toFixed(3)} ms`
}

function report(candidate: Candidate, saturation: number, plan: Plan, all: Measurement[]): string {
  const rows = plan.loads.flatMap((load) =>
    [false, true].map((cleaning) => {
      const runs = all.filter((run) => run.load === load && run.cleaning === cleaning)
      const of = (read: (run: Measurement) => number, digits: number) =>
        spread(runs.map(read), digits)
      return [
        `${load} %`,
        cleaning ? 'on' : 'off',
        of((run) => run.p50, 3),
        of((run) => run.p99, 3),
        of((run) => run.p999, 3),
        of((run) => run.max, 2),
        of((run) => run.lostShare * 100, 3),
        of((run) => run.lag999, 3),
      ]
    }),
  )
  const head = ['load', 'cleaning', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'lost %']
  return [
    `## ${candidate.name}`,
    '',
    table([...head, "probe's delay p99.9 ms"], rows),
    '',
    `${plan.peers} peers held; 100 % load is ${saturation} responses/s; cleaning every`,
    `${plan.interval} s where it is on; medians of ${plan.rounds} rounds (lowest–highest).`,
    '',
    ...plan.loads.map((load) => verdict(load, all)),
    ...disturbance(all),
    ...errorLines(all),
    `- ${candidate.name}: ${candidate.version}`,
  ].join('\n')
}

function verdict(load: number, all: Measurement[]): string {
  const of = (cleaning: boolean) =>
    all.filter((run) => run.load === load && run.cleaning === cleaning).map((run) => run.p999)
  const off = of(false)
  const differences = of(true).map((value, round) => value - off[round])
  const kept = median(differences) < CLEANING_ADDS_MAX_MS ? 'below' : 'NOT below'
  const added = spread(differences, 3)
  return `- ${load} % load: cleaning adds ${added} ms at p99.9, ${kept} ${CLEANING_ADDS_MAX_MS} ms`
}

function disturbance(all: Measurement[]): string[] {
  const disturbed = all.filter(
    (run) => run.lag999 > DISTURBED_MS || run.foreignShare > DISTURBED_SHARE,
  )
  if (disturbed.length === 0) return []
  return [
    `- in ${disturbed.length} of ${all.length} runs something else ran on the probe's core (late by ` +
      `more than ${DISTURBED_MS} ms at p99.9) or used more than ${DISTURBED_SHARE * 100} % of the ` +
      "tracker's: repeat this on a quiet machine",
  ]
}

function errorLines(all: Measurement[]): string[] {
  const errors = all.reduce((sum, run) => sum + run.errors, 0)
  return errors === 0 ? [] : [`- the tracker answered ${errors} requests with an error`]
}

await runProgram(main)
