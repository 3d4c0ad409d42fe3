// Reads what the workers of a load tester have counted, and everything around them, at moments:
// snapshots. What the reports show is what happened between two of them. Used by the measure.ts of
// each tester, which adds what only its protocol has. Owns the memory that the workers count in.
import { CounterReader, counterSlots } from '../src/metrics/counters.ts'
import { Distribution, histogramMemory } from './histogram.ts'
import { type MachineTicks, machineTicks, TICKS_PER_SECOND } from './proc.ts'
import type { ProcessSample, TrackerWatch } from './watch.ts'

export type Counts<Name extends string> = Readonly<Record<Name, number>>

export interface Snapshot<Name extends string = string> {
  readonly atMs: number
  readonly counts: Counts<Name>
  /** By kind, in the order of the workers' histograms. */
  readonly latencies: readonly Distribution[]
  /** Processor time of the load tester, all threads. */
  readonly ownCpuSec: number
  readonly tracker: ProcessSample | null
  readonly machine: MachineTicks
}

export interface Timed {
  readonly seconds: number
}

/** What happened between two snapshots, and how things stand at the second. */
export interface Period<Name extends string = string> extends Timed {
  readonly counts: Counts<Name>
  readonly latencies: readonly Distribution[]
  readonly ownCpuSec: number
  readonly tracker: { readonly cpuSec: number; readonly now: ProcessSample } | null
  readonly machine: MachineUse
}

/** Shares of the time of all cores. */
export interface MachineUse {
  readonly cores: number
  /** Neither the load tester nor the process that it watches. */
  readonly othersShare: number
  /** Stolen by a hypervisor. */
  readonly stolenShare: number
}

export class Measure<Name extends string> {
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
  private readonly reader: CounterReader<Name>
  private readonly kinds: number
  private readonly watch: TrackerWatch | null

  /** `names`: of the counts, in the workers' order. `kinds`: histograms of each worker. */
  constructor(workers: number, names: readonly Name[], kinds: number, watch: TrackerWatch | null) {
    this.counters = counterSlots(workers, names.length)
    this.histograms = histogramMemory(workers * kinds)
    this.reader = new CounterReader(this.counters, names)
    this.kinds = kinds
    this.watch = watch
  }

  snapshot(): Snapshot<Name> {
    const { user, system } = process.cpuUsage()
    return {
      atMs: performance.now(),
      counts: Object.fromEntries(this.reader.read()) as Counts<Name>,
      latencies: Array.from({ length: this.kinds }, (_, kind) =>
        Distribution.read(this.histograms, kind, this.kinds),
      ),
      ownCpuSec: (user + system) / 1e6,
      tracker: this.watch?.sample() ?? null,
      machine: machineTicks(),
    }
  }
}

export function between<Name extends string>(
  from: Snapshot<Name>,
  to: Snapshot<Name>,
): Period<Name> {
  const names = Object.keys(to.counts) as Name[]
  const entries = names.map((name) => [name, to.counts[name] - from.counts[name]] as const)
  const ownCpuSec = to.ownCpuSec - from.ownCpuSec
  const cpuSec = (to.tracker?.cpuSec ?? 0) - (from.tracker?.cpuSec ?? 0)
  return {
    seconds: (to.atMs - from.atMs) / 1000,
    counts: Object.fromEntries(entries) as Counts<Name>,
    latencies: to.latencies.map((distribution, i) => distribution.since(from.latencies[i])),
    ownCpuSec,
    tracker: to.tracker && { cpuSec, now: to.tracker },
    machine: machineUse(from.machine, to.machine, (ownCpuSec + cpuSec) * TICKS_PER_SECOND),
  }
}

/** `known`: ticks of the load tester and the tracker. */
function machineUse(from: MachineTicks, to: MachineTicks, known: number): MachineUse {
  const all = Math.max(1, to.all - from.all)
  return {
    cores: to.cores,
    othersShare: Math.max(0, to.used - from.used - known) / all,
    stolenShare: (to.stolen - from.stolen) / all,
  }
}

/** Counts of these names are of wrong answers, whose kind follows. */
export const WRONG = 'wrong_'

/** Wrong answers of all kinds. */
export function wrongOf(counts: Counts<string>): number {
  return Object.entries(counts).reduce(
    (sum, [name, n]) => sum + (name.startsWith(WRONG) ? n : 0),
    0,
  )
}
