// A socket worker with connections over TLS: the runtime's sockets on an event loop, served as in socket-worker.ts. Runs in
// its own thread, started by main.ts, from which it gets messages. Owns its connections.
import { parentPort } from 'node:worker_threads'
import { Reporter } from '../../process/reporter.ts'
import { UpdateHandlers } from '../../process/updates.ts'
import { DRAIN_MESSAGE, STOP_MESSAGE, sayDone, sayReady } from '../../process/workers.ts'
import type { ServerAddress } from '../../tcp/server-address.ts'
import { TlsServer, TlsSockets } from '../../tcp/tls-server.ts'
import { Transfer } from '../../tcp/transfer.ts'
import { takeCertificates } from '../../tls/certificate-change.ts'
import type { TlsFiles } from '../../tls/tls.ts'
import { Heap } from './heap.ts'
import { Serving, tell, type WsWorkerData } from './serving.ts'
import type { WsUpdate } from './worker-updates.ts'

/** Clock, deadlines, heartbeat, counters; housekeeping runs once a second. */
const TICK_MILLISECONDS = 100
/** Between two slices of a cleaning, to serve messages. */
const CLEANING_PAUSE_MILLISECONDS = 1
/** How long a stop waits for clients to answer the close frame; the process ends within a second. */
const STOP_WAIT_MILLISECONDS = 150

export interface TlsWorkerData extends WsWorkerData {
  readonly kind: 'tls'
  readonly addresses: readonly ServerAddress[]
  readonly tls: TlsFiles
}

type WorkerMessage = typeof STOP_MESSAGE | typeof DRAIN_MESSAGE | WsUpdate

export function runTlsWorker(data: TlsWorkerData): void {
  const worker = new TlsWorker(data)
  worker.start()
  parentPort?.on('message', (message: WorkerMessage) => {
    if (message === STOP_MESSAGE) worker.stop()
    else if (message === DRAIN_MESSAGE) worker.drain()
    else worker.apply(message)
  })
  sayReady()
}

class TlsWorker {
  private readonly data: TlsWorkerData
  private readonly updates = new UpdateHandlers<WsUpdate>()
  private readonly serving: Serving
  private readonly server: TlsServer
  private readonly reporter: Reporter
  private readonly heap: Heap
  private isCleaning = false

  constructor(data: TlsWorkerData) {
    this.data = data
    this.serving = new Serving(data, this.updates, {
      plan: (task) => setImmediate(() => this.server.work(task)),
    })
    const { upgrader, output, blocks, tcp, counts, sender } = this.serving
    const sockets = new TlsSockets(output, sender.memory)
    const transfer = new Transfer(output, blocks, upgrader, sockets)
    this.server = new TlsServer({
      ...tcp,
      transfer,
      sockets,
      addresses: data.addresses,
      before: () => this.serving.setTime(),
      after: () => this.heap.tend(),
    })
    this.serving.connect(this.server, transfer)
    this.heap = new Heap(counts, true)
    this.reporter = new Reporter(counts, data.counters, data.index, data.heartbeat)
    this.updates.on('certificates', (given) => {
      const certificates = takeCertificates(given, data.index, (tls) =>
        this.server.setCertificates(tls),
      )
      tell({ certificates })
    })
  }

  start(): void {
    this.server.listen(this.data.tls)
    setInterval(() => this.tick(), TICK_MILLISECONDS)
  }

  apply(update: WsUpdate): void {
    this.updates.apply(update, this.serving.setTime())
  }

  /** Closes all connections and ends the thread. Swarms end with the process, so peers are not removed. */
  stop(): void {
    this.server.stopListening()
    const told = this.serving.sayGoodbyeToAll()
    this.endAfter(told === 0 ? 0 : STOP_WAIT_MILLISECONDS)
  }

  /** The same, one after the other: another process already serves new connections. */
  drain(): void {
    const { serving } = this
    this.server.stopListening()
    const drain = serving.beginDrain()
    drain.start(() => this.endAfter(STOP_WAIT_MILLISECONDS))
  }

  private endAfter(milliseconds: number): void {
    setTimeout(() => {
      this.reporter.report()
      sayDone()
      process.exit(0)
    }, milliseconds)
  }

  private tick(): void {
    const { serving } = this
    const now = serving.setTime()
    this.server.tick(now)
    this.heap.tend()
    serving.tick(now)
    this.reporter.reportSometimes(now)
    if (!this.isCleaning) this.clean()
  }

  private clean(): void {
    this.serving.setTime()
    this.isCleaning = this.serving.clean()
    if (this.isCleaning) setTimeout(() => this.clean(), CLEANING_PAUSE_MILLISECONDS)
  }
}
