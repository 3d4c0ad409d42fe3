import { expect, test } from 'bun:test'
import * as counters from '../../src/tcp/counters.ts'

const { TCP_COUNTERS, TCP_COUNTER_WORDS, ...places } = counters

test('each place is that of the counter whose name has its words', () => {
  const names = TCP_COUNTERS.flatMap((spec) => spec.counters.map(({ name }) => name as string))
  expect(names.length).toBe(TCP_COUNTER_WORDS)
  const constants = Object.entries(places).sort(([, a], [, b]) => a - b)
  expect<number[]>(constants.map(([, place]) => place)).toEqual(names.map((_, i) => i))
  for (const [i, [constant]] of constants.entries()) {
    const words = names[i].split('_')
    expect(words).toEqual(expect.arrayContaining(constant.toLowerCase().split('_')))
  }
})
