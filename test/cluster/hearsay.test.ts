// Runs of nodes that this one knows from others only (survivors.ts), who may have made them up; in simulated time.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { finishBatch } from '../../src/cluster/batch.ts'
import { HEARD, NODES_MAX, writeControl } from '../../src/cluster/control.ts'
import {
  BATCH_CLOCK,
  BATCH_OFFSET,
  BATCH_WORDS_MAX,
  PURPOSE_LOG,
} from '../../src/cluster/layout.ts'
import { randomWords } from '../support/random.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { Simulation } from './simulation.ts'

// A machine that does other things is many times slower.
setDefaultTimeout(300_000)

const JOIN = 9000
const SECOND = 1000
const START = 77

function cluster(names: string): [Simulation, ...SimulatedNode[]] {
  const word = randomWords(1)
  const all = new Simulation(() => word() / 2 ** 32)
  const nodes = [...names].map((name) => all.add(name))
  all.run(JOIN)
  return [all, ...nodes]
}

class Liar {
  private readonly all: Simulation
  private readonly node: SimulatedNode

  constructor(all: Simulation) {
    this.all = all
    this.node = all.add('x')
    this.node.isStopped = true
  }

  beat(): void {
    const head = { purpose: PURPOSE_LOG, ticket: 0, ageUnit: 1, ipv4: true, sequence: 0 }
    const words = new Int32Array(BATCH_WORDS_MAX)
    const about = { ...head, start: START, records: 0, sent: this.all.now }
    const batch = finishBatch(words, about)
    const [node] = this.all.nodes
    batch[BATCH_CLOCK] = node.clock.id
    batch[BATCH_OFFSET] = node.clock.offset + node.second() - this.all.second
    this.node.engine.publish('aq.log.x', new Uint8Array(batch.buffer, 0, batch.byteLength))
  }

  /** Of so many runs that nobody else has heard of, from this start on. */
  tell(first: number, count: number): void {
    const heard = Array.from({ length: count }, (_, i) => ({
      ...{ name: `y${i}`, start: first + i, sequence: 5, highest: 5, missing: 0 },
    }))
    const message = { kind: HEARD, ticket: 0, start: START, heard } as const
    this.node.engine.publish('aq.to.all.x', writeControl(message))
  }
}

function walks(...nodes: SimulatedNode[]): number {
  return nodes.reduce((sum, { link }) => sum + link.asking.counts.walks, 0)
}

test('runs that a node makes up have others walk less and less, and hide none that has ended', () => {
  const [all, a, b, c] = cluster('abc')
  const start = a.link.nodes.get('c')?.start ?? 0
  c.kill()
  all.run(10 * SECOND)
  all.add('c')
  all.run(15 * SECOND)
  const { ended } = a.link.nodes
  expect(ended.map((run) => run.start)).toEqual([start])
  const liar = new Liar(all)
  const before = walks(a, b)
  for (let second = 1; second <= 200; second++) {
    liar.beat()
    if (second % 5 === 0) liar.tell(1000 * second, NODES_MAX - 1)
    all.run(SECOND)
  }
  const more = walks(a, b) - before
  expect(more).toBeGreaterThan(5)
  // Two nodes: at once, while pauses double, and each minute.
  expect(more).toBeLessThanOrEqual(2 * (6 + 5 + 3))
  expect(ended.length).toBe(NODES_MAX)
  expect(ended[0].start).toBe(start)
})

test('what only a node had that is gone is not sought for ever', () => {
  const [all, a, b] = cluster('ab')
  const liar = new Liar(all)
  liar.beat()
  liar.tell(1000, 1)
  const before = walks(a, b)
  all.run(300 * SECOND)
  // Of each node, after those that failed: one.
  expect(walks(a, b) - before).toBeLessThanOrEqual(8)
})
