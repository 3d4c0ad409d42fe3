import { expect, test } from 'bun:test'
import { slotWords } from '../../../src/metrics/counters.ts'
import { bucketEnd, histogramCounters } from '../../../src/metrics/histogram.ts'
import { TCP_COUNTERS } from '../../../src/tcp/counters.ts'
import * as counters from '../../../src/ws/worker/counters.ts'

const { COUNTERS, COUNTER_COUNT, COUNTER_WORDS, FAMILY_COUNTERS, HISTOGRAMS, STORED_COUNTERS } =
  counters

test('each counter has a constant of its name, which is its place, in the part of its address family', () => {
  const constants = new Map<string, unknown>(Object.entries(counters))
  const { FAMILY_IPV4, FAMILY_IPV6 } = counters
  for (const [i, name] of FAMILY_COUNTERS.entries()) {
    expect(constants.get(name.toUpperCase())).toBe(i)
    expect(STORED_COUNTERS.indexOf(`${name}_ipv4`)).toBe(FAMILY_IPV4 + i)
    expect(STORED_COUNTERS.indexOf(`${name}_ipv6`)).toBe(FAMILY_IPV6 + i)
  }
  const ofTcp = TCP_COUNTERS.flatMap((spec) => spec.counters.map(({ name }) => name as string))
  const others = COUNTERS.slice(FAMILY_COUNTERS.length, -ofTcp.length)
  expect<readonly string[]>(COUNTERS.slice(-ofTcp.length)).toEqual(ofTcp)
  expect(STORED_COUNTERS.length - ofTcp.length).toBe(counters.TCP)
  const places = others.map((name) => constants.get(name.toUpperCase()))
  expect(places).toEqual(others.map((name) => STORED_COUNTERS.indexOf(name as never)))
  expect(STORED_COUNTERS).toHaveLength(2 * FAMILY_COUNTERS.length + others.length + ofTcp.length)
})

test('histograms follow the counters, in the order in which they are read', () => {
  const { RESPONSE_TIME_SHAPE, TURN_SIZE_SHAPE } = counters
  expect(Object.entries(HISTOGRAMS)).toEqual([
    ['response_time', RESPONSE_TIME_SHAPE],
    ['turn_size', TURN_SIZE_SHAPE],
  ])
  expect(counters.RESPONSE_TIME).toBe(STORED_COUNTERS.length)
  expect(counters.TURN_SIZE).toBe(counters.RESPONSE_TIME + histogramCounters(RESPONSE_TIME_SHAPE))
  expect(COUNTER_COUNT).toBe(counters.TURN_SIZE + histogramCounters(TURN_SIZE_SHAPE))
  expect(COUNTER_WORDS).toBe(slotWords(COUNTER_COUNT))
})

test('response times reach from a microsecond to a second, turns from one message to 4,096', () => {
  const { response_time, turn_size } = HISTOGRAMS
  expect(bucketEnd(response_time, 0)).toBe(1024)
  expect(bucketEnd(response_time, response_time.buckets - 2)).toBe(2 ** 30)
  // A turn of 4,096 messages that takes a second does not wrap the sum.
  expect((4096 * 2 ** 30) / 2 ** response_time.sumShift).toBeLessThanOrEqual(2 ** 32)
  expect(bucketEnd(turn_size, 0)).toBe(1)
  expect(bucketEnd(turn_size, turn_size.buckets - 2)).toBe(4096)
  expect(turn_size.sumShift).toBe(0)
})
