import { expect, test } from 'bun:test'
import { DueTimes } from '../../load/due-times.ts'

/** The times of the first `count`, taken one by one. */
function times(due: DueTimes, count: number): number[] {
  return Array.from({ length: count }, () => {
    const at = due.nextMs
    due.take(1)
    return at
  })
}

test('number n is due at start + n ÷ rate', () => {
  const due = new DueTimes(100)
  due.start(5000)
  expect(due.due(4999)).toBe(0)
  expect(due.due(5000)).toBe(1)
  expect(due.due(5039)).toBe(4)
  due.take(3)
  expect(due.due(5039)).toBe(1)
  expect(due.nextMs).toBe(5030)
})

test('after a step of four, four times as many are due', () => {
  const due = new DueTimes(100, { afterSec: 1, factor: 4 })
  due.start(0)
  const all = times(due, 500)
  const before = all.filter((at) => at < 1000)
  expect(before).toHaveLength(100)
  expect(all[100]).toBe(1000)
  expect(all[101]).toBe(1002.5)
  expect(all[499]).toBe(1000 + 399 * 2.5)
})

test('those beyond the step are not due before it is reached, however late it is', () => {
  const due = new DueTimes(1000, { afterSec: 1, factor: 2 })
  due.start(0)
  expect(due.due(5000)).toBe(1001)
  due.take(1001)
  expect(due.nextMs).toBe(1001)
  expect(due.periodMs).toBe(0.5)
  expect(due.due(5000)).toBe(7999)
})
