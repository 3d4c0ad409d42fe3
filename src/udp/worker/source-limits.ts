// How much a source may ask for: connects per network, requests and new torrents per address, what it may
// take of the rest when torrents or peers are nearly used up, and who is banned for a while. Asked by
// handle.ts, and by swarm.ts before it adds something. One view per worker on memory that all workers
// share, since the system spreads one address over them by its ports.
//
// Two rows of counters, and a source has one in each, by a keyed hash: it is refused only when both are
// over. Nothing is looked up, taken or evicted: what is in a counter drains by itself, and whoever does
// not know the key cannot choose with whom to share. That somebody shares both of his with heavy users
// of whom there are n happens with a probability of (n ÷ 65,536)². A flood from random sources spreads
// over all counters and fills none. What a counter is: memory/rate-counter.ts.
//
//  connects   row 0: 65,536 words │ row 1
//  addresses  row 0: 65,536 × (0 requests │ 1 new torrents │ 2 refused │ 3 banned until, second
//             │ 4 sustained requests │ 5 new peers │ 6, 7 unused) │ row 1
//
// An IPv6 /64 is one address, and its /48 has counters of its own in the same rows, for NETWORK_SHARE times
// as much: anybody gets a /48 for nothing. It is never banned, since others may be in it.
//
// Requests count only once their connection id has proved the address. A ban comes of nothing else, so
// that nobody can have another one banned by forging his address. A connect proves nothing; its limit
// is for what is sent to a network at most that never asked.
import { hashWords } from '../../memory/half-sip-hash.ts'
import { RateCounters } from '../../memory/rate-counter.ts'
import { isThisMachine } from '../../swarm/address.ts'
import { costOf, NETWORK_SHARE, Newcomers, SECOND, SECOND_SHIFT } from '../../swarm/newcomers.ts'
import type { Peer } from '../../swarm/peers/peer.ts'
import {
  BANNED_FOR_NEW_TORRENTS,
  BANNED_FOR_REQUESTS,
  BANNED_FOR_SUSTAINED_REQUESTS,
  type BanWriter,
} from '../main/ban-log.ts'
import { BANS } from './counters.ts'

/** Settings, per second; 0 = no limit. They may change while the workers serve. */
export interface SourceRates {
  readonly connects: number
  readonly requests: number
  readonly sustainedRequests: number
  readonly newTorrents: number
  readonly banSeconds: number
}

/** What all workers share. */
export interface SourceLimitData {
  readonly words: SharedArrayBuffer
  readonly key0: number
  readonly key1: number
}

const ROW_BITS = 16
const ROW_SLOTS = 1 << ROW_BITS
const ROW_MASK = ROW_SLOTS - 1
/** Half a cache line. */
const SLOT_WORDS = 8
const ADDRESSES_AT = ROW_SLOTS * 2
const WORDS = ADDRESSES_AT + ROW_SLOTS * SLOT_WORDS * 2
export const SOURCE_LIMIT_BYTES = WORDS * 4

const REQUESTS = 0
const NEW_TORRENTS = 1
const REFUSED = 2
const BANNED_UNTIL = 3
const SUSTAINED = 4
const NEW_PEERS = 5

/** For the burst of the sustained limit in 2^16ths, which wrap after 18 hours. */
const LONG_SHIFT = 16
const LONG_SECOND = 1 << LONG_SHIFT

/** Workers' clocks differ by a batch as a rule; by this much if one has stood still, which the watchdog tells. */
const CLOCK_LAG_SEC = 16
const CLOCK_LAG = CLOCK_LAG_SEC * SECOND
const LONG_CLOCK_LAG = CLOCK_LAG_SEC * LONG_SECOND

/** Bursts, in seconds of the rate. A client that starts announces everything it has at once. */
const CONNECT_BURST = 10 * SECOND
const REQUEST_BURST = 10 * SECOND
const SUSTAINED_BURST = 1200 * LONG_SECOND
/** Who goes on to be refused for what this many seconds allow is banned: ten seconds at twice the rate. */
const REFUSED_BURST = 10 * SECOND

/** Tells the hash of a /48 from that of the /64 at its front. */
const NETWORK_BITS = 48

// What `request` returns.
export const ADMITTED = 0
export const TOO_MANY = 1
export const BANNED = 2
export const TOO_MANY_SUSTAINED = 3
export const TOO_MANY_OF_NETWORK = 4

export class SourceLimits extends Newcomers {
  private readonly words: Int32Array
  private readonly rates: RateCounters
  /** Of the sustained limit. */
  private readonly longRates: RateCounters
  private readonly counts: Int32Array
  private readonly bans: BanWriter | null
  private readonly key0: number
  private readonly key1: number
  private connectCost = 0
  private requestCost = 0
  private networkRequestCost = 0
  private sustainedCost = 0
  private longCost = 0
  private networkLongCost = 0
  private banSeconds = 0
  private readonly source = new Int32Array(3)
  private second = 0
  /** The counters of the source in hand, in both rows. */
  private first = 0
  private other = 0

  /** `counts`: of the worker, for the bans; who is banned is told to `bans`. */
  constructor(
    { words, key0, key1 }: SourceLimitData,
    rates: SourceRates,
    counts: Int32Array,
    bans: BanWriter | null = null,
  ) {
    super({ torrents: NEW_TORRENTS, peers: NEW_PEERS })
    this.words = new Int32Array(words)
    this.rates = new RateCounters(this.words, CLOCK_LAG)
    this.longRates = new RateCounters(this.words, LONG_CLOCK_LAG)
    this.counts = counts
    this.bans = bans
    this.key0 = key0
    this.key1 = key1
    this.setRates(rates)
  }

  /** Also while it is at work. A ban that would last longer than new ones is lifted. */
  setRates(rates: SourceRates): void {
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

  /** Sets the time (seconds of the monotonic clock) for what follows. */
  override setTime(second: number): void {
    this.second = second | 0
    this.rates.now = second << SECOND_SHIFT
    this.longRates.now = second << LONG_SHIFT
  }

  /** True when a connect from this network (IPv4 /24, IPv6 /56) is to be answered. */
  connect({ ipv4, a0, a1 }: Peer): boolean {
    const cost = this.connectCost
    if (cost === 0 || isThisMachine(ipv4, a0, a1)) return true
    const network = ipv4 ? this.hash(1, a0 & 0xffffff, 0) : this.hash(2, a0, a1 & 0xffffff)
    this.first = network & ROW_MASK
    this.other = ROW_SLOTS + (network >>> ROW_BITS)
    return this.chargeSource(0, cost, CONNECT_BURST)
  }

  /** Whether a request of an address (IPv6: of a /64) that has proved itself is to be answered. */
  request({ ipv4, a0, a1 }: Peer): number {
    const cost = this.requestCost
    const longCost = this.longCost
    if ((cost | longCost | this.newTorrentCost) === 0) return ADMITTED
    if (isThisMachine(ipv4, a0, a1)) return ADMITTED
    this.openAddress(ipv4, a0, a1)
    if (this.isBanned(this.first) && this.isBanned(this.other)) {
      // What is asked for during a ban is not allowed afterwards in its place.
      if (longCost !== 0) this.chargeLong(longCost)
      return BANNED
    }
    if (cost !== 0 && !this.chargeSource(REQUESTS, cost, REQUEST_BURST)) {
      if (this.refuse(cost)) this.bans?.write(ipv4, a0, a1, BANNED_FOR_REQUESTS)
      return TOO_MANY
    }
    if (longCost !== 0 && !this.chargeLong(longCost)) {
      const banned = this.refuse(this.sustainedCost)
      if (banned) this.bans?.write(ipv4, a0, a1, BANNED_FOR_SUSTAINED_REQUESTS)
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

  protected override refusedNewTorrent({ ipv4, a0, a1 }: Peer, cost: number): void {
    if (this.refuse(cost)) this.bans?.write(ipv4, a0, a1, BANNED_FOR_NEW_TORRENTS)
  }

  private networkRequest(a0: number, a1: number): boolean {
    const cost = this.networkRequestCost
    const longCost = this.networkLongCost
    this.openNetwork(a0, a1)
    if (cost !== 0 && !this.chargeSource(REQUESTS, cost, REQUEST_BURST)) return false
    return longCost === 0 || this.chargeLong(longCost)
  }

  private openAddress(ipv4: boolean, a0: number, a1: number): void {
    this.open(ipv4 ? this.hash(1, a0, 0) : this.hash(2, a0, a1))
  }

  private openNetwork(a0: number, a1: number): void {
    this.source[2] = NETWORK_BITS
    this.open(this.hash(3, a0, a1 & 0xffff))
  }

  private open(hash: number): void {
    this.first = ADDRESSES_AT + (hash & ROW_MASK) * SLOT_WORDS
    this.other = ADDRESSES_AT + (ROW_SLOTS + (hash >>> ROW_BITS)) * SLOT_WORDS
  }

  private hash(count: number, word0: number, word1: number): number {
    this.source[0] = word0
    this.source[1] = word1
    return hashWords(this.source, 0, count, this.key0, this.key1)
  }

  protected override chargeSource(what: number, cost: number, burst: number): boolean {
    return this.rates.chargeBoth(this.first + what, this.other + what, cost, burst)
  }

  private chargeLong(cost: number): boolean {
    const first = this.first + SUSTAINED
    const other = this.other + SUSTAINED
    return this.longRates.chargeBoth(first, other, cost, SUSTAINED_BURST)
  }

  /** Remembers that an address was refused, and bans it when that goes on. True for a new ban. */
  private refuse(cost: number): boolean {
    if (this.banSeconds === 0) return false
    if (this.chargeSource(REFUSED, cost, REFUSED_BURST)) return false
    const until = (this.second + this.banSeconds) | 0
    Atomics.store(this.words, this.other + BANNED_UNTIL, until)
    const before = Atomics.exchange(this.words, this.first + BANNED_UNTIL, until)
    // Another worker may have done the same just now: a ban counts once.
    if (((before - this.second) | 0) > 0) return false
    this.counts[BANS]++
    return true
  }

  private isBanned(slot: number): boolean {
    const left = (Atomics.load(this.words, slot + BANNED_UNTIL) - this.second) | 0
    if (left <= this.banSeconds + CLOCK_LAG_SEC) return left > 0
    // Not left to run down to what is allowed now: it would come into force again.
    Atomics.store(this.words, slot + BANNED_UNTIL, this.second)
    return false
  }
}
