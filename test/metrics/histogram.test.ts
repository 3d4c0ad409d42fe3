import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  bucketEnd,
  countOf,
  cumulative,
  type Distribution,
  distributionOf,
  type HistogramShape,
  histogramCounters,
  histogramShape,
  observe,
  quantile,
  since,
} from '../../src/metrics/histogram.ts'

const NANOSECONDS = histogramShape(10, 30, 10)
const PACKETS = histogramShape(0, 8, 0)

function distribution(shape: HistogramShape, values: readonly number[], times = 1): Distribution {
  const counts = new Int32Array(3 + histogramCounters(shape))
  for (const value of values) {
    observe(counts, 3, shape, value, times)
  }
  expect([...counts.slice(0, 3)]).toEqual([0, 0, 0])
  return distributionOf(shape, [...counts.slice(3)])
}

describe('a histogram', () => {
  test.each([
    ['times', NANOSECONDS],
    ['sizes', PACKETS],
  ])('a value falls into the bucket that ends at it or next after it: %s', (_, scale) => {
    const integers = fc.oneof(
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.integer({ min: 1, max: 300 }),
    )
    fc.assert(
      fc.property(integers, (value) => {
        const { counts, shape } = distribution(scale, [value])
        const bucket = counts.indexOf(1)
        expect(value).toBeLessThanOrEqual(bucketEnd(shape, bucket))
        if (bucket > 0) expect(value).toBeGreaterThan(bucketEnd(shape, bucket - 1))
      }),
    )
  })

  test('buckets end where the next ones begin, a quarter of a power of two apart', () => {
    const ends = Array.from({ length: NANOSECONDS.buckets }, (_, i) => bucketEnd(NANOSECONDS, i))
    expect(ends.slice(0, 6)).toEqual([1024, 1280, 1536, 1792, 2048, 2560])
    expect(ends.at(-2)).toBe(2 ** 30)
    expect(ends.at(-1)).toBe(Number.POSITIVE_INFINITY)
  })

  test('small whole numbers are distinguished at powers of two', () => {
    const rows = cumulative(distribution(PACKETS, [1, 2, 3, 4, 5, 8, 9, 256, 257]))
    expect(rows).toEqual([
      [1, 1],
      [2, 2],
      [4, 4],
      [8, 6],
      [16, 7],
      [32, 7],
      [64, 7],
      [128, 7],
      [256, 8],
      [Number.POSITIVE_INFINITY, 9],
    ])
  })

  test('count and sum are those of the values, as often as they were given', () => {
    const { sum } = distribution(PACKETS, [1, 2, 3], 5)
    expect(sum).toBe(30)
    const seen = distribution(NANOSECONDS, [4096, 8192], 3)
    expect(countOf(seen)).toBe(6)
    expect(seen.sum).toBe(3 * (4096 + 8192))
  })

  test('quantiles are right to an eighth', () => {
    const values = Array.from({ length: 1000 }, (_, i) => 2000 + i * 1000)
    const seen = distribution(NANOSECONDS, values)
    for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = values[Math.ceil(share * values.length) - 1]
      expect(Math.abs(quantile(seen, share) / exact - 1)).toBeLessThan(1 / 8)
    }
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('quantiles of nothing but %d are that', (value) => {
    const seen = distribution(PACKETS, [value], 7)
    for (const share of [0.001, 0.5, 0.99, 1]) expect(quantile(seen, share)).toBe(value)
  })

  test('of sizes of one and three, half are one and the rest three', () => {
    const seen = distribution(PACKETS, [1, 3])
    expect([0.1, 0.5, 0.51, 1].map((share) => quantile(seen, share))).toEqual([1, 1, 3, 3])
  })

  test('without values a quantile is 0, beyond the scale it is where the scale ends', () => {
    expect(quantile(distribution(NANOSECONDS, []), 0.5)).toBe(0)
    expect(quantile(distribution(NANOSECONDS, [2 ** 31 - 1]), 0.5)).toBe(2 ** 30)
  })

  test('values added since a read are distinguished', () => {
    const before = distribution(PACKETS, [1, 5])
    const more = since(distribution(PACKETS, [1, 5, 5, 7]), before)
    expect(countOf(more)).toBe(2)
    expect(more.sum).toBe(12)
  })
})
