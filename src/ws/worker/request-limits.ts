// How many requests may come on one connection and from one address, and what an address may add to the swarms
// (source-limits/newcomers.ts). Called by handle.ts for each message, before it is parsed. One per worker; the
// use by addresses is counted in memory that all workers share (source-limits/source-counters.ts), the use by a
// connection in the connection.
//
// Everything that clients send counts, except answers that are passed on: the tracker asked for these by
// sending out offers. At first, clients that exceed a limit are told so; then they get no response. That stops
// clients that announce again on each response, and they keep their peers. Connections that continue regardless
// are closed.
//
//  row 0: 65,536 × (0 requests │ 1 new torrents │ 2 new peers │ 3 unused) │ row 1
//
// An IPv6 /64 counts as one address, and its /48 has its own counters in the same rows.
import { costOf, NETWORK_SHARE, Newcomers } from '../../source-limits/newcomers.ts'
import {
  createSourceCounters,
  rowWords,
  SECOND,
  type SourceCounterData,
} from '../../source-limits/source-counters.ts'
import { isKeyOfThisMachine } from '../../swarm/address.ts'
import type { Connection } from './connection.ts'

/** Settings, per second; 0 = no limit. They can change at runtime. */
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
 * How much may come at once, in seconds of the rate. A starting client announces all of its torrents: 10,000 of
 * them take 53 seconds of a connection's rate, which rises with each.
 */
const BURST_SEC = 60
const BURST = BURST_SEC * SECOND
/** A connection gets one more request per second for this many torrents: twelve times what they announce. */
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

/** Called once for all workers. */
export function createRequestLimits(): SourceCounterData {
  return createSourceCounters(rowWords(SLOT_WORDS))
}

export class RequestLimits extends Newcomers {
  private perConnection = 0
  private addressCost = 0
  private networkCost = 0
  /** The address key of the current message's sender. */
  private high = 0
  private low = 0

  constructor(data: SourceCounterData, rates: RequestRates) {
    super(data, { torrents: NEW_TORRENTS, peers: NEW_PEERS })
    this.configure(rates)
  }

  /** Also at runtime. */
  configure({ perConnection, perAddress, newTorrents }: RequestRates): void {
    this.perConnection = perConnection
    this.addressCost = costOf(perAddress, SECOND)
    this.networkCost = costOf(perAddress * NETWORK_SHARE, SECOND)
    this.newTorrentCost = costOf(newTorrents, SECOND)
  }

  // HOT: no allocation below this line.

  /** Whether to process a message of this connection. What it adds to swarms then counts for its address. */
  check(connection: Connection): number {
    const { addressHigh, addressLow } = connection
    this.high = addressHigh
    this.low = addressLow
    // A proxy or a load tester on this machine.
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

  /** What to do with a message that `check` did not admit. */
  refuse(connection: Connection): number {
    const { second } = this
    const ahead = aheadOf(connection.refusedUntil, second)
    const cost = this.perConnection === 0 ? 1 : this.connectionCost(connection)
    // As much again as it may send at once, beyond twice its rate for that long.
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

  /** The cost of a request on a connection, in seconds. */
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

  /** A client that continues is told each time, and closed once it sends too many requests. */
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
