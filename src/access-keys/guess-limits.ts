// Limits how many unknown keys an address may try, over all workers and protocols of the process. Called by
// gate.ts. The memory is shared (source-limits/source-counters.ts); each worker has a view of its own.
//
// Once an address has used up its guesses, none of its keys is looked up, not even a valid one, until the counter has
// drained a little: otherwise a correct guess would still be answered. A valid key costs nothing, so clients that
// share the address are served until then.
//
//  row 0: 65,536 words │ row 1
//
// An IPv6 /64 counts as one address, and its /48 has a counter of its own in the same rows.
import { costOf, NETWORK_SHARE } from '../source-limits/newcomers.ts'
import {
  createSourceCounters,
  rowWords,
  SECOND,
  type SourceCounterData,
  SourceCounters,
} from '../source-limits/source-counters.ts'
import { isThisMachine } from '../swarm/address.ts'
import type { Peer } from '../swarm/peers/peer.ts'

const SLOT_WORDS = 1
const MINUTE_SEC = 60
/** The burst allowed: a client whose key has been removed from the list announces all of its torrents. */
const BURST = 10 * MINUTE_SEC * SECOND

/** Called once per process. */
export function createGuessLimits(): SourceCounterData {
  return createSourceCounters(rowWords(SLOT_WORDS))
}

export class GuessLimits extends SourceCounters {
  private cost = 0
  private networkCost = 0

  /** 0 = no limit. */
  setRate(perMinute: number): void {
    this.cost = costOf(perMinute / MINUTE_SEC, SECOND)
    this.networkCost = costOf((perMinute * NETWORK_SHARE) / MINUTE_SEC, SECOND)
  }

  // HOT: no allocation below this line.

  /** Whether a key from this address may be looked up. */
  mayTry({ ipv4, a0, a1 }: Peer): boolean {
    if (this.cost === 0 || isThisMachine(ipv4, a0, a1)) return true
    this.openAddress(ipv4, a0, a1)
    if (this.isFull(0, this.cost, BURST)) return false
    if (ipv4) return true
    this.openNetwork(a0, a1)
    return !this.isFull(0, this.networkCost, BURST)
  }

  /** Counts an unknown key from this address. */
  count({ ipv4, a0, a1 }: Peer): void {
    if (this.cost === 0 || isThisMachine(ipv4, a0, a1)) return
    this.openAddress(ipv4, a0, a1)
    this.chargeSource(0, this.cost, BURST)
    if (ipv4) return
    this.openNetwork(a0, a1)
    this.chargeSource(0, this.networkCost, BURST)
  }

  private openAddress(ipv4: boolean, a0: number, a1: number): void {
    this.open(ipv4 ? this.hash(1, a0, 0) : this.hash(2, a0, a1), 0, SLOT_WORDS)
  }

  private openNetwork(a0: number, a1: number): void {
    this.open(this.networkHash(a0, a1 & 0xffff), 0, SLOT_WORDS)
  }
}
