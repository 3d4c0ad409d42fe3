// Takes answers apart and checks everything that can be known about them. Called by answer-source.ts and frame-source.ts
// for each received packet. Counts what is wrong by kind, and how long each answer took.
//
// What a tracker must have right: the transaction id, the length, the kind; an announcing peer is not
// returned to itself; every returned peer was announced in that torrent and address family, once; and
// the counts lie between what surely is there (announced and answered before this request left) and
// what can be there (announced so far).

import { swapBytes } from '../../src/memory/byte-order.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_ERROR,
  ACTION_SCRAPE,
  ANNOUNCE_RESPONSE_PEERS_BYTES,
  CONNECT_RESPONSE_BYTES,
  ERROR_RESPONSE_TEXT_BYTES,
  PEER_BYTES_IPV4,
  PEER_BYTES_IPV6,
  SCRAPE_ENTRY_BYTES,
  SCRAPE_RESPONSE_ENTRIES_BYTES,
} from '../../src/udp/wire/layout.ts'
import { HISTOGRAM_BUCKETS, recordMs } from '../histogram.ts'
import {
  type Population,
  rankOf,
  SWARM_MAX,
  TORRENT_PEERS,
  TORRENT_SENT,
  torrentAt,
} from '../population.ts'
import { INTERVAL_MAX_SEC } from '../wrong-peers.ts'
import type { Conversation } from './conversation.ts'
import {
  ANSWERED,
  ANSWERED_ERROR,
  ANSWERED_INVALID,
  LATE,
  RECEIVED_BYTES,
  RETURNED_PEERS,
  WRONG_COUNT_HIGH,
  WRONG_COUNT_LOW,
  WRONG_FLOOD_ANSWER,
  WRONG_FRAME,
  WRONG_INTERVAL,
  WRONG_KIND,
  WRONG_LENGTH,
  WRONG_NO_PEERS,
  WRONG_OWN_PEER,
  WRONG_REPEATED_ANSWER,
  WRONG_REPEATED_PEER,
  WRONG_TOO_MANY_PEERS,
  WRONG_TRANSACTION,
  WRONG_UNKNOWN_PEER,
} from './counts.ts'
import { ANNOUNCE, CONNECT, SCRAPE } from './generate.ts'
import { markedBytes } from './mark.ts'
import {
  ANSWERED_ALREADY,
  KIND,
  KNOWN_LEECHERS,
  KNOWN_SEEDERS,
  LOST_ALREADY,
  RANK,
  requestAt,
  STATE,
  TORRENT,
  type UnderWay,
} from './under-way.ts'

const RENEW_AFTER_MS = 50_000
const HEAD_BYTES = 8
const HALVES_IPV4 = PEER_BYTES_IPV4 / 2
const HALVES_IPV6 = PEER_BYTES_IPV6 / 2

export interface CheckSettings {
  readonly ipv6: boolean
  /** Four words for each socket of all workers, as they lie in packets; IPv4 uses the first. */
  readonly addresses: Int32Array
  readonly peersWanted: number
  /** The announcing peer must not be among the returned ones. */
  readonly ownPeer: boolean
  /** The tracker holds no peers of an earlier run with the same seed. */
  readonly freshTracker: boolean
  /** Until this moment (ms) the tracker keeps every peer that announced. */
  readonly peersKeptUntilMs: number
}

export class Answers {
  private readonly settings: CheckSettings
  private readonly addresses: Int32Array
  private readonly population: Population
  private readonly underWay: UnderWay
  private readonly counts: Int32Array
  private readonly latencies: Float64Array
  private readonly latenciesAt: number
  /** By rank: the answer in which it was last seen. */
  private readonly seenIn = new Int32Array(SWARM_MAX + 1)
  private serial = 0
  private halves: Uint16Array = new Uint16Array(0)
  private nowMs = 0

  constructor(
    settings: CheckSettings,
    population: Population,
    underWay: UnderWay,
    counts: Int32Array,
    latencies: Float64Array,
    latenciesAt: number,
  ) {
    this.settings = settings
    this.addresses = settings.addresses
    this.population = population
    this.underWay = underWay
    this.counts = counts
    this.latencies = latencies
    this.latenciesAt = latenciesAt
  }

  // HOT: no allocation below this line.

  /** Before the answers of a batch, which are here now. `halves`: the memory that they lie in. */
  begin(halves: Uint16Array): void {
    this.halves = halves
    this.nowMs = nowMilliseconds()
  }

  /** An answer to a port, of so many bytes, from `words[at]` on. */
  take(conversation: Conversation, words: Int32Array, at: number, bytes: number): void {
    this.counts[RECEIVED_BYTES] += bytes
    this.answer(conversation, words, at, bytes)
  }

  /** A packet whose headers or checksums are wrong, which no socket would have been given. */
  refuse(): void {
    this.counts[WRONG_FRAME]++
  }

  /** To a packet without a valid id; or to nothing that was sent. */
  private unasked(transaction: number, bytes: number): void {
    const asked = markedBytes(transaction)
    if (asked < 0) this.counts[WRONG_TRANSACTION]++
    else {
      this.counts[ANSWERED_INVALID]++
      if (bytes > asked) this.counts[WRONG_FLOOD_ANSWER]++
    }
  }

  private answer(conversation: Conversation, words: Int32Array, at: number, bytes: number): void {
    const { counts, underWay } = this
    if (bytes < HEAD_BYTES) {
      counts[WRONG_LENGTH]++
      return
    }
    const slot = underWay.find(words[at + 1])
    if (slot < 0) {
      this.unasked(words[at + 1], bytes)
      return
    }
    const request = requestAt(slot)
    const state = underWay.words[request + STATE]
    if (state === ANSWERED_ALREADY) {
      counts[WRONG_REPEATED_ANSWER]++
      return
    }
    if (state === LOST_ALREADY) counts[LATE]++
    underWay.settle(slot)
    this.checked(conversation, words, at, bytes, slot)
  }

  private checked(
    conversation: Conversation,
    words: Int32Array,
    at: number,
    bytes: number,
    slot: number,
  ): void {
    const { counts, underWay } = this
    const kind = underWay.words[requestAt(slot) + KIND]
    if (words[at] === ACTION_ERROR) {
      if (bytes < ERROR_RESPONSE_TEXT_BYTES) counts[WRONG_LENGTH]++
      counts[ANSWERED_ERROR]++
      return
    }
    const action =
      kind === CONNECT ? ACTION_CONNECT : kind === ANNOUNCE ? ACTION_ANNOUNCE : ACTION_SCRAPE
    if (words[at] !== action) {
      counts[WRONG_KIND]++
      return
    }
    counts[ANSWERED + kind]++
    const at0 = this.latenciesAt + kind * HISTOGRAM_BUCKETS
    recordMs(this.latencies, at0, this.nowMs - underWay.times[slot])
    if (kind === CONNECT) this.connect(conversation, words, at, bytes)
    else if (kind === ANNOUNCE) this.announce(words, at, bytes, slot)
    else this.scrape(conversation, words, at, bytes, slot)
  }

  private connect(conversation: Conversation, words: Int32Array, at: number, bytes: number): void {
    if (bytes !== CONNECT_RESPONSE_BYTES) {
      this.counts[WRONG_LENGTH]++
      return
    }
    conversation.id0 = words[at + 2]
    conversation.id1 = words[at + 3]
    conversation.hasId = true
    conversation.renewAtMs = this.nowMs + RENEW_AFTER_MS
  }

  private announce(words: Int32Array, at: number, bytes: number, slot: number): void {
    const { counts, settings, population } = this
    const peerBytes = settings.ipv6 ? PEER_BYTES_IPV6 : PEER_BYTES_IPV4
    const listBytes = bytes - ANNOUNCE_RESPONSE_PEERS_BYTES
    if (listBytes < 0 || listBytes % peerBytes !== 0) {
      counts[WRONG_LENGTH]++
      return
    }
    const interval = swapBytes(words[at + 2])
    if (interval <= 0 || interval > INTERVAL_MAX_SEC) counts[WRONG_INTERVAL]++
    const peers = listBytes / peerBytes
    counts[RETURNED_PEERS] += peers
    if (peers > settings.peersWanted) counts[WRONG_TOO_MANY_PEERS]++
    const request = this.underWay.words
    const torrent = request[requestAt(slot) + TORRENT]
    const rank = request[requestAt(slot) + RANK]
    this.peers(at, peers, torrent, rank)
    const leechers = swapBytes(words[at + 3])
    const seeders = swapBytes(words[at + 4])
    this.checkAnnounceCounts(slot, torrent, rank, seeders, leechers, peers)
    population.markKnown(torrent, rank, population.isSeeder(torrent, rank))
  }

  /** Each returned peer is looked up by its rank; the worst of them decides what the answer counts as. */
  private peers(at: number, peers: number, torrent: number, ownRank: number): void {
    const { population, counts, halves, seenIn, settings } = this
    const base = population.portBase(torrent)
    const swarm = population.words[torrentAt(torrent) + TORRENT_PEERS]
    const step = settings.ipv6 ? HALVES_IPV6 : HALVES_IPV4
    const serial = (this.serial + 1) | 0
    this.serial = serial
    let half = at * 2 + ANNOUNCE_RESPONSE_PEERS_BYTES / 2
    let unknown = 0
    let repeated = 0
    let own = 0
    for (let i = 0; i < peers; i++) {
      const port = halves[half + step - 1]
      const rank = rankOf(base, port)
      if (port === 0 || rank >= swarm || !this.isFrom(half, torrent, rank)) unknown++
      else if (rank === ownRank) own++
      else if (settings.freshTracker && !population.wasSent(torrent, rank)) unknown++
      else if (seenIn[rank] === serial) repeated++
      else seenIn[rank] = serial
      half += step
    }
    if (unknown > 0) counts[WRONG_UNKNOWN_PEER]++
    if (repeated > 0) counts[WRONG_REPEATED_PEER]++
    if (own > 0 && settings.ownPeer) counts[WRONG_OWN_PEER]++
  }

  /** Whether the address at `half` is the one from which this peer announces. */
  private isFrom(half: number, torrent: number, rank: number): boolean {
    const { halves, addresses } = this
    const address = this.population.socketOf(torrent, rank) << 2
    const first = halves[half] | (halves[half + 1] << 16)
    if (first !== addresses[address]) return false
    if (!this.settings.ipv6) return true
    for (let word = 1; word < 4; word++) {
      const found = halves[half + word * 2] | (halves[half + word * 2 + 1] << 16)
      if (found !== addresses[address + word]) return false
    }
    return true
  }

  private checkAnnounceCounts(
    slot: number,
    torrent: number,
    rank: number,
    seeders: number,
    leechers: number,
    peers: number,
  ): void {
    const { population, settings, counts } = this
    const request = this.underWay.words
    const at = requestAt(slot)
    if (this.isTooHigh(torrent, seeders, leechers)) counts[WRONG_COUNT_HIGH]++
    // Some trackers count the announcing peer, some do not.
    const known = population.isKnown(torrent, rank)
    const seeder = population.isSeeder(torrent, rank)
    const ownSeeder = known && seeder ? 1 : 0
    const ownLeecher = known && !seeder ? 1 : 0
    const isLow =
      seeders + ownSeeder < request[at + KNOWN_SEEDERS] ||
      leechers + ownLeecher < request[at + KNOWN_LEECHERS]
    const isKept = this.nowMs < settings.peersKeptUntilMs
    // A tracker may give a seeder leechers only.
    const others = seeder ? 0 : request[at + KNOWN_SEEDERS] - ownSeeder
    const forIt = others + request[at + KNOWN_LEECHERS] - ownLeecher
    if (peers === 0 && forIt > 0 && isKept) counts[WRONG_NO_PEERS]++
    if ((isLow && isKept) || peers > seeders + leechers) counts[WRONG_COUNT_LOW]++
  }

  private isTooHigh(torrent: number, seeders: number, leechers: number): boolean {
    const { words } = this.population
    const at = torrentAt(torrent)
    if (!this.settings.freshTracker) {
      return seeders < 0 || leechers < 0 || seeders + leechers > words[at + TORRENT_PEERS]
    }
    // As unsigned numbers: a count beyond 2^31 is too high, too.
    return seeders >>> 0 > words[at + TORRENT_SENT] || leechers >>> 0 > words[at + TORRENT_SENT + 1]
  }

  private scrape(
    conversation: Conversation,
    words: Int32Array,
    at: number,
    bytes: number,
    slot: number,
  ): void {
    const { counts, population } = this
    const request = this.underWay.words
    const requestWord = requestAt(slot)
    const asked = request[requestWord + RANK]
    const listBytes = bytes - SCRAPE_RESPONSE_ENTRIES_BYTES
    const entries = listBytes / SCRAPE_ENTRY_BYTES
    if (listBytes % SCRAPE_ENTRY_BYTES !== 0 || entries === 0 || entries > asked) {
      counts[WRONG_LENGTH]++
      return
    }
    let allSeeders = 0
    let allLeechers = 0
    let high = false
    for (let i = 0; i < entries; i++) {
      const entry = at + (SCRAPE_RESPONSE_ENTRIES_BYTES + i * SCRAPE_ENTRY_BYTES) / 4
      const seeders = swapBytes(words[entry])
      const leechers = swapBytes(words[entry + 2])
      const torrent = population.scrapedTorrent(
        conversation.peers,
        request[requestWord + TORRENT],
        i,
      )
      if (this.isTooHigh(torrent, seeders, leechers)) high = true
      allSeeders += seeders
      allLeechers += leechers
    }
    if (high) counts[WRONG_COUNT_HIGH]++
    // A tracker may answer for fewer torrents than asked: then the sums say nothing.
    const isLow =
      allSeeders < request[requestWord + KNOWN_SEEDERS] ||
      allLeechers < request[requestWord + KNOWN_LEECHERS]
    if (isLow && entries === asked && this.nowMs < this.settings.peersKeptUntilMs) {
      counts[WRONG_COUNT_LOW]++
    }
  }
}

/** The kinds by number, for the order of the histograms. */
export const KINDS = [CONNECT, ANNOUNCE, SCRAPE] as const
