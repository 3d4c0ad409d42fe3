import { describe, expect, test } from 'bun:test'
import { type MetricFamily, rateOf, seenBetween, sumOf } from '../../src/metrics/families.ts'
import { countOf, distributionOf, histogramShape } from '../../src/metrics/histogram.ts'

const SHAPE = histogramShape(0, 2, 0)

function snapshot(at: number, first: number, second: number) {
  const counter: MetricFamily = {
    kind: 'counter',
    name: 'things_total',
    help: 'Things.',
    samples: [
      { labels: { type: 'a', ip_version: '4' }, value: first },
      { labels: { type: 'a', ip_version: '6' }, value: second },
      { labels: { type: 'b', ip_version: '4' }, value: 1 },
    ],
  }
  const counts = [first, ...Array(SHAPE.buckets).fill(0)]
  const histogram: MetricFamily = {
    kind: 'histogram',
    name: 'sizes',
    help: 'Sizes.',
    scale: 1,
    samples: [{ labels: {}, distribution: distributionOf(SHAPE, counts) }],
  }
  return { at, families: [counter, histogram] }
}

describe('metric families', () => {
  const before = snapshot(1000, 10, 20)
  const now = snapshot(3000, 30, 21)

  test('are summed over all samples with the labels asked for', () => {
    expect(sumOf(now, 'things_total')).toBe(52)
    expect(sumOf(now, 'things_total', { type: 'a' })).toBe(51)
    expect(sumOf(now, 'things_total', { type: 'a', ip_version: '6' })).toBe(21)
    expect(sumOf(now, 'no_such_total')).toBe(0)
  })

  test('grow by so much per second, never by less than nothing', () => {
    expect(rateOf(now, before, 'things_total', { type: 'a' })).toBe(10.5)
    expect(rateOf(before, before, 'things_total')).toBe(0)
    expect(rateOf({ ...before, at: 5000 }, now, 'things_total')).toBe(0)
  })

  test('show what a histogram saw in between', () => {
    const seen = seenBetween(now, before, 'sizes')
    expect(seen === undefined ? 0 : countOf(seen)).toBe(20)
    expect(seenBetween(now, before, 'things_total')).toBeUndefined()
  })
})
