import { expect, test } from 'bun:test'
import * as counters from '../../../src/http/worker/counters.ts'
import { histogramCounters } from '../../../src/metrics/histogram.ts'
import { TCP_COUNTERS } from '../../../src/tcp/counters.ts'

const { COUNTER_WORDS, COUNTERS, FAMILY_COUNTERS, FAMILY_IPV4, FAMILY_IPV6 } = counters

test('each constant is the place of the name like it, in the part of its address family', () => {
  const constants = new Map<string, unknown>(Object.entries(counters))
  const places = FAMILY_COUNTERS.map((name) => constants.get(name.toUpperCase()))
  expect(places).toEqual(FAMILY_COUNTERS.map((_, i) => i))
  for (const [i, name] of FAMILY_COUNTERS.entries()) {
    expect(COUNTERS.indexOf(`${name}_ipv4`)).toBe(FAMILY_IPV4 + i)
    expect(COUNTERS.indexOf(`${name}_ipv6`)).toBe(FAMILY_IPV6 + i)
  }
  const { others } = counters.COUNTER_LIST
  expect(COUNTERS.indexOf('bans')).toBe(counters.BANS)
  const ofTcp = TCP_COUNTERS.flatMap((spec) => spec.counters.map(({ name }) => name as string))
  expect<readonly string[]>(others).toEqual(['bans', ...ofTcp])
  expect(COUNTERS.length - ofTcp.length).toBe(counters.TCP)
})

test('histograms follow the counters, in the order in which they are read', () => {
  const { RESPONSE_TIME_SHAPE, TURN_SIZE_SHAPE, HISTOGRAMS } = counters
  expect(Object.values(HISTOGRAMS)).toEqual([RESPONSE_TIME_SHAPE, TURN_SIZE_SHAPE])
  expect(counters.RESPONSE_TIME).toBe(COUNTERS.length)
  expect(counters.TURN_SIZE).toBe(COUNTERS.length + histogramCounters(RESPONSE_TIME_SHAPE))
  const end = counters.TURN_SIZE + histogramCounters(TURN_SIZE_SHAPE)
  expect(COUNTER_WORDS).toBeGreaterThanOrEqual(end)
})
