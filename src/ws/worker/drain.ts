// Ends a worker's connections one after the other, when another process serves in this one's place: that
// one gets handshakes at a rate it can take, and this one answers whoever is still here. Made by the
// socket worker. Owns its timer.
import type { Connections } from './connection.ts'

/** Of all workers together: half of what a core does in TLS handshakes, should all clients return at once. */
const CLOSES_PER_SECOND = 1000
/**
 * At the latest, however many there are: meanwhile clients of the two processes do not meet. Longer would
 * spare handshakes only with clients that return at once, and WebTorrent's wait up to five minutes.
 */
export const DRAIN_SECONDS = 20

const STEP_MILLISECONDS = 50

export class Drain {
  private readonly connections: Connections
  private readonly perStep: number
  private readonly close: (slot: number) => void
  private slot = 0

  /** `close` ends the connection of a slot. */
  constructor(connections: Connections, workers: number, close: (slot: number) => void) {
    const perSecond = Math.max(CLOSES_PER_SECOND / workers, connections.count / DRAIN_SECONDS)
    this.connections = connections
    this.perStep = Math.ceil((perSecond * STEP_MILLISECONDS) / 1000)
    this.close = close
  }

  /** Calls `done` when none is left. */
  start(done: () => void): void {
    const timer = setInterval(() => {
      // Behind the flush of this turn, so that an answer that waits still goes out.
      setImmediate(() => {
        if (this.closeSome() > 0) return
        clearInterval(timer)
        done()
      })
    }, STEP_MILLISECONDS)
  }

  /** Returns how many it has closed. */
  private closeSome(): number {
    const { connections } = this
    let closed = 0
    // A handshake that was under way may have taken a slot that was passed: so all of them are visited.
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
