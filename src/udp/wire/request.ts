// A request: the packet, whose it is, what it asks, and where the answer goes. One reused object per worker
// carries it from receive.ts, or out of a ring (serve-requests.ts), to where it is answered.
import { Announce } from '../../swarm/announce.ts'
import { FAMILY_IPV4, FAMILY_IPV6 } from '../worker/counters.ts'

export class Request {
  /** The packet of `bytes` at `words[at]`; out of a ring only what is needed of it, which `announce` and `infoHashes` say. */
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
  /** Whom it comes from. */
  readonly peer = this.announce.peer
  /** A scrape: so many info hashes from `words[infoHashes]` on. */
  infoHashes = 0
  infoHashCount = 0
}

/** Where the counters of an address family start. */
export function familyOf(ipv4: boolean): number {
  return ipv4 ? FAMILY_IPV4 : FAMILY_IPV6
}
