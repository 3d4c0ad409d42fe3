// How many requests may come on one connection, and from one address, and what an address may add to the
// swarms (source-limits/newcomers.ts). Asked by handle.ts for each message, before it is looked at. One per
// worker; what addresses have used up lies in memory that all workers share (source-limits/source-counters.ts),
// what a connection has used up in the connection.
//
// Everything that is sent counts, but for answers that are passed on: the tracker has asked for these by
// handing out offers. Those who exceed a limit are told for a start, and then not: a client that
// announces again on each response stops there, and keeps its peers. Who goes on regardless is closed.
//
//  row 0: 65,536 × (0 requests │ 1 new torrents │ 2 new peers │ 3 unused) │ row 1
//
// An IPv6 /64 is one address, and its /48 has counters of its own in the same rows.
import { costOf, NETWORK_SHARE, Newcomers } from '../../source-limits/newcomers.ts'
import {
  createSourceCounters,
  rowWords,
  SECOND,
  type SourceCounterData,
} from '../../source-limits/source-counters.ts'
import { isKeyOfThisMachine } from '../../swarm/address.ts'
import type { Connection } from './connection.ts'

/** Settings, per second; 0 = no limit. They may change while the workers serve. */
export interface RequestRates {
  readonly perConnection: number
  readonly perAddress: number
  readonly newTorrents: number
}

const SLOT_WORDS = 4
const REQUESTS = 0
const NEW_TORRENTS = 1
const NEW_PEERS = 2

/**
 * What may come at once, in seconds of the rate. A client that starts announces all of its torrents: 10,000
 * of them are 53 seconds of a connection's, whose rate rises with each.
 */
const BURST_SEC = 60
const BURST = BURST_SEC * SECOND
/** A connection gets one request per second more for so many torrents: twelve times what they announce. */
const TORRENTS_PER_REQUEST = 10

/** Refused messages of a connection that are answered, per so many seconds. */
const TOLD_MAX = 5
const TOLD_SEC = 10

// What `check` returns.
export const ADMITTED = 0
export const TOO_MANY_OF_CONNECTION = 1
export const TOO_MANY_OF_ADDRESS = 2

// What `refuse` returns.
export const TELL = 0
export const SAY_NOTHING = 1
export const CLOSE = 2

/** Once for all workers. */
export function createRequestLimits(): SourceCounterData {
  return createSourceCounters(rowWords(SLOT_WORDS))
}

export class RequestLimits extends Newcomers {
  private perConnection = 0
  private addressCost = 0
  private networkCost = 0
  /** Whose message is in hand. */
  private high = 0
  private low = 0

  constructor(data: SourceCounterData, rates: RequestRates) {
    super(data, { torrents: NEW_TORRENTS, peers: NEW_PEERS })
    this.configure(rates)
  }

  /** Also while it is at work. */
  configure({ perConnection, perAddress, newTorrents }: RequestRates): void {
    this.perConnection = perConnection
    this.addressCost = costOf(perAddress, SECOND)
    this.networkCost = costOf(perAddress * NETWORK_SHARE, SECOND)
    this.newTorrentCost = costOf(newTorrents, SECOND)
  }

  // HOT: no allocation below this line.

  /** Whether a message of this connection is to be looked at. What it adds then counts for its address. */
  check(connection: Connection): number {
    const { addressHigh, addressLow } = connection
    this.high = addressHigh
    this.low = addressLow
    // From there comes a proxy, or a load tester.
    if (isKeyOfThisMachine(addressHigh, addressLow)) return ADMITTED
    if (this.perConnection !== 0) {
      const ahead = aheadOf(connection.requestsPaidUntil, this.second)
      if (ahead + this.connectionCost(connection) > BURST_SEC) return TOO_MANY_OF_CONNECTION
    }
    if (this.addressCost === 0) return ADMITTED
    this.openAddress(addressHigh, addressLow)
    if (this.isFull(REQUESTS, this.addressCost, BURST)) return TOO_MANY_OF_ADDRESS
    if (addressHigh === 0) return ADMITTED
    this.openNetwork(addressHigh, addressLow)
    return this.isFull(REQUESTS, this.networkCost, BURST) ? TOO_MANY_OF_ADDRESS : ADMITTED
  }

  /** Counts a message that has been served. */
  charge(connection: Connection): void {
    const { addressHigh, addressLow } = connection
    if (isKeyOfThisMachine(addressHigh, addressLow)) return
    if (this.perConnection !== 0) {
      const ahead = aheadOf(connection.requestsPaidUntil, this.second)
      connection.requestsPaidUntil = this.second + ahead + this.connectionCost(connection)
    }
    if (this.addressCost === 0) return
    this.openAddress(addressHigh, addressLow)
    this.chargeSource(REQUESTS, this.addressCost, BURST)
    if (addressHigh === 0) return
    this.openNetwork(addressHigh, addressLow)
    this.chargeSource(REQUESTS, this.networkCost, BURST)
  }

  /** What to do about a message that `check` has not admitted. */
  refuse(connection: Connection): number {
    const { second } = this
    const ahead = aheadOf(connection.refusedUntil, second)
    const cost = this.perConnection === 0 ? 1 : this.connectionCost(connection)
    // As much again as it may send at once, and beyond twice its rate for as long as that lasts.
    if (ahead + cost > BURST_SEC) return CLOSE
    connection.refusedUntil = second + ahead + cost
    if (second - connection.toldSince >= TOLD_SEC) {
      connection.toldSince = second
      connection.told = 0
    }
    if (connection.told === TOLD_MAX) return SAY_NOTHING
    connection.told++
    return TELL
  }

  /** What a request costs a connection, in seconds. */
  private connectionCost({ memberships }: Connection): number {
    const torrents = memberships === null ? 0 : memberships.count
    return 1 / (this.perConnection + torrents / TORRENTS_PER_REQUEST)
  }

  protected override openSource(): boolean {
    if (isKeyOfThisMachine(this.high, this.low)) return false
    this.openAddress(this.high, this.low)
    return true
  }

  protected override openNetworkOf(): boolean {
    if (this.high !== 0) this.openNetwork(this.high, this.low)
    return this.high !== 0
  }

  /** A client that goes on is told each time, and closed when it sends too many requests. */
  protected override refusedNewTorrent(): void {}

  private openAddress(high: number, low: number): void {
    this.open(this.hash(2, high, low), 0, SLOT_WORDS)
  }

  private openNetwork(high: number, low: number): void {
    this.open(this.networkHash(high, low & 0xffff0000), 0, SLOT_WORDS)
  }
}

function aheadOf(paidUntil: number, second: number): number {
  return paidUntil > second ? paidUntil - second : 0
}
