// How much a source may ask for: connects per network, requests and new torrents per address, and who
// is banned for a while. Asked by handle.ts, and by swarm.ts before it makes a torrent. One view per
// worker on memory that all workers share, since the system spreads one address over them by its ports.
//
// Two rows of counters, and a source has one in each, by a keyed hash: it is refused only when both are
// over. Nothing is looked up, taken or evicted: what is in a counter drains by itself, and whoever does
// not know the key cannot choose with whom to share. That somebody shares both of his with heavy users
// of whom there are n happens with a probability of (n ÷ 65,536)². A flood from random sources spreads
// over all counters and fills none.
//
// A counter is one word: the time up to which what was let through is paid for, each request costing
// 1 ÷ rate seconds (GCRA). It may be ahead of the clock by a burst. It is charged by compare-and-exchange:
// no charge is lost, and none is made twice. Plain loads and stores would be no faster (bench/handle.ts), and
// a worker interrupted between the two would take back what all others have charged meanwhile.
// One interrupted between its two counters leaves room in the second that it needs no more: then one request
// is let through beyond the limit.
// Each worker has its own clock, read once per batch, so words may be ahead of it by more than a burst:
// such a counter is full. Only one that is further ahead than clocks can differ is left from long ago.
// A counter holds time, not a number of requests, so it stays right when the rates change.
//
//  connects   row 0: 65,536 words │ row 1
//  addresses  row 0: 65,536 × (0 requests │ 1 new torrents │ 2 refused │ 3 banned until, second) │ row 1
//
// Requests count only once their connection id has proved the address. A ban comes of nothing else, so
// that nobody can have another one banned by forging his address. A connect proves nothing; its limit
// is for what is sent to a network at most that never asked.
import { hashWords } from '../memory/half-sip-hash.ts'
import { BANNED_FOR_NEW_TORRENTS, BANNED_FOR_REQUESTS, type BanWriter } from './ban-log.ts'
import { BANS } from './counters.ts'

/** Settings, per second; 0 = no limit. They may change while the workers serve. */
export interface SourceRates {
  readonly connects: number
  readonly requests: number
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
const SLOT_WORDS = 4
const ADDRESSES_AT = ROW_SLOTS * 2
const WORDS = ADDRESSES_AT + ROW_SLOTS * SLOT_WORDS * 2
export const SOURCE_LIMIT_BYTES = WORDS * 4

const REQUESTS = 0
const NEW_TORRENTS = 1
const REFUSED = 2
const BANNED_UNTIL = 3

/** Time runs in 2^18ths of a second, as words that wrap after 4.5 hours. */
const SECOND_SHIFT = 18
const SECOND = 1 << SECOND_SHIFT

/** Workers' clocks differ by a batch as a rule; by this much if one has stood still, which the watchdog tells. */
const CLOCK_LAG_SEC = 16
const CLOCK_LAG = CLOCK_LAG_SEC * SECOND

/** Lost races of one charge, each of which another worker has won. */
const TRIES_MAX = 16

/** Bursts, in seconds of the rate. A client that starts announces everything it has at once. */
const CONNECT_BURST = 10 * SECOND
const REQUEST_BURST = 10 * SECOND
const NEW_TORRENT_BURST = 60 * SECOND
/** Who goes on to be refused for what this many seconds allow is banned: ten seconds at twice the rate. */
const REFUSED_BURST = 10 * SECOND

// What `request` returns.
export const ADMITTED = 0
const TOO_MANY = 1
export const BANNED = 2

export class SourceLimits {
  private readonly words: Int32Array
  private readonly counts: Int32Array
  private readonly bans: BanWriter | null
  private readonly key0: number
  private readonly key1: number
  private connectCost = 0
  private requestCost = 0
  private newTorrentCost = 0
  private banSeconds = 0
  private readonly source = new Int32Array(2)
  private second = 0
  private now = 0

  /** `counts`: of the worker, for the bans; who is banned is told to `bans`. */
  constructor(
    { words, key0, key1 }: SourceLimitData,
    rates: SourceRates,
    counts: Int32Array,
    bans: BanWriter | null = null,
  ) {
    this.words = new Int32Array(words)
    this.counts = counts
    this.bans = bans
    this.key0 = key0
    this.key1 = key1
    this.setRates(rates)
  }

  /** Also while it is at work. A ban that would last longer than new ones is lifted. */
  setRates(rates: SourceRates): void {
    this.connectCost = costOf(rates.connects)
    this.requestCost = costOf(rates.requests)
    this.newTorrentCost = costOf(rates.newTorrents)
    this.banSeconds = rates.banSeconds
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for what follows. */
  setTime(second: number): void {
    this.second = second | 0
    this.now = second << SECOND_SHIFT
  }

  /** True when a connect from this network (IPv4 /24, IPv6 /56) is to be answered. */
  connect(ipv4: boolean, a0: number, a1: number): boolean {
    if (this.connectCost === 0 || isLoopback(ipv4, a0, a1)) return true
    const network = ipv4 ? this.hash(1, a0 & 0xffffff, 0) : this.hash(2, a0, a1 & 0xffffff)
    const first = network & ROW_MASK
    const second = ROW_SLOTS + (network >>> ROW_BITS)
    return this.charge(first, second, this.connectCost, CONNECT_BURST)
  }

  /** Whether a request of an address (IPv6: of a /64) that has proved itself is to be answered. */
  request(ipv4: boolean, a0: number, a1: number): number {
    if (this.requestCost === 0 && this.newTorrentCost === 0) return ADMITTED
    if (isLoopback(ipv4, a0, a1)) return ADMITTED
    const address = ipv4 ? this.hash(1, a0, 0) : this.hash(2, a0, a1)
    const first = slotOf(address & ROW_MASK, 0)
    const second = slotOf(address >>> ROW_BITS, ROW_SLOTS)
    if (this.isBanned(first) && this.isBanned(second)) return BANNED
    const cost = this.requestCost
    if (cost === 0 || this.charge(first + REQUESTS, second + REQUESTS, cost, REQUEST_BURST)) {
      return ADMITTED
    }
    if (this.refuse(first, second, cost)) this.bans?.write(ipv4, a0, a1, BANNED_FOR_REQUESTS)
    return TOO_MANY
  }

  /** True when an address that has proved itself may bring a torrent that nobody else has. */
  newTorrent(ipv4: boolean, a0: number, a1: number): boolean {
    const cost = this.newTorrentCost
    if (cost === 0 || isLoopback(ipv4, a0, a1)) return true
    const address = ipv4 ? this.hash(1, a0, 0) : this.hash(2, a0, a1)
    const first = slotOf(address & ROW_MASK, 0)
    const second = slotOf(address >>> ROW_BITS, ROW_SLOTS)
    const burst = NEW_TORRENT_BURST
    if (this.charge(first + NEW_TORRENTS, second + NEW_TORRENTS, cost, burst)) return true
    if (this.refuse(first, second, cost)) this.bans?.write(ipv4, a0, a1, BANNED_FOR_NEW_TORRENTS)
    return false
  }

  private hash(count: number, word0: number, word1: number): number {
    this.source[0] = word0
    this.source[1] = word1
    return hashWords(this.source, 0, count, this.key0, this.key1)
  }

  /** Charges both counters, as far as they have room; false when neither has. */
  private charge(first: number, second: number, cost: number, burst: number): boolean {
    // Not both by one expression: each row is charged whatever the other says.
    const one = this.chargeOne(first, cost, burst)
    const other = this.chargeOne(second, cost, burst)
    return one || other
  }

  private chargeOne(at: number, cost: number, burst: number): boolean {
    const words = this.words
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const word = Atomics.load(words, at)
      let ahead = (word - this.now) | 0
      // Never used; drained long ago; or so long that the clock has come around.
      if (word === 0 || ahead < 0 || ahead > burst + CLOCK_LAG) ahead = 0
      if (ahead + cost > burst) return false
      // Never 0, which every so many hours would be a time that is a burst ahead.
      const charged = (this.now + ahead + cost) | 0 || 1
      if (Atomics.compareExchange(words, at, word, charged) === word) return true
    }
    // So many others were let through meanwhile that one more does not matter.
    return true
  }

  /** Remembers that an address was refused, and bans it when that goes on. True for a new ban. */
  private refuse(first: number, second: number, cost: number): boolean {
    if (this.banSeconds === 0) return false
    if (this.charge(first + REFUSED, second + REFUSED, cost, REFUSED_BURST)) return false
    const until = (this.second + this.banSeconds) | 0
    Atomics.store(this.words, second + BANNED_UNTIL, until)
    const before = Atomics.exchange(this.words, first + BANNED_UNTIL, until)
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

/** What one costs, in time; at least the smallest unit. 0 for no limit. */
function costOf(rate: number): number {
  return rate === 0 ? 0 : Math.max(1, Math.round(SECOND / rate))
}

function slotOf(index: number, row: number): number {
  return ADDRESSES_AT + (row + index) * SLOT_WORDS
}

/** 127/8 and ::1 come from this machine: a proxy, or a load tester. */
function isLoopback(ipv4: boolean, a0: number, a1: number): boolean {
  return ipv4 ? (a0 & 0xff) === 127 : (a0 | a1) === 0
}
