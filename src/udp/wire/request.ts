// A request: the packet, its sender, its content, and where the answer goes. One reused object per worker
// carries it from receive.ts, or from a ring (serve-requests.ts), to where it is answered.
import { Announce } from '../../swarm/announce.ts'
import { FAMILY_IPV4, FAMILY_IPV6 } from '../worker/counters.ts'

export class Request {
  /**
   * The packet, `bytes` long, at `words[at]`. From a ring it is only the part that `announce` and `infoHashes`
   * refer to.
   */
  words: Int32Array = new Int32Array(0)
  at = 0
  bytes = 0
  /** Where the counters of its address family start. */
  family = 0
  transaction = 0
  /** The answer is written to `out[to]`, where there is room for the largest one. */
  out: Int32Array = new Int32Array(0)
  to = 0
  readonly announce = new Announce()
  /** The sender. */
  readonly peer = this.announce.peer
  /** `announce.hash` is known already (swarm/table/look-ahead.ts). */
  isHashed = false
  /** Of a scrape: `infoHashCount` info hashes start at `words[infoHashes]`. */
  infoHashes = 0
  infoHashCount = 0
}

/** Where the counters of an address family start. */
export function familyOf(ipv4: boolean): number {
  return ipv4 ? FAMILY_IPV4 : FAMILY_IPV6
}
