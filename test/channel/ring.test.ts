import { describe, expect, spyOn, test } from 'bun:test'
import { createRing, RingReader, RingWriter, ringFill } from '../../src/channel/ring.ts'
import { randomWords } from '../support/random.ts'

const HEAD = 0
const TAIL = 32
const OVERHEAD_WORDS = 96

function pair(words: number, recordMax: number, startIndex = 0) {
  const ring = createRing(words)
  const view = new Int32Array(ring)
  view[HEAD] = startIndex
  view[TAIL] = startIndex
  return { writer: new RingWriter(ring, recordMax), reader: new RingReader(ring), view }
}

type Pair = ReturnType<typeof pair>

/** Writes a record of its numbers; false when the ring is full. */
function write({ writer }: Pair, numbers: readonly number[], reserve = numbers.length): boolean {
  const at = writer.room(reserve)
  if (at === 0) return false
  writer.words.set(numbers, at)
  writer.append(at, numbers.length)
  return true
}

function readAll({ reader }: Pair): number[][] {
  const records: number[][] = []
  reader.refresh()
  for (let at = reader.next(); at !== 0; at = reader.next()) {
    records.push([...reader.words.slice(at, at + reader.count)])
  }
  reader.release()
  return records
}

describe('a ring', () => {
  test('gives records back in their order, whatever their length', () => {
    const ends = pair(64, 10)
    const records = [[1], [2, 3], [], [4, 5, 6, 7]]
    for (const record of records) expect(write(ends, record)).toBe(true)
    expect(readAll(ends)).toEqual([])
    expect(ends.writer.publish()).toBe(true)
    expect(readAll(ends)).toEqual(records)
    expect(readAll(ends)).toEqual([])
  })

  test.each([0, -5])('tells how full it is, also where 32 bits end (index %d)', (start) => {
    const ends = pair(64, 10, start)
    const fill = () => ringFill(ends.view.buffer)
    expect(fill()).toBe(0)
    for (let i = 0; i < 4; i++) write(ends, [1, 2, 3])
    ends.writer.publish()
    expect(fill()).toBeGreaterThanOrEqual(16 / 64)
    expect(fill()).toBeLessThanOrEqual(20 / 64)
    readAll(ends)
    expect(fill()).toBe(0)
  })

  test('shows nothing before it is published, and a batch at once', () => {
    const ends = pair(64, 10)
    write(ends, [1])
    expect(ends.reader.refresh()).toBe(false)
    ends.writer.publish()
    write(ends, [2])
    expect(readAll(ends)).toEqual([[1]])
    ends.writer.publish()
    expect(readAll(ends)).toEqual([[2]])
    expect(ends.writer.publish()).toBe(false)
  })

  test('takes no more than its room, and takes it again after a release alone', () => {
    const ends = pair(16, 3)
    for (let i = 0; i < 4; i++) expect(write(ends, [i, i, i])).toBe(true)
    expect(write(ends, [])).toBe(false)
    ends.writer.publish()
    ends.reader.refresh()
    for (let i = 0; i < 4; i++) expect(ends.reader.next()).toBeGreaterThan(0)
    expect(ends.writer.room(1)).toBe(0)
    ends.reader.release()
    expect(ends.writer.room(3)).toBeGreaterThan(0)
  })

  test('a record that was reserved longer than it became leaves the rest', () => {
    const ends = pair(32, 15)
    for (let i = 0; i < 8; i++) expect(write(ends, [i], 15)).toBe(true)
    ends.writer.publish()
    expect(readAll(ends)).toEqual([[0], [1], [2], [3], [4], [5], [6], [7]])
  })

  test('never cuts a record in two, and skips what is left at the end', () => {
    const ends = pair(16, 7)
    write(ends, [1, 2, 3, 4, 5, 6])
    write(ends, [7, 8, 9])
    ends.writer.publish()
    readAll(ends)
    // Eleven words are used; of the five left, none serve the next.
    expect(write(ends, [1, 2, 3, 4, 5, 6, 7])).toBe(true)
    ends.writer.publish()
    ends.reader.refresh()
    expect(ends.reader.next()).toBe(OVERHEAD_WORDS + 1)
  })

  test('takes several records in one piece where they fit, and all arrive in their order', () => {
    const ends = pair(64, 10, -20)
    const random = randomWords(5)
    const taken = { together: 0, single: 0 }
    for (let round = 0; round < 500; round++) {
      const some = Array.from({ length: 1 + (random() % 6) }, (_, i) =>
        Array.from({ length: random() % 10 }, () => round * 10 + i),
      )
      const laidOut = Int32Array.from(some.flatMap((record) => [record.length, ...record]))
      if (ends.writer.appendAll(laidOut, laidOut.length)) taken.together++
      else {
        for (const record of some) expect(write(ends, record)).toBe(true)
        taken.single++
      }
      ends.writer.publish()
      expect(readAll(ends)).toEqual(some)
    }
    expect(taken.together).toBeGreaterThan(100)
    expect(taken.single).toBeGreaterThan(20)
  })

  test('takes nothing of several records that have no room together', () => {
    const ends = pair(64, 10)
    const laidOut = new Int32Array(30).fill(9)
    expect(ends.writer.appendAll(laidOut, 30)).toBe(true)
    expect(ends.writer.appendAll(laidOut, 30)).toBe(true)
    expect(ends.writer.appendAll(laidOut, 10)).toBe(false)
    ends.writer.publish()
    expect(readAll(ends)).toHaveLength(6)
    expect(ends.writer.appendAll(laidOut, 10)).toBe(false)
    expect(write(ends, [1])).toBe(true)
    ends.writer.publish()
    expect(readAll(ends)).toEqual([[1]])
  })

  test('refuses records of which one might never fit', () => {
    expect(() => new RingWriter(createRing(16), 8)).toThrow(RangeError)
    expect(() => createRing(2 ** 29)).toThrow(RangeError)
  })

  test.each([0, 5, 2 ** 31 - 20, -20, -2147483648])(
    'agrees with a list under random writes and reads, from index %d on',
    (startIndex) => {
      const ends = pair(64, 20, startIndex & ~63)
      const random = randomWords(startIndex + 1)
      const expected: number[][] = []
      const waiting: number[][] = []
      let refused = 0
      for (let i = 0; i < 30_000; i++) {
        const kind = random() % 8
        if (kind < 5) {
          const numbers = Array.from({ length: random() % 21 }, () => random() | 0)
          if (write(ends, numbers, numbers.length + (random() % (21 - numbers.length)))) {
            waiting.push(numbers)
          } else {
            refused++
          }
        } else if (kind < 7) {
          ends.writer.publish()
          expected.push(...waiting.splice(0))
        } else {
          expect(readAll(ends)).toEqual(expected.splice(0))
        }
      }
      expect(refused).toBeGreaterThan(1000)
    },
  )
})

describe('a writer that waits for room', () => {
  test('gives up when its time is over', () => {
    const ends = pair(16, 7)
    while (write(ends, [1, 2, 3, 4, 5, 6, 7]));
    ends.writer.publish()
    const before = performance.now()
    expect(ends.writer.waitForRoom(7, 20)).toBe(false)
    expect(performance.now() - before).toBeGreaterThan(19)
  })

  test('sleeps while it waits', () => {
    const ends = pair(16, 7)
    while (write(ends, [1, 2, 3, 4, 5, 6, 7]));
    ends.writer.publish()
    using wait = spyOn(Atomics, 'wait')
    expect(ends.writer.waitForRoom(7, 20)).toBe(false)
    expect(wait.mock.results[0]?.value).toBe('timed-out')
  })

  test('does not wait where there is room', () => {
    const ends = pair(16, 7)
    expect(ends.writer.waitForRoom(7, 60_000)).toBe(true)
  })
})
