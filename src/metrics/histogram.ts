// Histograms of workers in shared memory: how long something took, how large it was. A histogram is
// a run of counters in a worker's slot (counters.ts publishes and reads them): buckets, then the sum.
// Used by the workers of both trackers, and by the main thread to read quantiles.
//
// Buckets get wider with the values, four per power of two, so a quantile is right to about a tenth
// whatever the scale. Bucket 0 holds values up to 2^first, the last one all that are greater.

const STEPS_SHIFT = 2
const STEPS = 1 << STEPS_SHIFT

export interface HistogramShape {
  /** Bucket 0 ends at 2^first. */
  readonly first: number
  readonly buckets: number
  /** The sum is kept in units of 2^sumShift, so that it does not wrap between two reads. */
  readonly sumShift: number
}

/** For values from 2^first to 2^last; greater ones count as such. */
export function histogramShape(first: number, last: number, sumShift: number): HistogramShape {
  return { first, buckets: (last - first) * STEPS + 2, sumShift }
}

/** Counters that a histogram takes: its buckets and the sum. */
export function histogramCounters({ buckets }: HistogramShape): number {
  return buckets + 1
}

/** Where a bucket ends; its values are smaller or equal. */
export function bucketEnd({ first, buckets }: HistogramShape, bucket: number): number {
  if (bucket >= buckets - 1) return Number.POSITIVE_INFINITY
  return 2 ** (first + (bucket >> STEPS_SHIFT)) * (1 + (bucket & (STEPS - 1)) / STEPS)
}

/** What a histogram has seen, in any number of workers. */
export interface Distribution {
  readonly shape: HistogramShape
  readonly counts: readonly number[]
  readonly sum: number
}

/** Takes a histogram out of a list of counters that starts with its first bucket. */
export function distributionOf(shape: HistogramShape, counters: readonly number[]): Distribution {
  const { buckets, sumShift } = shape
  return { shape, counts: counters.slice(0, buckets), sum: counters[buckets] * 2 ** sumShift }
}

/** What was added between two reads. */
export function since(now: Distribution, before: Distribution): Distribution {
  const counts = now.counts.map((count, i) => count - before.counts[i])
  return { shape: now.shape, counts, sum: now.sum - before.sum }
}

export function countOf({ counts }: Distribution): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/**
 * The value that a share of all values does not exceed, interpolated in its bucket and rounded up, since all
 * values are whole: a bucket with room for one number stands for that number. 0 if there are none.
 */
export function quantile(distribution: Distribution, share: number): number {
  const { shape, counts } = distribution
  const wanted = countOf(distribution) * share
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const from = bucket === 0 ? 0 : bucketEnd(shape, bucket - 1)
      const end = bucketEnd(shape, bucket)
      // The last bucket has no upper end: only its lower end is known.
      return end === Number.POSITIVE_INFINITY
        ? from
        : Math.ceil(from + (end - from) * ((wanted - below) / count))
    }
    below += count
  }
  return 0
}

/** Cumulative counts at each power of two, as Prometheus wants them: `[end, values up to it]`. */
export function cumulative({ shape, counts }: Distribution): [end: number, count: number][] {
  const rows: [number, number][] = []
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    below += count
    const last = bucket === shape.buckets - 1
    if (last || bucket % STEPS === 0) rows.push([bucketEnd(shape, bucket), below])
  }
  return rows
}

// HOT: no allocation below this line.

/** Counts a value (a positive 32-bit integer) `times` times in the histogram at `counts[at]`. */
export function observe(
  counts: Int32Array,
  at: number,
  { first, buckets, sumShift }: HistogramShape,
  value: number,
  times: number,
): void {
  counts[at + bucketOf(value, first, buckets)] += times
  counts[at + buckets] += (value * times) / (1 << sumShift)
}

function bucketOf(value: number, first: number, buckets: number): number {
  // One less, because a bucket's end belongs to it.
  const under = value - 1
  if (under < 1 << first) return 0
  const power = 31 - Math.clz32(under)
  // Small values: of the buckets between a number and the one before it, the last, which ends at it.
  const scaled =
    power >= STEPS_SHIFT ? under >>> (power - STEPS_SHIFT) : (value << (STEPS_SHIFT - power)) - 1
  const bucket = (((power - first) << STEPS_SHIFT) | (scaled & (STEPS - 1))) + 1
  return bucket < buckets - 1 ? bucket : buckets - 1
}
