// An announce: a peer and what it says. One reused object per thread carries it from where it is parsed to
// where it is answered, whatever the protocol. Filled by udp/ and ws/, carried out by swarm.ts.
import { Peer } from './peers/peer.ts'

export class Announce {
  readonly peer = new Peer()
  /** The info hash is at `source[infoHash]`; `hash` is its keyed hash. */
  source: Int32Array = new Int32Array(0)
  infoHash = 0
  hash = 0
  seeder = false
  /** The peer says that its download just completed. */
  completed = false
  stopped = false
  /** Peers to choose at most. */
  wanted = 0
  /** Second of the monotonic clock. Result: the one that the peer's row has. */
  now = 0
  /** Result: the peer is new, or has been taken over from another connection. */
  joined = false
  /** Result: the last word of the peer's row until now (layout.ts), 0 if it was not there. */
  before = 0
  /** Result: a completed download was counted. */
  counted = false
}
