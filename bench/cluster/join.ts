// A node that is new takes over the peers of another one while both serve: how long that takes, what clients notice of it,
// and memory. The first node has its peers from a snapshot that this program writes.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryOf } from '../../load/proc.ts'
import { median, table } from '../../load/statistics.ts'
import { momentNow, readBootId } from '../../src/persistence/boot.ts'
import { writeSnapshot } from '../../src/persistence/write.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { attachSwarms, createSwarmMemory } from '../../src/swarm/memory.ts'
import { hashInfoHash } from '../../src/swarm/table/torrents.ts'
import { newFolder } from '../support/folder.ts'
import { load, written } from '../support/pair.ts'
import { PEERS_PER_TORRENT, pickTorrent, random, writeInfoHash } from '../support/workload.ts'
import { Node, startNats } from './nodes.ts'

const MAX_PEER_AGE = 1800
/** Of the peers, when the first node starts: they announce once in so many seconds. */
const AGES = 900
const LOAD_PEERS = 100_000
const BEFORE_SECONDS = 8
const AFTER_SECONDS = 10
/** For a slow machine. */
const WALK_SECONDS = 45

export interface JoinOptions {
  readonly peers: number
  /** Requests per second to each node. */
  readonly rate: number
}

interface Second {
  readonly p50: number
  readonly p999: number
  readonly max: number
}

async function snapshot(peers: number, path: string): Promise<void> {
  const torrents = peers / PEERS_PER_TORRENT
  const swarms = attachSwarms(
    createSwarmMemory({ maxTorrents: torrents, maxPeers: peers * 2, workers: 1 }),
    true,
  )
  const announce = new Announce()
  announce.source = new Int32Array(5)
  const bootId = readBootId()
  const { monotonic } = momentNow(bootId)
  for (let peer = 0; peer < peers; peer++) {
    writeInfoHash(announce.source, 0, pickTorrent(torrents))
    announce.hash = hashInfoHash(swarms.ipv4[0], announce.source, 0)
    announce.seeder = random() < 0.75
    announce.now = monotonic - Math.floor(random() * AGES)
    announce.peer.setIPv4(Math.imul(peer, 0x01000193))
    announce.peer.port = 1 + (peer & 0x7fff)
    swarms.announce(swarms.tableOf(true, announce.hash), announce)
  }
  await writeSnapshot({ path, swarms, bootId, gently: false })
}

/** Figures of each second of a load tester's run. */
function startLoad(name: string, node: Node, seconds: number, rate: number, folder: string) {
  const at = performance.now()
  const done = load(
    name,
    folder,
    node.port,
    {
      ...{ DURATION: Math.ceil(seconds), MODE: 'open', OPEN_LOOP_RATE: rate },
      ...{ REQUESTS_NUMBER_OF_PEERS: LOAD_PEERS, REQUESTS_NUMBER_OF_TORRENTS: LOAD_PEERS / 2 },
    },
    false,
  )
  const samples = async (): Promise<Second[]> => {
    await done
    const { samples } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
    return samples.map(
      ({ latency_ms: { all } }: { latency_ms: { all: Record<string, number> } }) => ({
        ...{ p50: all.p50, p999: all['p99.9'], max: all.max },
      }),
    )
  }
  /** Of the seconds between two moments. */
  return async (from: number, to: number) =>
    (await samples()).slice(Math.ceil((from - at) / 1000), Math.floor((to - at) / 1000))
}

function row(title: string, seconds: readonly Second[]): string[] {
  const of = (read: (second: Second) => number) => seconds.map(read)
  return [
    title,
    String(seconds.length),
    median(of(({ p50 }) => p50)).toFixed(2),
    median(of(({ p999 }) => p999)).toFixed(2),
    Math.max(...of(({ max }) => max)).toFixed(1),
  ]
}

export async function measureJoin({ peers, rate }: JoinOptions): Promise<string[]> {
  const folder = newFolder()
  mkdirSync(join(folder, 'swarms'))
  await snapshot(peers, join(folder, 'swarms', 'aquatic_udp.snapshot'))
  Bun.gc(true)
  const nats = await startNats(folder)
  const limits = `[limits]\nmax_torrents = ${peers}\nmax_peers = ${peers * 2}\n`
  const options = { folder, nats, maxPeerAge: MAX_PEER_AGE }
  const persistence = `[persistence]\npath = '${join(folder, 'swarms')}'\ninterval_minutes = 0\n`
  const a = await Node.start('a', { ...options, more: limits + persistence })
  const had = await a.metric('tracker_udp_peers')
  const [aBefore] = [memory(a)]
  const total = BEFORE_SECONDS + WALK_SECONDS + AFTER_SECONDS
  const started = performance.now()
  const ofA = startLoad('load-a', a, total, rate, folder)
  await Bun.sleep(BEFORE_SECONDS * 1000)
  const begun = performance.now()
  const b = await Node.start('b', { ...options, more: limits })
  const joined = performance.now()
  const ofB = startLoad('load-b', b, total - (joined - started) / 1000, rate, folder)
  const [, seconds] = await written(b.child, /took over from a what was missed, in ([0-9.]+) s/)
  const ended = performance.now()
  const both = [memory(a), memory(b)]
  const has = await b.metric('tracker_udp_peers')
  await Bun.sleep(AFTER_SECONDS * 1000)
  const end = performance.now()
  const walkFrom = ended - Number(seconds) * 1000
  const rows = [
    row('a, before', await ofA(started + 2000, begun)),
    row('a, during', await ofA(walkFrom, ended)),
    row('a, after', await ofA(ended, end)),
    row('b, during', await ofB(Math.max(joined + 1000, walkFrom), ended)),
    row('b, after', await ofB(ended, end)),
  ]
  for (const { child } of [a, b, nats]) await child.stop()
  return [
    `${had} peers at a, ${has} at b after ${seconds} s of walking, ${((ended - begun) / 1000).toFixed(1)} s after its start`,
    `resident: a ${aBefore} before, ${both[0]} after it; b ${both[1]} after it`,
    '',
    table([`latency at ${rate} requests/s to each, ms`, 'seconds', 'p50', 'p99.9', 'max'], rows),
    'p50 and p99.9: the median of those of the seconds.',
  ]
}

function memory(node: Node): string {
  const { rssKb, peakKb } = memoryOf(node.child.pid)
  return `${(rssKb / 1024).toFixed(0)} MiB (peak ${(peakKb / 1024).toFixed(0)})`
}
