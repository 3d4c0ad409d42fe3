// Every interleaving of one writer and one reader on a ring of four words, with every reordering of
// plain accesses that the language allows: records arrive whole and in order, and nobody sleeps for
// ever. Deliberate mistakes, each of which the checker has to find, show that it would notice.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { explore } from '../support/interleavings.ts'
import { MEMORY, type Mistake, reader, type Sleep, writer } from './model.ts'

setDefaultTimeout(180_000)

const RECORDS = 5

function run(batch: number, sleep: Sleep, mistake: Mistake) {
  const programs = [writer(RECORDS, batch, sleep, mistake), reader(RECORDS, sleep, mistake)]
  return explore(programs, MEMORY, () => true)
}

describe.each(['futex', 'event'] as const)('a reader that sleeps by %s', (sleep) => {
  test.each([1, 2, 3])('gets every record of a writer that publishes %d at once', (batch) => {
    const { fault, states } = run(batch, sleep, 'none')
    expect(fault).toBe('')
    expect(states).toBeGreaterThan(500)
  })
})

test.each([
  ['head is a plain store', /a record has its/],
  ['head is published before the records', /a record has its/],
  ['tail is a plain store', /a record has its/],
  ['tail is released before the records are read', /a record has its/],
  ['full is noticed one word late', /a record has its|deadlock/],
  ['the sleeper looks before it says that it sleeps', /deadlock/],
  ['the sleeper says it by a plain store', /deadlock/],
  ['the waker looks before it publishes', /deadlock/],
  ['the waker never wakes', /deadlock/],
  ['the writer that waits is not woken', /deadlock/],
] as [Mistake, RegExp][])('the checker finds the mistake «%s»', (mistake, fault) => {
  const faults = [1, 2].flatMap((batch) =>
    (['futex', 'event'] as const).map((sleep) => run(batch, sleep, mistake).fault),
  )
  expect(faults.join('\n')).toMatch(fault)
})
