// Which of its sources a worker asks in a turn. Sockets beside queues of network cards have few packets, and asking each costs
// a system call, so they are asked when a wait has found something at one of them, and now and then while the
// queues leave no time to wait. Used by socket-worker.ts.

/** Turns in a row, of a batch of each queue, without asking the sockets. */
export const SOCKETS_SKIPPED = 7

export class SourceTurns {
  private readonly sockets: number
  private readonly hasQueues: boolean
  private skipped = SOCKETS_SKIPPED

  /** `sockets`: how many of the sources are sockets, which are the first. */
  constructor(sources: number, sockets: number) {
    this.sockets = sockets
    this.hasQueues = sources > sockets
  }

  // HOT: no allocation below this line.

  /** The first source to ask in this turn, and all after it. */
  first(): number {
    if (!this.hasQueues || this.skipped === SOCKETS_SKIPPED) {
      this.skipped = 0
      return 0
    }
    this.skipped++
    return this.sockets
  }

  /** After a wait for all sources. */
  waited(isSocketReady: boolean): void {
    this.skipped = isSocketReady ? SOCKETS_SKIPPED : 0
  }
}
