// Whether the engine is connected, why not, and what it refuses: known for the operator's page, and told in the log. Used by link.ts,
// and by the links of other kinds of swarms.
import type { Engine } from './engine.ts'
import { Disconnected, Refusals, type Tell } from './telling.ts'

export class EngineWatch {
  /** Why there is no connection. */
  reason = ''
  readonly refusals: Refusals
  isConnected = false
  private readonly engine: Engine
  private readonly tell: Tell
  private readonly disconnected: Disconnected

  constructor(engine: Engine, tell: Tell, now: number) {
    this.engine = engine
    this.tell = tell
    this.refusals = new Refusals(tell)
    this.disconnected = new Disconnected(tell, now)
    engine.onStatus((_connected, reason) => {
      this.reason = reason
    })
    engine.onRefusal((reason) => this.refusals.add(reason))
  }

  /** True if it has changed since the last call. */
  turn(now: number): boolean {
    const isConnected = this.engine.isConnected()
    const hasChanged = isConnected !== this.isConnected
    this.isConnected = isConnected
    if (hasChanged && isConnected) this.tell('info', 'connected')
    else if (hasChanged) {
      this.refusals.clear()
      this.disconnected.begin(now)
    }
    if (!isConnected) this.disconnected.turn(this.reason, now)
    return hasChanged
  }
}
