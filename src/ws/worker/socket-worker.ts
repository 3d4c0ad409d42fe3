// The loop of a socket worker with plain connections: wait, serve connections, take what other workers send, do what is due.
// Runs in its own thread, started by main.ts; what it shares with others came in its start message.
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import { mustDrain, mustStop, sayDone, sayReady } from '../../process/workers.ts'
import { TcpServer } from '../../tcp/server.ts'
import { Transfer } from '../../tcp/transfer.ts'
import { DRAIN_STEP_MILLISECONDS, type Drain } from './drain.ts'
import { Heap } from './heap.ts'
import { Serving, type WsWorkerData } from './serving.ts'
import { TurnEnd } from './turn-end.ts'
import type { WsUpdate } from './worker-updates.ts'

/** How long an idle worker sleeps at most, so that it notices a stop and the time, */
const WAIT_MILLISECONDS = 200
/** and between two slices of a cleaning, so that other workers get at the table. */
const CLEANING_PAUSE_MILLISECONDS = 1
/** How long a stop waits for clients to answer the close frame; the process ends within a second. */
const STOP_WAIT_MILLISECONDS = 150
const STOP_TURN_MILLISECONDS = 10

export interface SocketWorkerData extends WsWorkerData {
  readonly kind: 'plain'
  /** The listening sockets of this worker, which closes them. */
  readonly listeners: readonly number[]
  readonly updates: UpdateSource
}

export function runSocketWorker(data: SocketWorkerData): void {
  const worker = new SocketWorker(data)
  worker.start()
  sayReady()
  worker.run()
  worker.stop()
  sayDone()
}

class SocketWorker {
  private readonly updates: WorkerUpdates<WsUpdate>
  private readonly turnEnd = new TurnEnd()
  private readonly serving: Serving
  private readonly server: TcpServer
  private readonly reporter: Reporter
  private readonly heap: Heap
  private readonly state: Int32Array
  private drain: Drain | null = null
  private nextStep = 0
  private isCleaning = false

  constructor(data: SocketWorkerData) {
    this.updates = new WorkerUpdates<WsUpdate>(data.updates)
    this.serving = new Serving(data, this.updates, this.turnEnd)
    const { upgrader, output, blocks, tcp, counts } = this.serving
    const transfer = new Transfer(output, blocks, upgrader)
    this.server = new TcpServer({
      ...tcp,
      transfer,
      listeners: data.listeners,
      wakeEvent: data.exchange?.wakeEvents[data.index] ?? -1,
    })
    this.serving.connect(this.server, transfer)
    this.heap = new Heap(counts, false)
    this.reporter = new Reporter(counts, data.counters, data.index, data.heartbeat)
    this.state = new Int32Array(data.state)
  }

  start(): void {
    this.server.listen()
  }

  /** Tells all connections, and ends. */
  stop(): void {
    const { serving, server } = this
    if (this.drain === null) server.stopListening()
    const told = serving.sayGoodbyeToAll()
    this.turnEnd.run()
    const turns = told === 0 ? 0 : STOP_WAIT_MILLISECONDS / STOP_TURN_MILLISECONDS
    for (let i = 0; i < turns && server.waiting > 0; i++) this.turn(STOP_TURN_MILLISECONDS)
    server.close()
    this.reporter.report()
  }

  private beginDrain(): void {
    const { serving } = this
    this.server.stopListening()
    this.drain = serving.beginDrain()
  }

  // HOT: no allocation below this line.

  run(): void {
    while (!mustStop(this.state) && !this.hasDrained()) {
      this.turn(this.waitFor())
    }
  }

  private waitFor(): number {
    if (this.isCleaning) return CLEANING_PAUSE_MILLISECONDS
    return this.drain === null ? WAIT_MILLISECONDS : DRAIN_STEP_MILLISECONDS
  }

  /** Takes the next step of a drain; true once no connection is left. */
  private hasDrained(): boolean {
    if (!mustDrain(this.state)) return false
    if (this.drain === null) this.beginDrain()
    const now = performance.now()
    if (now < this.nextStep || this.drain === null) return false
    this.nextStep = now + DRAIN_STEP_MILLISECONDS
    const closed = this.drain.closeSome()
    this.turnEnd.run()
    return closed === 0
  }

  private turn(milliseconds: number): void {
    const { serving, server } = this
    const { exchange } = serving
    const maySleep = this.turnEnd.isEmpty && (exchange === null || exchange.maySleep())
    server.wait(maySleep ? milliseconds : 0)
    if (exchange !== null) exchange.takeAll()
    const now = serving.setTime()
    this.updates.applyDue(now)
    server.serve(now)
    this.turnEnd.run()
    this.heap.tend()
    if (serving.tick(now)) this.turnEnd.run()
    this.reporter.reportSometimes(now)
    this.isCleaning = serving.clean()
  }
}
