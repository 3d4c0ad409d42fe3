// A load worker: lets its connections ask, and judges what they hear. Runs in a thread of its own, started
// by main.ts, until the flag says stop; then waits for the answers under way.
//
// Over TCP it is a loop of its own around one epoll. Over TLS the runtime's sockets need its event loop,
// so there timers do the same.
import { publish, slotWords } from '../../src/metrics/counters.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { type Endpoint, SocketName } from '../../src/os/tcp-client.ts'
import { DueTimes, type Step } from '../due-times.ts'
import { Population, type PopulationBuffers } from '../population.ts'
import { Random } from '../random.ts'
import { finishWorker, isStopped, startWorker, type WorkerStart } from '../threads.ts'
import { type ConnectionSettings, Connections } from './connections.ts'
import { COUNTS, PLACE } from './counts.ts'
import { Flood, type FloodKind } from './flood.ts'
import { Generator, type MixSettings, type RequestTexts } from './generate.ts'
import { type CheckSettings, Judge } from './judge.ts'
import { Requests } from './requests.ts'
import { ClosedFeed, FloodFeed, OpenFeed } from './schedule.ts'
import { Source } from './source.ts'
import { TcpTransport } from './tcp-transport.ts'
import { TlsTransport } from './tls-transport.ts'

const TICK_MS = 20
/** Nothing else wakes a worker that waits for answers when it is told to stop. */
const WAIT_MS_MAX = 20
/** Waits are whole milliseconds: what is due sooner is waited for awake. */
const SPIN_BELOW_MS = 1.5
const TLS_SPIN_BELOW_MS = 2
const STREAM_MIX = 0x10000
const STREAM_CONNECTIONS = 0x20000

/** What main.ts tells each worker. */
export interface WorkerSettings {
  readonly server: Endpoint & { readonly host: string }
  readonly isLoopback: boolean
  readonly tls: boolean
  readonly resumes: boolean
  readonly texts: RequestTexts
  /** Addresses to connect from, null and '' for the system's choice. */
  readonly hosts: readonly { readonly host: string; readonly endpoint: Endpoint | null }[]
  /** Number of the first of them among all workers' sources. */
  readonly firstSource: number
  readonly population: PopulationBuffers
  readonly mix: MixSettings
  readonly checks: CheckSettings
  readonly connections: ConnectionSettings
  readonly mode: 'closed' | 'open' | 'flood'
  readonly flood: { readonly kind: FloodKind; readonly rate: number } | null
  /** Requests per second of this worker; open loop. */
  readonly rate: number
  readonly step: Step
  readonly timeoutMs: number
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
}

export function runLoadWorker(data: WorkerSettings & WorkerStart): void {
  const worker = new LoadWorker(data)
  startWorker(data.state)
  worker.begin()
  if (data.tls) worker.runTls()
  else worker.runTcp()
}

class LoadWorker {
  private readonly data: WorkerSettings & WorkerStart
  private readonly state: Int32Array
  private readonly counts = new Int32Array(COUNTS.length)
  private readonly shared: Int32Array
  private readonly feed: ClosedFeed | OpenFeed
  private readonly floodFeed: FloodFeed
  private readonly connections: Connections
  private readonly outputBytes: number
  private readonly generator: Generator
  private nextTickMs = 0

  constructor(data: WorkerSettings & WorkerStart) {
    this.data = data
    this.state = new Int32Array(data.state)
    this.shared = new Int32Array(data.counters)
    this.feed =
      data.mode === 'open'
        ? new OpenFeed(new DueTimes(data.rate, data.step), data.timeoutMs, this.counts)
        : new ClosedFeed()
    // Beside a flood of one kind nobody asks anything.
    this.feed.isStopped = data.flood !== null && data.flood.kind !== 'mixed'
    this.floodFeed = new FloodFeed(data.flood?.rate ?? 0)
    const population = new Population(data.population)
    const { connections, floodConnections, pipelining } = data.connections
    // Twice: what is to be asked again, and what is asked meanwhile.
    const requests = new Requests(2 * (connections + floodConnections) * pipelining)
    const { seed } = data.population
    const sources = data.hosts.map((_, i) => {
      const source = data.firstSource + i
      return new Source(source, population.peersOf(source))
    })
    this.generator = new Generator({
      settings: data.mix,
      texts: data.texts,
      requests,
      population,
      random: new Random(seed, STREAM_MIX + data.index),
      flood: data.flood && new Flood(data.flood.kind, data.texts),
      together: pipelining,
    })
    this.outputBytes = this.generator.outputBytes
    this.connections = new Connections({
      settings: data.connections,
      requests,
      generator: this.generator,
      judge: new Judge(data.checks, population, requests, this.counts),
      sources,
      random: new Random(seed, STREAM_CONNECTIONS + data.index),
      counts: this.counts,
      latencies: new Float64Array(data.histograms),
      worker: data.index,
      feed: this.feed,
      floodFeed: this.floodFeed,
    })
  }

  begin(): void {
    const nowMs = nowMilliseconds()
    if (this.feed instanceof OpenFeed) this.feed.start(nowMs)
    this.floodFeed.startMs = nowMs
  }

  private useTcp(): TcpTransport {
    const { server, hosts, isLoopback, connections } = this.data
    const target = {
      to: new SocketName(server),
      from: hosts.map(({ endpoint }) => endpoint && new SocketName(endpoint)),
      isLoopback,
      pipelines: connections.pipelining > 1,
    }
    const transport = new TcpTransport(
      connections.connections + connections.floodConnections,
      this.outputBytes,
      target,
      this.connections,
    )
    this.connections.useTransport(transport)
    this.generator.writeTo(transport.output)
    return transport
  }

  private useTls(): void {
    const { server, hosts, resumes, connections } = this.data
    const transport = new TlsTransport({
      slots: connections.connections + connections.floodConnections,
      outputBytes: this.outputBytes,
      target: {
        hostname: server.host,
        port: server.port,
        from: hosts.map(({ host }) => host),
        resumes,
      },
      user: this.connections,
      resumed: () => {
        this.counts[PLACE.sessions_resumed]++
      },
    })
    this.connections.useTransport(transport)
    this.generator.writeTo(transport.output)
  }

  /** Timers in place of the loop. */
  runTls(): void {
    this.useTls()
    let stopAtMs = 0
    const turn = () => {
      const nowMs = nowMilliseconds()
      if (stopAtMs === 0 && isStopped(this.state)) {
        this.stopAsking()
        stopAtMs = nowMs + this.data.timeoutMs
      }
      this.connections.fill(nowMs)
      this.tick(nowMs)
      if (stopAtMs > 0 && (this.connections.underWay === 0 || nowMs >= stopAtMs)) {
        this.end()
        return
      }
      const waitMs = this.dueInMs(nowMs)
      if (waitMs < TLS_SPIN_BELOW_MS) setImmediate(turn)
      else setTimeout(turn, Math.floor(waitMs - 1))
    }
    turn()
  }

  runTcp(): void {
    const transport = this.useTcp()
    this.loop(transport)
    this.stopAsking()
    this.drain(transport, nowMilliseconds() + this.data.timeoutMs)
    this.end()
    transport.shutDown()
  }

  private stopAsking(): void {
    this.feed.isStopped = true
    this.floodFeed.isStopped = true
  }

  private end(): void {
    this.connections.closeAll()
    this.publishCounts()
    finishWorker()
  }

  // HOT: no allocation below this line.

  private loop(transport: TcpTransport): void {
    while (!isStopped(this.state)) {
      const nowMs = nowMilliseconds()
      this.connections.fill(nowMs)
      const waitMs = this.dueInMs(nowMs)
      transport.turn(waitMs < SPIN_BELOW_MS ? 0 : Math.floor(waitMs), nowMs)
      this.tick(nowMs)
    }
  }

  private drain(transport: TcpTransport, endMs: number): void {
    let nowMs = nowMilliseconds()
    while (this.connections.underWay > 0 && nowMs < endMs) {
      this.connections.fill(nowMs)
      transport.turn(1, nowMs)
      nowMs = nowMilliseconds()
    }
  }

  /** For how long there is nothing to send. In the closed loop answers are what is waited for. */
  private dueInMs(nowMs: number): number {
    const { mode, flood } = this.data
    if (mode === 'flood' && flood !== null && flood.rate > 0) return 0
    if (!(this.feed instanceof OpenFeed) || this.feed.isStopped) return WAIT_MS_MAX
    const dueInMs = this.feed.dueMs - nowMs
    return dueInMs < WAIT_MS_MAX ? dueInMs : WAIT_MS_MAX
  }

  /** Now and then: gives up what is too old, publishes the counts. */
  private tick(nowMs: number): void {
    if (nowMs < this.nextTickMs) return
    this.nextTickMs = nowMs + TICK_MS
    if (this.feed instanceof OpenFeed) this.feed.holdBack(nowMs)
    this.connections.expire(nowMs - this.data.timeoutMs, nowMs)
    this.publishCounts()
  }

  private publishCounts(): void {
    publish(this.counts, this.shared, this.data.index * slotWords(COUNTS.length))
  }
}
