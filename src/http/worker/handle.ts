// Handles one HTTP request: bytes of a connection in, bytes of an answer out. Called by the workers for what
// their connections have received; sees no sockets.
//
// Reads the head (parse.ts), checks the limits of its source, answers what needs no swarm (pages, errors), and
// passes announces and scrapes to respond.ts. Every request gets an answer and is counted.
import type { KeyGate } from '../../access-keys/gate.ts'
import {
  byVerdict,
  countersByKeyVerdict,
  KEY_GUESSES,
  KEY_MISSING,
  KEY_VALID,
} from '../../access-keys/verdict.ts'
import type { ClientGate } from '../../client-lists/gate.ts'
import { CLIENT_KNOWN, CLIENT_UNNAMED, HEADER_MISSING } from '../../http-head/proxies.ts'
import {
  BAD_FRAMING,
  BAD_HEADER,
  BAD_VERSION,
  HEAD_TOO_LARGE,
  LINE_TOO_LONG,
} from '../../http-head/read-head.ts'
import { isUnicast } from '../../peer-addresses/address-class.ts'
import { NO_PAUSE, SERVING, SILENT } from '../../requests/pause.ts'
import { countersByVerdict, DENIED_TEXTS } from '../../requests/refusals.ts'
import { ADMITTED, type SourceLimits } from '../../source-limits/source-limits.ts'
import type { Peer } from '../../swarm/peers/peer.ts'
import { INFO_HASH_WORDS, SCRAPE_HASHES_MAX } from '../wire/layout.ts'
import { parse } from '../wire/parse.ts'
import {
  ANNOUNCE,
  HEALTH,
  type HttpRequest,
  PAGE,
  SCRAPE,
  STATUS,
  UNKNOWN_METHOD,
  UNKNOWN_PATH,
} from '../wire/request.ts'
import { type FixedAnswer, failureText, writeFixed, writeRedirect } from '../wire/serialize.ts'
import type { Challenges } from './challenges.ts'
import {
  FAMILY_COUNTERS,
  FAMILY_IPV4,
  FAMILY_IPV6,
  RECEIVED_BYTES,
  REJECTED_DENIED_CLIENT,
  REJECTED_DENIED_NETWORK,
  REJECTED_FRAMING,
  REJECTED_HEAD_TOO_LARGE,
  REJECTED_HEADER,
  REJECTED_INFO_HASH,
  REJECTED_LINE_TOO_LONG,
  REJECTED_METHOD,
  REJECTED_NO_INFO_HASH,
  REJECTED_PATH,
  REJECTED_PAUSED,
  REJECTED_PORT,
  REJECTED_PROXY_HEADER_MISSING,
  REJECTED_PROXY_HEADER_NOT_UNDERSTOOD,
  REJECTED_REQUEST_LINE,
  REJECTED_TIMEOUT,
  REJECTED_UNAVAILABLE,
  REJECTED_VERSION,
  REQUESTS_ANNOUNCE,
  REQUESTS_HEALTH,
  REQUESTS_PAGE,
  REQUESTS_SCRAPE,
  RESPONSES_ERROR,
  RESPONSES_HEALTH,
  RESPONSES_PAGE,
  RESPONSES_REDIRECT,
  SENT_BYTES,
} from './counters.ts'
import {
  BAD_REQUEST,
  HEALTH_ANSWER,
  NOT_ALLOWED,
  NOT_FOUND,
  TIMED_OUT,
  TOO_LARGE,
  TOO_LONG,
  TOO_MANY_REQUESTS,
  UNAVAILABLE,
  WRONG_VERSION,
} from './fixed-answers.ts'
import type { HttpProxies } from './proxies.ts'
import { PublicAnswers } from './public-page.ts'
import type { Responder } from './respond.ts'
import type { HttpSettings } from './worker-updates.ts'

/** Of `serve`: the request asks for the guest's protocol. */
export const UPGRADES = -1

const NO_HEADER = new Uint8Array(0)
const OVER = countersByVerdict(FAMILY_COUNTERS)
const KEY_REASONS = countersByKeyVerdict(FAMILY_COUNTERS)
const KEY_FAILURES = byVerdict(({ text }) => failureText(text))

const TOO_MANY = failureText('Too many requests from this address: try again later')
const NO_PORT = failureText('Port missing or not valid')
const BAD_INFO_HASH = failureText('Info hash is not of 20 bytes')
const NO_INFO_HASH = failureText('Info hash missing')
const DENIED_NETWORK = failureText(DENIED_TEXTS.network)
const DENIED_CLIENT = failureText(DENIED_TEXTS.client)
const UNNAMED = failureText('The proxy of this tracker names no client in the PROXY protocol')
const FULL_SCRAPE = failureText('No info hash: full scrapes are not allowed')

export class Handler {
  readonly counts: Int32Array
  readonly pages = new PublicAnswers()
  /** Null if no proxy is trusted. */
  private proxies: HttpProxies | null = null
  /** Where to redirect requests, such as https://example.com; null if they are answered here. */
  redirectTo: Uint8Array | null = null
  /** Null if keys are never required. */
  keys: KeyGate | null = null
  /** Null where everybody is served. */
  clients: ClientGate | null = null
  /** Null where no certificate authority is answered. */
  challenges: Challenges | null = null
  /** Requests for WebSocket are another protocol's. */
  hasGuest = false
  /** Its connections are encrypted. */
  isSecure = false
  private pause = NO_PAUSE
  private pauseText = failureText(NO_PAUSE.reason)
  readonly responder: Responder
  private readonly limits: SourceLimits | null
  private peersMax = 0
  private scrapeMax = 0
  private believesAddresses = false

  constructor(
    responder: Responder,
    settings: HttpSettings,
    counts: Int32Array,
    limits: SourceLimits | null = null,
  ) {
    this.responder = responder
    this.counts = counts
    this.limits = limits
    this.configure(settings)
  }

  /** Also at runtime. */
  configure(settings: HttpSettings): void {
    this.peersMax = settings.maxResponsePeers
    this.scrapeMax = Math.min(settings.maxScrapeTorrents, SCRAPE_HASHES_MAX)
    this.believesAddresses = settings.believesAddresses
    const { announceInterval, minAnnounceInterval, intervalJitter } = settings
    this.pause = this.isSecure ? settings.pauseHttps : settings.pauseHttp
    this.pauseText = failureText(this.pause.reason)
    this.responder.setIntervals(announceInterval, minAnnounceInterval, intervalJitter)
  }

  setProxies(proxies: HttpProxies | null): void {
    this.proxies = proxies
  }

  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void {
    this.responder.setTime(now)
    this.limits?.setTime(now)
    this.keys?.setTime(now)
  }

  // HOT: no allocation below this line.

  /**
   * Serves the request that begins at `bytes[from]`, sent by `request.source`. Returns its size, with the
   * answer's end in `request.end`; or 0 if it is incomplete before `to`. `searched`: so many of the bytes were
   * here before, when that was so. When `request.close` is set, the connection ends with the answer, and what
   * stands behind the request is not read. UPGRADES: nothing was done.
   */
  serve(request: HttpRequest, bytes: Uint8Array, from: number, to: number, searched = 0): number {
    request.end = request.to
    request.scrapeMax = this.scrapeMax
    request.readsAddresses = this.believesAddresses
    request.proxyHeader = this.proxies === null ? NO_HEADER : this.proxies.header
    const used = parse(request, bytes, from, to, searched)
    if (used === 0) return 0
    if (this.hasGuest && used > 0 && request.asksForWebSocket) return UPGRADES
    let client = CLIENT_KNOWN
    if (request.isAnonymous) client = CLIENT_UNNAMED
    else if (used > 0 && this.proxies !== null) client = this.proxies.readSource(request, bytes)
    const family = request.source.ipv4 ? FAMILY_IPV4 : FAMILY_IPV6
    request.family = family
    request.isUnread = used < 0 || request.hasBody || request.kind === UNKNOWN_METHOD
    if (request.mustClose) request.close = true
    request.end = used > 0 ? this.answerOrNot(request, bytes, client) : this.reject(request, used)
    const taken = used > 0 ? used : to - from
    this.counts[family + RECEIVED_BYTES] += taken
    this.counts[family + SENT_BYTES] += request.end - request.to
    return taken
  }

  /** For a connection whose request did not arrive in time. */
  timeOut(request: HttpRequest): void {
    this.end(request, REJECTED_TIMEOUT, TIMED_OUT)
  }

  /** For a connection for which there is no room. */
  turnAway(request: HttpRequest): void {
    this.end(request, REJECTED_UNAVAILABLE, UNAVAILABLE)
  }

  private end(request: HttpRequest, reason: number, answer: FixedAnswer): void {
    const family = request.source.ipv4 ? FAMILY_IPV4 : FAMILY_IPV6
    request.family = family
    request.close = true
    request.headOnly = false
    request.end = this.error(request, reason, answer)
    this.counts[family + SENT_BYTES] += request.end - request.to
  }

  /** Pages are served during a pause, and to all networks: health checks and certificate authorities ask for them. */
  private answerOrNot(request: HttpRequest, bytes: Uint8Array, client: number): number {
    if (request.kind <= SCRAPE && client === CLIENT_KNOWN) {
      if (this.clients?.deniesNetwork(request.source)) return this.denyNetwork(request)
    }
    const { pause } = this
    const level = request.source.ipv4 ? pause.ipv4 : pause.ipv6
    if (level === SERVING || request.kind > SCRAPE) return this.answer(request, bytes, client)
    request.close = true
    if (level === SILENT) {
      this.counts[request.family + REJECTED_PAUSED]++
      return request.to
    }
    const status = this.limits === null ? ADMITTED : this.limits.request(request.source)
    if (status !== ADMITTED && client === CLIENT_KNOWN) return this.refuse(request, status)
    return this.responder.refuseFor(request, REJECTED_PAUSED, this.pauseText, pause.retryMinutes)
  }

  private denyNetwork(request: HttpRequest): number {
    request.close = true
    return this.responder.refuseForGood(request, REJECTED_DENIED_NETWORK, DENIED_NETWORK)
  }

  /** `client`: of proxies.ts. A proxy that does not say whom it asks for must not be banned for many. */
  private answer(request: HttpRequest, bytes: Uint8Array, client: number): number {
    if (client !== CLIENT_KNOWN && request.kind <= SCRAPE) return this.refuseProxy(request, client)
    const limits = client === CLIENT_KNOWN ? this.limits : null
    const status = limits === null ? ADMITTED : limits.request(request.source)
    if (status !== ADMITTED) return this.refuse(request, status)
    if (this.challenges !== null && request.kind === UNKNOWN_PATH) {
      const answer = this.challenges.answer(request, bytes)
      if (answer !== null) return this.fixed(request, REQUESTS_PAGE, RESPONSES_PAGE, answer)
    }
    if (this.redirectTo !== null && request.kind !== HEALTH && request.kind !== UNKNOWN_METHOD) {
      this.counts[request.family + RESPONSES_REDIRECT]++
      return writeRedirect(request, bytes, this.redirectTo)
    }
    switch (request.kind) {
      case ANNOUNCE:
        return this.announce(request, bytes)
      case SCRAPE:
        return this.scrape(request, bytes)
      case PAGE:
        return this.fixed(request, REQUESTS_PAGE, RESPONSES_PAGE, this.pages.page)
      case STATUS:
        return this.status(request)
      case HEALTH:
        return this.fixed(request, REQUESTS_HEALTH, RESPONSES_HEALTH, HEALTH_ANSWER)
      case UNKNOWN_METHOD:
        return this.error(request, REJECTED_METHOD, NOT_ALLOWED)
      default:
        return this.error(request, REJECTED_PATH, NOT_FOUND)
    }
  }

  private status(request: HttpRequest): number {
    const { status } = this.pages
    return status === null
      ? this.error(request, REJECTED_PATH, NOT_FOUND)
      : this.fixed(request, REQUESTS_PAGE, RESPONSES_PAGE, status)
  }

  private announce(request: HttpRequest, bytes: Uint8Array): number {
    const { announce, infoHashCount, wanted } = request
    const { peer } = announce
    this.counts[request.family + REQUESTS_ANNOUNCE]++
    const verdict = this.verdictOn(request, bytes)
    if (verdict !== KEY_VALID) return this.refuseKey(request, verdict)
    if (this.clients?.deniesClient(request.words, INFO_HASH_WORDS)) {
      return this.responder.refuseForGood(request, REJECTED_DENIED_CLIENT, DENIED_CLIENT)
    }
    if (infoHashCount !== 1) return this.refuseInfoHash(request, NO_INFO_HASH)
    if (peer.port === 0 && !announce.stopped) {
      return this.responder.refuseForGood(request, REJECTED_PORT, NO_PORT)
    }
    announce.wanted = wanted < 0 || wanted > this.peersMax ? this.peersMax : wanted
    peer.setAddress(this.addressOf(request))
    return this.responder.announce(request)
  }

  /** The address to announce: the source's, unless another one is given and believed. */
  private addressOf(request: HttpRequest): Peer {
    const { source, claimed, claimedIPv4, claimedIPv6 } = request
    if (request.hasClaimed && this.isUsable(claimed, source)) return claimed
    if (source.ipv4) {
      return request.hasClaimedIPv4 && this.isUsable(claimedIPv4, source) ? claimedIPv4 : source
    }
    return request.hasClaimedIPv6 && this.isUsable(claimedIPv6, source) ? claimedIPv6 : source
  }

  private isUsable(claimed: Peer, source: Peer): boolean {
    const { addresses } = this.responder
    return isUnicast(claimed) && (addresses === null || addresses.takesClaim(claimed, source))
  }

  private scrape(request: HttpRequest, bytes: Uint8Array): number {
    this.counts[request.family + REQUESTS_SCRAPE]++
    const verdict = this.verdictOn(request, bytes)
    if (verdict !== KEY_VALID) return this.refuseKey(request, verdict)
    if (request.infoHashCount <= 0) return this.refuseInfoHash(request, FULL_SCRAPE)
    return this.responder.scrape(request)
  }

  private verdictOn(request: HttpRequest, bytes: Uint8Array): number {
    const { keys } = this
    if (keys === null || !keys.required) return KEY_VALID
    return keys.check(request.source, bytes, request.keyFrom, request.keyTo)
  }

  /** A key may be added or renewed; a URL without one stays as it is. */
  private refuseKey(request: HttpRequest, verdict: number): number {
    const reason = KEY_REASONS[verdict]
    const text = KEY_FAILURES[verdict]
    if (verdict === KEY_MISSING) return this.responder.refuseForGood(request, reason, text)
    if (verdict === KEY_GUESSES) request.close = true
    return this.responder.refuse(request, reason, text)
  }

  private refuseInfoHash(request: HttpRequest, missing: Uint8Array): number {
    return request.infoHashCount < 0
      ? this.responder.refuseForGood(request, REJECTED_INFO_HASH, BAD_INFO_HASH)
      : this.responder.refuseForGood(request, REJECTED_NO_INFO_HASH, missing)
  }

  /** The connection ends, so that a client that continues has to pay for a new one. */
  private refuse(request: HttpRequest, status: number): number {
    const reason = OVER[status]
    request.close = true
    return request.kind <= SCRAPE
      ? this.responder.refuse(request, reason, TOO_MANY)
      : this.error(request, reason, TOO_MANY_REQUESTS)
  }

  /** A trusted proxy that does not say whom it asks for. `fault`: of its header. */
  private refuseProxy(request: HttpRequest, fault: number): number {
    if (fault === CLIENT_UNNAMED) {
      return this.responder.refuse(request, REJECTED_PROXY_HEADER_NOT_UNDERSTOOD, UNNAMED)
    }
    const { missing, notUnderstood } = this.proxies as HttpProxies
    return fault === HEADER_MISSING
      ? this.responder.refuse(request, REJECTED_PROXY_HEADER_MISSING, missing)
      : this.responder.refuse(request, REJECTED_PROXY_HEADER_NOT_UNDERSTOOD, notUnderstood)
  }

  /** Refuses an invalid head; `code`: from parse.ts. */
  private reject(request: HttpRequest, code: number): number {
    request.close = true
    request.headOnly = false
    switch (code) {
      case LINE_TOO_LONG:
        return this.error(request, REJECTED_LINE_TOO_LONG, TOO_LONG)
      case HEAD_TOO_LARGE:
        return this.error(request, REJECTED_HEAD_TOO_LARGE, TOO_LARGE)
      case BAD_HEADER:
        return this.error(request, REJECTED_HEADER, BAD_REQUEST)
      case BAD_FRAMING:
        return this.error(request, REJECTED_FRAMING, BAD_REQUEST)
      case BAD_VERSION:
        return this.error(request, REJECTED_VERSION, WRONG_VERSION)
      default:
        return this.error(request, REJECTED_REQUEST_LINE, BAD_REQUEST)
    }
  }

  private fixed(
    request: HttpRequest,
    counted: number,
    answered: number,
    answer: FixedAnswer,
  ): number {
    this.counts[request.family + counted]++
    this.counts[request.family + answered]++
    return writeFixed(request, answer)
  }

  private error(request: HttpRequest, reason: number, answer: FixedAnswer): number {
    this.counts[request.family + reason]++
    this.counts[request.family + RESPONSES_ERROR]++
    return writeFixed(request, answer)
  }
}
