// Two nodes beside two chihayas that share a Redis server, under the same load to the first of each: processor time per
// announce, and how late the second one knows. chihaya and redis-server are whatever is installed here.
import { createSocket } from 'node:dgram'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../../load/children.ts'
import { CHIHAYA_UDP_SECTION } from '../../load/compare/other-trackers.ts'
import { table } from '../../load/statistics.ts'
import { newFolder } from '../support/folder.ts'
import { load, written } from '../support/pair.ts'
import { announcesOnly, WARM_UP_SECONDS } from './machines.ts'
import { Node, processMilliseconds, startNats } from './nodes.ts'
import { Prober, percentile } from './prober.ts'

const MARKER_MILLISECONDS = 20
const LOOK_MILLISECONDS = 2
const MAX_PEER_AGE = 16

/** The load goes to `first`; `between`: what they share. */
interface Pair {
  readonly name: string
  readonly children: readonly [first: Child, second: Child, between: Child]
  readonly ports: readonly [first: number, second: number]
}

async function ours(folder: string): Promise<Pair> {
  const nats = await startNats(folder)
  const options = { folder, nats, maxPeerAge: MAX_PEER_AGE }
  const [a, b] = await Promise.all(['a', 'b'].map((name) => Node.start(name, options)))
  return { name: 'ours', children: [a.child, b.child, nats.child], ports: [a.port, b.port] }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  socket.close()
  return port
}

function chihaya(
  executable: string,
  name: string,
  port: number,
  redis: number,
  folder: string,
): Child {
  const file = join(folder, `${name}.yaml`)
  const text = `chihaya:
  announce_interval: 30m
  min_announce_interval: 15m
${CHIHAYA_UDP_SECTION.replace('PORT', String(port))}    allow_ip_spoofing: false
    max_numwant: 100
    default_numwant: 50
    max_scrape_infohashes: 50
  storage:
    name: redis
    config:
      gc_interval: 3m
      prometheus_reporting_interval: 1m
      peer_lifetime: 31m
      redis_broker: "redis://127.0.0.1:${redis}/0"
      redis_read_timeout: 15s
      redis_write_timeout: 15s
      redis_connect_timeout: 15s
`
  writeFileSync(file, text)
  return startChild(name, [executable, '--config', file])
}

async function theirs(executable: string, folder: string): Promise<Pair> {
  const redis = Bun.which('redis-server')
  if (redis === null) throw new Error('redis-server not found')
  const [broker, first, second] = [await freePort(), await freePort(), await freePort()]
  mkdirSync(join(folder, 'redis'))
  const command = [
    redis,
    '--port',
    String(broker),
    '--bind',
    '127.0.0.1',
    '--dir',
    join(folder, 'redis'),
  ]
  let output = ''
  const shared = startChild('redis-server', [...command, '--save', '', '--appendonly', 'no'], {
    onOutput: (text) => {
      output += text
    },
  })
  const between = { ...shared, errors: () => output }
  await written(between, /Ready to accept connections/)
  const a = chihaya(executable, 'chihaya-a', first, broker, folder)
  const b = chihaya(executable, 'chihaya-b', second, broker, folder)
  for (const child of [a, b]) await written(child, /./)
  return { name: 'chihaya, Redis', children: [a, b, shared], ports: [first, second] }
}

async function measure(
  pair: Pair,
  rate: number,
  seconds: number,
  folder: string,
): Promise<string[]> {
  const { children, ports, name } = pair
  const prober = await Prober.open(ports[0], ports[1])
  const settings = { ...announcesOnly(rate, seconds), CHECKS_OWN_PEER: 'false' }
  const testing = load(`load-${ports[0]}`, folder, ports[0], settings, false)
  prober.start(MARKER_MILLISECONDS, LOOK_MILLISECONDS)
  await Bun.sleep(WARM_UP_SECONDS * 1000)
  prober.take()
  const sample = () => children.map(({ pid }) => processMilliseconds(pid))
  const [at, before] = [performance.now(), sample()]
  await Bun.sleep((seconds - 1) * 1000)
  const [end, after] = [performance.now(), sample()]
  const { found, lost } = prober.take()
  prober.close()
  const { responses_per_second, latency_ms } = await testing
  for (const child of children) await child.stop()
  const announces = (responses_per_second.announce * (end - at)) / 1000
  const micros = after.map((ms, i) => (((ms - before[i]) * 1000) / announces).toFixed(2))
  const all = after.reduce((sum, ms, i) => sum + ms - before[i], 0)
  return [
    name,
    String(Math.round(responses_per_second.announce)),
    ((all * 1000) / announces).toFixed(1),
    ...micros,
    ...['p50', 'p99'].map((key) => latency_ms.announce[key].toFixed(2)),
    ...[0.5, 0.99].map((share) => percentile(found, share).toFixed(1)),
    String(lost),
  ]
}

export async function measureRival(executable: string, rate: number, seconds: number) {
  const folder = newFolder()
  const rows = [
    await measure(await ours(folder), rate, seconds, folder),
    await measure(await theirs(executable, folder), rate, seconds, folder),
  ]
  const head = ['', 'announces/s', 'µs per announce, all', 'first', 'second', 'between']
  return [
    table([...head, 'answer ms, p50', 'p99', 'known at the other ms, p50', 'p99', 'lost'], rows),
  ]
}
