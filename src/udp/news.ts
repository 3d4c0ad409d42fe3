// What changes while a worker runs, and how it gets there: the main thread sends it, each worker takes it
// between two turns of its loop. Used by both kinds of workers. Owns nothing.
import type { AccessListData } from '../access-list/list.ts'
import { UpdateReceiver, type UpdateSource } from '../process/updates.ts'
import type { Cleaner } from '../swarm/cleaner.ts'
import type { Swarms } from '../swarm/swarm.ts'

export interface WorkerNews {
  readonly accessList?: AccessListData
}

/** What a worker has that news are about; a socket worker that passes requests on has no swarms. */
export interface NewsTargets {
  readonly swarms: Swarms | null
  readonly cleaner: Cleaner | null
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
    if (news?.accessList === undefined) return
    this.targets.swarms?.access.replace(news.accessList)
    this.targets.cleaner?.accessChanged(now)
    // A worker allocates nothing, so it would never collect the list before it by itself.
    Bun.gc(true)
  }

  // HOT: no allocation below this line.

  /** Once per turn. `now`: seconds of the monotonic clock. */
  look(now: number): void {
    if (this.receiver.isDue()) this.take(now)
  }
}
