// How late one node knows what another was told, at several rates of announces, all by sockets: load tester → node a →
// nats-server → node b, and a prober. Prints with it whose processor time was how much.
import { table } from '../../load/statistics.ts'
import { newFolder } from '../support/folder.ts'
import { load } from '../support/pair.ts'
import { Node, processMilliseconds, startNats } from './nodes.ts'
import { Prober, percentile } from './prober.ts'

/** A renewal is told once in 4 seconds, and the load tester goes through its peers in more. */
const MAX_PEER_AGE = 16
const ROUND_SECONDS = 8
const MARKER_MILLISECONDS = 20
const LOOK_MILLISECONDS = 2
const RECORDS = 'tracker_cluster_records_total'

interface Sample {
  readonly at: number
  readonly told: number
  readonly applied: number
  readonly cpu: Readonly<Record<string, number>>
}

export async function measureLag(rates: readonly number[], seconds: number): Promise<string[]> {
  const folder = newFolder()
  const rows: string[][] = []
  for (const rate of rates) rows.push(await atRate(rate, seconds, folder))
  return [
    table(
      [
        'announces/s',
        'told/s',
        'known/s',
        'p50 ms',
        'p99',
        'max',
        'lost',
        'share of a core: a answers',
        'a tells',
        'nats',
        'b tells',
        'b answers',
      ],
      rows,
    ),
  ]
}

async function atRate(rate: number, seconds: number, folder: string): Promise<string[]> {
  const nats = await startNats(folder)
  const options = { folder, nats, maxPeerAge: MAX_PEER_AGE }
  const [a, b] = await Promise.all([Node.start('a', options), Node.start('b', options)])
  const sample = async (): Promise<Sample> => {
    const [aAnswers, aTells] = a.workers().map((thread) => a.threadMilliseconds(thread))
    const [bAnswers, bTells] = b.workers().map((thread) => b.threadMilliseconds(thread))
    return {
      at: performance.now(),
      told: await a.metric(RECORDS, 'direction="out"'),
      applied: await b.metric(RECORDS, 'direction="in"'),
      cpu: { aAnswers, aTells, nats: processMilliseconds(nats.child.pid), bTells, bAnswers },
    }
  }
  const prober = await Prober.open(a.port, b.port)
  const testing = load(
    `load-${rate}`,
    folder,
    a.port,
    {
      ...{
        DURATION: ROUND_SECONDS + seconds,
        SUMMARIZE_LAST: seconds,
        MODE: 'open',
        OPEN_LOOP_RATE: rate,
      },
      ...{ REQUESTS_WEIGHT_CONNECT: 0, REQUESTS_WEIGHT_SCRAPE: 0, REQUESTS_WEIGHT_ANNOUNCE: 1 },
      ...{ REQUESTS_NUMBER_OF_PEERS: rate * ROUND_SECONDS, CHECKS_PEERS_KEPT: 5 },
      REQUESTS_NUMBER_OF_TORRENTS: rate * 4,
    },
    false,
  )
  prober.start(MARKER_MILLISECONDS, LOOK_MILLISECONDS)
  await Bun.sleep(ROUND_SECONDS * 1000)
  prober.take()
  const before = await sample()
  await Bun.sleep((seconds - 1) * 1000)
  const after = await sample()
  const { found, lost } = prober.take()
  prober.close()
  const summary = await testing
  for (const { child } of [a, b, nats]) await child.stop()
  const ms = after.at - before.at
  const each = (key: string) => ((after.cpu[key] - before.cpu[key]) / ms).toFixed(2)
  const perSecond = (from: number, to: number) => String(Math.round(((to - from) / ms) * 1000))
  return [
    String(Math.round(summary.responses_per_second.announce)),
    ...[perSecond(before.told, after.told), perSecond(before.applied, after.applied)],
    ...[0.5, 0.99, 1].map((share) => percentile(found, share).toFixed(1)),
    ...[String(lost), ...['aAnswers', 'aTells', 'nats', 'bTells', 'bAnswers'].map(each)],
  ]
}
