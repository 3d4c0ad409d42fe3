// What aquatic_bench prints: a dated Markdown report with a table, the settings and the machine, and a
// bar chart beside it. Pure functions over the runs.
import { counted } from '../../src/config/quantities.ts'
import { effectiveFile } from '../../src/config/toml-text.ts'
import { grouped } from '../../src/metrics/text-table.ts'
import { machineList } from '../machine.ts'
import { lostShare } from '../report.ts'
import { median, spread, table } from '../statistics.ts'
import { barChart, standalone } from '../svg.ts'
import type { Candidate } from './candidates.ts'
import { type BenchConfig, benchSettings } from './config.ts'
import type { Measured } from './load.ts'

/** A tracker's cores count as full from here; below, its responses per second say little. */
const FULL_SHARE = 0.95
/** Of full cores, the share that the tracker itself must have. The kernel does some of its work separately. */
const OWN_SHARE = 0.9
const MICROS = 1e6
/** Beyond this the machine was not quiet. Kernel threads, which serve the tracker, count as others. */
const FOREIGN_PERCENT_MAX = 5
const STOLEN_PERCENT_MAX = 1
/** Of fixed work: beyond this, trackers did not do the same. */
const SHORT_SHARE_MAX = 0.01

/** One run of a tracker in a round: figures, or why there are none. */
export interface Run {
  readonly name: string
  readonly remark: string
  readonly idleKb: number
  readonly measured: Measured | null
  readonly failure: string
}

/** All that a report is made from. */
export interface Comparison {
  readonly config: BenchConfig
  readonly candidates: readonly Candidate[]
  readonly missing: readonly string[]
  readonly generator: string
  readonly rounds: readonly (readonly Run[])[]
}

/** `chart`: the file with the bar chart, null for none. */
export function reportOf(comparison: Comparison, chart: string | null): string {
  const { config, candidates, missing, generator } = comparison
  const { protocol, rounds, tracker_workers, warm_up, measured } = config
  const date = new Date().toISOString().slice(0, 10)
  const title = `${TITLES[protocol]} trackers`
  const workers = tracker_workers === 1 ? 'one worker' : `${tracker_workers} workers`
  const file = chart?.split('/').at(-1)
  return [
    `# ${title} compared, ${date}`,
    '',
    ...warning(comparison),
    `Load tester ${generator}, profile '${config.profile}'; trackers with ${workers} on cores ${config.tracker_cores}, load tester on`,
    `cores ${config.generator_cores}; ${warm_up} s of load, then ${measured} s measured; ${counted(rounds, 'round')} in alternation.`,
    'Each tracker has its own default settings, ours without [pressure]. Repeat it with the settings at the end:',
    '`aquatic_bench -c FILE`.',
    '',
    ...(file === undefined ? [] : [`![CPU time per response](${file})`, '']),
    resultTable(comparison),
    '',
    `Medians of the rounds (lowest–highest). «ours ÷ it»: the median of the ratios of CPU time per`,
    `response within each round; below 1, ours needs less. In brackets: responses/s of a tracker that`,
    `did not fill its cores (busy ${FULL_SHARE * 100} %, the tracker itself ${OWN_SHARE * 100} %).`,
    'Latency at full speed is mostly the length of the queue.',
    ...(protocol === 'ws'
      ? ['Responses are all messages that clients received, offers and answers included.']
      : []),
    ...(protocol === 'site' ? ['Latencies are those of the slowest protocol.'] : []),
    '',
    ...siteTable(comparison),
    ...candidates.map((candidate) => candidateLine(candidate, comparison)),
    ...missing.map((name) => `- ${name}: not on this machine, skipped`),
    ...failures(comparison),
    ...disturbance(comparison),
    '',
    ...machineList(),
    '',
    '```toml',
    effectiveFile(benchSettings.schema, config, () => '').trim(),
    '```',
  ].join('\n')
}

/** CPU time per response of each tracker, as a file of its own. */
export function chartOf({ candidates, rounds }: Comparison): string {
  const bars = candidates.flatMap(({ name }) => {
    const values = runsOf(name, rounds).map(microsOf)
    if (values.length === 0) return []
    return [{ name, value: median(values), from: Math.min(...values), to: Math.max(...values) }]
  })
  return standalone(barChart(bars, 'CPU µs per response, less is better'))
}

const TITLES = {
  udp: 'UDP',
  http: 'HTTP',
  https: 'HTTPS',
  ws: 'WebTorrent',
  site: 'All-protocol',
} as const

const HEAD = [
  'tracker',
  'CPU µs per response',
  'ours ÷ it',
  'responses/s',
  'process on its cores',
  'cores busy',
  'lost',
  'wrong answers',
  'peers per announce',
  'p50/p99 ms',
  'resident MB',
  'load tester µs per request',
]

function resultTable({ candidates, rounds, config }: Comparison): string {
  const cores = (run: Measured) => run.cpuSec / run.seconds / coreCount(config.tracker_cores)
  const rows = candidates.map(({ name }) => {
    const runs = runsOf(name, rounds)
    const of = (read: (run: Measured) => number) => runs.map(read)
    return [
      name,
      spread(of(microsOf), 3),
      ratioText(name, rounds),
      rateText(runs, of(cores)),
      percent(of(cores)),
      percent(of((run) => run.cores.busy / run.cores.all)),
      percent(of((run) => run.lost / run.requests)),
      wrongText(runs),
      number(of((run) => run.peersPerAnnounce)),
      latencyText(runs),
      spread(
        of((run) => run.rssKb / 1024),
        1,
      ),
      spread(
        of((run) => (run.generatorCpuSec / run.requests) * MICROS),
        2,
      ),
    ]
  })
  return table(HEAD, rows)
}

/** What each protocol of a site was asked, and how long clients waited. */
function siteTable({ candidates, rounds }: Comparison): string[] {
  const head = ['tracker', 'over', 'responses/s', 'lost', 'p50 ms', 'p99 ms', 'p99.9 ms']
  const rows = candidates.flatMap(({ name }) => {
    const runs = runsOf(name, rounds).map(({ parts = [] }) => parts)
    return (runs[0] ?? []).map((one, i) => {
      const of = (read: (part: Measured) => number) => median(runs.map((parts) => read(parts[i])))
      return [
        name,
        one.name,
        of(({ responses, seconds }) => responses / seconds).toFixed(0),
        percent(runs.map((parts) => lostShare(parts[i].lost, parts[i].requests))),
        of(({ latency }) => latency?.p50 ?? Number.NaN).toFixed(2),
        of(({ latency }) => latency?.p99 ?? Number.NaN).toFixed(2),
        of(({ latency }) => latency?.p999 ?? Number.NaN).toFixed(2),
      ]
    })
  })
  return rows.length === 0 ? [] : [table(head, rows), '']
}

function coreCount(cores: string): number {
  return cores.split(',').reduce((sum, part) => {
    const [first, last = first] = part.split('-').map(Number)
    return sum + last - first + 1
  }, 0)
}

function runsOf(name: string, rounds: Comparison['rounds']): Measured[] {
  return rounds.flat().flatMap((run) => (run.name === name && run.measured ? [run.measured] : []))
}

function microsOf(run: Measured): number {
  return (run.cpuSec / run.responses) * MICROS
}

function ratioText(name: string, rounds: Comparison['rounds']): string {
  if (name === 'ours') return '1'
  const ratios = rounds.flatMap((row) => {
    const find = (wanted: string) => row.find((run: Run) => run.name === wanted)?.measured ?? null
    const ours = find('ours')
    const it = find(name)
    return ours === null || it === null ? [] : [microsOf(ours) / microsOf(it)]
  })
  return spread(ratios, 3)
}

function rateText(runs: readonly Measured[], shares: number[]): string {
  const rate = spread(
    runs.map(({ responses, seconds }) => responses / seconds),
    0,
  )
  const busy = median(runs.map(({ cores }) => cores.busy / cores.all))
  return busy >= FULL_SHARE && median(shares) >= OWN_SHARE ? rate : `[${rate}]`
}

function wrongText(runs: readonly Measured[]): string {
  const known = runs.filter(({ wrong }) => wrong !== null)
  if (known.length === 0) return 'not checked'
  return grouped(known.reduce((sum, { wrong }) => sum + (wrong ?? 0), 0))
}

function latencyText(runs: readonly Measured[]): string {
  const known = runs.flatMap(({ latency }) => (latency === null ? [] : [latency]))
  if (known.length === 0) return '–'
  const of = (read: (latency: { p50: number; p99: number }) => number) => median(known.map(read))
  return `${of(({ p50 }) => p50).toFixed(2)}/${of(({ p99 }) => p99).toFixed(2)}`
}

function percent(shares: number[]): string {
  return shares.length === 0 ? '–' : `${(median(shares) * 100).toFixed(1)} %`
}

function number(values: number[]): string {
  const value = median(values)
  return Number.isFinite(value) ? value.toFixed(1) : '–'
}

function candidateLine(
  { name, version, entry }: Candidate,
  { rounds, config }: Comparison,
): string {
  const runs = rounds.flat().filter((run) => run.name === name)
  const idle = median(runs.map(({ idleKb }) => idleKb / 1024))
  const remarks = [
    ...new Set(runs.map(({ remark }) => remark).filter((remark) => remark !== '')),
    ...(config.tracker_workers > 1 && !entry.hasWorkers ? ['has no setting for workers'] : []),
    ...(entry.returnsOwnPeer && config.generator === 'ours'
      ? ['returns announcing peers to themselves, which does not count as wrong here']
      : []),
    ...(entry.exempt !== undefined && config.generator === 'ours'
      ? [`not checked: ${entry.exempt.join(', ')}`]
      : []),
  ]
  const short = Math.max(...runsOf(name, rounds).map(({ shortShare }) => shortShare))
  if (short > SHORT_SHARE_MAX) {
    remarks.push(`did up to ${percent([short])} less than the mix asks: compare it with no other`)
  }
  const wrong = wrongKinds(runsOf(name, rounds))
  if (wrong !== '') remarks.push(`wrong answers: ${wrong}`)
  const remark = remarks.length === 0 ? '' : `; ${remarks.join('; ')}`
  return `- ${name}: ${version}, ${idle.toFixed(1)} MB resident before the load${remark}`
}

function wrongKinds(runs: readonly Measured[]): string {
  const sums = new Map<string, number>()
  for (const [kind, count] of runs.flatMap((run) => Object.entries(run.wrongKinds))) {
    if (count > 0) sums.set(kind, (sums.get(kind) ?? 0) + count)
  }
  return [...sums].map(([kind, count]) => `${kind} ${grouped(count)}`).join(', ')
}

function failures({ rounds }: Comparison): string[] {
  return rounds.flatMap((row, round) =>
    row
      .filter(({ measured }) => measured === null)
      .map(({ name, failure }) => `- ${name} FAILED in round ${round + 1}: ${failure}`),
  )
}

/** Percent of the time of the tracker's cores, in each run. */
function othersUse({ rounds, config }: Comparison): { foreign: number[]; stolen: number[] } {
  const runs = rounds.flat().flatMap(({ measured }) => (measured === null ? [] : [measured]))
  const count = coreCount(config.tracker_cores)
  const foreign = runs.map(
    ({ cores, cpuSec, seconds }) => (cores.busy / cores.all - cpuSec / seconds / count) * 100,
  )
  const stolen = runs.map(({ cores }) => (cores.stolen / cores.all) * 100)
  return { foreign, stolen }
}

/** In bold, above all figures: they cannot be trusted. */
function warning(comparison: Comparison): string[] {
  const { foreign, stolen } = othersUse(comparison)
  const parts = [
    ...(median(foreign) > FOREIGN_PERCENT_MAX ? [`others used ${spread(foreign, 1)} %`] : []),
    ...(median(stolen) > STOLEN_PERCENT_MAX ? [`the hypervisor took ${spread(stolen, 1)} %`] : []),
  ]
  if (parts.length === 0) return []
  return [`**The tracker's cores were not its own: ${parts.join(', ')}. Measure again.**`, '']
}

function disturbance(comparison: Comparison): string[] {
  const { foreign, stolen } = othersUse(comparison)
  return [
    `- used on the tracker's cores by others, kernel threads included: ${spread(foreign, 1)} %`,
    `- taken from them by the hypervisor: ${spread(stolen, 1)} %`,
  ]
}
