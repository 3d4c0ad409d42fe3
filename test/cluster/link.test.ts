// The protocol between nodes (src/cluster/link.ts), in simulated time.
import { describe, expect, test } from 'bun:test'
import { Batch } from '../../src/cluster/batch.ts'
import { ASK_WALK, END_OF_SEGMENT, writeControl } from '../../src/cluster/control.ts'
import { BATCH_START } from '../../src/cluster/layout.ts'
import { randomWords } from '../support/random.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { CALM, Simulation } from './simulation.ts'

/** Until nodes have joined, and have taken over what the others had. */
const JOIN = 9000

function simulation(seed = 1): Simulation {
  const word = randomWords(seed)
  return new Simulation(() => word() / 2 ** 32)
}

/** Nodes that know each other. */
function cluster(names: string, seed = 1, options = {}): [Simulation, ...SimulatedNode[]] {
  const all = simulation(seed)
  const nodes = [...names].map((name) => all.add(name, options))
  all.run(JOIN)
  return [all, ...nodes]
}

function same(...nodes: SimulatedNode[]): void {
  for (const node of nodes) expect(node.swarm()).toEqual(nodes[0].swarm())
}

function seen(node: SimulatedNode, key: number): number {
  return node.snapshot().get(key)?.seen ?? 0
}

test('who announces to one node is known to the other', () => {
  const [all, a, b] = cluster('ab')
  a.announce(1, false)
  all.run(120)
  expect(b.swarm()).toEqual(['1'])
  b.announce(2, true)
  a.leave(1)
  all.run(120)
  expect(a.swarm()).toEqual(['2 seeds'])
  same(a, b)
})

test('a batch that is lost is asked for, and sent again', () => {
  const [all, a, b] = cluster('ab')
  const walks = b.link.asking.counts.walks
  all.weather.loss = 1
  a.announce(1, false)
  a.announce(2, false)
  all.run(500)
  a.leave(2)
  all.run(200)
  all.weather = { ...CALM }
  all.run(2500)
  expect(b.swarm()).toEqual(['1'])
  expect(b.link.asking.counts.walks).toBe(walks)
  expect(a.link.sender.counts.again).toBeGreaterThan(0)
})

test('what was missed of a node that is heard and hears nothing is learnt from others', () => {
  const [all, a, b, c] = cluster('abc')
  // Until each has asked all others, as all have started.
  all.run(20_000)
  a.engine.isDeaf = true
  c.engine.isDeaf = true
  c.announce(1, false)
  all.run(500)
  a.engine.isDeaf = false
  all.run(2000)
  expect(b.swarm()).toEqual(['1'])
  expect(a.swarm()).toEqual([])
  all.run(15_000)
  same(a, b)
  // It answers again, so it is asked itself again.
  const { walks } = a.link.asking.counts
  c.engine.isDeaf = false
  all.run(20_000)
  a.engine.isDeaf = true
  c.announce(2, false)
  all.run(500)
  a.engine.isDeaf = false
  all.run(5000)
  same(a, b, c)
  expect(a.swarm()).toEqual(['1', '2'])
  expect(a.link.asking.counts.walks).toBe(walks)
})

test('a node that starts takes over what the others have, by one walk', () => {
  const [all, a, b] = cluster('ab', 1, { sentBytesMax: 16_384 })
  for (let key = 0; key < 2000; key++) (key % 2 === 0 ? a : b).announce(key, false)
  all.run(60_000)
  const c = all.add('c', { sentBytesMax: 16_384 })
  all.run(10_000)
  same(a, b, c)
  expect(c.swarm().length).toBe(2000)
  expect(c.link.asking.counts.walks).toBe(1)
})

test('what was missed while there was no engine comes with its age, leaves included', () => {
  const [all, a, b] = cluster('ab')
  const walks = () => a.link.asking.counts.walks + b.link.asking.counts.walks
  const before = walks()
  a.announce(1, false)
  all.run(200)
  for (const node of [a, b]) node.engine.part = null
  all.run(30_000)
  a.leave(1)
  a.announce(2, true)
  b.announce(3, false)
  all.run(60_000)
  for (const node of [a, b]) node.engine.part = 0
  all.run(4000)
  same(a, b)
  expect(a.swarm()).toEqual(['2 seeds', '3'])
  expect(Math.abs(seen(b, 2) - seen(a, 2))).toBeLessThan(2)
  expect(walks()).toBe(before)
})

test('two halves, an engine in each: all have the same soon after they meet', () => {
  const [all, ...nodes] = cluster('abcd')
  const [a, b, c, d] = nodes
  for (const node of [c, d]) node.engine.part = 1
  all.run(20_000)
  for (let key = 0; key < 100; key++) nodes[key % 4].announce(key, false)
  all.run(20_000)
  for (const node of [c, d]) node.engine.part = 0
  all.run(4000)
  same(a, b, c, d)
  expect(a.swarm().length).toBe(100)
})

test('after an outage that was too long to keep everything, each walks once for all others', () => {
  const [all, ...nodes] = cluster('abcdef', 1, { sentBytesMax: 16_384 })
  for (const node of nodes) node.engine.part = null
  for (let round = 0; round < 600; round++) {
    nodes[round % 6].announce(round, false)
    all.run(200)
  }
  nodes.forEach((node, index) => {
    node.engine.part = index < 3 ? 0 : 1
  })
  all.run(30_000)
  for (const node of nodes) node.engine.part = 0
  all.run(30_000)
  same(...nodes)
  expect(nodes[0].swarm().length).toBe(600)
})

test('a batch that an engine held for minutes does not make anybody younger', () => {
  const [all, a, b] = cluster('ab')
  a.announce(1, false)
  a.announce(2, false)
  all.run(10)
  all.hold()
  a.leave(2)
  all.run(300_000)
  b.announce(2, false)
  all.run(10)
  all.release()
  all.run(3000)
  same(a, b)
  expect(b.swarm()).toEqual(['1', '2'])
  expect(seen(b, 1)).toBeLessThanOrEqual(seen(a, 1) + 1)
})

test('records that found no room are noticed, and what they said is walked for', () => {
  const [all, a, b] = cluster('ab')
  const { walks } = b.link.asking.counts
  a.announce(1, false)
  a.overflow()
  all.run(8000)
  expect(b.swarm()).toEqual(['1'])
  expect(a.link.sender.counts.lost).toBe(1)
  expect(b.link.asking.counts.walks).toBe(walks + 1)
})

test('another max_peer_age holds for what is kept for others, and for when a node is forgotten', () => {
  const [all, a, b] = cluster('ab')
  a.announce(1, false)
  all.run(1000)
  for (const { link } of [a, b]) link.setMaxPeerAge(60)
  b.kill()
  all.run(70_000)
  expect(a.link.nodes.all()).toEqual([])
  const { oldest } = a.link.sender.sent
  a.announce(2, false)
  all.run(1000)
  expect(a.link.sender.sent.oldest).toBeGreaterThan(oldest)
})

test('who asks for one walk after another gets some, and is then told to ask elsewhere', () => {
  const [all, a, b] = cluster('ab')
  for (let key = 0; key < 50; key++) a.announce(key, false)
  all.run(60_000)
  const { walks } = a.link.answering.counts
  let start = 0
  b.engine.subscribe('aq.log.a', (bytes) => {
    start = new Int32Array(bytes.slice().buffer)[BATCH_START] >>> 0
  })
  all.run(2000)
  const ask = { kind: ASK_WALK, ticket: 1, start, seconds: 60, segment: 0 } as const
  for (let walk = 1000; walk < 2000; walk++) {
    b.engine.publish('aq.sync.a.b', writeControl({ ...ask, walk }))
    all.run(2)
  }
  all.run(1000)
  expect(a.link.answering.counts.walks - walks).toBe(4)
  expect(a.link.answering.counts.busy).toBeGreaterThan(900)
  all.run(60_000)
  b.engine.publish('aq.sync.a.b', writeControl({ ...ask, walk: 2000 }))
  all.run(1000)
  expect(a.link.answering.counts.walks - walks).toBe(5)
})

test('of parts of a walk only those are taken that a segment can have', () => {
  const all = simulation()
  const a = all.add('a')
  for (let key = 0; key < 400; key++) a.announce(key, false)
  all.run(JOIN)
  const b = all.add('b')
  while (!b.link.asking.isWalking) all.run(20)
  const [source] = b.link.nodes.all()
  const { start } = source
  const part = (sequence: number) => {
    for (let ticket = 0; ticket < 40; ticket++) {
      const batch = Object.assign(new Batch(), { start, ticket, sequence })
      if (b.link.asking.part(source, batch, all.now)) return true
    }
    return false
  }
  expect([part(2 ** 31), part(64), part(63)]).toEqual([false, false, true])
  // Nor does a segment end before it is full, unless it is the last one.
  const { requests } = b.link.asking.counts
  for (let ticket = 0; ticket < 40; ticket++) {
    const end = { kind: END_OF_SEGMENT, ticket, start, segment: 0, isLast: false } as const
    b.link.asking.heardOf(source, { ...end, parts: 1, heard: [] }, all.now)
  }
  expect(b.link.asking.counts.requests).toBe(requests)
})

describe('names', () => {
  test('whoever starts under a name that is used shares nothing, says why, and joins when it is free', () => {
    const [all, a, b] = cluster('ab')
    const second = all.add('a')
    all.run(20_000)
    second.announce(5, false)
    all.run(5000)
    expect(second.link.state).toBe('taken')
    expect(second.told.join('\n')).toContain('another node has the name a')
    expect([a.link.state, b.swarm()]).toEqual(['joined', []])
    a.kill()
    all.run(12_000)
    expect(second.link.state).toBe('joined')
    expect(b.swarm()).toEqual(['5'])
  })

  test('of two that meet after a partition, one goes on', () => {
    const all = simulation()
    const a = all.add('a')
    const b = all.add('b')
    const other = all.add('a')
    other.engine.part = 1
    all.run(JOIN)
    other.engine.part = 0
    all.run(5000)
    expect([a, other].map(({ link }) => link.state).sort()).toEqual(['joined', 'taken'])
    const [on] = [a, other].filter(({ link }) => link.state === 'joined')
    on.announce(1, false)
    all.run(5000)
    expect(b.swarm()).toEqual(['1'])
  })

  test('a process that takes over has the name as soon as the other has left', () => {
    const [all, a] = cluster('ab')
    const next = all.add('a')
    all.run(5000)
    expect(next.link.state).toBe('taken')
    a.link.leave()
    a.kill()
    all.run(3000)
    expect(next.link.state).toBe('joined')
    expect(next.told.join('\n')).not.toContain('another node')
  })
})

test('a node that leaves is not missed, one that dies is', () => {
  const [all, a, b, c] = cluster('abc')
  b.link.leave()
  b.kill()
  c.kill()
  all.run(15_000)
  expect(a.told).toContain('info: b has left')
  expect(a.told.filter((text) => text.includes('nothing from'))).toHaveLength(1)
})
