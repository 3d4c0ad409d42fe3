// The loop of a socket worker: wait, serve connections, clean a little. Runs in its own thread, started by
// main.ts. Everything that it shares with others came in its start message.

import { ascii } from '../../http-head/layout.ts'
import { observeElapsed } from '../../metrics/elapsed.ts'
import { observe } from '../../metrics/histogram.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import { mustDrain, mustStop, provokeFault, sayDone, sayReady } from '../../process/workers.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import type { Guest, OpenGuest } from '../../tcp/guest.ts'
import { TcpServer } from '../../tcp/server.ts'
import { Transfer } from '../../tcp/transfer.ts'
import { Challenges } from './challenges.ts'
import { RESPONSE_TIME, RESPONSE_TIME_SHAPE, TURN_SIZE, TURN_SIZE_SHAPE } from './counters.ts'
import type { Handler } from './handle.ts'
import { type HttpWorkerData, openServing, welcomeGuest } from './serving.ts'
import type { HttpUpdate } from './worker-updates.ts'

/** How long an idle worker sleeps at most, so that it notices a stop and the time, */
const WAIT_MILLISECONDS = 200
/** and between two slices of a cleaning, so that other workers get at the table. */
const CLEANING_PAUSE_MILLISECONDS = 1
/** How long requests in progress have at the stop. */
const LAST_MILLISECONDS = 500
const LAST_TURN_MILLISECONDS = 20
/** Between two steps of a guest's drain. */
const DRAIN_STEP_MILLISECONDS = 50

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

export function runSocketWorker(data: SocketWorkerData, openGuest: OpenGuest | null): void {
  readClock()
  const updates = new WorkerUpdates<HttpUpdate>(data.updates)
  const serving = openServing(data, updates)
  const { handler, stream, output, blocks } = serving
  if (data.redirectTo !== '') handler.redirectTo = ascii(data.redirectTo)
  if (data.challengeFolder !== '') handler.challenges = new Challenges(data.challengeFolder)
  const guest = welcomeGuest(serving, data, openGuest, null)
  const transfer = new Transfer(output, blocks, stream)
  const server = new TcpServer({
    ...serving.connections,
    handler: data.proxies.protocol ? serving.proxies : stream,
    listeners: data.listeners,
    transfer,
    wakeEvent: guest?.wakeEvent ?? -1,
  })
  guest?.connect(server, transfer)
  updates.on('settings', ({ connections }) => server.setTimes(connections.times))
  const worker = new SocketWorker(data, {
    server,
    handler,
    guest,
    cleaner: serving.cleaner,
    updates,
  })
  server.listen()
  sayReady()
  worker.run()
  worker.stop()
  sayDone()
}

interface SocketWorkerParts {
  readonly server: TcpServer
  readonly handler: Handler
  readonly guest: Guest | null
  readonly cleaner: Cleaner
  readonly updates: WorkerUpdates<HttpUpdate>
}

class SocketWorker {
  private readonly server: TcpServer
  private readonly handler: Handler
  private readonly guest: Guest | null
  private readonly cleaner: Cleaner
  private readonly updates: WorkerUpdates<HttpUpdate>
  private readonly state: Int32Array
  private readonly reporter: Reporter
  private readonly fault: boolean
  private cleaning = false
  private isDraining = false
  private nextStep = 0

  constructor(data: SocketWorkerData, parts: SocketWorkerParts) {
    const { server, handler, guest, cleaner, updates } = parts
    this.server = server
    this.guest = guest
    this.handler = handler
    this.cleaner = cleaner
    this.updates = updates
    this.state = new Int32Array(data.state)
    this.reporter = new Reporter(handler.counts, data.counters, data.index, data.heartbeat)
    this.fault = data.fault
  }

  /** Connections that wait to be accepted, and requests in progress, are still answered. */
  stop(): void {
    if (!this.isDraining) this.server.stopListening()
    this.guest?.sayGoodbyeToAll()
    const turns = LAST_MILLISECONDS / LAST_TURN_MILLISECONDS
    for (let i = 0; i < turns && this.server.waiting > 0; i++) this.turn(LAST_TURN_MILLISECONDS)
    this.server.close()
    this.reporter.report()
    this.guest?.report()
  }

  private beginDrain(): void {
    this.isDraining = true
    this.server.stopListening()
    this.guest?.beginDrain()
  }

  // HOT: no allocation below this line.

  run(): void {
    while (!mustStop(this.state) && !this.hasDrained()) this.turn(this.waitFor())
  }

  private waitFor(): number {
    if (this.cleaning) return CLEANING_PAUSE_MILLISECONDS
    return this.isDraining ? DRAIN_STEP_MILLISECONDS : WAIT_MILLISECONDS
  }

  /** Takes the next step of a guest's drain; true once none of its connections is left. */
  private hasDrained(): boolean {
    if (!mustDrain(this.state)) return false
    if (!this.isDraining) this.beginDrain()
    const now = performance.now()
    if (now < this.nextStep || this.guest === null) return false
    this.nextStep = now + DRAIN_STEP_MILLISECONDS
    return this.guest.drainOn()
  }

  private turn(milliseconds: number): void {
    const { guest } = this
    this.server.wait(guest === null || guest.maySleep() ? milliseconds : 0)
    if (guest !== null) this.wakeGuest(guest)
    readClock()
    const now = clockSeconds()
    this.handler.setTime(now)
    this.updates.applyDue(now)
    const served = this.server.serve(now)
    if (served !== 0) {
      this.handler.responder.endTurn()
      this.measure(served)
    }
    this.reporter.reportSometimes(now)
    this.cleaning = this.cleaner.step(now)
    if (guest !== null) {
      guest.endTurn()
      if (guest.clean()) this.cleaning = true
    }
    if (served !== 0 && this.fault) provokeFault()
  }

  private wakeGuest(guest: Guest): void {
    guest.awake()
    guest.setTime()
  }

  /** Records how long the turn took since the clock was last read: the time all its answers waited. */
  private measure(served: number): void {
    const { counts } = this.handler
    observeElapsed(counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, served)
    observe(counts, TURN_SIZE, TURN_SIZE_SHAPE, served, 1)
  }
}
