// What nodes tell each other, applied: all have the same swarms, and nothing older replaces what is younger.
import { expect, test } from 'bun:test'
import { Harness, randomFrom } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { exchange, MAX_PEER_AGE, TestNode } from './node.ts'

const START = 10_000

function pair(): [TestNode, TestNode] {
  return [new TestNode({ phase: 0.3 }), new TestNode({ phase: 86_400.9 })]
}

test('who announces to one node is in the swarms of all', () => {
  const nodes = [...pair(), new TestNode({ phase: -5000 })]
  for (const family of ['ipv4', 'ipv6'] as const) {
    nodes[0].announce(START, 1, 1, { family, seeder: true, event: 'started' })
    nodes[1].announce(START, 1, 2, { family })
    nodes[2].announce(START, 2, 3, { family })
  }
  exchange(START + 0.05, nodes)
  expect(nodes[0].members([1, 2])).toHaveLength(6)
  for (const node of nodes) expect(node.members([1, 2])).toEqual(nodes[0].members([1, 2]))
  expect(nodes[0].members([1])).toContain('ipv6 1:1 seeder')
})

test('a stop at one node takes a peer that came to another away from all', () => {
  const [a, b] = pair()
  a.announce(START, 1, 1)
  exchange(START + 0.05, [a, b])
  b.announce(START + 0.1, 1, 1, { event: 'stopped' })
  exchange(START + 0.2, [a, b])
  expect(a.members([1])).toEqual([])
  expect(b.members([1])).toEqual([])
  expect(a.applier.counts.left).toBe(1)
})

test('a leave that arrives late removes nobody who has come back', () => {
  const [a, b] = pair()
  a.announce(START, 1, 1)
  exchange(START, [a, b])
  a.announce(START + 100, 1, 1, { event: 'stopped' })
  const late = a.send(START + 100.5)
  b.announce(START + 110, 1, 1)
  for (const batch of late) b.receive(START + 100.6, batch)
  expect(b.members([1])).toHaveLength(1)
  // Its announce at b was only a renewal, which is not told every time: so b tells it again.
  exchange(START + 115, [a, b])
  expect(a.members([1])).toHaveLength(1)
  expect(a.members([1])).toEqual(b.members([1]))
})

test('a record that is older than a leave brings nobody back', () => {
  const [a, b] = pair()
  a.announce(START, 1, 1)
  const late = a.send(START + 0.1)
  b.announce(START + 20, 1, 1, { event: 'stopped' })
  // Twenty seconds under way would be counted by the link; here the sender has sent it late.
  a.announce(START + 1, 1, 2)
  exchange(START + 21, [a, b])
  for (const batch of late) b.receive(START + 1, batch)
  expect(b.members([1])).toEqual(['ipv4 1:2 leecher'])
  expect(a.members([1])).toEqual(b.members([1]))
})

test('whoever takes the lock after a leave knows of it: an older record brings nobody back', () => {
  const node = new TestNode()
  const other = new TestNode()
  other.announce(START - 10, 1, 1)
  const [old] = other.send(START - 10)
  node.announce(START, 1, 1)
  // The cluster's thread waits for the lock meanwhile, and has it as soon as it is given back.
  const table = node.harness.tableOf('ipv4', 1)
  const unlock = table.unlock.bind(table)
  table.unlock = () => {
    unlock()
    table.unlock = unlock
    node.receive(START, old)
  }
  node.announce(START, 1, 1, { event: 'stopped' })
  expect(node.applier.counts.stale).toBe(1)
  expect(node.members([1])).toEqual([])
  checkInvariants(node.harness)
})

test('who stops and starts again within a second is back everywhere within some seconds', () => {
  const [a, b] = pair()
  a.announce(START, 1, 1)
  a.announce(START + 0.2, 1, 1, { event: 'stopped' })
  a.announce(START + 0.4, 1, 1)
  exchange(START + 0.5, [a, b])
  exchange(START + 5, [a, b])
  expect(a.members([1])).toHaveLength(1)
  expect(b.members([1])).toEqual(a.members([1]))
})

test('who comes back within a moment of a leave, and leaves again, is gone everywhere', () => {
  for (let stay = 0; stay < 8; stay += 0.5) {
    const [a, b] = pair()
    a.announce(START, 1, 1)
    a.announce(START + 0.2, 1, 1, { event: 'stopped' })
    a.announce(START + 0.4, 1, 1)
    for (let time = 0; time <= stay; time += 0.25) exchange(START + 0.4 + time, [a, b])
    a.announce(START + 0.4 + stay, 1, 1, { event: 'stopped' })
    for (let time = stay; time < 15; time += 0.5) exchange(START + 0.5 + time, [a, b])
    expect([stay, ...a.members([1]), ...b.members([1])]).toEqual([stay])
  }
})

test('a download that completes is counted once by every node, whoever hears of it twice', () => {
  const [a, b] = pair()
  a.announce(START, 1, 1)
  exchange(START, [a, b])
  a.announce(START + 10, 1, 1, { seeder: true, event: 'completed' })
  const batches = a.send(START + 10)
  for (const batch of batches) b.receive(START + 10, batch)
  for (const batch of batches) b.receive(START + 10, batch)
  b.announce(START + 11, 1, 1, { seeder: true, event: 'completed' })
  exchange(START + 12, [a, b])
  expect([a.completedOf(1), b.completedOf(1)]).toEqual([1, 1])
  // The leecher's record was lost.
  a.announce(START, 2, 1)
  a.send(START)
  a.announce(START + 10, 2, 1, { seeder: true, event: 'completed' })
  exchange(START + 10, [a, b])
  expect([a.completedOf(2), b.completedOf(2)]).toEqual([1, 1])
})

test('a renewal is told once per period only, and often enough that nobody expires', () => {
  const [a, b] = pair()
  let told = 0
  a.announce(START, 1, 1)
  exchange(START, [a, b])
  for (let time = START; time < START + 10 * MAX_PEER_AGE; time += 30) {
    a.announce(time, 1, 1)
    const batches = a.send(time)
    told += batches.length
    for (const batch of batches) b.receive(time, batch)
    b.harness.clean(b.secondAt(time), MAX_PEER_AGE, 1000)
    expect(b.members([1])).toHaveLength(1)
  }
  expect(told).toBeGreaterThan(10)
  expect(told).toBeLessThan(40)
})

test('what is refused here is refused from other nodes too: ceilings, addresses per torrent', () => {
  const a = new TestNode()
  const harness = new Harness()
  const b = new TestNode({ harness })
  const totals = new Int32Array(harness.buffers.control)
  totals[3] = 5
  for (let peer = 0; peer < 20; peer++) a.announce(START, 1, peer)
  exchange(START, [a, b])
  expect(b.members([1])).toHaveLength(5)
  expect(b.applier.counts.noRoom).toBe(15)
})

test('thousands of announces at random nodes leave the same swarms everywhere', () => {
  const nodes = [...pair(), new TestNode({ phase: 77.77, workers: 3 })]
  const random = randomFrom(5)
  const torrents = [1, 2, 3, 4, 5]
  let time = START
  for (let i = 0; i < 3000; i++) {
    const node = nodes[Math.floor(random() * nodes.length)]
    const event = random() < 0.1 ? 'stopped' : random() < 0.1 ? 'completed' : 'again'
    const seeder = event === 'completed' || random() < 0.3
    const family = random() < 0.5 ? 'ipv4' : 'ipv6'
    const torrent = torrents[Math.floor(random() ** 2 * torrents.length)]
    node.announce(time, torrent, Math.floor(random() * 200), { event, seeder, family })
    exchange(time, nodes)
    time += random() * 0.2
  }
  exchange(time + 10, nodes)
  for (const node of nodes) {
    expect(node.members(torrents)).toEqual(nodes[0].members(torrents))
    checkInvariants(node.harness)
  }
  expect(nodes[0].members(torrents).length).toBeGreaterThan(200)
}, 60_000)
