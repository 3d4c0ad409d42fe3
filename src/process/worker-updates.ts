// The updates of a worker that blocks in system calls: it checks for one in each turn of its loop. Made by such
// a worker; whoever a part of an update concerns registers for it (updates.ts).
import { UpdateHandlers, UpdateReceiver, type UpdateSource } from './updates.ts'

export class WorkerUpdates<U extends object> extends UpdateHandlers<U> {
  private readonly receiver: UpdateReceiver<U>

  constructor(source: UpdateSource) {
    super()
    this.receiver = new UpdateReceiver(source)
  }

  private applyNext(now: number): void {
    const update = this.receiver.take()
    if (update !== null) this.apply(update, now)
  }

  // HOT: no allocation below this line.

  /** `now`: seconds of the monotonic clock. */
  applyDue(now: number): void {
    if (this.receiver.isDue()) this.applyNext(now)
  }
}
