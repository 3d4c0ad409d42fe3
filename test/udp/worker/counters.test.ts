import { expect, test } from 'bun:test'
import { histogramCounters } from '../../../src/metrics/histogram.ts'
import * as counters from '../../../src/udp/worker/counters.ts'

const { COUNTER_WORDS, COUNTERS, FAMILY_COUNTERS, FAMILY_IPV4, FAMILY_IPV6 } = counters

test('each constant is the place of the name like it, in the part of its address family', () => {
  const constants = new Map<string, unknown>(Object.entries(counters))
  const places = FAMILY_COUNTERS.map((name) => constants.get(name.toUpperCase()))
  expect(places).toEqual(FAMILY_COUNTERS.map((_, i) => i))
  for (const [i, name] of FAMILY_COUNTERS.entries()) {
    expect(COUNTERS.indexOf(`${name}_ipv4`)).toBe(FAMILY_IPV4 + i)
    expect(COUNTERS.indexOf(`${name}_ipv6`)).toBe(FAMILY_IPV6 + i)
  }
  expect(COUNTERS.indexOf('send_failures')).toBe(counters.SEND_FAILURES)
  const { others } = counters.COUNTER_LIST
  const ofOthers = others.map((name) => constants.get(name.toUpperCase()))
  expect(ofOthers).toEqual(others.map((name) => COUNTERS.indexOf(name)))
})

test('histograms follow the counters, in the order in which they are read', () => {
  const { RESPONSE_TIME_SHAPE, BATCH_SIZE_SHAPE, HISTOGRAMS } = counters
  expect(Object.values(HISTOGRAMS)).toEqual([RESPONSE_TIME_SHAPE, BATCH_SIZE_SHAPE])
  expect(counters.RESPONSE_TIME).toBe(COUNTERS.length)
  expect(counters.BATCH_SIZE).toBe(COUNTERS.length + histogramCounters(RESPONSE_TIME_SHAPE))
  const end = counters.BATCH_SIZE + histogramCounters(BATCH_SIZE_SHAPE)
  expect(COUNTER_WORDS).toBeGreaterThanOrEqual(end)
})
