import { expect, test } from 'bun:test'
import { Schedule } from '../../../load/ws/schedule.ts'

function recorder(name: string, rate: number, log: [string, number][], ready = () => true) {
  const take = (timeMs: number) => {
    if (!ready()) return false
    log.push([name, timeMs])
    return true
  }
  return { rate, take }
}

test('each pace has its own times, and the oldest goes first', () => {
  const log: [string, number][] = []
  const paces = [recorder('a', 100, log), recorder('b', 250, log), recorder('never', 0, log)]
  const schedule = new Schedule(paces, 1000)
  schedule.run(1000)
  expect(log).toEqual([
    ['a', 1000],
    ['b', 1000],
  ])
  expect(schedule.nextMs()).toBe(1004)
  schedule.run(1011)
  expect(log.slice(2)).toEqual([
    ['b', 1004],
    ['b', 1008],
    ['a', 1010],
  ])
})

test('what stood still is made up for, in bursts, with the times that it had', () => {
  const log: [string, number][] = []
  const schedule = new Schedule([recorder('a', 1000, log)], 0)
  schedule.run(99)
  expect(log).toHaveLength(64)
  schedule.run(99)
  expect(log).toHaveLength(100)
  expect(log[99]).toEqual(['a', 99])
})

test('a pace that has nothing to send holds up no other, and is asked again', () => {
  const log: [string, number][] = []
  let ready = false
  const schedule = new Schedule(
    [recorder('waits', 1000, log, () => ready), recorder('goes', 1000, log)],
    0,
  )
  schedule.run(3)
  expect(log.map(([name]) => name)).toEqual(['goes', 'goes', 'goes', 'goes'])
  ready = true
  schedule.run(3)
  expect(log.slice(4)).toEqual([0, 1, 2, 3].map((timeMs) => ['waits', timeMs]))
})
