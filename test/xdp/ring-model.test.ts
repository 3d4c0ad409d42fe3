// Every interleaving of the kernel and a worker on rings of two frames, with every reordering of plain accesses that
// the language allows: packets arrive whole and in order. Deliberate mistakes, each of which the checker has to find,
// show that it would notice.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { explore } from '../support/interleavings.ts'
import { kernel, MEMORY, type Mistake, worker } from './model.ts'

setDefaultTimeout(60_000)

const PACKETS = 4

function run(mistake: Mistake) {
  const programs = [kernel(PACKETS, mistake), worker(PACKETS, mistake)]
  return explore(programs, MEMORY, () => true)
}

test('a worker gets every packet whole and in order', () => {
  const { fault, states } = run('none')
  expect(fault).toBe('')
  expect(states).toBeGreaterThan(200)
})

test.each([
  'the producer is a plain store',
  'the producer is published before the entry',
  'a frame goes back before it is read',
  'the ring has fewer places than there are frames',
] as Mistake[])('the checker finds the mistake «%s»', (mistake) => {
  expect(run(mistake).fault).toMatch(/a packet is whole/)
})
