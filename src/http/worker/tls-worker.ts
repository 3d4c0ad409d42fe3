// A worker of HTTPS: the runtime's sockets on an event loop, with requests handled as in socket-worker.ts. Runs
// in its own thread, started by main.ts, from which it receives messages. Owns its connections.
import { parentPort } from 'node:worker_threads'
import { observeElapsed } from '../../metrics/elapsed.ts'
import { observe } from '../../metrics/histogram.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { Reporter } from '../../process/reporter.ts'
import { UpdateHandlers } from '../../process/updates.ts'
import {
  DRAIN_MESSAGE,
  provokeFault,
  STOP_MESSAGE,
  sayDone,
  sayReady,
} from '../../process/workers.ts'
import type { Guest, OpenGuest } from '../../tcp/guest.ts'
import type { ServerAddress } from '../../tcp/server-address.ts'
import { TlsServer, TlsSockets } from '../../tcp/tls-server.ts'
import { Transfer } from '../../tcp/transfer.ts'
import {
  type CertificateAnswer,
  type NewCertificates,
  takeCertificates,
} from '../../tls/certificate-change.ts'
import type { TlsFiles } from '../../tls/tls.ts'
import { RESPONSE_TIME, RESPONSE_TIME_SHAPE, TURN_SIZE, TURN_SIZE_SHAPE } from './counters.ts'
import { type HttpWorkerData, openServing, type Serving, welcomeGuest } from './serving.ts'
import type { HttpUpdate } from './worker-updates.ts'

/** Clock, deadlines, heartbeat, counters, a slice of cleaning. */
const TICK_MILLISECONDS = 100
/** Between two slices of a cleaning, to serve connections and let other workers get at the table. */
const CLEANING_PAUSE_MILLISECONDS = 1
/** The most passes per tick over connections whose time is up. */
const EXPIRY_PASSES = 4

/** How long requests and handshakes in progress have at a stop, */
const STOP_MILLISECONDS = 500
/** and in a take-over. No longer: what has changed since the snapshot follows when it is over. */
export const DRAIN_MILLISECONDS = 2000
const LOOK_MILLISECONDS = 20
/** Between two steps of a guest's drain. */
const DRAIN_STEP_MILLISECONDS = 50

export interface TlsWorkerData extends HttpWorkerData {
  readonly role: 'tls'
  readonly addresses: readonly ServerAddress[]
  readonly tls: TlsFiles
}

/** The messages of a serving worker. */
export interface TlsWorkerReport {
  readonly certificates: CertificateAnswer
}

type WorkerMessage = typeof STOP_MESSAGE | typeof DRAIN_MESSAGE | HttpUpdate

export function runTlsWorker(data: TlsWorkerData, openGuest: OpenGuest | null): void {
  readClock()
  const worker = new TlsWorker(data, openGuest)
  worker.start()
  parentPort?.on('message', (message: WorkerMessage) => {
    if (message === STOP_MESSAGE) worker.stop(STOP_MILLISECONDS)
    else if (message === DRAIN_MESSAGE) worker.drain()
    else worker.apply(message)
  })
  sayReady()
}

class TlsWorker {
  private readonly data: TlsWorkerData
  private readonly updates = new UpdateHandlers<HttpUpdate>()
  private readonly serving: Serving
  private readonly guest: Guest | null
  private readonly server: TlsServer
  private readonly reporter: Reporter
  private isCleaning = false
  private isStopping = false

  constructor(data: TlsWorkerData, openGuest: OpenGuest | null) {
    this.data = data
    this.serving = openServing(data, this.updates)
    const { handler, stream, output, blocks, connections } = this.serving
    this.guest = welcomeGuest(this.serving, data, openGuest, (task) => {
      setImmediate(() => this.server.work(task))
    })
    const { guest } = this
    const sockets = guest === null ? new TlsSockets(output) : new TlsSockets(output, guest.memory)
    const transfer = new Transfer(output, blocks, stream, sockets)
    this.server = new TlsServer({
      ...connections,
      transfer,
      sockets,
      addresses: data.addresses,
      before: () => this.setTime(),
      after: (served) => {
        if (served > 0) this.measure()
      },
    })
    guest?.connect(this.server, transfer)
    this.reporter = new Reporter(handler.counts, data.counters, data.index, data.heartbeat)
    this.updates.on('settings', ({ connections }) => this.server.setTimes(connections.times))
    this.updates.on('certificates', (certificates) => this.useCertificates(certificates))
  }

  start(): void {
    this.setTime()
    this.server.listen(this.data.tls)
    setInterval(() => this.tick(), TICK_MILLISECONDS)
  }

  apply(update: HttpUpdate): void {
    this.updates.apply(update, this.setTime())
  }

  /**
   * Serves what is in progress for at most this long, then ends the thread. If called twice, the earlier end
   * counts.
   */
  stop(milliseconds: number): void {
    const end = performance.now() + milliseconds
    this.stopListening()
    this.guest?.sayGoodbyeToAll()
    setInterval(() => {
      if (this.server.count === 0 || performance.now() >= end) this.end()
    }, LOOK_MILLISECONDS)
  }

  /** Another process already serves new connections. A guest's connections end one after the other. */
  drain(): void {
    const { guest } = this
    if (guest === null) {
      this.stop(DRAIN_MILLISECONDS)
      return
    }
    this.stopListening()
    guest.beginDrain()
    const timer = setInterval(() => {
      // After what this turn has caused is sent.
      setImmediate(() => {
        if (!guest.drainOn()) return
        clearInterval(timer)
        this.stop(DRAIN_MILLISECONDS)
      })
    }, DRAIN_STEP_MILLISECONDS)
  }

  private stopListening(): void {
    if (!this.isStopping) this.server.stopListening()
    this.isStopping = true
  }

  private end(): void {
    this.server.close()
    this.reporter.report()
    this.guest?.report()
    sayDone()
    process.exit(0)
  }

  private useCertificates(given: NewCertificates): void {
    const set = (tls: TlsFiles) => this.server.setCertificates(tls)
    const report: TlsWorkerReport = {
      certificates: takeCertificates(given, this.data.index, set),
    }
    parentPort?.postMessage(report)
  }

  private setTime(): number {
    readClock()
    const now = clockSeconds()
    this.serving.handler.setTime(now)
    this.guest?.setTime()
    return now
  }

  private tick(): void {
    const now = this.setTime()
    for (let pass = 0; pass < EXPIRY_PASSES; pass++) this.server.tick(now)
    this.reporter.reportSometimes(now)
    this.guest?.endTurn()
    if (!this.isCleaning) this.clean()
  }

  private clean(): void {
    this.isCleaning = this.serving.cleaner.step(this.setTime())
    if (this.guest?.clean()) this.isCleaning = true
    if (this.isCleaning) setTimeout(() => this.clean(), CLEANING_PAUSE_MILLISECONDS)
  }

  /** Records how long it took, since the clock was last read, to answer a connection. */
  private measure(): void {
    const { counts } = this.serving.handler
    observeElapsed(counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, 1)
    observe(counts, TURN_SIZE, TURN_SIZE_SHAPE, 1, 1)
    if (this.data.fault) provokeFault()
  }
}
