// Who gets the offers of an announce where some of the peers are other nodes' (src/ws/worker/other-nodes.ts), and how their
// answers find the way back (src/ws/cluster/return-paths.ts).
import { expect, test } from 'bun:test'
import { SLOT_BITS } from '../../src/swarm/connections.ts'
import { ReturnPaths } from '../../src/ws/cluster/return-paths.ts'
import { ID_WORDS } from '../../src/ws/wire/request.ts'
import { randomWords } from '../support/random.ts'
import { ids, Network, type SimulatedNode } from './webtorrent-simulation.ts'

const ASKING = 1

/** Node a has so many peers of one torrent, and node b so many. */
function nodesWith(own: number, others: number, seeder = false): SimulatedNode[] {
  const words = randomWords(5)
  const network = new Network(() => words() / 2 ** 32)
  const [a, b] = ['a', 'b'].map((name) => network.start(name))
  network.run(8000)
  a.announce(1, ASKING, false)
  for (let i = 0; i < own; i++) a.announce(1, 1000 + i, seeder)
  for (let i = 0; i < others; i++) b.announce(1, 2000 + i, seeder)
  network.run(500)
  return [a, b]
}

test.each([
  // own, others, offers: to own, to others
  [0, 3, 1, 0, 1],
  [1, 3, 1, 1, 0],
  [3, 3, 1, 1, 0],
  [3, 3, 2, 1, 1],
  [3, 3, 3, 2, 1],
  [3, 3, 5, 3, 2],
  [3, 3, 9, 3, 3],
  [9, 0, 5, 5, 0],
  [9, 1, 5, 4, 1],
  [2, 0, 5, 2, 0],
  [40, 40, 0, 0, 0],
])('%d own and %d others, %d offers: %d and %d', (own, others, offers, toOwn, toOthers) => {
  const [a] = nodesWith(own, others)
  for (let i = 0; i < 20; i++) {
    const receivers = a.receiversOf(1, ASKING, offers)
    const count = receivers.filter(({ isOther }) => isOther).length
    expect([receivers.length - count, count]).toEqual([toOwn, toOthers])
    expect(new Set(receivers.map(({ id }) => id)).size).toBe(receivers.length)
  }
})

test('in a large swarm some of the own come first, too', () => {
  const [a] = nodesWith(300, 300)
  let own = 0
  for (let i = 0; i < 50; i++) {
    const receivers = a.receiversOf(1, ASKING, 5)
    expect(receivers).toHaveLength(5)
    own += receivers.filter(({ isOther }) => !isOther).length
  }
  // Four of five, but for samples with few of them.
  expect(own).toBeGreaterThan(150)
})

test('all of them get some: in a torrent of twelve, and of three hundred', () => {
  for (const [own, others, rounds] of [
    [6, 6, 300],
    [150, 150, 6000],
  ]) {
    const [a] = nodesWith(own, others)
    const seen = new Map<string, number>()
    for (let i = 0; i < rounds; i++) {
      for (const { id } of a.receiversOf(1, ASKING, 3)) seen.set(id, (seen.get(id) ?? 0) + 1)
    }
    expect(seen.size).toBe(own + others)
  }
})

test('seeders offer to leechers only, wherever they are', () => {
  const [a, b] = nodesWith(2, 2, true)
  expect(a.receiversOf(1, 7, 5, true)).toHaveLength(1)
  expect(b.receiversOf(1, 7, 5, true)).toHaveLength(1)
})

test('ways back are bounded, and the oldest make room', () => {
  const paths = new ReturnPaths(3, 4)
  const path = { node: 1, start: 2, connection: 3, generation: 4, seal: 5 }
  const peerId = ids(1, 2)
  const names = Array.from({ length: 6 }, (_, i) => {
    paths.add({ ...path, connection: i }, peerId, ID_WORDS)
    return { ...paths.name }
  })
  expect(names.map(({ id }) => id >>> SLOT_BITS)).toEqual(names.map(() => 3))
  expect(
    names.map(({ id, generation }) => (paths.take(id, generation) ? paths.found.connection : -1)),
  ).toEqual([...[-1, -1, 2, 3, 4, 5]])
  expect(names.some(({ id, generation }) => paths.take(id, generation))).toBe(false)
  expect(paths.take((3 << SLOT_BITS) | 77, 0)).toBe(false)
})
