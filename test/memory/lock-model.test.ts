// Every interleaving of a few threads that take src/memory/lock.ts's lock in turn: one is inside at a
// time, sees what the one before it wrote, and nobody sleeps for ever. Deliberate mistakes show that the
// checker would notice.
import { expect, test } from 'bun:test'
import {
  atomicLoad,
  explore,
  jump,
  label,
  load,
  type Step,
  set,
  store,
} from '../support/interleavings.ts'

type Mistake =
  | 'none'
  | 'unlock is a plain store'
  | 'the waiter marks nothing'
  | 'unlock wakes nobody'

const LOCK = 0
const COUNT = 1

/** Adds one to a plain counter under the lock, `rounds` times. One try while it spins, then it sleeps. */
function thread(rounds: number, mistake: Mistake): Step[] {
  const mark = mistake === 'the waiter marks nothing' ? 1 : 2
  return Array.from({ length: rounds }, (_, i) => i).flatMap((i) => [
    { op: 'compareExchange', to: 'was', cell: LOCK, expected: 0, value: 1 },
    jump(`inside ${i}`, (read) => read('was') === 0),
    atomicLoad('was', LOCK),
    jump(`sleep ${i}`, (read) => read('was') !== 0),
    { op: 'compareExchange', to: 'was', cell: LOCK, expected: 0, value: 1 },
    jump(`inside ${i}`, (read) => read('was') === 0),
    label(`sleep ${i}`),
    { op: 'exchange', to: 'was', cell: LOCK, value: mark },
    jump(`inside ${i}`, (read) => read('was') === 0),
    { op: 'wait', cell: LOCK, value: mark },
    jump(`sleep ${i}`),
    label(`inside ${i}`),
    load('count', COUNT),
    set('more', (read) => read('count') + 1),
    store(COUNT, (read) => read('more')),
    ...unlock(i, mistake),
  ])
}

function unlock(i: number, mistake: Mistake): Step[] {
  if (mistake === 'unlock is a plain store') return [store(LOCK, 0)]
  const exchange: Step = { op: 'exchange', to: 'was', cell: LOCK, value: 0 }
  if (mistake === 'unlock wakes nobody') return [exchange]
  return [
    exchange,
    jump(`unlocked ${i}`, (read) => read('was') !== 2),
    { op: 'notify', cell: LOCK },
    label(`unlocked ${i}`),
  ]
}

function run(threads: number, rounds: number, mistake: Mistake) {
  const programs = Array.from({ length: threads }, () => thread(rounds, mistake))
  return explore(programs, [0, 0], (memory) => memory[COUNT] === threads * rounds)
}

test.each([
  [2, 1],
  [2, 3],
  [3, 2],
  [4, 1],
])(
  '%d threads take it %d times each',
  (threads, rounds) => {
    const { fault, states } = run(threads, rounds, 'none')
    expect(fault).toBe('')
    expect(states).toBeGreaterThan(20)
  },
  180_000,
)

test.each([
  ['unlock is a plain store', /wrong memory|deadlock/],
  ['the waiter marks nothing', /deadlock/],
  ['unlock wakes nobody', /deadlock/],
] as [Mistake, RegExp][])('the checker finds the mistake «%s»', (mistake, fault) => {
  expect(run(3, 1, mistake).fault).toMatch(fault)
})
