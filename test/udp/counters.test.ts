import { expect, test } from 'bun:test'
import * as counters from '../../src/udp/counters.ts'

const { COUNTER_WORDS, COUNTERS, CounterReader, publish } = counters

test('each constant is the place of the name like it', () => {
  const constants = new Map<string, unknown>(Object.entries(counters))
  const places = COUNTERS.map((name) => constants.get(name.toUpperCase()))
  expect(places).toEqual(COUNTERS.map((_, i) => i))
  expect(COUNTERS.length).toBeLessThanOrEqual(COUNTER_WORDS)
  expect((COUNTER_WORDS * 4) % 64).toBe(0)
})

/** Two workers, and who reads their counts. */
function workers() {
  const shared = new SharedArrayBuffer(2 * COUNTER_WORDS * 4)
  const counts = [new Int32Array(COUNTER_WORDS), new Int32Array(COUNTER_WORDS)]
  const publishAll = () => {
    for (const [i, own] of counts.entries()) {
      publish(own, new Int32Array(shared), i * COUNTER_WORDS)
    }
  }
  return { counts, publishAll, reader: new CounterReader(shared) }
}

test('what is read is the sum of what the workers have published', () => {
  const { counts, publishAll, reader } = workers()
  for (const [i] of COUNTERS.entries()) {
    counts[0][i] = i
    counts[1][i] = 1000 * i
  }
  expect([...reader.read().values()]).toEqual(COUNTERS.map(() => 0))
  publishAll()
  expect(reader.read()).toEqual(new Map(COUNTERS.map((name, i) => [name, 1001 * i] as const)))
  expect(reader.read().get('requests_announce')).toBe(1001)
})

test('counts go on where 32 bits end', () => {
  const { counts, publishAll, reader } = workers()
  const [step, steps] = [3_000_000_000, 10]
  for (let i = 0; i < steps; i++) {
    counts[1][counters.SENT_BYTES] += step
    publishAll()
    reader.read()
  }
  expect(reader.read().get('sent_bytes')).toBe(step * steps)
})
