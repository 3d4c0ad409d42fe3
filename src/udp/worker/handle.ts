// Handles one request: connect, announce or scrape. Called by receive.ts for each packet; sees packets and
// addresses as words in memory, and no sockets.
//
// Reads the packet in place, answers what needs no swarm (connects, errors), and hands what is valid to
// the next stage: respond.ts, which answers at once, or forward.ts, which passes it to another thread.
import {
  byVerdict,
  countersByKeyVerdict,
  KEY_MISSING,
  KEY_VALID,
} from '../../access-keys/verdict.ts'
import type { ClientGate } from '../../client-lists/gate.ts'
import { hashWords } from '../../memory/half-sip-hash.ts'
import { wallSeconds } from '../../os/clock.ts'
import { FAILING, type Pause, SERVING, SILENT } from '../../requests/pause.ts'
import { countersByVerdict, DENIED_TEXTS } from '../../requests/refusals.ts'
import { ADMITTED, type SourceLimits } from '../../source-limits/source-limits.ts'
import type { LookAhead } from '../../swarm/table/look-ahead.ts'
import type { ConnectionIds } from '../wire/connection-id.ts'
import {
  ANNOUNCE_EVENT,
  ANNOUNCE_INFO_HASH,
  ANNOUNCE_LEFT,
  ANNOUNCE_PEER_ID,
  ANNOUNCE_PORT,
  answerBytes,
  ERROR_BYTES_MAX,
  EVENT_COMPLETED,
  EVENT_STOPPED,
  INFO_HASH_BYTES,
  peersIn,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
  REQUEST_TRANSACTION,
  SCRAPE_INFO_HASHES,
  scrapeTorrentsIn,
} from '../wire/layout.ts'
import {
  ANNOUNCE,
  CONNECT,
  numWant,
  parse,
  SCRAPE,
  TOO_SHORT,
  WRONG_PROTOCOL_ID,
} from '../wire/parse.ts'
import { familyOf, type Request } from '../wire/request.ts'
import { type ErrorText, errorText, writeConnect, writeError } from '../wire/serialize.ts'
import type { AnnounceKey } from './announce-key.ts'
import {
  FAMILY_COUNTERS,
  REJECTED_ACTION,
  REJECTED_CONNECT_RATE,
  REJECTED_CONNECTION_ID,
  REJECTED_DENIED_CLIENT,
  REJECTED_DENIED_NETWORK,
  REJECTED_NO_INFO_HASH,
  REJECTED_PAUSED,
  REJECTED_PORT,
  REJECTED_PROTOCOL_ID,
  REJECTED_TOO_SHORT,
  REQUESTS_ANNOUNCE,
  REQUESTS_CONNECT,
  REQUESTS_SCRAPE,
  RESPONSES_CONNECT,
  RESPONSES_ERROR,
  RESPONSES_SCRAPE,
} from './counters.ts'
import type { Requests } from './respond.ts'

/** The settings that determine answers. */
export interface RequestSettings {
  readonly maxScrapeTorrents: number
  readonly maxResponsePeers: number
  /** UDP payload of the longest answer. */
  readonly maxResponseBytes: number
  readonly announceInterval: number
  /** Percent. */
  readonly intervalJitter: number
  /** Answer an invalid connection id with an error no longer than its request. */
  readonly answerInvalidId: boolean
  readonly pause: Pause
}

const OVER = countersByVerdict(FAMILY_COUNTERS)
const KEY_REASONS = countersByKeyVerdict(FAMILY_COUNTERS)

const ERROR_CONNECTION_ID = errorText('Connection ID invalid or expired')
const ERROR_PORT = errorText('Port must not be 0')
/** It fits a connect. */
const ERROR_DENIED_CONNECT = errorText('denied')
const ERROR_NETWORK = errorText(DENIED_TEXTS.network)
const ERROR_CLIENT = errorText(DENIED_TEXTS.client)
const KEY_ERRORS = byVerdict(({ text }) => errorText(text))
const ERROR_SCRAPE_KEY = errorText('Access key missing: scrapes over UDP cannot carry one')
const ERROR_NO_INFO_HASH = errorText('No info hash: full scrapes are not allowed')

/** Of a connect, as long as the request at most: its sender has proved no address. */
const ERROR_PAUSED_CONNECT = errorText('Paused')

/** The keys with which the torrent tables hash info hashes. */
export interface HashKeys {
  readonly key0: number
  readonly key1: number
}

export class Handler {
  readonly counts: Int32Array
  /** Null where no key is ever asked for. */
  keys: AnnounceKey | null = null
  /** Null where other threads have the tables. */
  ahead: LookAhead | null = null
  /** Null where everybody is served. */
  clients: ClientGate | null = null
  private readonly limits: SourceLimits | null
  private readonly requests: Requests
  private readonly ids: ConnectionIds
  private readonly key0: number
  private readonly key1: number
  private peersMaxIPv4 = 0
  private peersMaxIPv6 = 0
  private scrapeMaxIPv4 = 0
  private scrapeMaxIPv6 = 0
  private answerInvalidId = false
  /** See requests/pause.ts. */
  private pauseIPv4 = SERVING
  private pauseIPv6 = SERVING
  private pauseText: ErrorText = ERROR_PAUSED_CONNECT

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

  /** Also at runtime. */
  configure(settings: RequestSettings): void {
    const { maxResponsePeers, maxScrapeTorrents, maxResponseBytes } = settings
    const bytesIPv4 = answerBytes(true, maxResponseBytes)
    const bytesIPv6 = answerBytes(false, maxResponseBytes)
    this.peersMaxIPv4 = Math.min(maxResponsePeers, peersIn(bytesIPv4, true))
    this.peersMaxIPv6 = Math.min(maxResponsePeers, peersIn(bytesIPv6, false))
    this.scrapeMaxIPv4 = Math.min(maxScrapeTorrents, scrapeTorrentsIn(bytesIPv4))
    this.scrapeMaxIPv6 = Math.min(maxScrapeTorrents, scrapeTorrentsIn(bytesIPv6))
    this.answerInvalidId = settings.answerInvalidId
    const { ipv4, ipv6, reason } = settings.pause
    this.pauseIPv4 = ipv4
    this.pauseIPv6 = ipv6
    this.pauseText = errorText(reason)
  }

  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void {
    this.ids.setTime(this.ids.isShared ? wallSeconds() : now)
    this.requests.setTime(now)
    this.limits?.setTime(now)
    this.keys?.gate.setTime(now)
  }

  // HOT: no allocation below this line.

  /** Writes the answer to a request; returns its size in bytes, 0 for none. */
  handle(request: Request): number {
    const { words, at, peer } = request
    request.family = familyOf(peer.ipv4)
    const kind = parse(words, at, request.bytes)
    if (kind > SCRAPE) return this.reject(request, kind)
    request.transaction = words[at + REQUEST_TRANSACTION]
    const pause = peer.ipv4 ? this.pauseIPv4 : this.pauseIPv6
    if (pause === SILENT) return this.paused(request)
    if (kind === CONNECT) return this.connect(request, pause)
    if (!this.ids.verify(words[at + REQUEST_ID], words[at + REQUEST_ID + 1], peer)) {
      this.counts[request.family + REJECTED_CONNECTION_ID]++
      if (!this.answerInvalidId) return 0
      return this.error(request, ERROR_CONNECTION_ID, request.bytes)
    }
    if (this.limits !== null && this.isOver(request, this.limits.request(peer))) return 0
    if (this.clients?.deniesNetwork(peer)) {
      return this.deny(request, REJECTED_DENIED_NETWORK, ERROR_NETWORK)
    }
    if (pause === FAILING) {
      this.paused(request)
      return this.error(request, this.pauseText, ERROR_BYTES_MAX)
    }
    return kind === ANNOUNCE ? this.announce(request) : this.scrape(request)
  }

  private connect(request: Request, pause: number): number {
    const { family, peer, out, to, transaction } = request
    this.counts[family + REQUESTS_CONNECT]++
    if (this.limits !== null && !this.limits.connect(peer)) {
      this.counts[family + REJECTED_CONNECT_RATE]++
      return 0
    }
    if (this.clients?.deniesNetwork(peer)) {
      // An error stops the client's repetitions, and is no longer than its connect.
      return this.deny(request, REJECTED_DENIED_NETWORK, ERROR_DENIED_CONNECT)
    }
    if (pause === FAILING) {
      // At once, which spares the client its announce, and us half of the packets.
      this.paused(request)
      return this.error(request, ERROR_PAUSED_CONNECT, REQUEST_BYTES_MIN)
    }
    this.counts[family + RESPONSES_CONNECT]++
    this.ids.issue(peer)
    return writeConnect(out, to, transaction, this.ids.id0, this.ids.id1)
  }

  /** Counts a request that is not served for now; without an answer. */
  private paused({ family }: Request): number {
    this.counts[family + REJECTED_PAUSED]++
    return 0
  }

  /** Refuses whom the lists exclude, with an error no longer than the request. */
  private deny(request: Request, reason: number, text: ErrorText): number {
    this.counts[request.family + reason]++
    return this.error(request, text, request.bytes)
  }

  /** Without an answer: an error would be one more packet for a source that already has too many. */
  private isOver({ family }: Request, status: number): boolean {
    if (status === ADMITTED) return false
    this.counts[family + OVER[status]]++
    return true
  }

  private reject({ family }: Request, kind: number): number {
    if (kind === TOO_SHORT) this.counts[family + REJECTED_TOO_SHORT]++
    else if (kind === WRONG_PROTOCOL_ID) this.counts[family + REJECTED_PROTOCOL_ID]++
    else this.counts[family + REJECTED_ACTION]++
    return 0
  }

  private announce(request: Request): number {
    const { words, at, family, announce } = request
    this.counts[family + REQUESTS_ANNOUNCE]++
    const { keys } = this
    if (keys?.gate.required) {
      const verdict = keys.check(request)
      if (verdict !== KEY_VALID) return this.refuseKey(request, verdict, KEY_ERRORS[verdict])
    }
    if (this.clients?.deniesClient(words, at + ANNOUNCE_PEER_ID)) {
      return this.deny(request, REJECTED_DENIED_CLIENT, ERROR_CLIENT)
    }
    const port = words[at + ANNOUNCE_PORT] & 0xffff
    if (port === 0) {
      this.counts[family + REJECTED_PORT]++
      return this.error(request, ERROR_PORT, ERROR_BYTES_MAX)
    }
    const { peer } = announce
    const infoHash = at + ANNOUNCE_INFO_HASH
    const event = words[at + ANNOUNCE_EVENT]
    peer.port = port
    announce.source = words
    announce.infoHash = infoHash
    if (!request.isHashed) {
      announce.hash = hashWords(words, infoHash, INFO_HASH_BYTES / 4, this.key0, this.key1)
    }
    announce.seeder = (words[at + ANNOUNCE_LEFT] | words[at + ANNOUNCE_LEFT + 1]) === 0
    announce.completed = event === EVENT_COMPLETED
    announce.stopped = event === EVENT_STOPPED
    announce.wanted = numWant(words, at, peer.ipv4 ? this.peersMaxIPv4 : this.peersMaxIPv6)
    return this.requests.announce(request)
  }

  private scrape(request: Request): number {
    const { at, family, peer } = request
    this.counts[family + REQUESTS_SCRAPE]++
    // BEP 41 is of announces alone, and an address that has announced with a key is not one person.
    if (this.keys?.gate.required) return this.refuseKey(request, KEY_MISSING, ERROR_SCRAPE_KEY)
    const count = ((request.bytes - REQUEST_BYTES_MIN) / INFO_HASH_BYTES) | 0
    if (count === 0) {
      this.counts[family + REJECTED_NO_INFO_HASH]++
      return this.error(request, ERROR_NO_INFO_HASH, ERROR_BYTES_MAX)
    }
    const max = peer.ipv4 ? this.scrapeMaxIPv4 : this.scrapeMaxIPv6
    request.infoHashes = at + SCRAPE_INFO_HASHES
    request.infoHashCount = count > max ? max : count
    const size = this.requests.scrape(request)
    if (size !== 0) this.counts[family + RESPONSES_SCRAPE]++
    return size
  }

  private refuseKey(request: Request, verdict: number, text: ErrorText): number {
    this.counts[request.family + KEY_REASONS[verdict]]++
    return this.error(request, text, ERROR_BYTES_MAX)
  }

  private error({ family, out, to, transaction }: Request, text: ErrorText, max: number): number {
    this.counts[family + RESPONSES_ERROR]++
    return writeError(out, to, transaction, text, max)
  }
}
