// Compares UDP trackers under one load: CPU time per response, responses per second, memory.
// Run by hand: node_modules/.bin/bun bench/compare/udp.ts --help. Owns its child processes and a
// folder for their settings, both gone at the end.
//
// Tracker on one core, generator (and this program, which hardly runs) on another. The figure that
// decides is the tracker's CPU time per response: responses per second count only where the
// tracker's core is full. Candidates alternate, and ratios are taken within each round, so that a
// machine that speeds up or slows down meanwhile changes them little.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pinSelf } from '../../load/children.ts'
import {
  type Candidate,
  DEFAULT_NAMES,
  findCandidates,
  findLoadTest,
} from '../../load/compare/candidates.ts'
import { BLOCK_SECONDS, Generator, udpGeneratorCommand } from '../../load/compare/generator.ts'
import { startTracker } from '../../load/compare/start.ts'
import { describeMachine } from '../../load/machine.ts'
import { type CoreTicks, coreTicks, cpuSeconds, memoryOf } from '../../load/proc.ts'
import { COMMON_FLAGS, COMMON_USAGE, pairs, runProgram, wholeNumber } from './flags.ts'
import { cpuReport, memoryReport } from './report.ts'

const USAGE = `usage: bun bench/compare/udp.ts [flags]
  --trackers LIST         of ${DEFAULT_NAMES.join(',')} and ours-… (other builds of ours)
  --rounds N              each tracker once per round (default 5, with --memory 1)
  --warm-up SECONDS       under load before measuring (default 10)
  --seconds SECONDS       measured (default 10); both are rounded up to whole ${BLOCK_SECONDS} s
  --memory                instead: 45 s at full speed, then resident memory
${COMMON_USAGE}`

const MEMORY_SECONDS = 45

/** One run of one tracker. */
export interface Run {
  readonly name: string
  readonly remark: string
  readonly cpuMicros: number
  readonly responsesPerSecond: number
  readonly requestsPerSecond: number
  readonly errorShare: number
  readonly peersPerAnnounce: number
  /** Shares of the tracker's core: this process, all that ran there, taken by the hypervisor. */
  readonly processShare: number
  readonly coreShare: number
  readonly stolenShare: number
  readonly idleKb: number
  readonly rssKb: number
  readonly peakKb: number
}

interface Plan {
  readonly loadTest: string
  readonly trackerCore: number
  readonly generatorCore: number
  readonly warmUpBlocks: number
  readonly measuredBlocks: number
  readonly folder: string
}

async function main(): Promise<void> {
  const flags = readFlags()
  const paths = pairs(flags.path)
  const loadTest = findLoadTest(paths)
  if (loadTest === null) throw new Error('aquatic_udp_load_test not found: see --path')
  const candidates = findCandidates(flags.trackers.split(','), paths, pairs(flags.settings))
  const memory = flags.memory
  const plan: Plan = {
    loadTest,
    trackerCore: wholeNumber(flags['tracker-core']),
    generatorCore: wholeNumber(flags['generator-core']),
    warmUpBlocks: blocks(flags['warm-up']),
    measuredBlocks: memory ? blocks(String(MEMORY_SECONDS)) - 1 : blocks(flags.seconds),
    folder: mkdtempSync(join(tmpdir(), 'compare-')),
  }
  pinSelf(plan.generatorCore)
  process.on('exit', () => rmSync(plan.folder, { recursive: true, force: true }))
  const rounds = wholeNumber(flags.rounds ?? (memory ? '1' : '5'))
  const measured = memory ? { ...plan, warmUpBlocks: 1 } : plan
  const runs = await allRounds(rounds, candidates, measured)
  const lines = memory ? memoryReport(candidates, runs) : cpuReport(candidates, runs)
  const text = [...lines, '', ...describeMachine().map((line) => `- ${line}`), ''].join('\n')
  process.stdout.write(`\n${text}`)
  if (flags.report !== undefined) writeFileSync(flags.report, text)
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      trackers: { type: 'string', default: DEFAULT_NAMES.join(',') },
      rounds: { type: 'string' },
      'warm-up': { type: 'string', default: '10' },
      seconds: { type: 'string', default: '10' },
      memory: { type: 'boolean', default: false },
      ...COMMON_FLAGS,
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  }
  return values
}

function blocks(seconds: string): number {
  return Math.max(1, Math.ceil(wholeNumber(seconds) / BLOCK_SECONDS))
}

// Each round starts with another candidate, so none is always first on a cool machine.
async function allRounds(rounds: number, candidates: Candidate[], plan: Plan): Promise<Run[][]> {
  const runs: Run[][] = []
  for (let round = 0; round < rounds; round++) {
    const first = round % candidates.length
    const order = [...candidates.slice(first), ...candidates.slice(0, first)]
    const row: Run[] = []
    for (const candidate of order) {
      const run = await measure(candidate, plan)
      row.push(run)
      process.stderr.write(`round ${round + 1}/${rounds} ${progress(run)}\n`)
    }
    runs.push(row)
  }
  return runs
}

function progress(run: Run): string {
  const rate = Math.round(run.responsesPerSecond)
  const resident = (run.rssKb / 1024).toFixed(1)
  return `${run.name}: ${run.cpuMicros.toFixed(3)} µs/response, ${rate}/s, ${resident} MB`
}

interface Sample {
  readonly cpu: number
  readonly core: CoreTicks
}

async function measure(candidate: Candidate, plan: Plan): Promise<Run> {
  const tracker = await startTracker(candidate, plan.trackerCore, plan.folder)
  const { pid } = tracker.child
  const idleKb = memoryOf(pid).rssKb
  const samples: Sample[] = []
  const sample = () => {
    if (!tracker.child.alive()) return
    samples.push({ cpu: cpuSeconds(pid), core: coreTicks(plan.trackerCore) })
  }
  const command = udpGeneratorCommand(plan.loadTest, tracker.port, plan.folder)
  const generator = new Generator(command, plan.generatorCore, sample)
  try {
    const from = plan.warmUpBlocks - 1
    const to = from + plan.measuredBlocks
    const died = tracker.child.ended.then(() => {
      throw new Error(`${candidate.name} ended under load: ${tracker.child.errors()}`)
    })
    await Promise.race([generator.blockEnded(to), died])
    const memory = memoryOf(pid)
    const traffic = generator.traffic(from, to)
    const cpu = samples[to].cpu - samples[from].cpu
    const ticks = coreDifference(samples[from].core, samples[to].core)
    return {
      name: candidate.name,
      remark: tracker.remark,
      cpuMicros: (cpu / traffic.responses) * 1e6,
      responsesPerSecond: traffic.responses / traffic.seconds,
      requestsPerSecond: traffic.requests / traffic.seconds,
      errorShare: traffic.errors / traffic.responses,
      peersPerAnnounce: traffic.peersPerAnnounce,
      processShare: cpu / traffic.seconds,
      coreShare: ticks.busy / ticks.all,
      stolenShare: ticks.stolen / ticks.all,
      idleKb,
      ...memory,
    }
  } finally {
    await generator.child.stop()
    await tracker.child.stop()
  }
}

function coreDifference(from: CoreTicks, to: CoreTicks): CoreTicks {
  return {
    busy: to.busy - from.busy,
    stolen: to.stolen - from.stolen,
    all: Math.max(1, to.all - from.all),
  }
}

await runProgram(main)
