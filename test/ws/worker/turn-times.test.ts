import { expect, test } from 'bun:test'
import {
  countOf,
  type Distribution,
  distributionOf,
  histogramCounters,
  quantile,
} from '../../../src/metrics/histogram.ts'
import { clockNanoseconds, readClock } from '../../../src/os/clock.ts'
import {
  COUNTER_COUNT,
  RESPONSE_TIME,
  RESPONSE_TIME_SHAPE,
  TURN_SIZE,
  TURN_SIZE_SHAPE,
} from '../../../src/ws/worker/counters.ts'
import { TurnTimes } from '../../../src/ws/worker/turn-times.ts'

const SECOND = 1e9
/** What the sum of times leaves out of each turn. */
const UNIT = 2 ** RESPONSE_TIME_SHAPE.sumShift

function newTimes() {
  const counts = new Int32Array(COUNTER_COUNT)
  const read = (at: number, shape: typeof RESPONSE_TIME_SHAPE): Distribution =>
    distributionOf(shape, [...counts.slice(at, at + histogramCounters(shape))])
  return {
    times: new TurnTimes(counts),
    counts,
    taken: () => read(RESPONSE_TIME, RESPONSE_TIME_SHAPE),
    sizes: () => read(TURN_SIZE, TURN_SIZE_SHAPE),
  }
}

/** A turn of so many messages that lasts until `until`; returns bounds of what it took, in nanoseconds. */
function turn(times: TurnTimes, messages: number, until: (beganAt: number) => boolean) {
  const outer = Bun.nanoseconds()
  expect(times.received()).toBe(true)
  const inner = Bun.nanoseconds()
  for (let i = 1; i < messages; i++) expect(times.received()).toBe(false)
  while (!until(inner)) readClock()
  const least = Bun.nanoseconds() - inner
  times.sent()
  return { least, most: Bun.nanoseconds() - outer }
}

const lasts = (nanoseconds: number) => (beganAt: number) =>
  Bun.nanoseconds() - beganAt >= nanoseconds

test('each message of a turn counts from the first of it until the turn is sent', () => {
  const { times, counts, taken, sizes } = newTimes()
  const { least, most } = turn(times, 7, lasts(5e6))
  expect(countOf(taken())).toBe(7)
  expect(taken().sum).toBeGreaterThanOrEqual(7 * least - UNIT)
  expect(taken().sum).toBeLessThanOrEqual(7 * most)
  expect(quantile(taken(), 0.01)).toBeGreaterThan(4e6)
  expect(countOf(sizes())).toBe(1)
  expect([quantile(sizes(), 1), sizes().sum]).toEqual([7, 7])
  expect([...counts.slice(0, RESPONSE_TIME)].every((count) => count === 0)).toBe(true)
})

test('turns are counted one by one, and the next begins with its own first message', () => {
  const { times, taken, sizes } = newTimes()
  const turns = [1, 3, 1].map((messages) => turn(times, messages, lasts(1e6)))
  const sum = (bound: 'least' | 'most') => turns[0][bound] + 3 * turns[1][bound] + turns[2][bound]
  expect(taken().sum).toBeGreaterThanOrEqual(sum('least') - 3 * UNIT)
  expect(taken().sum).toBeLessThanOrEqual(sum('most'))
  expect(countOf(taken())).toBe(5)
  expect([countOf(sizes()), sizes().sum]).toEqual([3, 5])
  expect([0.5, 1].map((share) => quantile(sizes(), share))).toEqual([1, 3])
})

test('a turn without a message counts nothing', () => {
  const { times, counts } = newTimes()
  times.sent()
  turn(times, 1, lasts(0))
  const before = [...counts]
  times.sent()
  times.sent()
  expect([...counts]).toEqual(before)
})

test('a turn may reach into the next second of the clock', () => {
  const { times, taken } = newTimes()
  do readClock()
  while (clockNanoseconds() < 0.995 * SECOND)
  const { least, most } = turn(times, 1, () => clockNanoseconds() < 0.9 * SECOND)
  expect(taken().sum).toBeGreaterThanOrEqual(least - UNIT)
  expect(taken().sum).toBeLessThanOrEqual(most)
})

test('what takes longer than the scale counts as its end', () => {
  const { times, taken } = newTimes()
  turn(times, 2, lasts(1.2 * SECOND))
  expect(countOf(taken())).toBe(2)
  expect(taken().sum).toBe(2 * 2 ** 30)
})
