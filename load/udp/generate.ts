// Writes requests: connect, announce, scrape, in the proportion of the settings. Called by worker.ts,
// once per request; each is put into the send memory of its socket and noted in the ring.

import { swapBytes } from '../../src/memory/byte-order.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_SCRAPE,
  ANNOUNCE_BYTES_MIN,
  ANNOUNCE_EVENT,
  ANNOUNCE_INFO_HASH,
  ANNOUNCE_LEFT,
  ANNOUNCE_NUM_WANT,
  ANNOUNCE_PORT,
  INFO_HASH_BYTES,
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
  REQUEST_TRANSACTION,
  SCRAPE_INFO_HASHES,
} from '../../src/udp/wire/layout.ts'
import { type Population, portOf, TORRENT_KNOWN, torrentAt } from '../population.ts'
import { mix, type Random } from '../random.ts'
import type { Conversation } from './conversation.ts'
import { LOST, SENT, SENT_BYTES, SENT_INVALID } from './counts.ts'
import { markOf } from './mark.ts'
import {
  KNOWN_LEECHERS,
  KNOWN_SEEDERS,
  RANK,
  requestAt,
  TORRENT,
  type UnderWay,
} from './under-way.ts'

// Kinds of requests, in the order of their counters.
export const CONNECT = 0
export const ANNOUNCE = 1
export const SCRAPE = 2

const TWO_32 = 4294967296
/** BEP 15: a client uses an id for a minute. */
const RENEW_AFTER_MS = 50_000
const EVENT_STARTED = 2 << 24
const PEER_ID_BYTE = 36
const DOWNLOADED = 14
const UPLOADED = 18
const PORT_AND_END = ANNOUNCE_PORT
/** «-AQ0001-», then the peer's torrent and rank. */
const PEER_ID_0 = 0x30514100 | 0x2d
const PEER_ID_1 = 0x2d313030
const LEFT_OF_LEECHER = 50 << 24

export interface MixSettings {
  readonly weightConnect: number
  readonly weightAnnounce: number
  readonly weightScrape: number
  readonly peersWanted: number
  readonly scrapeTorrents: number
  /** Of all packets. */
  readonly invalidShare: number
}

export class Requests {
  private readonly population: Population
  private readonly underWay: UnderWay
  private readonly random: Random
  private readonly counts: Int32Array
  private readonly connectLimit: number
  private readonly announceLimit: number
  private readonly peersWanted: number
  private readonly scrapeTorrents: number
  /** Packets with an invalid id for each request. */
  private readonly invalidPerRequest: number
  private invalidDue = 0

  constructor(
    settings: MixSettings,
    population: Population,
    underWay: UnderWay,
    random: Random,
    counts: Int32Array,
  ) {
    const { weightConnect, weightAnnounce, weightScrape } = settings
    const share = TWO_32 / (weightConnect + weightAnnounce + weightScrape)
    this.connectLimit = weightConnect * share
    this.announceLimit = (weightConnect + weightAnnounce) * share
    this.peersWanted = swapBytes(settings.peersWanted)
    this.scrapeTorrents = settings.scrapeTorrents
    this.invalidPerRequest = settings.invalidShare / (1 - settings.invalidShare)
    this.population = population
    this.underWay = underWay
    this.random = random
    this.counts = counts
  }

  // HOT: no allocation below this line.

  /**
   * Queues `count` requests; the latency of number i counts from `timeMs` + i × `periodMs`. Those of a
   * kind are queued together, so that they are sent together. The oldest that still waits is given up where there is no
   * room for another: it would stop all others until its time is up.
   */
  queue(conversation: Conversation, count: number, timeMs: number, periodMs: number): void {
    this.counts[LOST] += this.underWay.makeRoom(count)
    let connects = 0
    let announces = 0
    for (let i = 0; i < count; i++) {
      const kind = this.pickKind(conversation, timeMs)
      if (kind === CONNECT) connects++
      else if (kind === ANNOUNCE) announces++
    }
    let i = 0
    for (; i < connects; i++) this.queueOne(conversation, CONNECT, timeMs + i * periodMs)
    for (; i < connects + announces; i++) {
      this.queueOne(conversation, ANNOUNCE, timeMs + i * periodMs)
    }
    for (; i < count; i++) this.queueOne(conversation, SCRAPE, timeMs + i * periodMs)
    this.invalidDue += count * this.invalidPerRequest
    for (; this.invalidDue >= 1; this.invalidDue--) this.queueInvalid(conversation)
  }

  /** How many requests of those that fit a batch leave room for the packets with invalid ids. */
  roomIn(batch: number): number {
    return Math.floor((batch - 1) / (1 + this.invalidPerRequest))
  }

  /** A whole announce but for its connection id, of a torrent that nobody asks for. */
  private queueInvalid(conversation: Conversation): void {
    const { random, counts } = this
    const words = conversation.memory.answers
    const at = conversation.memory.end
    for (let i = 0; i < ANNOUNCE_BYTES_MIN / 4; i++) words[at + i] = random.next()
    words[at + REQUEST_ACTION] = ACTION_ANNOUNCE
    words[at + REQUEST_TRANSACTION] = markOf(ANNOUNCE_BYTES_MIN)
    words[at + ANNOUNCE_EVENT] = 0
    words[at + ANNOUNCE_NUM_WANT] = this.peersWanted
    conversation.train.queue(ANNOUNCE_BYTES_MIN)
    counts[SENT_INVALID]++
    counts[SENT_BYTES] += ANNOUNCE_BYTES_MIN
  }

  private queueOne(conversation: Conversation, kind: number, timeMs: number): void {
    const slot = this.underWay.add(kind, conversation.index, this.random.next(), timeMs)
    const transaction = this.underWay.transactionOf(slot)
    let bytes = REQUEST_BYTES_MIN
    if (kind === CONNECT) this.writeConnect(conversation, transaction)
    else if (kind === ANNOUNCE) bytes = this.writeAnnounce(conversation, transaction, slot)
    else bytes = this.writeScrape(conversation, transaction, slot)
    conversation.train.queue(bytes)
    this.counts[SENT + kind]++
    this.counts[SENT_BYTES] += bytes
  }

  private pickKind(conversation: Conversation, timeMs: number): number {
    if (!conversation.hasId) return CONNECT
    if (timeMs > conversation.renewAtMs) {
      conversation.renewAtMs = timeMs + RENEW_AFTER_MS
      return CONNECT
    }
    const number = this.random.next() >>> 0
    if (number < this.connectLimit) return CONNECT
    return number < this.announceLimit && conversation.peers.length > 0 ? ANNOUNCE : SCRAPE
  }

  private writeConnect(conversation: Conversation, transaction: number): void {
    const words = conversation.memory.answers
    const at = conversation.memory.end
    words[at + REQUEST_ID] = PROTOCOL_ID_0
    words[at + REQUEST_ID + 1] = PROTOCOL_ID_1
    words[at + REQUEST_ACTION] = ACTION_CONNECT
    words[at + REQUEST_TRANSACTION] = transaction
  }

  private writeAnnounce(conversation: Conversation, transaction: number, slot: number): number {
    const { population, underWay } = this
    const { peers, cursor } = conversation
    const torrent = peers[cursor]
    const rank = peers[cursor + 1]
    conversation.cursor = cursor + 2 === peers.length ? 0 : cursor + 2
    const seeder = population.isSeeder(torrent, rank)
    const known = population.isKnown(torrent, rank)
    this.noteAnnounce(slot, torrent, rank)
    population.markSent(torrent, rank, seeder)

    const words = conversation.memory.answers
    const at = conversation.memory.end
    writeHead(words, at, conversation, ACTION_ANNOUNCE, transaction)
    population.writeInfoHash(words, at + ANNOUNCE_INFO_HASH, torrent)
    const peerId = at + PEER_ID_BYTE / 4
    words[peerId] = PEER_ID_0
    words[peerId + 1] = PEER_ID_1
    words[peerId + 2] = torrent
    words[peerId + 3] = rank
    words[peerId + 4] = mix(torrent + rank)
    words[at + DOWNLOADED] = 0
    words[at + DOWNLOADED + 1] = 0
    words[at + ANNOUNCE_LEFT] = 0
    words[at + ANNOUNCE_LEFT + 1] = seeder ? 0 : LEFT_OF_LEECHER
    words[at + UPLOADED] = 0
    words[at + UPLOADED + 1] = 0
    words[at + ANNOUNCE_EVENT] = known ? 0 : EVENT_STARTED
    words[at + ANNOUNCE_EVENT + 1] = 0
    words[at + ANNOUNCE_EVENT + 2] = underWay.words[requestAt(slot) + RANK]
    words[at + ANNOUNCE_NUM_WANT] = this.peersWanted
    words[at + PORT_AND_END] = portOf(population.portBase(torrent), rank)
    return ANNOUNCE_BYTES_MIN
  }

  /** What check.ts needs to know: who announced, and how many the tracker surely knew by then. */
  private noteAnnounce(slot: number, torrent: number, rank: number): void {
    const request = this.underWay.words
    const counts = this.population.words
    const at = requestAt(slot)
    const known = torrentAt(torrent) + TORRENT_KNOWN
    request[at + TORRENT] = torrent
    request[at + RANK] = rank
    request[at + KNOWN_SEEDERS] = counts[known]
    request[at + KNOWN_LEECHERS] = counts[known + 1]
  }

  private writeScrape(conversation: Conversation, transaction: number, slot: number): number {
    const { population } = this
    const words = conversation.memory.answers
    const at = conversation.memory.end
    const torrents = 1 + this.random.below(this.scrapeTorrents)
    const seed = this.random.next()
    let seeders = 0
    let leechers = 0
    writeHead(words, at, conversation, ACTION_SCRAPE, transaction)
    for (let i = 0; i < torrents; i++) {
      const torrent = population.scrapedTorrent(conversation.peers, seed, i)
      population.writeInfoHash(words, at + SCRAPE_INFO_HASHES + (i * INFO_HASH_BYTES) / 4, torrent)
      seeders += population.words[torrentAt(torrent) + TORRENT_KNOWN]
      leechers += population.words[torrentAt(torrent) + TORRENT_KNOWN + 1]
    }
    const request = this.underWay.words
    const requestWord = requestAt(slot)
    request[requestWord + TORRENT] = seed
    request[requestWord + RANK] = torrents
    request[requestWord + KNOWN_SEEDERS] = seeders
    request[requestWord + KNOWN_LEECHERS] = leechers
    return REQUEST_BYTES_MIN + torrents * INFO_HASH_BYTES
  }
}

function writeHead(
  words: Int32Array,
  at: number,
  conversation: Conversation,
  action: number,
  transaction: number,
): void {
  words[at + REQUEST_ID] = conversation.id0
  words[at + REQUEST_ID + 1] = conversation.id1
  words[at + REQUEST_ACTION] = action
  words[at + REQUEST_TRANSACTION] = transaction
}
