// What changes while a worker runs, and how it gets there: the main thread sends it, each worker takes it
// between two turns of its loop. Used by both kinds of workers. Owns nothing.
import { fullGC } from 'bun:jsc'
import type { AccessListData } from '../access-list/list.ts'
import { UpdateReceiver, type UpdateSource } from '../process/updates.ts'
import type { Cleaner } from '../swarm/cleaner.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { ConnectionIds } from './connection-id.ts'
import type { Handler, RequestSettings } from './handle.ts'
import type { Responder } from './respond.ts'
import type { SourceLimits, SourceRates } from './source-limits.ts'

export interface WorkerNews {
  readonly accessList?: AccessListData
  readonly settings?: WorkerSettings
}

/** The settings that can change. */
export interface WorkerSettings {
  readonly requests: RequestSettings
  readonly rates: SourceRates
  readonly maxConnectionAge: number
  readonly cleaningInterval: number
  readonly maxPeerAge: number
}

/** What a worker has that news are about: packets in a socket worker, swarms in who owns them. */
export interface NewsTargets {
  readonly swarms: Swarms | null
  readonly cleaner: Cleaner | null
  readonly responder: Responder | null
  readonly handler: Handler | null
  readonly ids: ConnectionIds | null
  readonly limits: SourceLimits | null
}

export class NewsReader {
  private readonly receiver: UpdateReceiver<WorkerNews>
  private readonly targets: NewsTargets

  constructor(source: UpdateSource, targets: NewsTargets) {
    this.receiver = new UpdateReceiver(source)
    this.targets = targets
  }

  private take(now: number): void {
    const news = this.receiver.take()
    if (news?.settings !== undefined) this.apply(news.settings, now)
    if (news?.accessList !== undefined) {
      this.targets.swarms?.access.replace(news.accessList)
      this.targets.cleaner?.accessChanged(now)
      // A worker allocates nothing, so it would never collect the list before by itself. No answer for 3
      // to 9 ms; Bun.gc(true) takes 3 to 22, and throws compiled code away. Bun.gc(false) collects none.
      fullGC()
    }
  }

  private apply(settings: WorkerSettings, now: number): void {
    const { handler, responder, ids, cleaner, limits } = this.targets
    handler?.configure(settings.requests)
    const { announceInterval, intervalJitter } = settings.requests
    responder?.setInterval(announceInterval, intervalJitter)
    limits?.setRates(settings.rates)
    ids?.setMaxAge(settings.maxConnectionAge)
    cleaner?.setTimes(settings.cleaningInterval, settings.maxPeerAge, now)
  }

  // HOT: no allocation below this line.

  /** Once per turn. `now`: seconds of the monotonic clock. */
  look(now: number): void {
    if (this.receiver.isDue()) this.take(now)
  }
}
