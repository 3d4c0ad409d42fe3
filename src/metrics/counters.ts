// Counters of workers in shared memory, for any list of names: one slot per worker, no locks.
// A worker counts in memory of its own (a plain array, so that counting costs next to nothing) and
// copies the counts to its slot now and then, with atomic stores: `publish`. The main thread reads
// the slots with atomic loads: `CounterReader`. Owns no memory; a protocol makes it with `counterSlots`.
//
// Counts are 32-bit and wrap: a reader adds up differences, and has to read more often than they wrap
// (at 10 Gbit/s the bytes do after 3 seconds).

import {
  type Distribution,
  distributionOf,
  type HistogramShape,
  histogramCounters,
} from './histogram.ts'

const WORDS_PER_CACHE_LINE = 16

/** Words per worker for so many counters: whole cache lines, so that no worker disturbs another. */
export function slotWords(counters: number): number {
  return Math.ceil(counters / WORDS_PER_CACHE_LINE) * WORDS_PER_CACHE_LINE
}

/** Shared memory for the counters of so many workers, including those of histograms. */
export function counterSlots(workers: number, counters: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * slotWords(counters) * 4)
}

/** All workers' counts since the start. Keeps what it has read, because counts wrap. */
export class CounterReader<Name extends string, HistogramName extends string = never> {
  private readonly names: readonly Name[]
  private readonly histograms: Readonly<Record<HistogramName, HistogramShape>>
  private readonly shared: Int32Array
  private readonly last: Int32Array
  /** Counts since the start, in the places that `shared` has them. */
  private readonly totals: Float64Array
  private readonly words: number

  /** Names in their order in memory; histograms follow the counters. */
  constructor(
    slots: SharedArrayBuffer,
    names: readonly Name[],
    histograms = {} as Readonly<Record<HistogramName, HistogramShape>>,
  ) {
    const shapes = Object.values<HistogramShape>(histograms)
    this.names = names
    this.histograms = histograms
    this.words = slotWords(
      shapes.reduce((sum, shape) => sum + histogramCounters(shape), names.length),
    )
    this.shared = new Int32Array(slots)
    this.last = new Int32Array(this.shared.length)
    this.totals = new Float64Array(this.shared.length)
  }

  /** Reads what the workers have published, and returns the sums over all of them. */
  read(): ReadonlyMap<Name, number> {
    for (let i = 0; i < this.shared.length; i++) {
      const now = Atomics.load(this.shared, i)
      this.totals[i] += (now - this.last[i]) >>> 0
      this.last[i] = now
    }
    return new Map(this.names.map((name, i) => [name, this.sum(i)]))
  }

  /** What one worker has counted, as of the last `read`. */
  ofWorker(worker: number): ReadonlyMap<Name, number> {
    const base = worker * this.words
    return new Map(this.names.map((name, i) => [name, this.totals[base + i]]))
  }

  /** What all workers have measured, as of the last `read`. */
  histogram(name: HistogramName): Distribution {
    let at = this.names.length
    for (const [other, shape] of Object.entries<HistogramShape>(this.histograms)) {
      if (other === name) {
        const counters = Array.from({ length: histogramCounters(shape) }, (_, i) =>
          this.sum(at + i),
        )
        return distributionOf(shape, counters)
      }
      at += histogramCounters(shape)
    }
    throw new Error(`no histogram ${name}`)
  }

  private sum(counter: number): number {
    let sum = 0
    for (let at = counter; at < this.totals.length; at += this.words) sum += this.totals[at]
    return sum
  }
}

/**
 * The total of a 32-bit count that wraps, such as one of the system's, or a sum of them. `take` has to be
 * called more often than it wraps.
 */
export class WrappingTotal {
  private last = 0
  private total = 0

  /** `count`: what it is now, signed or not, from 0 at the start. */
  take(count: number): number {
    this.total += (count - this.last) >>> 0
    this.last = count
    return this.total
  }
}

// HOT: no allocation below this line.

/** Copies a worker's counts to its slot, which starts at `base`. */
export function publish(counts: Int32Array, shared: Int32Array, base: number): void {
  for (let i = 0; i < counts.length; i++) Atomics.store(shared, base + i, counts[i])
}
