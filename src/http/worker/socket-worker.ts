// The loop of a socket worker: wait, serve connections, clean a little. Runs in its own thread, started by
// main.ts. Everything that it shares with others came in its start message.

import { ascii } from '../../http-head/layout.ts'
import { observeElapsed } from '../../metrics/elapsed.ts'
import { observe } from '../../metrics/histogram.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import { mustStop, provokeFault, sayDone, sayReady } from '../../process/workers.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import { TcpServer } from '../../tcp/server.ts'
import { Transfer } from '../../tcp/transfer.ts'
import { Challenges } from './challenges.ts'
import { RESPONSE_TIME, RESPONSE_TIME_SHAPE, TURN_SIZE, TURN_SIZE_SHAPE } from './counters.ts'
import type { Handler } from './handle.ts'
import { type HttpWorkerData, openServing } from './serving.ts'
import type { HttpUpdate } from './worker-updates.ts'

/** How long an idle worker sleeps at most, so that it notices a stop and the time, */
const WAIT_MILLISECONDS = 200
/** and between two slices of a cleaning, so that other workers get at the table. */
const CLEANING_PAUSE_MILLISECONDS = 1
/** How long requests in progress have at the stop. */
const LAST_MILLISECONDS = 500
const LAST_TURN_MILLISECONDS = 20

export interface SocketWorkerData extends HttpWorkerData {
  readonly role: 'socket'
  /** The listening sockets of this worker, which closes them. */
  readonly listeners: readonly number[]
  /** Where to redirect clients, such as https://example.com; '' = it serves them. */
  readonly redirectTo: string
  /** Folder of the answers to certificate authorities; '' = none. */
  readonly challengeFolder: string
  readonly updates: UpdateSource
}

export function runSocketWorker(data: SocketWorkerData): void {
  readClock()
  const updates = new WorkerUpdates<HttpUpdate>(data.updates)
  const serving = openServing(data, updates)
  const { handler, stream, output, blocks } = serving
  if (data.redirectTo !== '') handler.redirectTo = ascii(data.redirectTo)
  if (data.challengeFolder !== '') handler.challenges = new Challenges(data.challengeFolder)
  const server = new TcpServer({
    ...serving.connections,
    handler: data.proxies.protocol ? serving.proxies : stream,
    listeners: data.listeners,
    transfer: new Transfer(output, blocks, stream),
  })
  updates.on('settings', ({ connections }) => server.setTimes(connections.times))
  const worker = new SocketWorker(data, server, handler, serving.cleaner, updates)
  server.listen()
  sayReady()
  worker.run()
  worker.stop()
  sayDone()
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

  /** Connections that wait to be accepted, and requests in progress, are still answered. */
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

  /** Records how long the turn took since the clock was last read: the time all its answers waited. */
  private measure(served: number): void {
    const { counts } = this.handler
    observeElapsed(counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, served)
    observe(counts, TURN_SIZE, TURN_SIZE_SHAPE, served, 1)
  }
}
