// The loop of a socket worker: wait, serve what connections have to ask, clean a little. Runs in a thread of its
// own, started by main.ts. Everything that it shares with others came in its start message.
import { observeElapsed } from '../../metrics/elapsed.ts'
import { observe } from '../../metrics/histogram.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import {
  mustStop,
  provokeFault,
  sayDone,
  sayReady,
  type WorkerStart,
} from '../../process/workers.ts'
import {
  openSourceLimits,
  openSwarms,
  type SwarmWorkerData,
  serveFrom,
} from '../../requests/swarm-worker.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import { Blocks } from '../../tcp/blocks.ts'
import { ConnectionLimits } from '../../tcp/connection-limits.ts'
import { Networks } from '../../tcp/networks.ts'
import { Output } from '../../tcp/output.ts'
import { TcpServer } from '../../tcp/server.ts'
import { Transfer } from '../../tcp/transfer.ts'
import { ANSWER_BYTES_MAX } from '../wire/layout.ts'
import {
  BANS,
  COUNTER_WORDS,
  RESPONSE_TIME,
  RESPONSE_TIME_SHAPE,
  TCP,
  TURN_SIZE,
  TURN_SIZE_SHAPE,
} from './counters.ts'
import { Handler } from './handle.ts'
import { HttpStream } from './http-stream.ts'
import { TrustedProxies } from './proxies.ts'
import { Responder } from './respond.ts'
import type {
  ConnectionSettings,
  HttpUpdate,
  ProxyRules,
  WorkerSettings,
} from './worker-updates.ts'

/** How long a worker without work sleeps at a time, so that it notices stop and time, */
const WAIT_MILLISECONDS = 200
/** and between two slices of a cleaning, in which other workers get at the table. */
const CLEANING_PAUSE_MILLISECONDS = 1
/** Answers of a turn that are sent at once, when one connection has asked for several. */
const OUTPUT_BYTES = 2 * ANSWER_BYTES_MAX
/** For all requests of which a part has come, and all answers of which a part was taken. */
const HELD_BYTES_MAX = 256 * 2 ** 20

/** Who has a request under way at the stop has so long for it. */
const LAST_MILLISECONDS = 500
const LAST_TURN_MILLISECONDS = 20

export interface SocketWorkerData extends WorkerStart, WorkerSettings, SwarmWorkerData {
  readonly role: 'socket'
  readonly index: number
  readonly requests: WorkerSettings['requests']
  /** Listening sockets of this worker, which it closes. */
  readonly listeners: readonly number[]
  readonly connectionLimits: SharedArrayBuffer
  readonly updates: UpdateSource
  readonly counters: SharedArrayBuffer
}

export function runSocketWorker(data: SocketWorkerData): void {
  readClock()
  const counts = new Int32Array(COUNTER_WORDS)
  const sources = openSourceLimits(data, counts, BANS)
  const updates = new WorkerUpdates<HttpUpdate>(data.updates)
  const open = openSwarms(data, sources)
  const responder = new Responder(open.swarms, counts)
  serveFrom(open, responder, data, updates)
  const handler = new Handler(responder, data.requests, counts, sources)
  updates.on('settings', ({ requests, rates }) => {
    handler.configure(requests)
    sources.setRates(rates)
  })
  const server = newServer(data, handler, updates)
  const worker = new SocketWorker(data, server, handler, open.cleaner, updates)
  server.listen()
  sayReady()
  worker.run()
  worker.stop()
  sayDone()
}

function newServer(
  data: SocketWorkerData,
  handler: Handler,
  updates: WorkerUpdates<HttpUpdate>,
): TcpServer {
  const { max, maxPerAddress, keepAlive, times } = data.connections
  const output = new Output(OUTPUT_BYTES)
  const stream = new HttpStream(handler, output)
  stream.closesAll = !keepAlive
  const limits = new ConnectionLimits(data.connectionLimits, max, maxPerAddress)
  const server = new TcpServer({
    listeners: data.listeners,
    handler: stream,
    transfer: new Transfer(output, new Blocks(HELD_BYTES_MAX / data.workers), stream),
    limits,
    times,
    counts: handler.counts,
    countsAt: TCP,
  })
  const configure = (settings: ConnectionSettings) => {
    limits.configure(settings.max, settings.maxPerAddress)
    stream.closesAll = !settings.keepAlive
    server.setTimes(settings.times)
  }
  const trust = ({ trusted, header }: ProxyRules) => {
    const networks = new Networks(trusted)
    limits.setTrusted(networks)
    handler.setProxies(trusted.length === 0 ? null : new TrustedProxies(networks, header))
  }
  trust(data.proxies)
  updates.on('settings', ({ connections, proxies }) => {
    configure(connections)
    trust(proxies)
  })
  return server
}

class SocketWorker {
  private readonly server: TcpServer
  private readonly handler: Handler
  private readonly cleaner: Cleaner
  private readonly updates: WorkerUpdates<HttpUpdate>
  private readonly state: Int32Array
  private readonly reporter: Reporter
  private readonly fault: boolean
  private cleaning = false

  constructor(
    data: SocketWorkerData,
    server: TcpServer,
    handler: Handler,
    cleaner: Cleaner,
    updates: WorkerUpdates<HttpUpdate>,
  ) {
    this.server = server
    this.handler = handler
    this.cleaner = cleaner
    this.updates = updates
    this.state = new Int32Array(data.state)
    this.reporter = new Reporter(handler.counts, data.counters, data.index, data.heartbeat)
    this.fault = data.fault
  }

  /** Who waits to be accepted gets an answer, and who has begun to ask. */
  stop(): void {
    this.server.stopListening()
    const turns = LAST_MILLISECONDS / LAST_TURN_MILLISECONDS
    for (let i = 0; i < turns && this.server.waiting > 0; i++) this.turn(LAST_TURN_MILLISECONDS)
    this.server.close()
    this.reporter.report()
  }

  // HOT: no allocation below this line.

  run(): void {
    while (!mustStop(this.state)) {
      this.turn(this.cleaning ? CLEANING_PAUSE_MILLISECONDS : WAIT_MILLISECONDS)
    }
  }

  private turn(milliseconds: number): void {
    this.server.wait(milliseconds)
    readClock()
    const now = clockSeconds()
    this.handler.setTime(now)
    this.updates.applyDue(now)
    const served = this.server.serve(now)
    if (served !== 0) this.measure(served)
    this.reporter.reportSometimes(now)
    this.cleaning = this.cleaner.step(now)
    if (served !== 0 && this.fault) provokeFault()
  }

  /** How long the turn took, which all its answers have waited: since the clock was last read. */
  private measure(served: number): void {
    const { counts } = this.handler
    observeElapsed(counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, served)
    observe(counts, TURN_SIZE, TURN_SIZE_SHAPE, served, 1)
  }
}
