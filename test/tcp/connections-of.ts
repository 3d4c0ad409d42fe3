// How many connections an address has, as those who enter find it: by the limit that still lets one in. Used by tests of
// the connection limits, whose table nobody else may be changing meanwhile.
import { ADMITTED, ConnectionLimits, FULL } from '../../src/tcp/connection-limits.ts'

export function connectionsOf(table: SharedArrayBuffer, high: number, low: number): number {
  for (let count = 0; ; count++) {
    const limits = new ConnectionLimits(table, 0, count + 1)
    limits.configure(limits.total() + 1, count + 1)
    const admission = limits.enter(high, low)
    if (admission === FULL) throw new Error('another one enters')
    if (admission !== ADMITTED) continue
    limits.leave(high, low)
    return count
  }
}
