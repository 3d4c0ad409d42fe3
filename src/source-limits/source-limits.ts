// How much a source may ask for: connects per network, requests and new torrents per address, its share of the
// remaining room when torrents or peers are nearly used up, and temporary bans. Called by the workers of
// protocols that store peers by address (udp/worker/handle.ts), and by the swarms before they add something.
// The memory belongs to the process (tracker.ts): a source has the same counters in all workers of all
// protocols, since the system spreads the ports of one address over them. Each worker has its own view.
//
//  connects   row 0: 65,536 words │ row 1
//  addresses  row 0: 65,536 × (0 requests │ 1 new torrents │ 2 refused │ 3 banned until, second
//             │ 4 sustained requests │ 5 new peers │ 6, 7 unused) │ row 1
//
// An IPv6 /64 counts as one address, and its /48 has its own counters in the same rows with NETWORK_SHARE times
// the limit, since anyone gets a /48 for free. A /48 is never banned: others may share it.
//
// Requests count only once the address is proven, over UDP by a connection id. Nothing else leads to a ban, so
// that nobody can get another address banned by forging it. A connect proves nothing; its limit bounds what a
// network that never asked can be sent.
import { RateCounters } from '../memory/rate-counter.ts'
import { isThisMachine } from '../swarm/address.ts'
import type { Peer } from '../swarm/peers/peer.ts'
import {
  BANNED_FOR_NEW_TORRENTS,
  BANNED_FOR_REQUESTS,
  BANNED_FOR_SUSTAINED_REQUESTS,
  type BanWriter,
} from './ban-writer.ts'
import { costOf, NETWORK_SHARE, Newcomers } from './newcomers.ts'
import {
  CLOCK_LAG_SEC,
  createSourceCounters,
  rowWords,
  SECOND,
  type SourceCounterData,
} from './source-counters.ts'

/** Settings, per second; 0 = no limit. They can change at runtime. */
export interface SourceRates {
  readonly connects: number
  readonly requests: number
  readonly sustainedRequests: number
  readonly newTorrents: number
  readonly banSeconds: number
}

/** Two fit a cache line. */
const SLOT_WORDS = 8
const ADDRESSES_AT = rowWords(1)
const WORDS = ADDRESSES_AT + rowWords(SLOT_WORDS)
export const SOURCE_LIMIT_BYTES = WORDS * 4

const REQUESTS = 0
const NEW_TORRENTS = 1
const REFUSED = 2
const BANNED_UNTIL = 3
const SUSTAINED = 4
const NEW_PEERS = 5

/** The sustained limit's burst is in 2^16ths of a second, which wrap after 18 hours. */
const LONG_SHIFT = 16
const LONG_SECOND = 1 << LONG_SHIFT

/** Bursts, in seconds of the rate. A starting client announces everything it has at once. */
const CONNECT_BURST = 10 * SECOND
const REQUEST_BURST = 10 * SECOND
const SUSTAINED_BURST = 1200 * LONG_SECOND
/** A source refused this many seconds' worth of requests is banned: ten seconds at twice the rate. */
const REFUSED_BURST = 10 * SECOND

// What `request` returns.
export const ADMITTED = 0
export const TOO_MANY = 1
export const BANNED = 2
export const TOO_MANY_SUSTAINED = 3
export const TOO_MANY_OF_NETWORK = 4

/** Called once per process. */
export function createSourceLimits(): SourceCounterData {
  return createSourceCounters(WORDS)
}

/** Where a worker reports bans. */
export interface BanNotes {
  /** The worker's counters; the one at `place` is for bans. */
  readonly counts: Int32Array
  readonly place: number
  /** Its end of the ban log; null if there is none. */
  readonly writer: BanWriter | null
}

export class SourceLimits extends Newcomers {
  /** For the sustained limit. */
  private readonly longRates: RateCounters
  private readonly bans: BanWriter | null
  private readonly counts: Int32Array
  private readonly banPlace: number
  private inForce: SourceRates
  private connectCost = 0
  private requestCost = 0
  private networkRequestCost = 0
  private sustainedCost = 0
  private longCost = 0
  private networkLongCost = 0
  private banSeconds = 0

  constructor(data: SourceCounterData, rates: SourceRates, { counts, place, writer }: BanNotes) {
    super(data, { torrents: NEW_TORRENTS, peers: NEW_PEERS })
    this.longRates = new RateCounters(this.words, CLOCK_LAG_SEC * LONG_SECOND)
    this.counts = counts
    this.banPlace = place
    this.bans = writer
    this.inForce = rates
    this.setRates(rates)
  }

  /** Also at runtime. A ban that would outlast new ones is lifted. */
  setRates(rates: SourceRates): void {
    this.inForce = rates
    this.connectCost = costOf(rates.connects, SECOND)
    this.requestCost = costOf(rates.requests, SECOND)
    this.networkRequestCost = costOf(rates.requests * NETWORK_SHARE, SECOND)
    this.sustainedCost = costOf(rates.sustainedRequests, SECOND)
    this.longCost = costOf(rates.sustainedRequests, LONG_SECOND)
    this.networkLongCost = costOf(rates.sustainedRequests * NETWORK_SHARE, LONG_SECOND)
    this.newTorrentCost = costOf(rates.newTorrents, SECOND)
    this.banSeconds = rates.banSeconds
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for later calls. */
  override setTime(second: number): void {
    super.setTime(second)
    this.longRates.now = second << LONG_SHIFT
  }

  /** True if a connect from this network (IPv4 /24, IPv6 /56) may be answered. */
  connect({ ipv4, a0, a1 }: Peer): boolean {
    const cost = this.connectCost
    if (cost === 0 || isThisMachine(ipv4, a0, a1)) return true
    const network = ipv4 ? this.hash(1, a0 & 0xffffff, 0) : this.hash(2, a0, a1 & 0xffffff)
    this.open(network, 0, 1)
    return this.chargeSource(0, cost, CONNECT_BURST)
  }

  /** Whether a request from a proven address (IPv6: a /64) may be answered. */
  request(peer: Peer): number {
    const { ipv4, a0, a1 } = peer
    const cost = this.requestCost
    const longCost = this.longCost
    if ((cost | longCost | this.newTorrentCost) === 0) return ADMITTED
    if (isThisMachine(ipv4, a0, a1)) return ADMITTED
    this.openAddress(ipv4, a0, a1)
    if (this.isBanned(this.first) && this.isBanned(this.other)) {
      // Requests during a ban still use up the sustained limit.
      if (longCost !== 0) this.chargeLong(longCost)
      return BANNED
    }
    if (cost !== 0 && !this.chargeSource(REQUESTS, cost, REQUEST_BURST)) {
      if (this.refuse(cost)) this.tell(peer, BANNED_FOR_REQUESTS, this.inForce.requests)
      return TOO_MANY
    }
    if (longCost !== 0 && !this.chargeLong(longCost)) {
      const banned = this.refuse(this.sustainedCost)
      if (banned) this.tell(peer, BANNED_FOR_SUSTAINED_REQUESTS, this.inForce.sustainedRequests)
      return TOO_MANY_SUSTAINED
    }
    return ipv4 || this.networkRequest(a0, a1) ? ADMITTED : TOO_MANY_OF_NETWORK
  }

  protected override openSource({ ipv4, a0, a1 }: Peer): boolean {
    if (isThisMachine(ipv4, a0, a1)) return false
    this.openAddress(ipv4, a0, a1)
    return true
  }

  protected override openNetworkOf({ ipv4, a0, a1 }: Peer): boolean {
    if (!ipv4) this.openNetwork(a0, a1)
    return !ipv4
  }

  protected override refusedNewTorrent(peer: Peer, cost: number): void {
    if (this.refuse(cost)) this.tell(peer, BANNED_FOR_NEW_TORRENTS, this.inForce.newTorrents)
  }

  private networkRequest(a0: number, a1: number): boolean {
    const cost = this.networkRequestCost
    const longCost = this.networkLongCost
    this.openNetwork(a0, a1)
    if (cost !== 0 && !this.chargeSource(REQUESTS, cost, REQUEST_BURST)) return false
    return longCost === 0 || this.chargeLong(longCost)
  }

  private openAddress(ipv4: boolean, a0: number, a1: number): void {
    this.open(ipv4 ? this.hash(1, a0, 0) : this.hash(2, a0, a1), ADDRESSES_AT, SLOT_WORDS)
  }

  private openNetwork(a0: number, a1: number): void {
    this.open(this.networkHash(a0, a1 & 0xffff), ADDRESSES_AT, SLOT_WORDS)
  }

  private chargeLong(cost: number): boolean {
    const first = this.first + SUSTAINED
    const other = this.other + SUSTAINED
    return this.longRates.chargeBoth(first, other, cost, SUSTAINED_BURST)
  }

  /** Records that an address was refused, and bans it if that continues. True for a new ban. */
  private refuse(cost: number): boolean {
    if (this.banSeconds === 0) return false
    if (this.chargeSource(REFUSED, cost, REFUSED_BURST)) return false
    const until = (this.second + this.banSeconds) | 0
    Atomics.store(this.words, this.other + BANNED_UNTIL, until)
    const before = Atomics.exchange(this.words, this.first + BANNED_UNTIL, until)
    // Another worker may have banned it just now: a ban counts once.
    if (((before - this.second) | 0) > 0) return false
    this.counts[this.banPlace]++
    return true
  }

  private tell(peer: Peer, reason: number, limit: number): void {
    this.bans?.write(peer, reason, limit, this.banSeconds)
  }

  private isBanned(slot: number): boolean {
    const left = (Atomics.load(this.words, slot + BANNED_UNTIL) - this.second) | 0
    if (left <= this.banSeconds + CLOCK_LAG_SEC) return left > 0
    // Lifted for good: otherwise it would apply again once its remaining time fits the new maximum.
    Atomics.store(this.words, slot + BANNED_UNTIL, this.second)
    return false
  }
}
