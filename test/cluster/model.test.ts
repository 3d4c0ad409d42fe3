// Every order in which three things can happen to a peer at two nodes, near to each other and far apart, with every order
// in which two nodes and a third one hear of them: in the end all have the same. Where the order of events is beyond
// doubt, they have what came last.
import { expect, test } from 'bun:test'
import { randomFrom } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { type Event, TestNode } from './node.ts'

/** One in so many of the cases; 1 = all of them, which takes minutes. */
const SHARE = Number(process.env.AQUATIC_TEST_CLUSTER_SHARE ?? 40)
const GAPS = [0, 0.9, 2.2, 20]
/** Clocks that differ by a part of a second, in both directions. */
const PHASES = [
  [0, 0.5, 0.9],
  [0.9, 0.1, 0.5],
]
/** Seconds between two events after which there is no doubt about their order. */
const CERTAIN = 10
const PEER = 1

type Kind = 'leecher' | 'seeder' | 'completed' | 'stopped'

interface Action {
  readonly node: number
  readonly kind: Kind
}

const KINDS: readonly Kind[] = ['leecher', 'seeder', 'completed', 'stopped']
const ACTIONS: readonly Action[] = KINDS.flatMap((kind) => [0, 1].map((node) => ({ node, kind })))
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
]

interface Message {
  readonly from: TestNode
  readonly batches: readonly Int32Array[]
}

class Cluster {
  readonly nodes: readonly TestNode[]
  torrent = 0
  time = 10_000

  constructor(phases: readonly number[]) {
    this.nodes = phases.map((phase) => new TestNode({ phase, gravesMax: 1000 }))
  }

  act({ node, kind }: Action): Message {
    const event: Event = kind === 'completed' || kind === 'stopped' ? kind : 'again'
    const seeder = kind === 'seeder' || kind === 'completed'
    const from = this.nodes[node]
    from.announce(this.time, this.torrent, PEER, { seeder, event })
    return { from, batches: from.send(this.time) }
  }

  deliver({ from, batches }: Message, to: TestNode): void {
    if (from === to) return
    for (const batch of batches) to.receive(this.time, batch)
  }

  /** What was doubtful is told again, and heard by all. */
  settle(): void {
    for (let i = 0; i < 3; i++) {
      this.time += 5
      for (const from of this.nodes) {
        const message = { from, batches: from.send(this.time) }
        for (const to of this.nodes) this.deliver(message, to)
      }
    }
  }

  members(): string[][] {
    return this.nodes.map((node) => node.members([this.torrent]))
  }

  next(): void {
    for (const { harness } of this.nodes) harness.leave('ipv4', this.torrent, PEER)
    this.torrent++
    this.time += 100
  }
}

interface Case {
  readonly actions: readonly Action[]
  readonly gaps: readonly number[]
  /** Of the third node. */
  readonly order: readonly number[]
  /** Bits: whether the other node hears of an event at once, or after all of them. */
  readonly late: number
}

function* allCases(): Generator<Case> {
  for (const first of ACTIONS) {
    for (const second of ACTIONS) {
      for (const third of ACTIONS) {
        for (const gap of GAPS) {
          for (const nextGap of GAPS) {
            const gaps = [gap, nextGap, 0]
            for (const order of ORDERS) {
              for (let late = 0; late < 8; late++) {
                yield { actions: [first, second, third], gaps, order, late }
              }
            }
          }
        }
      }
    }
  }
}

function play(cluster: Cluster, { actions, gaps, order, late }: Case): void {
  const messages = actions.map((action, i) => {
    const message = cluster.act(action)
    cluster.time += 0.05
    if ((late & (1 << i)) === 0) cluster.deliver(message, cluster.nodes[1 - action.node])
    cluster.time += gaps[i]
    return message
  })
  actions.forEach(({ node }, i) => {
    if ((late & (1 << i)) !== 0) cluster.deliver(messages[i], cluster.nodes[1 - node])
  })
  for (const i of order) cluster.deliver(messages[i], cluster.nodes[2])
}

function explain(cluster: Cluster, { actions, gaps, order, late }: Case): string {
  const events = actions.map(({ node, kind }, i) => `${kind} at ${node}, ${gaps[i]} s`).join('; ')
  const [a, b, c] = cluster.members().map((members) => members.join() || 'nobody')
  return `${events}; late ${late}; the third hears ${order}: ${a} / ${b} / ${c}`
}

/** What there must be, if there is no doubt: what the last event says. */
function certain({ actions, gaps }: Case, torrent: number): string[] | null {
  if (gaps[1] < CERTAIN) return null
  const { kind } = actions[2]
  if (kind === 'stopped') return []
  return [`ipv4 ${torrent}:${PEER} ${kind === 'leecher' ? 'leecher' : 'seeder'}`]
}

for (const phases of PHASES) {
  test(`whatever is heard in whatever order, all come to the same; clocks ${phases}`, () => {
    const cluster = new Cluster(phases)
    const random = randomFrom(phases[0] * 10 + 1)
    let cases = 0
    for (const one of allCases()) {
      if (random() * SHARE >= 1) continue
      cases++
      play(cluster, one)
      cluster.settle()
      const [a, b, c] = cluster.members()
      if (a.join() !== b.join() || b.join() !== c.join()) throw new Error(explain(cluster, one))
      const last = certain(one, cluster.torrent)
      if (last !== null && a.join() !== last.join()) throw new Error(explain(cluster, one))
      cluster.next()
    }
    expect(cases).toBeGreaterThan(393_216 / SHARE / 2)
    for (const { harness } of cluster.nodes) checkInvariants(harness)
  }, 600_000)
}

test('what was missed is told by either node, and all come to the same', () => {
  const cluster = new Cluster(PHASES[0])
  const random = randomFrom(3)
  const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)]
  for (let run = 0; run < 12_000 / SHARE; run++) {
    const actions = [pick(ACTIONS), pick(ACTIONS), pick(ACTIONS)]
    const gaps = [pick(GAPS), pick(GAPS), 0]
    const one = { actions, gaps, order: pick(ORDERS), late: 0 }
    const messages = actions.map((action, i) => {
      const message = cluster.act(action)
      cluster.time += 0.05
      for (const node of cluster.nodes) if (random() < 0.5) cluster.deliver(message, node)
      cluster.time += gaps[i]
      return message
    })
    expect(messages).toHaveLength(3)
    cluster.settle()
    // Each asks each other.
    for (const from of cluster.nodes) {
      const batches = from.answer(cluster.time, 120)
      for (const to of cluster.nodes) cluster.deliver({ from, batches }, to)
    }
    cluster.settle()
    const [a, b, c] = cluster.members()
    if (a.join() !== b.join() || b.join() !== c.join()) throw new Error(explain(cluster, one))
    cluster.next()
  }
}, 600_000)
