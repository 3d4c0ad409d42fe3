// How busy workers are, by what the system counts of their threads.
import { expect, test } from 'bun:test'
import { ThreadTimes, threadNumber } from '../../src/os/thread-times.ts'
import { Busy, busyShare } from '../../src/pressure/busy.ts'

test.each([
  ['an idle one', 10, 0.1, 0, 0.01],
  ['a third of its time', 9, 3, 0, 1 / 3],
  ['all of it', 10, 10, 0, 1],
  ['all of the half that others leave', 10, 5, 5, 1],
  ['half of the half that others leave', 10, 2.5, 5, 0.5],
  ['more than there was, by what is counted late', 10, 11, 1, 1],
  ['nothing, since others had it all', 10, 0.1, 9.8, 0.01],
] as const)('a worker that ran for %s', (_, all, run, waited, share) => {
  expect(busyShare(all, run, waited)).toBeCloseTo(share)
})

test('the system tells how long this thread has run', () => {
  const times = new ThreadTimes(threadNumber())
  expect(times.read()).toBe(true)
  const before = times.run
  for (let i = 0; times.run - before < 20e6; i++) {
    expect(i).toBeLessThan(1e7)
    times.read()
  }
  times.close()
})

test('a thread that there is not is not known', () => {
  for (const thread of [0, 2 ** 30]) {
    expect(new ThreadTimes(thread).read()).toBe(false)
    const busy = new Busy([{ kind: 'udp socket', thread }])
    for (let i = 0; i < 20; i++) expect(busy.share(i * 1000)).toBeNaN()
    busy.stop()
  }
})

test('nothing is said before ten seconds, in which workers start, and then of the busiest kind', () => {
  const thread = threadNumber()
  const busy = new Busy([
    { kind: 'ws socket', thread },
    { kind: 'udp socket', thread },
    { kind: 'udp socket', thread: 0 },
  ])
  for (let i = 0; i < 10; i++) expect(busy.share(i * 1000)).toBeNaN()
  // The mean of udp is not known, since one of them is not.
  expect(busy.share(10_000)).toBeLessThan(1.01)
  busy.stop()
})
