// A worker's end of the ban log (ban-log.ts): writes each ban to the worker's own ring, which is rare and takes
// some nanoseconds. Called by source-limits.ts. Defines the record's layout.
//
//  record: 0 IPv4 1, IPv6 0 │ 1, 2 the address, as in packets │ 3 which limit it exceeded │ 4 that limit, per second
//          │ 5 seconds of the ban
import { RingWriter } from '../channel/ring.ts'
import type { Peer } from '../swarm/peers/peer.ts'

const RECORD_WORDS = 6
export const BAN_IPV4 = 0
export const BAN_ADDRESS = 1
export const BAN_REASON = 3
export const BAN_LIMIT = 4
export const BAN_SECONDS = 5

// Which limit an address exceeded.
export const BANNED_FOR_REQUESTS = 0
export const BANNED_FOR_NEW_TORRENTS = 1
export const BANNED_FOR_SUSTAINED_REQUESTS = 2

/** A worker's part of the log. */
export interface BanWriterData {
  readonly ring: SharedArrayBuffer
  /** One word: bans of all workers, including those for which the ring had no room. */
  readonly total: SharedArrayBuffer
}

export class BanWriter {
  private readonly ring: RingWriter
  private readonly total: Int32Array

  constructor({ ring, total }: BanWriterData) {
    this.ring = new RingWriter(ring, RECORD_WORDS)
    this.total = new Int32Array(total)
  }

  // HOT: no allocation below this line.

  /** If the ring is full, the ban is only counted. */
  write({ ipv4, a0, a1 }: Peer, reason: number, limit: number, seconds: number): void {
    const { ring } = this
    const at = ring.room(RECORD_WORDS)
    if (at !== 0) {
      ring.words[at + BAN_IPV4] = ipv4 ? 1 : 0
      ring.words[at + BAN_ADDRESS] = a0
      ring.words[at + BAN_ADDRESS + 1] = a1
      ring.words[at + BAN_REASON] = reason
      ring.words[at + BAN_LIMIT] = limit
      ring.words[at + BAN_SECONDS] = seconds
      ring.append(at, RECORD_WORDS)
      ring.publish()
    }
    // Only now: the log relies on the record of each counted ban being there.
    Atomics.add(this.total, 0, 1)
  }
}
