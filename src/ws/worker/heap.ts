// Keeps a worker's JavaScript heap small. Called by the workers at the end of each turn.
//
// Messages leave no garbage, but requests over HTTP, handshakes and connections that have ended do, and over TLS the
// runtime gives what it receives in arrays of their own. The engine counts the swarms' reserve, which is shared memory, as part of the heap, and so lets garbage
// grow with it before it collects. A full collection of the little that is live takes 5 to 15 ms, and is done after a
// certain amount of garbage. (fullGC, not Bun.gc(true): that throws compiled code away as well. Bun.gc(false) collects
// too little. Bun 1.4.5, November 2026.)
import { fullGC } from 'bun:jsc'
import { ACCEPTED } from '../../tcp/counters.ts'
import {
  CONNECTIONS_CLOSED,
  CONNECTIONS_OPENED,
  FAMILY_IPV6,
  RECEIVED_BYTES,
  TCP,
} from './counters.ts'

const GARBAGE_BYTES = 16 * 2 ** 20
/**
 * What any request over HTTP leaves, refused ones included; what a handshake leaves in addition, and what a connection had beside
 * its memory outside of the heap; rounded up.
 */
const REQUEST_BYTES = 512
const HANDSHAKE_BYTES = 4096
const CONNECTION_BYTES = 2048

export class Heap {
  private readonly counts: Int32Array
  private readonly isTls: boolean
  private readonly collect: () => void
  private collectedAt = 0

  constructor(counts: Int32Array, isTls: boolean, collect: () => void = fullGC) {
    this.counts = counts
    this.isTls = isTls
    this.collect = collect
  }

  tend(): void {
    const opened = this.both(CONNECTIONS_OPENED) * HANDSHAKE_BYTES
    const requests = this.counts[TCP + ACCEPTED] * REQUEST_BYTES
    const connections = requests + opened + this.both(CONNECTIONS_CLOSED) * CONNECTION_BYTES
    const garbage = (connections + (this.isTls ? this.both(RECEIVED_BYTES) : 0)) | 0
    if (((garbage - this.collectedAt) | 0) < GARBAGE_BYTES) return
    this.collectedAt = garbage
    this.collect()
  }

  /** The sum over both address families. */
  private both(counter: number): number {
    return this.counts[counter] + this.counts[FAMILY_IPV6 + counter]
  }
}
