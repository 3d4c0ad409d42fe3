// The loop of a request worker: take requests from the rings of all socket workers, carry them out on the
// tables it owns, write the answers into the rings back. Runs in a thread of its own, started by main.ts. Owns
// its tables: no other thread touches them, so no locks are needed. (If the main thread walks through them, for
// a snapshot, an export or a survey, it locks them; then their owner takes these locks too, which are free
// except in those moments.)
//
// A turn takes up to [handlers] max_requests_per_iter requests. A socket worker gets its answers as soon as its
// ring has been worked off. Without requests the worker sleeps for channel_recv_timeout, then twice as long
// each time. A request wakes it at once; the time is only for its other duties.
import { Inbox } from '../../channel/inbox.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import { mustStop, provokeFault, sayReady, type WorkerStart } from '../../process/workers.ts'
import {
  openSourceLimits,
  openSwarms,
  type SwarmWorkerData,
  serveFrom,
} from '../../requests/swarm-worker.ts'
import type { SourceLimits } from '../../source-limits/source-limits.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import { BANS, COUNTER_WORDS } from '../worker/counters.ts'
import { Responder } from '../worker/respond.ts'
import type { UdpUpdate } from '../worker/worker-updates.ts'
import type { RequestLinks } from './links.ts'
import { RequestServer } from './serve-requests.ts'

/** The longest sleep, so that it notices a stop and the time, */
const SLEEP_MILLISECONDS_MAX = 200
/** and between two slices of a cleaning. */
const CLEANING_PAUSE_MILLISECONDS = 1

export interface RequestWorkerData extends WorkerStart, SwarmWorkerData {
  readonly role: 'request'
  readonly index: number
  readonly links: RequestLinks
  readonly maxRequests: number
  readonly waitMicroseconds: number
  /** No other thread walks through this worker's tables. */
  readonly alone: boolean
  readonly updates: UpdateSource
  readonly counters: SharedArrayBuffer
  /** Its slot in the counters of all workers. */
  readonly countersSlot: number
}

export function runRequestWorker(data: RequestWorkerData): void {
  readClock()
  const counts = new Int32Array(COUNTER_WORDS)
  const limits = openSourceLimits(data, counts, BANS)
  const open = openSwarms(data, limits, { owned: true, alone: data.alone })
  const responder = new Responder(open.swarms, counts)
  const updates = new WorkerUpdates<UdpUpdate>(data.updates)
  serveFrom(open, responder, data, updates)
  updates.on('settings', ({ rates }) => limits.setRates(rates))
  const worker = new RequestWorker(data, responder, limits, open.cleaner, updates)
  sayReady()
  worker.run()
}

class RequestWorker {
  private readonly responder: Responder
  private readonly limits: SourceLimits
  private readonly server: RequestServer
  private readonly cleaner: Cleaner
  private readonly updates: WorkerUpdates<UdpUpdate>
  private readonly inbox: Inbox
  private readonly maxRequests: number
  private readonly waitMilliseconds: number
  private readonly state: Int32Array
  private readonly reporter: Reporter
  private readonly fault: boolean
  private sleepMilliseconds = 0

  constructor(
    data: RequestWorkerData,
    responder: Responder,
    limits: SourceLimits,
    cleaner: Cleaner,
    updates: WorkerUpdates<UdpUpdate>,
  ) {
    this.responder = responder
    this.limits = limits
    this.server = new RequestServer(data.links, responder)
    this.cleaner = cleaner
    this.updates = updates
    this.inbox = new Inbox(this.server.readers, data.links.sleepWord)
    this.maxRequests = data.maxRequests
    this.waitMilliseconds = data.waitMicroseconds / 1000
    this.state = new Int32Array(data.state)
    this.reporter = new Reporter(responder.counts, data.counters, data.countersSlot, data.heartbeat)
    this.fault = data.fault
    this.sleepMilliseconds = this.waitMilliseconds
  }

  // HOT: no allocation below this line.

  run(): void {
    while (!mustStop(this.state)) {
      readClock()
      const now = clockSeconds()
      this.responder.setTime(now)
      this.limits.setTime(now)
      this.updates.applyDue(now)
      const served = this.server.serveAll(this.maxRequests)
      const cleaning = this.cleaner.step(now)
      this.reporter.reportSometimes(now)
      if (served === 0) this.idle(cleaning)
      else {
        this.sleepMilliseconds = this.waitMilliseconds
        if (this.fault) provokeFault()
      }
    }
    this.reporter.report()
  }

  private idle(cleaning: boolean): void {
    if (this.waitMilliseconds === 0) return
    if (cleaning) {
      this.inbox.sleep(CLEANING_PAUSE_MILLISECONDS)
      return
    }
    this.inbox.sleep(this.sleepMilliseconds)
    const longer = this.sleepMilliseconds * 2
    this.sleepMilliseconds = longer < SLEEP_MILLISECONDS_MAX ? longer : SLEEP_MILLISECONDS_MAX
  }
}
