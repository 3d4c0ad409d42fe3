// How many requests may come on one connection, and from one address. Asked by handle.ts for each message,
// before it is looked at. One per worker; what addresses have used up lies in memory that all workers share
// (memory/rate-counter.ts), what a connection has used up in the connection.
//
// Everything that is sent counts, but for answers that are passed on: the tracker has asked for these by
// handing out offers. Those who exceed a limit are told for a start, and then not: a client that
// announces again on each response stops there, and keeps its peers. Who goes on regardless is closed.
//
//  row 0: 65,536 × (0 requests of an address │ 1 of an IPv6 /48) │ row 1
import { randomFillSync } from 'node:crypto'
import { hashWords } from '../memory/half-sip-hash.ts'
import { RateCounters } from '../memory/rate-counter.ts'
import { isThisMachine } from '../swarm/connections.ts'
import type { Connection } from './connection.ts'

/** Settings, per second; 0 = no limit. They may change while the workers serve. */
export interface RequestRates {
  readonly perConnection: number
  readonly perAddress: number
}

/** What all workers share. */
export interface RequestLimitData {
  readonly words: SharedArrayBuffer
  readonly key0: number
  readonly key1: number
}

const ROW_BITS = 16
const ROW_SLOTS = 1 << ROW_BITS
const ROW_MASK = ROW_SLOTS - 1
const SLOT_WORDS = 2
const ADDRESS = 0
const NETWORK = 1
const WORDS = ROW_SLOTS * SLOT_WORDS * 2

/** Time runs in 2^18ths of a second, as words that wrap after 4.5 hours. */
const SECOND_SHIFT = 18
const SECOND = 1 << SECOND_SHIFT
/** Workers read their clocks four times a second; by this much they differ if one has stood still. */
const CLOCK_LAG = 16 * SECOND

/**
 * What may come at once, in seconds of the rate. A client that starts announces all of its torrents: 10,000
 * of them are 53 seconds of a connection's, whose rate rises with each.
 */
const BURST_SEC = 60
const BURST = BURST_SEC * SECOND
/** A connection gets one request per second more for so many torrents: twelve times what they announce. */
const TORRENTS_PER_REQUEST = 10
/** A /48 may ask for so much more than an address: anybody gets one for nothing, and a site has one. */
const NETWORK_SHARE = 4

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

/** Memory for all workers; also when nothing is limited, which may change. It is spent as it is touched. */
export function createRequestLimits(): RequestLimitData {
  const [key0, key1] = randomFillSync(new Int32Array(2))
  return { words: new SharedArrayBuffer(WORDS * 4), key0, key1 }
}

export class RequestLimits {
  private readonly rates: RateCounters
  private readonly key0: number
  private readonly key1: number
  private perConnection = 0
  private addressCost = 0
  private networkCost = 0
  private readonly source = new Int32Array(2)
  private second = 0
  /** The counters of the source in hand, in both rows. */
  private first = 0
  private other = 0

  constructor({ words, key0, key1 }: RequestLimitData, rates: RequestRates) {
    this.rates = new RateCounters(new Int32Array(words), CLOCK_LAG)
    this.key0 = key0
    this.key1 = key1
    this.configure(rates)
  }

  /** Also while it is at work. */
  configure({ perConnection, perAddress }: RequestRates): void {
    this.perConnection = perConnection
    this.addressCost = costOf(perAddress)
    this.networkCost = costOf(perAddress * NETWORK_SHARE)
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for what follows. */
  setTime(second: number): void {
    this.second = second
    this.rates.now = second << SECOND_SHIFT
  }

  /** Whether a message of this connection is to be looked at. */
  check(connection: Connection): number {
    const { addressHigh, addressLow } = connection
    // From there comes a proxy, or a load tester.
    if (isThisMachine(addressHigh, addressLow)) return ADMITTED
    if (this.perConnection !== 0) {
      const ahead = aheadOf(connection.requestsPaidUntil, this.second)
      if (ahead + this.connectionCost(connection) > BURST_SEC) return TOO_MANY_OF_CONNECTION
    }
    if (this.addressCost === 0) return ADMITTED
    this.open(addressHigh, addressLow)
    if (this.isFull(ADDRESS, this.addressCost)) return TOO_MANY_OF_ADDRESS
    if (addressHigh === 0) return ADMITTED
    this.openNetwork(addressHigh, addressLow)
    return this.isFull(NETWORK, this.networkCost) ? TOO_MANY_OF_ADDRESS : ADMITTED
  }

  /** Counts a message that has been served. */
  charge(connection: Connection): void {
    const { addressHigh, addressLow } = connection
    if (isThisMachine(addressHigh, addressLow)) return
    if (this.perConnection !== 0) {
      const ahead = aheadOf(connection.requestsPaidUntil, this.second)
      connection.requestsPaidUntil = this.second + ahead + this.connectionCost(connection)
    }
    if (this.addressCost === 0) return
    this.open(addressHigh, addressLow)
    this.chargeBoth(ADDRESS, this.addressCost)
    if (addressHigh === 0) return
    this.openNetwork(addressHigh, addressLow)
    this.chargeBoth(NETWORK, this.networkCost)
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

  private open(word0: number, word1: number): void {
    this.source[0] = word0
    this.source[1] = word1
    const hash = hashWords(this.source, 0, 2, this.key0, this.key1)
    this.first = (hash & ROW_MASK) * SLOT_WORDS
    this.other = (ROW_SLOTS + (hash >>> ROW_BITS)) * SLOT_WORDS
  }

  private openNetwork(high: number, low: number): void {
    this.open(high, low & 0xffff0000)
  }

  private isFull(what: number, cost: number): boolean {
    return this.rates.bothFull(this.first + what, this.other + what, cost, BURST)
  }

  private chargeBoth(what: number, cost: number): void {
    this.rates.chargeBoth(this.first + what, this.other + what, cost, BURST)
  }
}

function aheadOf(paidUntil: number, second: number): number {
  return paidUntil > second ? paidUntil - second : 0
}

/** What one costs, in time; at least the smallest unit. 0 for no limit. */
function costOf(rate: number): number {
  return rate === 0 ? 0 : Math.max(1, Math.round(SECOND / rate))
}
