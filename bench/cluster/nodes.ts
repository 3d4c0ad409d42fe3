// Trackers as nodes of one cluster, and a real nats-server between them, for the benchmarks of the cluster: start, thread
// times, counters. Whoever starts one stops it; all end with this program.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, plainEnvironment, startChild } from '../../load/children.ts'
import { AQUATIC_UDP, written } from '../support/pair.ts'

// Debian's is not in the path of every user.
const NATS_PLACES = [process.env.NATS_SERVER, Bun.which('nats-server'), '/usr/sbin/nats-server']
/** Another build, to compare. */
const EXECUTABLE = process.env.AQUATIC_COMPARE_OURS ?? AQUATIC_UDP
const WORKER = 'Worker'

/** Everything from one address, and nothing limited. */
const UNLIMITED = `[source_limits]
connects_per_second = 0
requests_per_second = 0
sustained_requests_per_second = 0
new_torrents_per_second = 0
peers_per_torrent = 0
[pressure]
enabled = false
[peer_addresses]
private_peers = 'store'
reserved_peers = 'store'
`

export interface Nats {
  readonly child: Child
  readonly address: string
}

export async function startNats(folder: string, core?: number): Promise<Nats> {
  const executable = NATS_PLACES.find((path) => typeof path === 'string' && existsSync(path))
  if (typeof executable !== 'string') throw new Error('nats-server not found: NATS_SERVER names it')
  const file = join(folder, 'nats.conf')
  writeFileSync(file, 'listen: "127.0.0.1:-1"\n')
  const child = startChild(
    'nats-server',
    [executable, '-c', file],
    core === undefined ? {} : { core },
  )
  const [, port] = await written(child, /Listening for client connections on [0-9.]+:(\d+)/)
  await written(child, /Server is ready/)
  return { child, address: `127.0.0.1:${port}` }
}

export interface NodeOptions {
  readonly folder: string
  /** Null: no cluster. */
  readonly nats: Nats | null
  readonly maxPeerAge: number
  readonly core?: number | undefined
  /** Further sections. */
  readonly more?: string
}

export class Node {
  readonly child: Child
  readonly port: number
  private readonly operations: string

  static async start(name: string, options: NodeOptions): Promise<Node> {
    const { folder, nats, maxPeerAge, core, more = '' } = options
    const file = join(folder, `${name}.toml`)
    const cluster =
      nats === null ? '' : `[cluster]\nservers = ['${nats.address}']\nnode = '${name}'`
    writeFileSync(
      file,
      [
        "log_level = 'info'\nsocket_workers = 1\n[network]\naddress = '127.0.0.1:0'",
        `[operations]\naddress = '127.0.0.1:0'\n[cleaning]\nmax_peer_age = ${maxPeerAge}`,
        UNLIMITED,
        cluster,
        more,
      ].join('\n'),
    )
    const where = core === undefined ? {} : { core }
    const child = startChild(name, [EXECUTABLE, '-c', file], { ...where, env: plainEnvironment() })
    const [, port] = await written(child, /listening on 127\.0\.0\.1:(\d+)/)
    const [, operations] = await written(child, /operations at (\S+)/)
    if (nats !== null) await written(child, new RegExp(`joined as ${name}`))
    return new Node(child, Number(port), operations)
  }

  private constructor(child: Child, port: number, operations: string) {
    this.child = child
    this.port = port
    this.operations = operations
  }

  /** The sum over all labels. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.operations}metrics`)).text()
    let sum = 0
    for (const line of text.split('\n')) {
      const isOne = line.startsWith(`${name} `) || line.startsWith(`${name}{`)
      if (isOne && line.includes(labels)) sum += Number(line.slice(line.lastIndexOf(' ') + 1))
    }
    return sum
  }

  /** Threads that answer, in the order of their start, and then the cluster's. */
  workers(): number[] {
    const folder = `/proc/${this.child.pid}/task`
    const all = readdirSync(folder).map(Number)
    const isWorker = (thread: number) =>
      readFileSync(`${folder}/${thread}/comm`, 'latin1').trim() === WORKER
    return all.filter(isWorker).sort((a, b) => a - b)
  }

  /** Milliseconds that a thread has run for. */
  threadMilliseconds(thread: number): number {
    const text = readFileSync(`/proc/${this.child.pid}/task/${thread}/schedstat`, 'latin1')
    return Number(text.split(' ')[0]) / 1e6
  }

  /** Of all threads that are alive. */
  milliseconds(): number {
    const threads = readdirSync(`/proc/${this.child.pid}/task`).map(Number)
    return threads.reduce((sum, thread) => sum + this.threadMilliseconds(thread), 0)
  }
}

export function processMilliseconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const of = (thread: string) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1e6
  return threads.reduce((sum, thread) => sum + of(thread), 0)
}

/** Moves a thread of another process. */
export function pinThread(thread: number, core: number): void {
  const { exitCode } = Bun.spawnSync(['taskset', '-c', '-p', String(core), String(thread)])
  if (exitCode !== 0) throw new Error(`taskset failed for ${thread}`)
}
