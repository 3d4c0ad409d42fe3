// What a node is told that has missed something: everybody of that time, who has left, and counts of downloads; by a walk
// beside announces, or from what was kept during an outage.
import { expect, test } from 'bun:test'
import {
  BATCH_HEAD_WORDS,
  BATCH_RECORDS,
  KIND_LEFT,
  kindOfRecord,
  RECORD_WORDS_IPV4,
} from '../../src/cluster/layout.ts'
import { randomFrom } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { exchange, TestNode } from './node.ts'

const START = 10_000
const TORRENTS = Array.from({ length: 40 }, (_, torrent) => torrent)

/** Random announces at one node, some of which leave again. */
function fill(node: TestNode, count: number, from: number, seconds: number, seed: number): void {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) {
    const torrent = Math.floor(random() ** 3 * TORRENTS.length)
    const event = random() < 0.1 ? 'stopped' : random() < 0.1 ? 'completed' : 'again'
    const options = { event, seeder: event === 'completed', family: 'ipv4' } as const
    const time = from + (i / count) * seconds
    const peer = Math.floor(random() * 2000)
    node.announce(time, torrent, peer, random() < 0.6 ? options : { ...options, family: 'ipv6' })
    if (i % 500 === 0) node.packer.collect(node.secondAt(time))
  }
  node.packer.collect(node.secondAt(from + seconds))
}

function countsOf(node: TestNode): number[] {
  return TORRENTS.flatMap((torrent) => [
    node.completedOf(torrent, 'ipv4'),
    node.completedOf(torrent, 'ipv6'),
  ])
}

test('a new node is told of everybody, in the roles and with the counts that there are', () => {
  const old = new TestNode({ phase: 0.4 })
  fill(old, 20_000, START, 900, 1)
  const fresh = new TestNode({ phase: 1e6 + 0.8 })
  for (const batch of old.answer(START + 901, 1800)) fresh.receive(START + 901.1, batch)
  expect(fresh.members(TORRENTS).length).toBeGreaterThan(5000)
  expect(fresh.members(TORRENTS)).toEqual(old.members(TORRENTS))
  expect(Math.max(...countsOf(old))).toBeGreaterThan(10)
  expect(countsOf(fresh)).toEqual(countsOf(old))
  checkInvariants(fresh.harness)
})

test('ages are those of the announces: who is told of expires when he would have', () => {
  const old = new TestNode({ phase: 0.4 })
  for (let i = 0; i < 1000; i++) old.announce(START + i, 1, i)
  const fresh = new TestNode({ phase: 500.8 })
  for (const batch of old.answer(START + 1000, 1800)) fresh.receive(START + 1000, batch)
  for (const node of [old, fresh]) node.harness.clean(node.secondAt(START + 1300), 800, 500)
  const left = old.members([1]).length
  expect(left).toBeGreaterThan(490)
  expect(left).toBeLessThan(510)
  expect(Math.abs(fresh.members([1]).length - left)).toBeLessThanOrEqual(2)
})

test('only what was heard of in the time asked for is sent', () => {
  const node = new TestNode()
  for (let i = 0; i < 1000; i++) node.announce(START + i, 1 + (i % 7), i)
  let records = 0
  for (const batch of node.answer(START + 1000, 100)) records += batch[BATCH_RECORDS]
  expect(records).toBeGreaterThanOrEqual(100)
  expect(records).toBeLessThan(110)
})

test('a walk that finds nobody of the time asked for gives way all the same, and goes on later', () => {
  const node = new TestNode()
  for (let i = 0; i < 50_000; i++) node.announce(START, 1, i)
  node.announce(START + 1000, 1, 50_000)
  let calls = 0
  const batches = node.answer(START + 1000, 100, () => calls++)
  expect(batches.map((batch) => batch[BATCH_RECORDS])).toEqual([1])
  // Without a bound, one for each segment that has nobody, and one more.
  const segments = 2 + 2 * Math.min(32, node.harness.swarms.ipv4.length)
  expect(calls).toBeGreaterThan(segments + 1 + 50_000 / 500 / 10)
})

test('who left while a node heard nothing leaves it too, told by whoever heard of it', () => {
  const [a, b, c] = [new TestNode(), new TestNode({ phase: 0.5 }), new TestNode({ phase: 9.9 })]
  for (let peer = 0; peer < 100; peer++) a.announce(START, 1, peer)
  exchange(START, [a, b, c])
  // Now c hears nothing, and a is gone afterwards.
  for (let peer = 0; peer < 50; peer++) a.announce(START + 60, 1, peer, { event: 'stopped' })
  exchange(START + 60, [a, b])
  expect(b.members([1])).toHaveLength(50)
  for (const batch of b.answer(START + 120, 80)) c.receive(START + 120, batch)
  expect(c.members([1])).toEqual(b.members([1]))
  // Asked in turn, c brings nobody back.
  for (const batch of c.answer(START + 121, 1800)) b.receive(START + 121, batch)
  expect(b.members([1])).toHaveLength(50)
})

test('who has come back within a moment of a leave is told to a node that heard of neither', () => {
  const [a, b] = [new TestNode(), new TestNode({ phase: 0.5 })]
  a.announce(START, 1, 1)
  a.announce(START + 0.2, 1, 1, { event: 'stopped' })
  a.announce(START + 0.4, 1, 1)
  a.send(START + 0.5)
  a.send(START + 10)
  for (const batch of a.answer(START + 60, 1800)) b.receive(START + 60, batch)
  expect(b.members([1])).toEqual(a.members([1]))
  expect(b.members([1])).toHaveLength(1)
})

test('an answer of a node that missed a leave brings nobody back', () => {
  const [a, b] = [new TestNode(), new TestNode({ phase: 0.5 })]
  a.announce(START, 1, 1)
  exchange(START, [a, b])
  a.announce(START + 60, 1, 1, { event: 'stopped' })
  a.send(START + 60)
  for (const batch of b.answer(START + 70, 1800)) a.receive(START + 70, batch)
  expect(a.members([1])).toEqual([])
})

test('own records of an outage are kept, and sent with the ages that they have by then', () => {
  const [a, b] = [new TestNode(), new TestNode({ phase: 0.5 })]
  for (let peer = 0; peer < 100; peer++) a.announce(START, 1, peer)
  exchange(START, [a, b])
  for (let peer = 0; peer < 50; peer++) a.announce(START + 10, 1, peer, { event: 'stopped' })
  for (let peer = 200; peer < 220; peer++) a.announce(START + 20, 1, peer)
  a.packer.collect(a.secondAt(START + 20))
  // One of them has come to the other node meanwhile.
  b.announce(START + 300, 1, 7)
  exchange(START + 600, [a, b])
  exchange(START + 604, [a, b])
  expect(b.members([1])).toHaveLength(71)
  expect(a.members([1])).toEqual(b.members([1]))
  expect(a.packer.lost).toBe(0)
  b.harness.clean(b.secondAt(START + 720), 705, 1000)
  expect(b.members([1])).toHaveLength(21)
})

test('what is too much to keep is lost and counted, the oldest first', () => {
  const a = new TestNode({ waitingMax: 30 })
  for (let peer = 0; peer < 50; peer++) a.announce(START, 1, peer, { event: 'stopped' })
  const [batch] = a.send(START)
  expect(a.packer.lost).toBe(20)
  expect(batch[BATCH_RECORDS]).toBe(30)
  const last = batch[BATCH_HEAD_WORDS + RECORD_WORDS_IPV4 - 1]
  expect(kindOfRecord(last)).toBe(KIND_LEFT)
  expect(last & 0xffff).toBe(1000 + (20 % 4))
})

test('an answer beside announces has everybody who stays', () => {
  const old = new TestNode({ phase: 0.4 })
  fill(old, 20_000, START, 900, 3)
  const random = randomFrom(9)
  const log: Int32Array[] = []
  const batches = old.answer(START + 901, 1800, () => {
    for (let i = 0; i < 20; i++) {
      const event = random() < 0.5 ? 'stopped' : 'again'
      const torrent = Math.floor(random() ** 3 * TORRENTS.length)
      old.announce(START + 901, torrent, Math.floor(random() * 2000), { event })
    }
    log.push(...old.send(START + 901))
  })
  const rest = old.send(START + 906)
  // The log may come first, or last.
  for (const order of [
    [log, batches],
    [batches, log],
  ]) {
    const fresh = new TestNode({ phase: 1e6 + 0.8 })
    for (const batch of order.flat()) fresh.receive(START + 901.1, batch)
    for (const batch of rest) fresh.receive(START + 906, batch)
    expect(fresh.members(TORRENTS)).toEqual(old.members(TORRENTS))
    checkInvariants(fresh.harness)
  }
})
