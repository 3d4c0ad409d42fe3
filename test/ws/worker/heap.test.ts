// Garbage is collected after so much of what leaves it, whether clients become connections or are refused.
import { expect, test } from 'bun:test'
import { ACCEPTED } from '../../../src/tcp/counters.ts'
import {
  CONNECTIONS_CLOSED,
  CONNECTIONS_OPENED,
  COUNTER_WORDS,
  FAMILY_IPV6,
  RECEIVED_BYTES,
  TCP,
} from '../../../src/ws/worker/counters.ts'
import { Heap } from '../../../src/ws/worker/heap.ts'

/** How often garbage is collected while a counter grows so much. */
function collections(counter: number, by: number, isTls = false): number {
  const counts = new Int32Array(COUNTER_WORDS)
  let collected = 0
  const heap = new Heap(counts, isTls, () => void collected++)
  for (let i = 0; i < 100; i++) {
    counts[counter] += by / 100
    heap.tend()
  }
  return collected
}

test.each([
  ['accepted connections', TCP + ACCEPTED, 40_000, 1000],
  ['handshakes', CONNECTIONS_OPENED, 5000, 1000],
  ['ends of connections over IPv6', FAMILY_IPV6 + CONNECTIONS_CLOSED, 10_000, 1000],
])('after many %s', (_, counter, many, few) => {
  expect(collections(counter, many)).toBe(1)
  expect(collections(counter, few)).toBe(0)
})

test('after much text over TLS, which leaves none without', () => {
  expect(collections(RECEIVED_BYTES, 2 ** 25, true)).toBe(1)
  expect(collections(RECEIVED_BYTES, 2 ** 25)).toBe(0)
})
