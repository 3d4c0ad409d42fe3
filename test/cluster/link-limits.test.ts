// What the link (src/cluster/link.ts) does with nodes that ask for too much, say too much or have its name; in simulated time.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Batch, finishBatch } from '../../src/cluster/batch.ts'
import { Budgets } from '../../src/cluster/budgets.ts'
import {
  ASK_BATCHES,
  ASK_WALK,
  type Control,
  NODES_MAX,
  writeControl,
} from '../../src/cluster/control.ts'
import {
  BATCH_CLOCK,
  BATCH_HEAD_WORDS,
  BATCH_OFFSET,
  BATCH_OLDEST,
  BATCH_RECORDS_MAX,
  BATCH_START,
  BATCH_WORDS_MAX,
  KIND_SEEN,
  PURPOSE_LOG,
  RECORD_ADDRESS,
  RECORD_AGE_SHIFT,
  RECORD_KIND_SHIFT,
  RECORD_WORDS_IPV4,
} from '../../src/cluster/layout.ts'
import { APPLY, Node } from '../../src/cluster/nodes.ts'
import { Disconnected } from '../../src/cluster/telling.ts'
import { viewOf } from '../../src/cluster/view.ts'
import { randomWords } from '../support/random.ts'
import { TestNode } from './node.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { Simulation } from './simulation.ts'

// A machine that does other things is many times slower.
setDefaultTimeout(300_000)

const JOIN = 9000
const SECOND = 1000
const MIB = 2 ** 20
/** Longer than peers are kept, so that records cost little. */
const LONG_AGO = 2000

function cluster(names: string, options = {}): [Simulation, ...SimulatedNode[]] {
  const word = randomWords(1)
  const all = new Simulation(() => word() / 2 ** 32)
  const nodes = [...names].map((name) => all.add(name, options))
  all.run(JOIN)
  return [all, ...nodes]
}

/** A node that says what the test has it say. */
class Rogue {
  /** Of the node that it hears. */
  start = 0
  bytes = 0
  private readonly all: Simulation
  private readonly node: SimulatedNode
  private readonly own = 77

  constructor(all: Simulation, name = 'x', hearsFor = 2 * SECOND) {
    this.all = all
    this.node = all.add(name)
    this.node.isStopped = true
    this.node.engine.subscribe('aq.log.a', (bytes) => {
      this.start = new Int32Array(bytes.slice().buffer)[BATCH_START] >>> 0
    })
    for (const subject of [`aq.to.${name}.*`, 'aq.to.all.*']) {
      this.node.engine.subscribe(subject, (bytes) => {
        this.bytes += bytes.length
      })
    }
    all.run(hearsFor)
  }

  /** It hears nothing from now on, which takes less time to simulate. */
  deafen(): void {
    this.node.isAlive = false
  }

  ask(message: Control): void {
    this.node.engine.publish(`aq.sync.a.${this.node.name}`, writeControl(message))
  }

  askForBatches(from: number, to: number): void {
    this.ask({ kind: ASK_BATCHES, ticket: 1, start: this.start, ranges: [{ from, to }] })
  }

  /** A batch of this sequence, or a beat; older ones than `oldest` are not to be had. */
  say(sequence: number, { records = 0, oldest = 1, start = this.own, subject = 'aq.log.x' } = {}) {
    const words = new Int32Array(BATCH_WORDS_MAX)
    for (let i = 0; i < records; i++) {
      const at = BATCH_HEAD_WORDS + i * RECORD_WORDS_IPV4
      words[at + RECORD_ADDRESS] = 5_000_000 + i
      words[at + RECORD_WORDS_IPV4 - 1] =
        6881 | (KIND_SEEN << RECORD_KIND_SHIFT) | (LONG_AGO << RECORD_AGE_SHIFT)
    }
    const head = { purpose: PURPOSE_LOG, ticket: 0, ageUnit: 1, ipv4: true }
    const batch = finishBatch(words, { ...head, sequence, start, records, sent: this.all.now })
    batch[BATCH_OLDEST] = oldest
    // The clock of the node that hears it.
    const [node] = this.all.nodes
    batch[BATCH_CLOCK] = node.clock.id
    batch[BATCH_OFFSET] = node.clock.offset + node.second() - this.all.second
    this.node.engine.publish(subject, new Uint8Array(batch.buffer, 0, batch.byteLength))
  }
}

test('a budget: so much at once, then so much a second, of each node', () => {
  const budgets = new Budgets(10, 50)
  budgets.spend('a', 50, 0)
  expect([budgets.freeAt('a', 0, 0), budgets.freeAt('a', 10, 0)]).toEqual([0, 1000])
  expect(budgets.freeAt('b', 50, 0)).toBe(0)
  budgets.spend('a', 20, 0)
  expect(budgets.freeAt('a', 0, 0)).toBe(2000)
  // After the time that it takes, all of it.
  expect(budgets.freeAt('a', 50, 7000)).toBe(7000)
  // A spoofed name costs memory, so there are as many as there can be nodes.
  for (let name = 2; name < NODES_MAX; name++) budgets.spend(`n${name}`, 40, 7000)
  budgets.spend('a', 1, 7000)
  expect(budgets.freeAt('last', 1, 7000)).toBe(7000)
  budgets.spend('last', 1, 7000)
  expect(budgets.freeAt('one more', 1, 7000)).toBe(Number.POSITIVE_INFINITY)
  expect(budgets.freeAt('one more', 1, 70_000)).toBe(70_000)
})

test('who asks for the same batches without end gets what is kept twice, and then so much a second', () => {
  const [all, a] = cluster('ab', { records: 32_768 })
  for (let key = 0; key < 20_000; key++) a.announce(key, false)
  all.run(15 * SECOND)
  const rogue = new Rogue(all)
  const { next, oldest } = a.link.sender.sent
  const seconds = 20
  for (let i = 0; i < seconds * 10; i++) {
    rogue.askForBatches(oldest, next)
    all.run(100)
  }
  expect(rogue.bytes).toBeGreaterThan(MIB)
  expect(rogue.bytes).toBeLessThan((128 + 4 * seconds + 1) * MIB)
  // The stream is not larger than that here, so the budget is made smaller.
  const budgets = new Budgets(1000, 100_000)
  Object.assign(a.link.answering, { againBytes: budgets })
  const before = rogue.bytes
  for (let i = 0; i < seconds * 10; i++) {
    rogue.askForBatches(oldest, next)
    all.run(100)
  }
  const more = rogue.bytes - before
  expect(more).toBeGreaterThan(100_000)
  expect(more).toBeLessThan(100_000 + seconds * 1000 + 40_000)
  expect(a.link.answering.counts.held).toBeGreaterThan(10)
})

test('a segment of a walk that is asked for again and again counts too', () => {
  const [all, a] = cluster('ab')
  for (let key = 0; key < 2000; key++) a.announce(key, false)
  all.run(10 * SECOND)
  Object.assign(a.link.answering, { againBytes: new Budgets(1000, 100_000) })
  const rogue = new Rogue(all)
  const walk = { kind: ASK_WALK, start: rogue.start, seconds: 600, segment: 0, walk: 5 } as const
  for (let ticket = 0; ticket < 400; ticket++) {
    rogue.ask({ ...walk, ticket })
    all.run(100)
  }
  expect(rogue.bytes).toBeGreaterThan(60_000)
  expect(rogue.bytes).toBeLessThan(100_000 + 40_000 + 100_000)
  expect(a.link.answering.counts.held).toBeGreaterThan(200)
})

test('who always lacks something it cannot send again has the others walk less and less', () => {
  const [all, a, b] = cluster('ab')
  const rogue = new Rogue(all)
  const walks = () => a.link.asking.counts.walks + b.link.asking.counts.walks
  rogue.say(1, { records: 1 })
  all.run(SECOND)
  const before = walks()
  let sequence = 10
  for (let i = 0; i < 600; i++) {
    sequence += 10
    rogue.say(sequence, { oldest: sequence })
    all.run(SECOND)
  }
  expect(walks() - before).toBeGreaterThan(10)
  // Two nodes, ten minutes.
  expect(walks() - before).toBeLessThan(2 * (6 + 5 + 11))
  // What others miss is walked for at once meanwhile.
  a.announce(1, false)
  a.overflow()
  all.run(8 * SECOND)
  expect(b.swarm()).toContain('1')
})

test('so many messages and records of one node', () => {
  const node = new Node('x', 0)
  const batch = Object.assign(new Batch(), { start: 7, records: BATCH_RECORDS_MAX })
  let now = 100_000
  const hear = (batches: number) => {
    let applied = 0
    for (let i = 0; i < batches; i++) {
      batch.sequence++
      if (node.hear(batch, false, true, now) === APPLY) applied++
    }
    return applied * BATCH_RECORDS_MAX
  }
  expect(Math.abs(hear(8000) - 3_000_000)).toBeLessThanOrEqual(BATCH_RECORDS_MAX)
  // What is left out is missing, and not taken for known.
  expect(node.counts.overLimit).toBeGreaterThan(1990)
  expect(node.holes.size()).toBe(node.counts.overLimit)
  now += 2000
  expect(Math.abs(hear(3000) - 600_000)).toBeLessThanOrEqual(BATCH_RECORDS_MAX)
  let talked = 0
  for (let i = 0; i < 60_000; i++) if (node.mayTalk(now)) talked++
  expect(Math.abs(talked - 50_000)).toBeLessThanOrEqual(1)
})

test('messages over the limit are not looked at; the others are heard as before', () => {
  const [all, a, b] = cluster('ab')
  const rogue = new Rogue(all)
  rogue.say(1, { records: 1 })
  all.run(SECOND)
  const before = a.link.results[0]
  const node = a.link.nodes.get('x')
  // As after fifty thousand.
  while (node?.mayTalk(a.milliseconds));
  for (let i = 0; i < 2000; i++) rogue.say(1)
  all.run(100)
  expect(a.link.results[0] - before).toBeLessThan(1100)
  b.announce(1, false)
  all.run(SECOND)
  expect(a.swarm()).toContain('1')
})

test('one node takes half of the time that records take to apply, if there are others', () => {
  const heard = (isOneOfSeveral: boolean) => {
    const node = new Node('x', 0)
    const batch = Object.assign(new Batch(), { start: 7, records: 1 })
    node.isOneOfSeveral = isOneOfSeveral
    let applied = 0
    // Half a millisecond for each, as fast as they can be applied.
    for (let now = 100_000; now < 160_000; now += 0.5) {
      batch.sequence++
      if (node.hear(batch, false, true, now) !== APPLY) continue
      applied += 0.5
      node.took(0.5, now)
    }
    return applied / 60_000
  }
  expect(heard(true)).toBeCloseTo(0.5 + 5 / 60, 1)
  expect(heard(false)).toBe(1)
})

test('a start of 0 is none, neither of a batch nor in a request', () => {
  const [all, a] = cluster('ab')
  const rogue = new Rogue(all)
  rogue.say(1, { start: 0, records: 1 })
  rogue.ask({ kind: ASK_WALK, ticket: 1, start: 0, seconds: 1, segment: 0, walk: 1 })
  all.run(SECOND)
  expect(a.link.nodes.all().map(({ name }) => name)).toEqual(['b'])
  expect(a.link.counts.badControls).toBe(1)
})

test('who says only what cannot be used is neither missed nor remembered', () => {
  const [all, a] = cluster('ab')
  for (let i = 0; i < NODES_MAX + 50; i++) {
    const rogue = new Rogue(all, `x${i}`, 0)
    rogue.deafen()
    rogue.say(1, { subject: `aq.to.a.x${i}`, records: 1 })
    rogue.ask({ kind: ASK_WALK, ticket: 1, start: 9, seconds: 1, segment: 0, walk: 1 })
    all.run(SECOND / 10)
  }
  all.run(30 * SECOND)
  expect(a.link.nodes.all().map(({ name }) => name)).toEqual(['b'])
  expect(a.told.join()).not.toMatch(/nothing from|Infinity|NaN/)
  // There is room for a node.
  const c = all.add('c')
  all.run(JOIN)
  expect(c.link.state).toBe('joined')
  expect(a.link.nodes.get('c')?.isHeard(all.now)).toBe(true)
})

test('no connection: told at once, and once a minute, with what to do', () => {
  const told: string[] = []
  const disconnected = new Disconnected((severity, text) => told.push(`${severity}: ${text}`), 0)
  // The first attempt is under way.
  for (let now = 0; now < 3 * SECOND; now += 10) disconnected.turn('', now)
  expect(told).toEqual([])
  for (let now = 3 * SECOND; now < 124 * SECOND; now += 10) disconnected.turn('timeout', now)
  const remedy = 'Check that the server runs and can be reached, and [cluster] servers'
  expect(told).toEqual([
    `warning: no connection: timeout. ${remedy}`,
    `warning: no connection for 63 s: timeout. ${remedy}`,
    `warning: no connection for 123 s: timeout. ${remedy}`,
  ])
  disconnected.begin(130 * SECOND)
  disconnected.turn('Authorization Violation', 130 * SECOND)
  const account =
    'Check [cluster] credentials, user and credentials_path, and the account of this node on the server'
  expect(told[3]).toBe(`warning: no connection: Authorization Violation. ${account}`)
  // Something else is wrong meanwhile: told at once, and each once.
  for (let now = 131; now < 180; now++) {
    disconnected.turn(
      now % 2 === 0 ? 'connection refused' : 'Authorization Violation',
      now * SECOND,
    )
  }
  expect(told.slice(4)).toEqual([`warning: no connection for 2 s: connection refused. ${remedy}`])
})

test('a node that has joined catches up until it has what the others have', () => {
  const [all, a] = cluster('ab')
  for (let key = 0; key < 400; key++) a.announce(key, false)
  all.run(10 * SECOND)
  const c = all.add('c')
  const own = { applied: new TestNode().applier.counts, untold: 0, tooLong: 0 }
  const isCatchingUp = () => viewOf(c.link, null, own, all.now).isCatchingUp
  while (c.link.state !== 'joined') all.run(20)
  expect(isCatchingUp()).toBe(true)
  while (isCatchingUp()) {
    expect(c.swarm().length).toBeLessThanOrEqual(400)
    all.run(20)
  }
  expect(c.swarm().length).toBe(400)
})

describe('a name in use', () => {
  test('is told of again and again, until it is free', () => {
    const [all] = cluster('ab')
    const second = all.add('a')
    all.run(5 * 60 * SECOND)
    const told = second.told.filter((text) => text.includes('another node has the name a'))
    expect(told.length).toBe(5)
    expect(told[4]).toMatch(/\(for 2[45]\d s so far\)$/)
    expect([second.link.state, second.link.isNameTaken]).toEqual(['taken', true])
    all.nodes[0].kill()
    all.run(12 * SECOND)
    expect([second.link.state, second.link.isNameTaken]).toEqual(['joined', false])
    all.run(5 * 60 * SECOND)
    expect(second.told.filter((text) => text.includes('has the name a')).length).toBe(5)
  })

  test('a node that was killed and starts at once has its own, also while old messages are on their way', () => {
    const [all, a, b] = cluster('ab')
    all.weather = { loss: 0, repeat: 0.5, delay: 500, spread: 2000 }
    a.kill()
    const next = all.add('a')
    next.announce(3, true)
    all.run(15 * SECOND)
    expect(next.link.state).toBe('joined')
    expect(next.told.join('\n')).not.toContain('another node')
    expect(b.swarm()).toEqual(['3 seeds'])
  })

  test('two that start in the same instant: one goes on, the other says so', () => {
    for (let run = 0; run < 20; run++) {
      const word = randomWords(run + 1)
      const all = new Simulation(() => word() / 2 ** 32)
      const b = all.add('b')
      all.run(JOIN)
      const both = [all.add('a'), all.add('a')]
      all.run(20 * SECOND)
      const states = both.map(({ link }) => link.state)
      expect(states.toSorted()).toEqual(['joined', 'taken'])
      const on = both[states.indexOf('joined')]
      on.announce(1, false)
      both[states.indexOf('taken')].announce(2, false)
      all.run(5 * SECOND)
      expect(b.swarm()).toEqual(['1'])
      expect(both[states.indexOf('taken')].told.join()).toContain('another node has the name a')
    }
  })
})
