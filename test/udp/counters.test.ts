import { expect, test } from 'bun:test'
import * as counters from '../../src/udp/counters.ts'

const { COUNTER_WORDS, COUNTERS } = counters

test('each constant is the place of the name like it', () => {
  const constants = new Map<string, unknown>(Object.entries(counters))
  const places = COUNTERS.map((name) => constants.get(name.toUpperCase()))
  expect(places).toEqual(COUNTERS.map((_, i) => i))
  expect(COUNTERS.length).toBeLessThanOrEqual(COUNTER_WORDS)
})
