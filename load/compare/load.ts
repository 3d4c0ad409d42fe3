// One run of a load tester against a running tracker, and what it and the tracker's process said.
// Two kinds: our own load testers, whose JSON report tells everything, and those of aquatic 0.9, which
// print rates every five seconds. Used by bench.ts. Owns the generator's process while it runs.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, plainEnvironment, startChild } from '../children.ts'
import { type CoreTicks, coresTicks, cpuSeconds, memoryOf } from '../proc.ts'
import type { Candidate } from './candidates.ts'
import { type Protocol, runner } from './entries.ts'
import { BLOCK_SECONDS, Generator } from './generator.ts'
import type { RunningTracker } from './start.ts'
import { type Kind, type Stream, settingsText } from './streams.ts'

/** What was measured in one run of one tracker. */
export interface Measured {
  readonly seconds: number
  /** The tracker's processor time. */
  readonly cpuSec: number
  readonly responses: number
  readonly requests: number
  readonly lost: number
  readonly errors: number
  /** Null where the load tester does not check answers. */
  readonly wrong: number | null
  /** What was wrong, by kind. */
  readonly wrongKinds: Readonly<Record<string, number>>
  readonly peersPerAnnounce: number
  /** Where the work is fixed, the share of it that was not done. */
  readonly shortShare: number
  /** Milliseconds; null where the load tester does not measure them. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number } | null
  readonly generatorCpuSec: number
  /** Of the tracker's cores together, in this time. */
  readonly cores: CoreTicks
  readonly rssKb: number
  readonly peakKb: number
  /** Of a site: what each load tester measured. */
  readonly parts?: readonly (Measured & { readonly name: string })[]
}

export interface LoadPlan {
  readonly protocol: Protocol
  /** Load testers. */
  readonly executables: Readonly<Partial<Record<Kind, string>>>
  readonly streams: readonly Stream[]
  /** TOML of the user's for aquatic's load tester; '' for none. */
  readonly settings: string
  readonly warmUpSec: number
  readonly measuredSec: number
  readonly trackerCores: readonly number[]
  readonly generatorCores: string
  readonly folder: string
  readonly seed: number
}

/** Beyond the run itself: simulating peers, waiting for the last answers. */
const SLACK_MS = 60_000
const SAMPLE_MS = 250

interface Sample {
  readonly atMs: number
  readonly cores: CoreTicks
}

/** Throws when the tracker or a load tester ends early. */
export async function runOurs(
  plan: LoadPlan,
  candidate: Candidate,
  tracker: RunningTracker,
): Promise<Measured> {
  const running = plan.streams.map((stream, index) =>
    startStream(plan, stream, index, candidate, tracker),
  )
  const samples: Sample[] = []
  const timer = setInterval(() => {
    samples.push({ atMs: performance.now(), cores: coresTicks(plan.trackerCores) })
  }, SAMPLE_MS)
  try {
    const limit = (plan.warmUpSec + plan.measuredSec) * 1000 + SLACK_MS
    const parts = await Promise.all(
      running.map(async ({ name, child, report }) => {
        await untilEnd(tracker, child.ended, limit)
        const code = await child.ended
        // 3: wrong answers, which the report tells.
        if (code !== 0 && code !== 3) throw new Error(`the load tester ended: ${child.errors()}`)
        return { name, ...fromReport(JSON.parse(readFileSync(report, 'utf8')), samples) }
      }),
    )
    return together(parts)
  } finally {
    clearInterval(timer)
    await Promise.all(running.map(({ child }) => child.stop()))
  }
}

function startStream(
  plan: LoadPlan,
  stream: Stream,
  index: number,
  candidate: Candidate,
  tracker: RunningTracker,
): { name: string; child: Child; report: string } {
  const settings = join(plan.folder, `load-${index}.toml`)
  const report = join(plan.folder, `load-${index}.json`)
  writeFileSync(settings, settingsText(stream, index, candidate, { ...plan, port: tracker.port }))
  const pid = String(tracker.child.pid)
  const executable = plan.executables[stream.kind] ?? ''
  const argv = [...runner(executable), '-c', settings, '--json', report, '--pid', pid]
  const options = { core: plan.generatorCores, env: plainEnvironment() }
  return { name: stream.name, child: startChild('the load tester', argv, options), report }
}

/** Of load testers that ran at once: each has seen the same process and the same cores. */
function together(parts: readonly (Measured & { readonly name: string })[]): Measured {
  const [first] = parts
  if (parts.length === 1) return first
  const sum = (read: (part: Measured) => number) => parts.reduce((all, part) => all + read(part), 0)
  const most = (read: (part: Measured) => number) => Math.max(...parts.map(read))
  const kinds = parts.flatMap(({ name, wrongKinds }) =>
    Object.entries(wrongKinds).map(([kind, count]) => [`${name} ${kind}`, count] as const),
  )
  return {
    ...first,
    cpuSec: sum(({ cpuSec }) => cpuSec) / parts.length,
    responses: sum(({ responses }) => responses),
    requests: sum(({ requests }) => requests),
    lost: sum(({ lost }) => lost),
    errors: sum(({ errors }) => errors),
    wrong: sum(({ wrong }) => wrong ?? 0),
    wrongKinds: Object.fromEntries(kinds),
    shortShare: most(({ shortShare }) => shortShare),
    latency: {
      p50: most(({ latency }) => latency?.p50 ?? 0),
      p99: most(({ latency }) => latency?.p99 ?? 0),
      p999: most(({ latency }) => latency?.p999 ?? 0),
    },
    generatorCpuSec: sum(({ generatorCpuSec }) => generatorCpuSec),
    peakKb: most(({ peakKb }) => peakKb),
    parts,
  }
}

/** Of either load tester: that for WebTorrent counts messages, sent and received. */
// biome-ignore lint/suspicious/noExplicitAny: the load tester's own JSON
function fromReport(report: any, samples: readonly Sample[]): Measured {
  const { summary, wrong_answers, wrong_messages, date } = report
  const { seconds, counts, tracker, load_tester, latency_ms } = summary
  const received = summary.responses_per_second ?? summary.received_per_second
  const sent = summary.requests_per_second ?? summary.sent_per_second
  const all = latency_ms.all ?? latency_ms.announce
  // The report is written right after the last answers: its time tells which samples to take.
  const endMs = performance.now() - (Date.now() - Date.parse(date))
  const inTime = samples.filter(({ atMs }) => atMs >= endMs - seconds * 1000 && atMs <= endMs)
  const first = inTime[0]?.cores
  const last = inTime[inTime.length - 1]?.cores
  return {
    seconds,
    cpuSec: tracker.cpu_seconds,
    responses: received.all * seconds,
    requests: sent.all * seconds,
    lost: counts.lost ?? 0,
    errors: counts.answered_error ?? counts.received_error ?? 0,
    wrong: wrong_answers ?? wrong_messages,
    wrongKinds: { ...report.wrong, ...missingKinds(report.missing) },
    peersPerAnnounce: summary.peers_per_announce ?? Number.NaN,
    shortShare: summary.mix?.short_share ?? 0,
    latency: { p50: all.p50, p99: all.p99, p999: all['p99.9'] },
    generatorCpuSec: load_tester.cpu_seconds,
    cores: ticksBetween(first, last),
    rssKb: tracker.resident_kb,
    peakKb: tracker.peak_kb,
  }
}

function missingKinds(missing: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(missing).map(([kind, count]) => [`missing ${kind}`, count]),
  )
}

export async function runAquatic(plan: LoadPlan, tracker: RunningTracker): Promise<Measured> {
  const settings = join(plan.folder, 'load.toml')
  const address = `server_address = "127.0.0.1:${tracker.port}"\n`
  // Over TLS by default.
  const plain = plan.protocol === 'http' ? 'enable_tls = false\n' : ''
  writeFileSync(settings, `${address}${plain}${plan.settings}`)
  const { pid } = tracker.child
  const samples: { tracker: number; generator: number; cores: CoreTicks }[] = []
  const sample = () => {
    if (!tracker.child.alive() || !generator.child.alive()) return
    samples.push({
      tracker: cpuSeconds(pid),
      generator: cpuSeconds(generator.child.pid),
      cores: coresTicks(plan.trackerCores),
    })
  }
  const generator = new Generator(
    [Object.values(plan.executables)[0], '-c', settings],
    plan.generatorCores,
    sample,
  )
  try {
    const from = blocks(plan.warmUpSec) - 1
    const to = from + blocks(plan.measuredSec)
    await untilEnd(tracker, generator.blockEnded(to), (to + 1) * BLOCK_SECONDS * 1000 + SLACK_MS)
    const traffic = generator.traffic(from, to)
    return {
      ...traffic,
      cpuSec: samples[to].tracker - samples[from].tracker,
      lost: Math.max(0, traffic.requests - traffic.responses),
      wrong: null,
      wrongKinds: {},
      shortShare: 0,
      latency: null,
      generatorCpuSec: samples[to].generator - samples[from].generator,
      cores: ticksBetween(samples[from].cores, samples[to].cores),
      ...memoryOf(pid),
    }
  } finally {
    await generator.child.stop()
  }
}

function blocks(seconds: number): number {
  return Math.max(1, Math.ceil(seconds / BLOCK_SECONDS))
}

async function untilEnd(
  { child }: RunningTracker,
  end: Promise<unknown>,
  limitMs: number,
): Promise<void> {
  const died = child.ended.then((code) => {
    throw new Error(`it ended under load with code ${code}: ${child.errors()}`)
  })
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('the load tester does not end')), limitMs)
  try {
    await Promise.race([end, died, late])
  } finally {
    clearTimeout(timer)
  }
}

function ticksBetween(from: CoreTicks | undefined, to: CoreTicks | undefined): CoreTicks {
  if (from === undefined || to === undefined) return { busy: 0, stolen: 0, all: 1 }
  return {
    busy: to.busy - from.busy,
    stolen: to.stolen - from.stolen,
    all: Math.max(1, to.all - from.all),
  }
}
