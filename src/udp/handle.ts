// Answers one request: connect, announce or scrape. Called by receive.ts for each packet; knows
// packets and addresses as words in memory, and nothing of sockets.
//
// Reads the packet in place, works on the swarms under their tables' locks, and writes the answer to
// where it is sent from. Owns nothing but the counts of its worker.
import type { Swarms } from '../swarm/swarm.ts'
import { ANNOUNCED, PEERS_FULL, TORRENTS_FULL } from '../swarm/swarm.ts'
import type { Table } from '../swarm/table.ts'
import { hashInfoHash } from '../swarm/torrents.ts'
import type { ConnectionIds } from './connection-id.ts'
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  REJECTED_ACTION,
  REJECTED_CONNECTION_ID,
  REJECTED_NO_INFO_HASH,
  REJECTED_PEERS_FULL,
  REJECTED_PORT,
  REJECTED_PROTOCOL_ID,
  REJECTED_TOO_SHORT,
  REJECTED_TORRENTS_FULL,
  REQUESTS_ANNOUNCE,
  REQUESTS_CONNECT,
  REQUESTS_SCRAPE,
  RESPONSES_ANNOUNCE,
  RESPONSES_CONNECT,
  RESPONSES_ERROR,
  RESPONSES_SCRAPE,
} from './counters.ts'
import {
  ANNOUNCE_EVENT,
  ANNOUNCE_INFO_HASH,
  ANNOUNCE_LEFT,
  ANNOUNCE_PORT,
  EVENT_COMPLETED,
  EVENT_STOPPED,
  INFO_HASH_BYTES,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
  REQUEST_TRANSACTION,
  RESPONSE_PEERS_MAX_IPV4,
  RESPONSE_PEERS_MAX_IPV6,
  SCRAPE_INFO_HASHES,
  SCRAPE_MAX_IPV4,
  SCRAPE_MAX_IPV6,
} from './layout.ts'
import {
  ANNOUNCE,
  CONNECT,
  numWant,
  parse,
  SCRAPE,
  swapBytes,
  TOO_SHORT,
  WRONG_PROTOCOL_ID,
} from './parse.ts'
import {
  type ErrorText,
  errorText,
  writeAnnounceIPv4,
  writeAnnounceIPv6,
  writeConnect,
  writeError,
  writeScrapeEntry,
  writeScrapeHead,
} from './serialize.ts'

/** The settings that requests are answered by. */
export interface RequestSettings {
  readonly maxScrapeTorrents: number
  readonly maxResponsePeers: number
  readonly announceInterval: number
  /** Answer an invalid connection id with an error no longer than its request. */
  readonly answerInvalidId: boolean
}

const ERROR_CONNECTION_ID = errorText('Connection ID invalid or expired')
const ERROR_PORT = errorText('Port must not be 0')
const ERROR_NO_INFO_HASH = errorText('No info hash: full scrapes are not allowed')
const ERROR_TORRENTS_FULL = errorText('Tracker is full: no new torrents')
const ERROR_PEERS_FULL = errorText('Tracker is full: no new peers')

/** Errors to an address that has proved itself fit any packet. */
const ERROR_BYTES_MAX = 512

export class Handler {
  readonly counts: Int32Array
  private readonly swarms: Swarms
  private readonly ids: ConnectionIds
  private readonly peersMaxIPv4: number
  private readonly peersMaxIPv6: number
  private readonly scrapeMaxIPv4: number
  private readonly scrapeMaxIPv6: number
  private readonly interval: number
  private readonly answerInvalidId: boolean
  /** Where the counters of the packet's address family start. */
  family = 0
  private now = 0

  constructor(swarms: Swarms, ids: ConnectionIds, settings: RequestSettings, counts: Int32Array) {
    this.swarms = swarms
    this.ids = ids
    this.counts = counts
    this.peersMaxIPv4 = Math.min(settings.maxResponsePeers, RESPONSE_PEERS_MAX_IPV4)
    this.peersMaxIPv6 = Math.min(settings.maxResponsePeers, RESPONSE_PEERS_MAX_IPV6)
    this.scrapeMaxIPv4 = Math.min(settings.maxScrapeTorrents, SCRAPE_MAX_IPV4)
    this.scrapeMaxIPv6 = Math.min(settings.maxScrapeTorrents, SCRAPE_MAX_IPV6)
    this.interval = swapBytes(settings.announceInterval)
    this.answerInvalidId = settings.answerInvalidId
  }

  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void {
    this.now = now
    this.ids.setTime(now)
  }

  // HOT: no allocation below this line.

  /**
   * Answers the packet of `bytes` at `words[at]` from an address (IPv4: `a0`). Writes the answer to
   * `out[to]` and returns its size in bytes, 0 for none.
   */
  handle(
    words: Int32Array,
    at: number,
    bytes: number,
    ipv4: boolean,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    out: Int32Array,
    to: number,
  ): number {
    this.family = ipv4 ? FAMILY_IPV4 : FAMILY_IPV6
    const kind = parse(words, at, bytes)
    if (kind > SCRAPE) return this.reject(kind)
    const transaction = words[at + REQUEST_TRANSACTION]
    if (kind === CONNECT) {
      this.counts[this.family + REQUESTS_CONNECT]++
      this.counts[this.family + RESPONSES_CONNECT]++
      this.ids.issue(ipv4, a0, a1, a2, a3)
      return writeConnect(out, to, transaction, this.ids.id0, this.ids.id1)
    }
    const id0 = words[at + REQUEST_ID]
    const id1 = words[at + REQUEST_ID + 1]
    if (!this.ids.verify(id0, id1, ipv4, a0, a1, a2, a3)) {
      this.counts[this.family + REJECTED_CONNECTION_ID]++
      if (!this.answerInvalidId) return 0
      return this.error(out, to, transaction, ERROR_CONNECTION_ID, bytes)
    }
    if (kind === ANNOUNCE) return this.announce(words, at, ipv4, a0, a1, a2, a3, out, to)
    return this.scrape(words, at, bytes, ipv4, out, to)
  }

  private reject(kind: number): number {
    if (kind === TOO_SHORT) this.counts[this.family + REJECTED_TOO_SHORT]++
    else if (kind === WRONG_PROTOCOL_ID) this.counts[this.family + REJECTED_PROTOCOL_ID]++
    else this.counts[this.family + REJECTED_ACTION]++
    return 0
  }

  private announce(
    words: Int32Array,
    at: number,
    ipv4: boolean,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    out: Int32Array,
    to: number,
  ): number {
    this.counts[this.family + REQUESTS_ANNOUNCE]++
    const transaction = words[at + REQUEST_TRANSACTION]
    const port = words[at + ANNOUNCE_PORT] & 0xffff
    if (port === 0) {
      this.counts[this.family + REJECTED_PORT]++
      return this.error(out, to, transaction, ERROR_PORT, ERROR_BYTES_MAX)
    }
    const swarms = this.swarms
    const infoHash = at + ANNOUNCE_INFO_HASH
    const hash = hashInfoHash(swarms.ipv4[0], words, infoHash)
    const table = swarms.tableOf(ipv4, hash)
    const event = words[at + ANNOUNCE_EVENT]
    // Read outside the lock what can be.
    const wanted = numWant(words, at, ipv4 ? this.peersMaxIPv4 : this.peersMaxIPv6)
    const seeder = (words[at + ANNOUNCE_LEFT] | words[at + ANNOUNCE_LEFT + 1]) === 0
    const completed = event === EVENT_COMPLETED
    const now = this.now
    let status = ANNOUNCED
    table.lock()
    if (event === EVENT_STOPPED) {
      swarms.leave(table, words, infoHash, hash, a0, a1, a2, a3, port)
    } else {
      status = swarms.announce(
        table,
        words,
        infoHash,
        hash,
        a0,
        a1,
        a2,
        a3,
        port,
        seeder,
        completed,
        wanted,
        now,
      )
    }
    const bytes = this.announced(status, table, ipv4, transaction, out, to)
    table.unlock()
    return bytes
  }

  /** The response to an announce. Under the lock: the chosen peers are read where they live. */
  private announced(
    status: number,
    table: Table,
    ipv4: boolean,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number {
    if (status !== ANNOUNCED) return this.full(status, out, to, transaction)
    this.counts[this.family + RESPONSES_ANNOUNCE]++
    const { seeders, leechers, choice } = this.swarms
    const { interval } = this
    const { runs, runCount } = choice
    const memory = table.words
    return ipv4
      ? writeAnnounceIPv4(out, to, transaction, interval, leechers, seeders, memory, runs, runCount)
      : writeAnnounceIPv6(out, to, transaction, interval, leechers, seeders, memory, runs, runCount)
  }

  private scrape(
    words: Int32Array,
    at: number,
    bytes: number,
    ipv4: boolean,
    out: Int32Array,
    to: number,
  ): number {
    this.counts[this.family + REQUESTS_SCRAPE]++
    const transaction = words[at + REQUEST_TRANSACTION]
    let infoHashes = ((bytes - REQUEST_BYTES_MIN) / INFO_HASH_BYTES) | 0
    if (infoHashes === 0) {
      this.counts[this.family + REJECTED_NO_INFO_HASH]++
      return this.error(out, to, transaction, ERROR_NO_INFO_HASH, ERROR_BYTES_MAX)
    }
    const max = ipv4 ? this.scrapeMaxIPv4 : this.scrapeMaxIPv6
    if (infoHashes > max) infoHashes = max
    const swarms = this.swarms
    let size = 0
    writeScrapeHead(out, to, transaction)
    for (let i = 0; i < infoHashes; i++) {
      const infoHash = at + SCRAPE_INFO_HASHES + i * (INFO_HASH_BYTES / 4)
      const hash = hashInfoHash(swarms.ipv4[0], words, infoHash)
      const table = swarms.tableOf(ipv4, hash)
      table.lock()
      swarms.scrape(table, words, infoHash, hash)
      table.unlock()
      size = writeScrapeEntry(out, to, i, swarms.seeders, swarms.completed, swarms.leechers)
    }
    this.counts[this.family + RESPONSES_SCRAPE]++
    return size
  }

  private full(status: number, out: Int32Array, to: number, transaction: number): number {
    if (status === TORRENTS_FULL) this.counts[this.family + REJECTED_TORRENTS_FULL]++
    if (status === PEERS_FULL) this.counts[this.family + REJECTED_PEERS_FULL]++
    const text = status === TORRENTS_FULL ? ERROR_TORRENTS_FULL : ERROR_PEERS_FULL
    return this.error(out, to, transaction, text, ERROR_BYTES_MAX)
  }

  private error(
    out: Int32Array,
    to: number,
    transaction: number,
    text: ErrorText,
    max: number,
  ): number {
    this.counts[this.family + RESPONSES_ERROR]++
    return writeError(out, to, transaction, text, max)
  }
}
