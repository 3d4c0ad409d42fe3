// Closes a worker's connections one after the other once another process has taken over: that one gets
// handshakes at a rate it can handle, and this one keeps answering the clients it still has. Made by the socket
// worker. Owns its timer.
import type { Connections } from './connection.ts'

/** For all workers together: half the TLS handshakes a core can do, in case all clients return at once. */
const CLOSES_PER_SECOND = 1000
/**
 * The longest drain, however many connections there are: until it ends, clients of the two processes do not
 * find each other. Taking longer would help only if clients returned at once, and WebTorrent's wait up to five
 * minutes.
 */
export const DRAIN_SECONDS = 20

/** Between two calls of `closeSome`. */
export const DRAIN_STEP_MILLISECONDS = 50

export class Drain {
  private readonly connections: Connections
  private readonly perStep: number
  private readonly close: (slot: number) => void
  private slot = 0

  /** `close` closes the connection of a slot. */
  constructor(connections: Connections, workers: number, close: (slot: number) => void) {
    const perSecond = Math.max(CLOSES_PER_SECOND / workers, connections.count / DRAIN_SECONDS)
    this.connections = connections
    this.perStep = Math.ceil((perSecond * DRAIN_STEP_MILLISECONDS) / 1000)
    this.close = close
  }

  /** On an event loop: calls `done` when none are left. */
  start(done: () => void): void {
    const timer = setInterval(() => {
      // After this turn's flush, so that a waiting answer is still sent.
      setImmediate(() => {
        if (this.closeSome() > 0) return
        clearInterval(timer)
        done()
      })
    }, DRAIN_STEP_MILLISECONDS)
  }

  /** Returns how many it closed. For a worker with a loop of its own, which does not call `start`. */
  closeSome(): number {
    const { connections } = this
    let closed = 0
    // A pending handshake may have taken a slot that was already passed, so every pass covers all slots.
    for (let left = connections.slotCount; left > 0 && closed < this.perStep; left--) {
      this.slot = (this.slot + 1) % connections.slotCount
      const connection = connections.at(this.slot)
      if (connection === null || connection.closed || connection.socket === null) continue
      this.close(this.slot)
      closed++
    }
    return closed
  }
}
