// WebTorrent on the connections of another protocol's workers (tcp/guest.ts). Made in such a worker by what starts it
// (src/aquatic); does what socket-worker.ts and tls-worker.ts do, when its host says so.
import type { MessagePort } from 'node:worker_threads'
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import type { WorkerStart } from '../../process/workers.ts'
import type { Connection } from '../../tcp/connection.ts'
import type { TcpConnections } from '../../tcp/connections.ts'
import { ACCEPTED } from '../../tcp/counters.ts'
import type { Guest, GuestHost } from '../../tcp/guest.ts'
import type { Transfer } from '../../tcp/transfer.ts'
import { TCP } from './counters.ts'
import type { Drain } from './drain.ts'
import { Heap } from './heap.ts'
import { Serving, type WsWorkerData } from './serving.ts'
import { TurnEnd } from './turn-end.ts'
import type { WsUpdate } from './worker-updates.ts'

/** A guest's part of the start data of its host's worker. */
export interface WsGuestData extends Omit<WsWorkerData, keyof WorkerStart> {
  readonly updates: UpdateSource
  /** For what it tells the main thread. */
  readonly toMain: MessagePort
}

export class WsGuest implements Guest {
  readonly memory: Serving['sender']['memory']
  readonly wakeEvent: number
  private readonly updates: WorkerUpdates<WsUpdate>
  private readonly turnEnd = new TurnEnd()
  private readonly serving: Serving
  private readonly reporter: Reporter
  private readonly heap: Heap
  private drain: Drain | null = null

  constructor(start: WorkerStart, data: WsGuestData, host: GuestHost) {
    this.updates = new WorkerUpdates<WsUpdate>(data.updates)
    const plan = host.plan ?? this.turnEnd.plan
    const tell = (report: object) => data.toMain.postMessage(report)
    const options = { plan, tell, host }
    this.serving = new Serving({ ...start, ...data }, this.updates, options)
    const { sender, counts } = this.serving
    this.memory = sender.memory
    this.wakeEvent = data.exchange?.wakeEvents[start.index] ?? -1
    this.heap = new Heap(counts, host.plan !== null)
    this.reporter = new Reporter(counts, data.counters, start.index, start.heartbeat)
  }

  connect(server: TcpConnections, transfer: Transfer): void {
    this.serving.connect(server, transfer)
  }

  sayGoodbyeToAll(): void {
    this.serving.sayGoodbyeToAll()
    this.turnEnd.run()
  }

  beginDrain(): void {
    const { serving } = this
    this.drain = serving.beginDrain()
  }

  // HOT: no allocation below this line.

  drainOn(): boolean {
    const closed = this.drain === null ? 0 : this.drain.closeSome()
    this.turnEnd.run()
    return closed === 0
  }

  consume(connection: Connection, input: Uint8Array, from: number, to: number): number {
    const { counts, upgrader } = this.serving
    // To this protocol it is a new connection, whose garbage counts (heap.ts).
    counts[TCP + ACCEPTED]++
    return upgrader.consume(connection, input, from, to)
  }

  report(): void {
    this.reporter.report()
  }

  maySleep(): boolean {
    const { exchange } = this.serving
    return this.turnEnd.isEmpty && (exchange === null || exchange.maySleep())
  }

  awake(): void {
    const { exchange } = this.serving
    if (exchange !== null) exchange.takeAll()
  }

  setTime(): void {
    this.serving.setTime()
  }

  endTurn(): void {
    const { serving } = this
    const { now } = serving
    this.updates.applyDue(now)
    this.turnEnd.run()
    this.heap.tend()
    if (serving.tick(now)) this.turnEnd.run()
    this.reporter.reportSometimes(now)
  }

  clean(): boolean {
    return this.serving.clean()
  }
}
