// Takes one request: connect, announce or scrape. Called by receive.ts for each packet; knows packets
// and addresses as words in memory, and nothing of sockets.
//
// Reads the packet in place, answers what needs no swarm (connects, errors), and hands what is valid to
// the next stage: respond.ts, which answers at once, or forward.ts, which passes it to another thread.
// Owns nothing but the counts of its worker.
import { hashWords } from '../memory/half-sip-hash.ts'
import { Peer } from '../swarm/peer.ts'
import type { ConnectionIds } from './connection-id.ts'
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  REJECTED_ACTION,
  REJECTED_BANNED,
  REJECTED_CONNECT_RATE,
  REJECTED_CONNECTION_ID,
  REJECTED_NETWORK_RATE,
  REJECTED_NO_INFO_HASH,
  REJECTED_PORT,
  REJECTED_PROTOCOL_ID,
  REJECTED_REQUEST_RATE,
  REJECTED_SUSTAINED_RATE,
  REJECTED_TOO_SHORT,
  REQUESTS_ANNOUNCE,
  REQUESTS_CONNECT,
  REQUESTS_SCRAPE,
  RESPONSES_CONNECT,
  RESPONSES_ERROR,
  RESPONSES_SCRAPE,
} from './counters.ts'
import {
  ANNOUNCE_EVENT,
  ANNOUNCE_INFO_HASH,
  ANNOUNCE_LEFT,
  ANNOUNCE_PORT,
  ERROR_BYTES_MAX,
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
import { ANNOUNCE, CONNECT, numWant, parse, SCRAPE, TOO_SHORT, WRONG_PROTOCOL_ID } from './parse.ts'
import { COMPLETED, type Requests, SEEDER, STOPPED } from './respond.ts'
import { type ErrorText, errorText, writeConnect, writeError } from './serialize.ts'
import {
  ADMITTED,
  BANNED,
  type SourceLimits,
  TOO_MANY_OF_NETWORK,
  TOO_MANY_SUSTAINED,
} from './source-limits.ts'

/** The settings that requests are answered by. */
export interface RequestSettings {
  readonly maxScrapeTorrents: number
  readonly maxResponsePeers: number
  readonly announceInterval: number
  /** Percent. */
  readonly intervalJitter: number
  /** Answer an invalid connection id with an error no longer than its request. */
  readonly answerInvalidId: boolean
}

const ERROR_CONNECTION_ID = errorText('Connection ID invalid or expired')
const ERROR_PORT = errorText('Port must not be 0')
const ERROR_NO_INFO_HASH = errorText('No info hash: full scrapes are not allowed')

/** What the torrent tables hash info hashes with. */
export interface HashKeys {
  readonly key0: number
  readonly key1: number
}

export class Handler {
  readonly counts: Int32Array
  private readonly limits: SourceLimits | null
  private readonly requests: Requests
  private readonly ids: ConnectionIds
  private readonly source = new Peer()
  private readonly key0: number
  private readonly key1: number
  private peersMaxIPv4 = 0
  private peersMaxIPv6 = 0
  private scrapeMaxIPv4 = 0
  private scrapeMaxIPv6 = 0
  private answerInvalidId = false
  /** Where the counters of the packet's address family start. */
  family = 0

  constructor(
    requests: Requests,
    ids: ConnectionIds,
    keys: HashKeys,
    settings: RequestSettings,
    counts: Int32Array,
    limits: SourceLimits | null = null,
  ) {
    this.limits = limits
    this.requests = requests
    this.ids = ids
    this.key0 = keys.key0
    this.key1 = keys.key1
    this.counts = counts
    this.configure(settings)
  }

  /** Also while it is at work. */
  configure(settings: RequestSettings): void {
    this.peersMaxIPv4 = Math.min(settings.maxResponsePeers, RESPONSE_PEERS_MAX_IPV4)
    this.peersMaxIPv6 = Math.min(settings.maxResponsePeers, RESPONSE_PEERS_MAX_IPV6)
    this.scrapeMaxIPv4 = Math.min(settings.maxScrapeTorrents, SCRAPE_MAX_IPV4)
    this.scrapeMaxIPv6 = Math.min(settings.maxScrapeTorrents, SCRAPE_MAX_IPV6)
    this.answerInvalidId = settings.answerInvalidId
  }

  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void {
    this.ids.setTime(now)
    this.requests.setTime(now)
    this.limits?.setTime(now)
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
    const { source } = this
    source.ipv4 = ipv4
    source.a0 = a0
    source.a1 = a1
    if (kind > SCRAPE) return this.reject(kind)
    const transaction = words[at + REQUEST_TRANSACTION]
    if (kind === CONNECT) {
      this.counts[this.family + REQUESTS_CONNECT]++
      if (this.limits !== null && !this.limits.connect(this.source)) {
        this.counts[this.family + REJECTED_CONNECT_RATE]++
        return 0
      }
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
    if (this.limits !== null && this.isOver(this.limits.request(this.source))) return 0
    if (kind === ANNOUNCE) return this.announce(words, at, ipv4, a0, a1, a2, a3, out, to)
    return this.scrape(words, at, bytes, ipv4, out, to)
  }

  /** No answer: an error would be one more packet for a source that has too many already. */
  private isOver(status: number): boolean {
    if (status === ADMITTED) return false
    let reason = REJECTED_REQUEST_RATE
    if (status === BANNED) reason = REJECTED_BANNED
    else if (status === TOO_MANY_SUSTAINED) reason = REJECTED_SUSTAINED_RATE
    else if (status === TOO_MANY_OF_NETWORK) reason = REJECTED_NETWORK_RATE
    this.counts[this.family + reason]++
    return true
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
    const infoHash = at + ANNOUNCE_INFO_HASH
    const hash = hashWords(words, infoHash, INFO_HASH_BYTES / 4, this.key0, this.key1)
    const event = words[at + ANNOUNCE_EVENT]
    const wanted = numWant(words, at, ipv4 ? this.peersMaxIPv4 : this.peersMaxIPv6)
    let flags = (words[at + ANNOUNCE_LEFT] | words[at + ANNOUNCE_LEFT + 1]) === 0 ? SEEDER : 0
    if (event === EVENT_COMPLETED) flags |= COMPLETED
    else if (event === EVENT_STOPPED) flags |= STOPPED
    return this.requests.announce(
      words,
      infoHash,
      hash,
      ipv4,
      a0,
      a1,
      a2,
      a3,
      port,
      flags,
      wanted,
      transaction,
      out,
      to,
    )
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
    let count = ((bytes - REQUEST_BYTES_MIN) / INFO_HASH_BYTES) | 0
    if (count === 0) {
      this.counts[this.family + REJECTED_NO_INFO_HASH]++
      return this.error(out, to, transaction, ERROR_NO_INFO_HASH, ERROR_BYTES_MAX)
    }
    const max = ipv4 ? this.scrapeMaxIPv4 : this.scrapeMaxIPv6
    if (count > max) count = max
    const infoHashes = at + SCRAPE_INFO_HASHES
    const size = this.requests.scrape(words, infoHashes, count, ipv4, transaction, out, to)
    if (size !== 0) this.counts[this.family + RESPONSES_SCRAPE]++
    return size
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
