// The loop of a request worker: take requests from the rings of all socket workers, carry them out on
// the tables it owns, write the answers into the rings back. Runs in a thread of its own, started by
// main.ts. Owns its tables: nobody else touches them, so there are no locks on the way. (Where the
// main thread walks through them, for a restart, an export or a survey, it does so under their locks:
// then their owner takes these locks too, which are free but for those moments.)
//
// A turn takes up to [handlers] max_requests_per_iter requests. The answers to a socket worker are shown
// to it as soon as its ring is through. Without requests the worker sleeps, from channel_recv_timeout
// on, twice as long each time: a request wakes it at once, the time is only for its other duties.
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
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import { BANS, COUNTER_WORDS } from '../worker/counters.ts'
import { Responder } from '../worker/respond.ts'
import type { UdpUpdate } from '../worker/worker-updates.ts'
import type { RequestLinks } from './links.ts'
import { RequestServer } from './serve-requests.ts'

/** The longest sleep at a time, so that stop and time are noticed, */
const SLEEP_MILLISECONDS_MAX = 200
/** and between two slices of a cleaning. */
const CLEANING_PAUSE_MILLISECONDS = 1

export interface RequestWorkerData extends WorkerStart, SwarmWorkerData {
  readonly role: 'request'
  readonly index: number
  readonly links: RequestLinks
  readonly maxRequests: number
  readonly waitMicroseconds: number
  /** Nobody else walks through the tables of this worker. */
  readonly alone: boolean
  readonly updates: UpdateSource
  readonly counters: SharedArrayBuffer
  /** Its slot among all workers' counters. */
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
  const worker = new RequestWorker(data, responder, open.cleaner, updates)
  sayReady()
  worker.run()
}

class RequestWorker {
  private readonly responder: Responder
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
    cleaner: Cleaner,
    updates: WorkerUpdates<UdpUpdate>,
  ) {
    this.responder = responder
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
