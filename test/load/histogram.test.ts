import { describe, expect, test } from 'bun:test'
import { bucketStartMs, Distribution, histogramMemory, recordMs } from '../../load/histogram.ts'

function recorded(...milliseconds: number[]): Distribution {
  const memory = histogramMemory(1)
  for (const value of milliseconds) recordMs(new Float64Array(memory), 0, value)
  return Distribution.read(memory, 0, 1)
}

describe('a histogram', () => {
  test.each([0.0001, 0.01, 0.5, 1, 3.7, 99, 1234.5, 100_000])('knows %f ms to 1.6 %%', (value) => {
    const found = recorded(value).quantile(0.5)
    // Below a few microseconds the unit, 1/16 µs, is coarser than that.
    expect(Math.abs(found - value)).toBeLessThanOrEqual(Math.max(value * 0.016, 1 / 16_000))
  })

  test('counts values out of range at its ends', () => {
    const found = recorded(-1, 0, Number.MAX_VALUE)
    expect(found.count()).toBe(3)
    expect(found.quantile(0.5)).toBeLessThan(0.001)
    expect(found.quantile(1)).toBeGreaterThan(100_000)
  })

  test('has buckets without gaps, each at most 1/64 wider than its start', () => {
    for (let bucket = 1; bucket < 1664; bucket++) {
      const start = bucketStartMs(bucket)
      const end = bucketStartMs(bucket + 1)
      expect(end).toBeGreaterThan(start)
      expect(end - start).toBeLessThanOrEqual(Math.max(start / 64, 1 / 16_000) + 1e-12)
    }
  })

  test('gives the quantiles of a thousand values', () => {
    const found = recorded(...Array.from({ length: 1000 }, (_, i) => i + 1))
    for (const [share, value] of [
      [0.5, 500],
      [0.9, 900],
      [0.99, 990],
      [0.999, 999],
      [1, 1000],
    ]) {
      expect(found.quantile(share) / value).toBeCloseTo(1.008, 1.5)
      expect(found.quantile(share)).toBeGreaterThanOrEqual(value)
    }
    expect(found.mean()).toBeCloseTo(500.5, -1)
  })

  test('without values has no quantiles', () => {
    expect(recorded().quantile(0.5)).toBeNaN()
    expect(recorded().bars(8)).toEqual([])
  })

  test('tells what came between two moments', () => {
    const memory = histogramMemory(1)
    const counts = new Float64Array(memory)
    recordMs(counts, 0, 5)
    const before = Distribution.read(memory, 0, 1)
    recordMs(counts, 0, 50)
    const since = Distribution.read(memory, 0, 1).since(before)
    expect(since.count()).toBe(1)
    expect(since.quantile(0.5)).toBeGreaterThan(49)
  })

  test('bars cover every value once', () => {
    const found = recorded(0.01, 0.3, 7, 7.01, 900)
    const bars = found.bars(8)
    expect(bars.reduce((sum, [, , count]) => sum + count, 0)).toBe(5)
    expect(bars[0][2]).toBe(1)
    expect(bars.at(-1)?.[2]).toBe(1)
  })
})

test('several workers and kinds share one memory', () => {
  const memory = histogramMemory(4)
  const counts = new Float64Array(memory)
  const size = counts.length / 4
  recordMs(counts, 0 * size, 1) // worker 1, first kind
  recordMs(counts, 1 * size, 2) // worker 1, second kind
  recordMs(counts, 2 * size, 1) // worker 2, first kind
  expect(Distribution.read(memory, 0, 2).count()).toBe(2)
  expect(Distribution.read(memory, 1, 2).count()).toBe(1)
})
