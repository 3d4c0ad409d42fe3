import { expect, test } from 'bun:test'
import * as counters from '../../../src/http/worker/counters.ts'

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
  const ofOthers = others.map((name) => constants.get(name.toUpperCase()))
  expect(ofOthers).toEqual(others.map((name) => COUNTERS.indexOf(name)))
  expect(COUNTER_WORDS).toBeGreaterThanOrEqual(COUNTERS.length)
})
