// What three nodes cost together: processor time of all their threads per announce, beside one tracker with the whole load, and
// beside three that know nothing of each other. The last comparison is the cluster's price alone: at a third of the load
// a tracker has smaller batches, and an announce costs more without any cluster.
import { spread, table } from '../../load/statistics.ts'
import { newFolder } from '../support/folder.ts'
import { load } from '../support/pair.ts'
import { Node, processMilliseconds, startNats } from './nodes.ts'

/** A renewal is told once in 4 seconds, and the load tester goes through its peers in more. */
const MAX_PEER_AGE = 16
const CYCLE_SECONDS = 8
/** By then nearly everything is compiled. */
export const WARM_UP_SECONDS = 16

/** Announces only, each of which is told. */
export function announcesOnly(rate: number, seconds: number) {
  return {
    ...{ DURATION: WARM_UP_SECONDS + seconds, SUMMARIZE_LAST: seconds },
    ...{ MODE: 'open', OPEN_LOOP_RATE: rate },
    ...{ REQUESTS_WEIGHT_CONNECT: 0, REQUESTS_WEIGHT_SCRAPE: 0, REQUESTS_WEIGHT_ANNOUNCE: 1 },
    ...{ REQUESTS_NUMBER_OF_PEERS: rate * CYCLE_SECONDS, CHECKS_PEERS_KEPT: 5 },
    REQUESTS_NUMBER_OF_TORRENTS: rate * 4,
  }
}

interface Figures {
  /** Microseconds per announce of all nodes. */
  readonly all: number
  readonly answering: number
  readonly telling: number
  readonly nats: number
  readonly announces: number
}

interface Setup {
  readonly name: string
  readonly nodes: number
  readonly isCluster: boolean
}

const SETUPS: readonly Setup[] = [
  { name: 'one', nodes: 1, isCluster: false },
  { name: 'three apart', nodes: 3, isCluster: false },
  { name: 'three together', nodes: 3, isCluster: true },
]

async function measure(setup: Setup, rate: number, seconds: number): Promise<Figures> {
  const folder = newFolder()
  const nats = setup.isCluster ? await startNats(folder) : null
  const names = ['a', 'b', 'c'].slice(0, setup.nodes)
  const options = { folder, nats, maxPeerAge: MAX_PEER_AGE }
  const nodes = await Promise.all(names.map((name) => Node.start(name, options)))
  const tests = nodes.map(({ port }, i) =>
    load(`load-${i}`, folder, port, announcesOnly(Math.round(rate / nodes.length), seconds), false),
  )
  const sum = (read: (node: Node) => number) => nodes.reduce((all, node) => all + read(node), 0)
  const thread = (index: number) =>
    sum((node) => {
      const id = node.workers()[index]
      return id === undefined ? 0 : node.threadMilliseconds(id)
    })
  const sample = () => ({
    at: performance.now(),
    all: sum((node) => node.milliseconds()),
    ...{ answering: thread(0), telling: thread(1) },
    nats: nats === null ? 0 : processMilliseconds(nats.child.pid),
  })
  await Bun.sleep(WARM_UP_SECONDS * 1000)
  const before = sample()
  await Bun.sleep((seconds - 1) * 1000)
  const after = sample()
  const summaries = await Promise.all(tests)
  for (const { child } of [...nodes, ...(nats === null ? [] : [nats])]) await child.stop()
  const perSecond = summaries.reduce(
    (all, { responses_per_second: { announce } }) => all + announce,
    0,
  )
  const announces = (perSecond * (after.at - before.at)) / 1000
  const micros = (key: 'all' | 'answering' | 'telling' | 'nats') =>
    ((after[key] - before[key]) * 1000) / announces
  return {
    ...{ all: micros('all'), answering: micros('answering'), telling: micros('telling') },
    ...{ nats: micros('nats'), announces: perSecond },
  }
}

export async function measureMachines(
  rate: number,
  seconds: number,
  rounds: number,
): Promise<string[]> {
  const results = SETUPS.map(() => [] as Figures[])
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < SETUPS.length; i++) {
      const index = (i + round) % SETUPS.length
      results[index].push(await measure(SETUPS[index], rate, seconds))
    }
  }
  const [one, apart] = results
  const rows = SETUPS.map(({ name }, i) => {
    const of = (read: (each: Figures) => number) => results[i].map(read)
    const against = (others: readonly Figures[]) =>
      spread(
        results[i].map(({ all }, round) => all / others[round].all),
        2,
      )
    return [
      name,
      spread(
        of(({ announces }) => announces / 1000),
        0,
      ),
      ...(['all', 'answering', 'telling', 'nats'] as const).map((key) =>
        spread(
          of((each) => each[key]),
          2,
        ),
      ),
      against(one),
      against(apart),
    ]
  })
  const head = [
    'nodes',
    'announces/s, thousands',
    'µs per announce',
    'answering',
    "cluster's thread",
  ]
  return [table([...head, 'nats-server', '× one', '× apart'], rows)]
}
