// Random faults of servers, networks and nodes, in simulated time, while clients come, go, move and change: afterwards all nodes
// have the same, and what the clients were told.
import { expect, test } from 'bun:test'
import { randomWords } from '../support/random.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { CALM, Simulation } from './simulation.ts'

const JOIN = 9000
/** Thousands by hand. A failed one is repeated by AQUATIC_TEST_CLUSTER_FIRST. */
const SCHEDULES = Number(process.env.AQUATIC_TEST_CLUSTER_SCHEDULES ?? 30)
const FIRST = Number(process.env.AQUATIC_TEST_CLUSTER_FIRST ?? 1)
/** After the last fault. */
const SETTLED = 40_000
/** At another node than before, a client does something so much later: that much there is no doubt about the order. */
const CERTAIN = 6000
/** Seconds: clients here come back several times within one, and each time gets a later second (order.ts). */
const YOUNGER_MAX = 10

test(`swarms are equal ${SETTLED / 1000} s after the last of random faults (${SCHEDULES} schedules)`, () => {
  const failed: string[] = []
  for (let seed = FIRST; seed < FIRST + SCHEDULES; seed++) {
    try {
      randomSchedule(seed)
    } catch (error) {
      failed.push(`schedule ${seed}: ${error}`)
    }
  }
  if (failed.length > 0)
    throw new Error([`${failed.length} failed`, ...failed.slice(0, 20)].join('\n'))
}, 3_600_000)

interface Faults {
  readonly sentBytesMax: number
  readonly kills: boolean
  /** A killed process has what it had kept on disk when it starts again. */
  readonly keeps: boolean
}

/** That have found a mistake once. */
test.each([44, 49, 50, 138, 1012, 1055, 2021])('the same, schedule %d', (seed) =>
  randomSchedule(seed),
)

function randomSchedule(seed: number): void {
  const word = randomWords(seed * 7919)
  const below = (limit: number) => word() % limit
  const all = new Simulation(() => word() / 2 ** 32)
  const isSmall = below(2) === 0
  const mode = below(4)
  const kills = mode >= 2
  const faults = { sentBytesMax: isSmall ? 16_384 : 2 ** 20, kills, keeps: mode === 3 }
  for (let i = 0; i < 2 + below(3); i++) all.add('abcd'[i], faults)
  all.run(JOIN)
  const acts = new Acts(all, below)
  for (let step = 0; step < 60; step++) {
    fault(all, below, faults)
    for (let i = below(20); i > 0; i--) {
      acts.act()
      if (below(4) === 0) all.run(below(200))
    }
    all.run(below(3000))
    younger(all)
  }
  all.weather = { ...CALM }
  all.release()
  for (const node of all.nodes) {
    node.engine.part = 0
    node.isStopped = false
  }
  all.run(SETTLED)
  younger(all)
  complete(all)
  for (const node of all.nodes) expect(node.swarm()).toEqual(all.nodes[0].swarm())
}

/** What clients do. */
class Acts {
  private readonly acted = new Map<number, { readonly at: number; readonly node: SimulatedNode }>()
  private readonly all: Simulation
  private readonly below: (limit: number) => number

  constructor(all: Simulation, below: (limit: number) => number) {
    this.all = all
    this.below = below
  }

  /** At the same node as before, most often, and then at any time; at another one when there is no doubt about the order. */
  act(): void {
    const { acted, all, below } = this
    const key = below(60)
    const last = acted.get(key)
    const nodes = all.nodes.filter(({ isStopped }) => !isStopped)
    const stays = last !== undefined && nodes.includes(last.node) && below(3) > 0
    const node = stays ? last.node : nodes[below(nodes.length)]
    if (node === undefined) return
    if (last !== undefined && node !== last.node && all.now - last.at < CERTAIN) return
    acted.set(key, { at: all.now, node })
    switch (below(8)) {
      case 0:
      case 1:
        node.leave(key)
        return
      case 2:
        node.announce(key, true, 'completed')
        return
      // Within the same moment.
      case 3:
        node.leave(key)
        node.announce(key, below(3) === 0)
        return
      case 4:
        node.announce(key, false)
        node.leave(key)
        return
      default:
        node.announce(key, below(3) === 0)
    }
  }
}

function fault(
  all: Simulation,
  below: (limit: number) => number,
  { sentBytesMax, kills, keeps }: Faults,
): void {
  const node = all.nodes[below(all.nodes.length)]
  switch (below(13)) {
    case 0:
      node.engine.part = null
      return
    case 1:
      node.engine.part = 1
      return
    case 2:
    case 3:
      for (const each of all.nodes) each.engine.part = 0
      return
    case 4:
      all.weather = { loss: below(40) / 100, repeat: below(30) / 100, delay: 1, spread: below(400) }
      return
    case 5:
      all.weather = { ...CALM }
      return
    case 6:
      node.isStopped = !node.isStopped
      return
    case 7:
      all.hold()
      return
    case 8:
      all.release()
      return
    case 9: {
      if (!kills || below(2) !== 0) return
      const snapshot = node.snapshot()
      node.kill()
      if (below(2) === 0) all.run(below(10_000))
      all.add(node.name, { sentBytesMax, ...(keeps ? { snapshot } : {}) })
      return
    }
    // The engine is killed, and started again: nodes are back at different times.
    case 10: {
      for (const each of all.nodes) each.engine.part = null
      all.run(below(5000))
      for (const each of all.nodes) {
        all.after(below(3000), () => {
          if (each.isAlive) each.engine.part = 0
        })
      }
      return
    }
    default:
  }
}

/** Nobody looks younger than when they announced last, by more than clocks and roundings may differ. */
function younger(all: Simulation): void {
  for (const node of all.nodes) {
    for (const [key, { seen }] of node.snapshot()) {
      const truth = all.truth.get(key)?.entry?.seen ?? seen
      if (seen > truth + YOUNGER_MAX) {
        throw new Error(`${node.name} has ${key} as ${seen - truth} s too young`)
      }
    }
  }
}

/** What was told to a node that lives is known to all: who is there, in which role, and who is not. */
function complete(all: Simulation): void {
  for (const [key, { entry, by }] of all.truth) {
    if (!by.isAlive) continue
    for (const node of all.nodes) {
      const known = node.snapshot().get(key)
      if (known?.seeder !== entry?.seeder) {
        throw new Error(`${node.name} does not know of ${key} what ${by.name} was told`)
      }
    }
  }
}
