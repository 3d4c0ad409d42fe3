import { describe, expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import {
  CounterReader,
  counterSlots,
  publish,
  slotWords,
  WrappingTotal,
} from '../../src/metrics/counters.ts'
import type { CountTask } from './count-worker.ts'

const NAMES = ['packets', 'bytes', 'rejected'] as const
const WORDS = slotWords(NAMES.length)

/** Two workers, and the reader of their counts. */
function workers() {
  const slots = counterSlots(2, NAMES.length)
  const counts = [new Int32Array(WORDS), new Int32Array(WORDS)]
  const publishAll = () => {
    for (const [i, own] of counts.entries()) publish(own, new Int32Array(slots), i * WORDS)
  }
  return { counts, publishAll, reader: new CounterReader(slots, NAMES) }
}

describe('counters', () => {
  test.each([
    [1, 16],
    [16, 16],
    [17, 32],
  ])('%d of them take %d words: whole cache lines', (counters, words) => {
    expect(slotWords(counters)).toBe(words)
    expect(counterSlots(3, counters).byteLength).toBe(3 * words * 4)
  })

  test('a read returns the sum of what the workers have published', () => {
    const { counts, publishAll, reader } = workers()
    counts[0].set([1, 2, 3])
    counts[1].set([1000, 2000, 3000])
    expect([...reader.read()]).toEqual(NAMES.map((name) => [name, 0]))
    publishAll()
    const sums = reader.read()
    expect([...sums]).toEqual(NAMES.map((name, i) => [name, 1001 * (i + 1)]))
    expect([...reader.ofWorker(1).values()]).toEqual([1000, 2000, 3000])
    counts[0][0]++
    publishAll()
    expect(reader.read().get('packets')).toBe(1002)
    expect(sums.get('packets')).toBe(1001)
  })

  test('counts go on where 32 bits end', () => {
    const { counts, publishAll, reader } = workers()
    const [step, steps] = [3_000_000_000, 10]
    for (let i = 0; i < steps; i++) {
      counts[1][1] += step
      publishAll()
      reader.read()
    }
    expect(reader.ofWorker(1).get('bytes')).toBe(step * steps)
  })

  test('nothing is lost or counted twice while threads count and the reader reads', async () => {
    const [threads, rounds] = [2, 200_000]
    const slots = counterSlots(threads, NAMES.length)
    const reader = new CounterReader(slots, NAMES)
    let running = threads
    const ends = Array.from({ length: threads }, (_, worker) => {
      const task: CountTask = { slots, worker, counters: NAMES.length, rounds }
      const url = new URL('count-worker.ts', import.meta.url)
      const thread = new Worker(url, { workerData: { count: task } })
      return new Promise<void>((resolve, reject) => {
        thread.once('error', reject)
        thread.once('exit', (code) => {
          running--
          code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))
        })
      })
    })
    let before = 0
    while (running > 0) {
      const packets = reader.read().get('packets') ?? 0
      expect(packets).toBeGreaterThanOrEqual(before)
      before = packets
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(ends)
    expect([...reader.read().values()]).toEqual([1, 2, 3].map((n) => n * threads * rounds))
  })
})

test.each([
  ['signed', (count: number) => count | 0],
  ['unsigned', (count: number) => count >>> 0],
  ['a sum of two', (count: number) => (count | 0) + 2 ** 31],
])('the total of a count that wraps goes on: %s', (_, shown) => {
  const total = new WrappingTotal()
  const start = total.take(shown(0))
  let count = 0
  for (const step of [1, 0, 2 ** 31 - 1, 2 ** 31, 7, 2 ** 32 - 1, 2 ** 32 - 1]) {
    count += step
    expect(total.take(shown(count)) - start).toBe(count)
  }
})
