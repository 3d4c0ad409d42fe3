// Trackers with one, two and more threads under one load: CPU time per response, responses per second.
// Run by hand: bun bench/workers.ts --help. Owns its child processes and a folder for their settings,
// both gone at the end.
//
// Nobody has a core alone: the tracker's threads and as many generator threads run on all cores that
// --cores names, for every candidate alike. So a figure can be compared with the others of its run, not
// with that of a tracker with a core for itself (aquatic_bench). Candidates alternate.
import { parseArgs } from 'node:util'
import { findCandidates, findLoadTest } from '../load/compare/candidates.ts'
import { BLOCK_SECONDS, Generator, udpGeneratorCommand } from '../load/compare/generator.ts'
import { startTracker } from '../load/compare/start.ts'
import { machineList } from '../load/machine.ts'
import { cpuSeconds, memoryOf } from '../load/proc.ts'
import { median, spread, table } from '../load/statistics.ts'
import { COMMON_FLAGS, pairs, runProgram, wholeNumber } from './support/flags.ts'
import { newFolder } from './support/folder.ts'

const USAGE = `usage: bun bench/workers.ts [flags]
  --trackers LIST    of ours-S+R (S socket workers, R request workers), aquatic-N, opentracker-N
                     (N threads); default ours-1+0,ours-1+1,ours-2+0,ours-2+1. With @CORES behind it, a
                     candidate has these cores in place of all, and a generator thread for each
  --rounds N         each once per round (default 3)
  --seconds SECONDS  measured, after as many of warm-up (default ${BLOCK_SECONDS})
  --cores LIST       of the trackers and the generators (default 0,1)
  --generators N     generator threads (default 2)
  --peers N          that the generators pretend to be (default 2000000)
  --path NAME=FILE   where a tracker, or «load-test», is`

interface Figures {
  readonly name: string
  readonly cpuMicros: number
  readonly responsesPerSecond: number
  readonly errorShare: number
  readonly rssMb: number
}

interface Plan {
  readonly loadTest: string
  readonly paths: Map<string, string>
  readonly cores: string
  readonly generators: number
  readonly peers: number
  readonly blocks: number
  readonly folder: string
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      trackers: { type: 'string', default: 'ours-1+0,ours-1+1,ours-2+0,ours-2+1' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: String(BLOCK_SECONDS) },
      cores: { type: 'string', default: '0,1' },
      generators: { type: 'string', default: '2' },
      peers: { type: 'string', default: '2000000' },
      path: COMMON_FLAGS.path,
      help: COMMON_FLAGS.help,
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  const paths = pairs(values.path)
  const loadTest = findLoadTest(paths)
  if (loadTest === null) throw new Error('aquatic_udp_load_test not found: see --path')
  const folder = newFolder()
  const blocks = Math.max(1, Math.ceil(wholeNumber(values.seconds) / BLOCK_SECONDS))
  const generators = wholeNumber(values.generators)
  const peers = wholeNumber(values.peers)
  const plan = { loadTest, paths, cores: values.cores, generators, peers, blocks, folder }
  const names = values.trackers.split(',')
  const runs = await allRounds(names, wholeNumber(values.rounds), plan)
  process.stdout.write(`${tableOf(names, runs)}\n${machineList().join('\n')}\n`)
}

async function allRounds(names: readonly string[], rounds: number, plan: Plan) {
  const runs: Figures[][] = []
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length
    const row: Figures[] = []
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const run = await measure(name, plan)
      row.push(run)
      const { cpuMicros, responsesPerSecond } = run
      const rate = Math.round(responsesPerSecond)
      process.stderr.write(`round ${round + 1} ${name}: ${cpuMicros.toFixed(3)} µs, ${rate}/s\n`)
    }
    runs.push(row)
  }
  return runs
}

async function measure(name: string, plan: Plan): Promise<Figures> {
  const [tracked, ownCores] = name.split('@')
  const cores = ownCores?.replaceAll('-', ',') ?? plan.cores
  const generators = ownCores === undefined ? plan.generators : cores.split(',').length
  const [, tool, sockets, requests] = /^(.*?)-(\d+)(?:\+(\d+))?$/.exec(tracked) ?? []
  if (tool === undefined) throw new Error(`«${name}» names no workers`)
  const [found] = findCandidates([tool], plan.paths, new Map())
  const settings = requests === undefined ? '' : `request_workers = ${requests}\n`
  const options = { workers: Number(sockets) }
  const tracker = await startTracker({ ...found, settings }, cores, plan.folder, options)
  const { pid } = tracker.child
  const cpu: number[] = []
  const sample = () => cpu.push(tracker.child.alive() ? cpuSeconds(pid) : Number.NaN)
  const { loadTest, folder, peers, blocks } = plan
  const load = { threads: generators, peers }
  const command = udpGeneratorCommand(loadTest, tracker.port, folder, load)
  const generator = new Generator(command, cores, sample)
  try {
    const [from, to] = [blocks - 1, blocks * 2 - 1]
    await generator.blockEnded(to)
    const traffic = generator.traffic(from, to)
    return {
      name,
      cpuMicros: ((cpu[to] - cpu[from]) / traffic.responses) * 1e6,
      responsesPerSecond: traffic.responses / traffic.seconds,
      errorShare: traffic.errors / traffic.responses,
      rssMb: memoryOf(pid).rssKb / 1024,
    }
  } finally {
    await generator.child.stop()
    await tracker.child.stop()
  }
}

/** Medians over rounds, and the medians of the ratios to the first within each round. */
function tableOf(names: readonly string[], runs: readonly (readonly Figures[])[]): string {
  const of = (name: string, value: (run: Figures) => number) =>
    runs.map((row) => value(row.find((run) => run.name === name) as Figures))
  const [base] = names
  const rows = names.map((name) => {
    const cpu = of(name, ({ cpuMicros }) => cpuMicros)
    const rate = of(name, ({ responsesPerSecond }) => responsesPerSecond)
    const baseCpu = of(base, ({ cpuMicros }) => cpuMicros)
    const baseRate = of(base, ({ responsesPerSecond }) => responsesPerSecond)
    return [
      name,
      spread(cpu, 3),
      median(cpu.map((x, i) => x / baseCpu[i])).toFixed(3),
      spread(rate, 0),
      median(rate.map((x, i) => x / baseRate[i])).toFixed(3),
      `${(median(of(name, ({ errorShare }) => errorShare)) * 100).toFixed(1)} %`,
      median(of(name, ({ rssMb }) => rssMb)).toFixed(0),
    ]
  })
  const ratio = `÷ ${base}`
  const head = [
    'tracker',
    'CPU µs per response',
    ratio,
    'responses/s',
    ratio,
    'errors',
    'resident MB',
  ]
  return table(head, rows)
}

await runProgram(main)
