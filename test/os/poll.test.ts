import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Poll } from '../../src/os/poll.ts'
import { closeEnds, type End, openEnd, packetOf, pretendFrom, queueBytes } from './batch-pair.ts'

let ends: End[] = []

beforeEach(() => {
  ends = [openEnd(), openEnd(), openEnd('::1')]
})
afterEach(() => closeEnds(...ends))

/** How long a wait of at most a minute takes. */
function waited(poll: Poll): number {
  const before = performance.now()
  poll.wait(60_000)
  return performance.now() - before
}

test('a wait ends at its time when there is nothing', () => {
  const poll = new Poll(ends.map(({ fd }) => fd))
  const before = performance.now()
  poll.wait(30)
  const time = performance.now() - before
  expect(time).toBeGreaterThan(29)
  expect(time).toBeLessThan(2000)
})

test('a wait ends at once for a packet on any of the sockets, again and again', () => {
  const poll = new Poll(ends.map(({ fd }) => fd))
  for (const [i, { port }] of ends.entries()) {
    const host = i === 2 ? '::1' : '127.0.0.1'
    const sender = openEnd(host)
    pretendFrom(sender, 0, host, port)
    queueBytes(sender, 0, Buffer.from('packet'))
    sender.batch.flush()
    for (let again = 0; again < 3; again++) expect(waited(poll)).toBeLessThan(2000)
    expect(ends[i].batch.receive(4)).toBe(1)
    expect(packetOf(ends[i], 0).toString()).toBe('packet')
    closeEnds(sender)
  }
})
