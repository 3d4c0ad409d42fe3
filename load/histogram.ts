// Latency histograms of the load testers, in shared memory: a worker records, the main thread reads.
// Used by the workers of udp/ and ws/ once per response, and by the reports.
//
// Buckets follow a logarithmic scale with 64 steps per power of two, as an HDR histogram's do: every
// value is right to 1.6 %, from 1/16 µs to two minutes, whatever the distribution. Each worker has a
// histogram of its own and only it writes there, with plain stores: a reader while it runs may miss
// the last few values, and none once it has ended.

const STEPS_SHIFT = 6
const STEPS = 1 << STEPS_SHIFT
/** Of a millisecond. */
const UNITS_PER_MS = 16_000
const UNITS_MAX = 2 ** 31 - 1
export const HISTOGRAM_BUCKETS = (31 - STEPS_SHIFT + 1) * STEPS

export function histogramMemory(histograms: number): SharedArrayBuffer {
  return new SharedArrayBuffer(histograms * HISTOGRAM_BUCKETS * 8)
}

/** The sum of any number of histograms, as of one moment. */
export class Distribution {
  readonly counts: Float64Array

  constructor(counts: Float64Array) {
    this.counts = counts
  }

  static empty(): Distribution {
    return new Distribution(new Float64Array(HISTOGRAM_BUCKETS))
  }

  /** Histogram number `index` of every `step`. */
  static read(memory: SharedArrayBuffer, index: number, step: number): Distribution {
    const all = new Float64Array(memory)
    const counts = new Float64Array(HISTOGRAM_BUCKETS)
    const stride = HISTOGRAM_BUCKETS * step
    for (let at = index * HISTOGRAM_BUCKETS; at < all.length; at += stride) {
      for (let i = 0; i < HISTOGRAM_BUCKETS; i++) counts[i] += all[at + i]
    }
    return new Distribution(counts)
  }

  /** What came since an earlier moment. */
  since(before: Distribution): Distribution {
    return new Distribution(this.counts.map((count, i) => count - before.counts[i]))
  }

  plus(other: Distribution): Distribution {
    return new Distribution(this.counts.map((count, i) => count + other.counts[i]))
  }

  count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0)
  }

  /** The value in milliseconds that a share of all values does not exceed; NaN if there are none. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count() * share))
    let seen = 0
    for (const [bucket, count] of this.counts.entries()) {
      seen += count
      if (seen >= wanted) return bucketEndMs(bucket)
    }
    return Number.NaN
  }

  mean(): number {
    let sum = 0
    for (const [bucket, count] of this.counts.entries()) {
      sum += (count * (bucketStartMs(bucket) + bucketEndMs(bucket))) / 2
    }
    return sum / this.count()
  }

  /** Counts by parts of a power of two, for a chart: `[from, to, count]` in milliseconds, empty ends cut off. */
  bars(perPowerOfTwo: number): [number, number, number][] {
    const width = STEPS / perPowerOfTwo
    const bars: [number, number, number][] = []
    for (let from = 0; from < HISTOGRAM_BUCKETS; from += width) {
      let count = 0
      for (let i = from; i < from + width; i++) count += this.counts[i]
      bars.push([bucketStartMs(from), bucketStartMs(from + width), count])
    }
    const first = bars.findIndex(([, , count]) => count > 0)
    const last = bars.findLastIndex(([, , count]) => count > 0)
    return first === -1 ? [] : bars.slice(first, last + 1)
  }
}

export function bucketStartMs(bucket: number): number {
  const shift = Math.max(0, (bucket >>> STEPS_SHIFT) - 1)
  return ((bucket - shift * STEPS) * 2 ** shift) / UNITS_PER_MS
}

function bucketEndMs(bucket: number): number {
  return bucketStartMs(bucket + 1)
}

// HOT: no allocation below this line.

/** Counts a duration in the histogram that starts at `counts[at]`. */
export function recordMs(counts: Float64Array, at: number, milliseconds: number): void {
  const units = milliseconds * UNITS_PER_MS
  counts[at + bucketOf(units < UNITS_MAX ? (units > 0 ? units | 0 : 0) : UNITS_MAX)]++
}

function bucketOf(units: number): number {
  const power = 31 - Math.clz32(units | 1)
  const shift = power > STEPS_SHIFT ? power - STEPS_SHIFT : 0
  return (shift << STEPS_SHIFT) + (units >>> shift)
}
