// Reads what the workers have counted, and everything around them, at moments: snapshots. What the
// reports show is the difference of two of them. Used by main.ts, once a second and at the end.
import { CounterReader } from '../../src/metrics/counters.ts'
import { Distribution } from '../histogram.ts'
import { udpDrops } from '../proc.ts'
import type { ProcessSample, TrackerWatch } from '../watch.ts'
import { KINDS } from './check.ts'
import { COUNTS, type CountName, type Counts } from './counts.ts'

export interface Snapshot {
  readonly atMs: number
  readonly counts: Counts
  /** Latencies by kind of request, in the order of KINDS. */
  readonly latencies: readonly Distribution[]
  /** Processor time of the load tester, all threads. */
  readonly ownCpuSec: number
  readonly tracker: ProcessSample | null
  /** Packets dropped at full receive buffers. */
  readonly trackerDrops: number
  readonly ownDrops: number
}

export class Measure {
  private readonly reader: CounterReader<CountName>
  private readonly histograms: SharedArrayBuffer
  private readonly watch: TrackerWatch | null
  private readonly serverPorts: ReadonlySet<number>
  private readonly ownPorts: ReadonlySet<number>

  /** `serverPort` 0: the tracker is on another machine, and its drops cannot be seen. */
  constructor(
    counters: SharedArrayBuffer,
    histograms: SharedArrayBuffer,
    watch: TrackerWatch | null,
    serverPort: number,
    ownPorts: readonly number[],
  ) {
    this.reader = new CounterReader(counters, COUNTS)
    this.histograms = histograms
    this.watch = watch
    this.serverPorts = new Set(serverPort === 0 ? [] : [serverPort])
    this.ownPorts = new Set(ownPorts)
  }

  snapshot(): Snapshot {
    const { user, system } = process.cpuUsage()
    return {
      atMs: performance.now(),
      counts: Object.fromEntries(this.reader.read()) as Counts,
      latencies: KINDS.map((kind) => Distribution.read(this.histograms, kind, KINDS.length)),
      ownCpuSec: (user + system) / 1e6,
      tracker: this.watch?.sample() ?? null,
      trackerDrops: udpDrops(this.serverPorts),
      ownDrops: udpDrops(this.ownPorts),
    }
  }
}

/** What happened between two snapshots, and how things stand at the second. */
export interface Period {
  readonly seconds: number
  readonly counts: Counts
  readonly latencies: readonly Distribution[]
  readonly all: Distribution
  readonly sent: number
  /** Answers of every kind, errors included. */
  readonly answered: number
  readonly ownCpuSec: number
  readonly tracker: { readonly cpuSec: number; readonly now: ProcessSample } | null
  readonly trackerDrops: number
  readonly ownDrops: number
}

export function between(from: Snapshot, to: Snapshot): Period {
  const entries = COUNTS.map((name) => [name, to.counts[name] - from.counts[name]] as const)
  const counts = Object.fromEntries(entries) as Counts
  const latencies = to.latencies.map((distribution, i) => distribution.since(from.latencies[i]))
  const cpuBefore = from.tracker?.cpuSec ?? 0
  return {
    seconds: (to.atMs - from.atMs) / 1000,
    counts,
    latencies,
    all: latencies.reduce((sum, distribution) => sum.plus(distribution), Distribution.empty()),
    sent: counts.sent_connect + counts.sent_announce + counts.sent_scrape,
    answered:
      counts.answered_connect +
      counts.answered_announce +
      counts.answered_scrape +
      counts.answered_error,
    ownCpuSec: to.ownCpuSec - from.ownCpuSec,
    tracker: to.tracker && { cpuSec: to.tracker.cpuSec - cpuBefore, now: to.tracker },
    trackerDrops: to.trackerDrops - from.trackerDrops,
    ownDrops: to.ownDrops - from.ownDrops,
  }
}

/** Wrong answers of all kinds. */
export function wrongOf(counts: Counts): number {
  return COUNTS.filter((name) => name.startsWith('wrong_')).reduce((sum, n) => sum + counts[n], 0)
}
