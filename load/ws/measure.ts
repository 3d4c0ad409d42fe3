// Reads what the workers have counted, and everything around them, at moments: snapshots. What the
// reports show is the difference of two of them. Used by main.ts, once a second and at the end.
import { CounterReader } from '../../src/metrics/counters.ts'
import { Distribution } from '../histogram.ts'
import type { ProcessSample, TrackerWatch } from '../watch.ts'
import { ANNOUNCE, COUNTS, type CountName, type Counts, LATENCIES, SCRAPE } from './counts.ts'

export interface Snapshot {
  readonly atMs: number
  readonly counts: Counts
  /** In the order of LATENCIES. */
  readonly latencies: readonly Distribution[]
  /** Processor time of the load tester, all threads. */
  readonly ownCpuSec: number
  readonly tracker: ProcessSample | null
}

export class Measure {
  private readonly reader: CounterReader<CountName>
  private readonly histograms: SharedArrayBuffer
  private readonly watch: TrackerWatch | null

  constructor(
    counters: SharedArrayBuffer,
    histograms: SharedArrayBuffer,
    watch: TrackerWatch | null,
  ) {
    this.reader = new CounterReader(counters, COUNTS)
    this.histograms = histograms
    this.watch = watch
  }

  snapshot(): Snapshot {
    const { user, system } = process.cpuUsage()
    return {
      atMs: performance.now(),
      counts: Object.fromEntries(this.reader.read()) as Counts,
      latencies: LATENCIES.map((_, kind) =>
        Distribution.read(this.histograms, kind, LATENCIES.length),
      ),
      ownCpuSec: (user + system) / 1e6,
      tracker: this.watch?.sample() ?? null,
    }
  }
}

/** What happened between two snapshots, and how things stand at the second. */
export interface Period {
  readonly seconds: number
  readonly counts: Counts
  readonly latencies: readonly Distribution[]
  /** Of responses to announces and scrapes. */
  readonly responses: Distribution
  /** Messages to the tracker, and from it. */
  readonly sent: number
  readonly received: number
  /** Open at the end. */
  readonly connections: number
  readonly ownCpuSec: number
  readonly tracker: { readonly cpuSec: number; readonly now: ProcessSample } | null
}

export function between(from: Snapshot, to: Snapshot): Period {
  const entries = COUNTS.map((name) => [name, to.counts[name] - from.counts[name]] as const)
  const counts = Object.fromEntries(entries) as Counts
  const latencies = to.latencies.map((distribution, i) => distribution.since(from.latencies[i]))
  const cpuBefore = from.tracker?.cpuSec ?? 0
  const { connections_opened, connections_lost, connections_closed } = to.counts
  return {
    seconds: (to.atMs - from.atMs) / 1000,
    counts,
    latencies,
    responses: latencies[ANNOUNCE].plus(latencies[SCRAPE]),
    sent: counts.sent_announce + counts.sent_scrape + counts.sent_answer,
    received:
      counts.received_announce +
      counts.received_scrape +
      counts.received_offer +
      counts.received_answer +
      counts.received_error,
    connections: connections_opened - connections_lost - connections_closed,
    ownCpuSec: to.ownCpuSec - from.ownCpuSec,
    tracker: to.tracker && { cpuSec: to.tracker.cpuSec - cpuBefore, now: to.tracker },
  }
}
