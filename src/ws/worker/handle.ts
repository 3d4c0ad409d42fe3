// Handles clients' messages: announces, scrapes, and answers to offers. Called by the socket worker for each
// message; sees connections, and no sockets.
//
// Every announce and scrape gets a response; if it cannot be carried out, with the reason. An answer that was
// passed on gets none. Owns the current request and the receivers of its offers.

import {
  byVerdict,
  countersByKeyVerdict,
  KEY_VALID,
  REFUSED_BY_KEYS_IN_USE,
} from '../../access-keys/verdict.ts'
import { byStatus, countersByStatus } from '../../requests/refusals.ts'
import { Announce } from '../../swarm/announce.ts'
import type { ConnectionStates } from '../../swarm/connections.ts'
import { ANNOUNCED, GATED, HELD, NOT_ALLOWED } from '../../swarm/status.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { hashInfoHash } from '../../swarm/table/torrents.ts'
import { parse } from '../wire/parse.ts'
import {
  ABSENT,
  ACTION_ANNOUNCE,
  ACTION_SCRAPE,
  EVENT_COMPLETED,
  EVENT_INVALID,
  EVENT_STOPPED,
  INFO_HASH,
  PEER_ID,
  Request,
  VALID,
} from '../wire/request.ts'
import { announceResponse, failure, offersLeftOut, toldInterval } from '../wire/serialize.ts'
import type { Connection, Connections } from './connection.ts'
import type { ConnectionKeys } from './connection-key.ts'
import {
  OFFERS_LEFT_OUT_BEYOND_LIMIT,
  OFFERS_LEFT_OUT_INVALID,
  OFFERS_RECEIVED,
  RECEIVED_BYTES,
  RECEIVED_MESSAGES,
  REJECTED_ACTION,
  REJECTED_ANSWER,
  REJECTED_ANSWER_WITHOUT_OFFER,
  REJECTED_EVENT,
  REJECTED_INFO_HASH,
  REJECTED_JSON,
  REJECTED_PEER_ID,
  REJECTED_PEER_ID_HELD,
  REJECTED_PEER_IDS_PER_TORRENT,
  REJECTED_REQUESTS_PER_ADDRESS,
  REJECTED_REQUESTS_PER_CONNECTION,
  REJECTED_TORRENTS_PER_CONNECTION,
  REQUESTS_ANNOUNCE,
  REQUESTS_ANSWER,
  REQUESTS_SCRAPE,
  RESPONSES_ANNOUNCE,
  RESPONSES_ERROR,
  RESPONSES_SCRAPE,
  STORED_COUNTERS,
} from './counters.ts'
import {
  FITS,
  MemberLimits,
  type MemberMaxima,
  setMember,
  TOO_MANY_TORRENTS,
} from './member-limits.ts'
import { MEMBER_PEER_ID, MEMBER_WORDS, Memberships } from './memberships.ts'
import { CANDIDATES_PER_OFFER, chooseReceivers, RECEIVER_WORDS } from './receivers.ts'
import {
  ADMITTED,
  CLOSE,
  type RequestLimits,
  TELL,
  TOO_MANY_OF_CONNECTION,
} from './request-limits.ts'
import { Scraper } from './scrape.ts'
import type { Sender } from './send.ts'
import type { Signal } from './signal.ts'

const REASONS = countersByStatus(STORED_COUNTERS)
const TEXTS = byStatus(({ status, text }) => {
  return status === GATED ? 'Too many new torrents from your address' : text
})

const KEY_REASONS = countersByKeyVerdict(STORED_COUNTERS, 'rejected', REFUSED_BY_KEYS_IN_USE)
const KEY_TEXTS = byVerdict(({ text }) => text)

/** The settings that determine responses. */
export interface RequestSettings extends MemberMaxima {
  readonly maxScrapeTorrents: number
  readonly maxOffers: number
  readonly announceInterval: number
  readonly intervalJitter: number
}

export interface HandlerParts {
  readonly swarms: Swarms
  readonly connections: Connections
  readonly sender: Sender
  readonly signal: Signal
  readonly requestLimits: RequestLimits
}

export class Handler {
  /** Null where no key is ever asked for. */
  keys: ConnectionKeys | null = null
  private readonly swarms: Swarms
  private readonly states: ConnectionStates
  private readonly sender: Sender
  private readonly signal: Signal
  /** Can be replaced at runtime, together with the limits of `request`. */
  settings: RequestSettings
  private readonly counts: Int32Array
  readonly request: Request
  private readonly announcement = new Announce()
  private readonly receivers: Int32Array
  private readonly scraper: Scraper
  private readonly memberLimits: MemberLimits
  private readonly requestLimits: RequestLimits
  /** The current message does not count against the request limits. */
  private isFree = false
  private now = 0

  constructor(parts: HandlerParts, settings: RequestSettings, counts: Int32Array) {
    const { swarms } = parts
    this.swarms = swarms
    this.states = parts.connections.states
    this.sender = parts.sender
    this.signal = parts.signal
    this.requestLimits = parts.requestLimits
    this.settings = settings
    this.counts = counts
    this.request = new Request(settings.maxOffers, settings.maxScrapeTorrents)
    this.receivers = new Int32Array(Math.max(1, settings.maxOffers) * RECEIVER_WORDS)
    this.scraper = new Scraper(swarms, settings.maxScrapeTorrents)
    this.memberLimits = new MemberLimits(swarms)
  }

  /** Sets the time (seconds of the monotonic clock) for the messages that follow. */
  setTime(now: number): void {
    this.now = now
  }

  /** Handles one message. `text` is known to be valid UTF-8, and can hold anything. */
  message(connection: Connection, text: string): void {
    const { request, counts } = this
    counts[connection.family + RECEIVED_MESSAGES]++
    connection.lastMessage = this.now
    const verdict = this.requestLimits.check(connection)
    if (verdict !== ADMITTED) {
      counts[connection.family + RECEIVED_BYTES] += Buffer.byteLength(text)
      this.refuseRequest(connection, text, verdict)
      return
    }
    this.isFree = false
    const access = this.keys?.verdictOn(connection) ?? KEY_VALID
    if (!parse(request, text)) this.refuse(connection, REJECTED_JSON, 'Invalid JSON')
    else if (access !== KEY_VALID) this.refuse(connection, KEY_REASONS[access], KEY_TEXTS[access])
    else if (request.action === ACTION_ANNOUNCE) this.announce(connection)
    else if (request.action === ACTION_SCRAPE) this.scrape(connection)
    else this.refuse(connection, REJECTED_ACTION, 'Invalid action: announce and scrape are known')
    counts[connection.family + RECEIVED_BYTES] += request.bytes
    if (!this.isFree) this.requestLimits.charge(connection)
  }

  /**
   * Refuses a message beyond the limits, which is parsed only so that the refusal can name what it is about.
   */
  private refuseRequest(connection: Connection, text: string, verdict: number): void {
    const ofConnection = verdict === TOO_MANY_OF_CONNECTION
    const counter = ofConnection ? REJECTED_REQUESTS_PER_CONNECTION : REJECTED_REQUESTS_PER_ADDRESS
    const deed = this.requestLimits.refuse(connection)
    if (deed === TELL) {
      parse(this.request, text)
      const whose = ofConnection ? 'on this connection' : 'from your address'
      this.refuse(connection, counter, `Too many requests ${whose}: announce less often`)
      return
    }
    this.counts[counter]++
    if (deed === CLOSE) this.sender.closeForRequests(connection)
  }

  /** Removes all peers of a connection from their swarms. */
  leaveAll(connection: Connection): void {
    const { memberships } = connection
    if (memberships === null) return
    for (let i = 0; i < memberships.count; i++) {
      const at = i * MEMBER_WORDS
      this.leave(connection, memberships.words, at, at + MEMBER_PEER_ID)
    }
    connection.memberships = null
  }

  private announce(connection: Connection): void {
    const { request } = this
    if (request.infoHash !== VALID) {
      this.refuse(connection, REJECTED_INFO_HASH, 'Invalid info_hash: it must have 20 bytes')
    } else if (request.peerId !== VALID) {
      this.refuse(connection, REJECTED_PEER_ID, 'Invalid peer_id: it must have 20 bytes')
    } else if (request.answer !== ABSENT) {
      this.answer(connection)
    } else {
      this.counts[connection.family + REQUESTS_ANNOUNCE]++
      if (request.event === EVENT_INVALID) this.refuse(connection, REJECTED_EVENT, 'Invalid event')
      else if (request.event === EVENT_STOPPED) this.stop(connection)
      else this.enter(connection)
    }
  }

  /** Adds or renews a peer, responds, and passes its offers on. */
  private enter(connection: Connection): void {
    const { request } = this
    const fits = this.memberLimits.check(connection, request.ids, this.settings, this.now)
    if (fits !== FITS) {
      this.refuseMember(connection, fits)
      return
    }
    const hash = hashInfoHash(this.swarms.websocket[0], request.ids, INFO_HASH)
    if (this.swarms.access.forbids(request.ids, INFO_HASH, hash)) {
      this.refuseByStatus(connection, NOT_ALLOWED)
      return
    }
    const table = this.swarms.websocketTableOf(hash)
    let status = 0
    const receivers = table.locked(() => {
      status = this.announceTo(table, hash, connection)
      const { swarms, states, receivers } = this
      return chooseReceivers(table, swarms, states, receivers, request.offerCount)
    })
    if (status !== ANNOUNCED && status !== HELD) {
      this.refuseByStatus(connection, status)
      return
    }
    this.respond(connection, status === HELD)
    this.countOffers(request)
    if (receivers === 0) return
    const peerId = request.text.slice(request.peerIdText, request.peerIdTextEnd)
    const infoHash = this.infoHashText()
    this.signal.sendOffers(connection, request, peerId, infoHash, this.receivers, receivers)
  }

  private announceTo(table: Table, hash: number, connection: Connection): number {
    const { request, announcement } = this
    const { ids } = request
    setMember(announcement, connection, ids, INFO_HASH, PEER_ID)
    announcement.hash = hash
    announcement.seeder = request.seeder
    announcement.completed = request.event === EVENT_COMPLETED
    announcement.wanted = request.offerCount * CANDIDATES_PER_OFFER
    announcement.now = this.now
    const status = this.swarms.announce(table, announcement)
    if (announcement.joined) {
      connection.memberships ??= new Memberships()
      connection.memberships.add(ids, INFO_HASH, ids, PEER_ID)
    }
    return status
  }

  /** `held`: another connection has the peer id, so this one is not in the swarm. */
  private respond(connection: Connection, held: boolean): void {
    const { seeders, leechers } = this.swarms
    if (held) this.counts[REJECTED_PEER_ID_HELD]++
    const { seeder } = this.request
    const complete = seeders + (seeder && !held ? 1 : 0)
    const incomplete = leechers + (seeder || held ? 0 : 1)
    this.counts[RESPONSES_ANNOUNCE]++
    const interval = toldInterval(this.settings, this.swarms.choice.random())
    const { offersInvalid } = this.request
    const warning = offersInvalid === 0 ? '' : offersLeftOut(offersInvalid)
    const response = announceResponse(interval, complete, incomplete, this.infoHashText(), warning)
    this.sender.send(connection, response)
  }

  private countOffers({ offerCount, offersInvalid, offersBeyond }: Request): void {
    this.counts[OFFERS_RECEIVED] += offerCount
    this.counts[OFFERS_LEFT_OUT_INVALID] += offersInvalid
    this.counts[OFFERS_LEFT_OUT_BEYOND_LIMIT] += offersBeyond
  }

  private stop(connection: Connection): void {
    const { request, swarms } = this
    const { ids } = request
    this.leave(connection, ids, INFO_HASH, PEER_ID)
    connection.memberships?.remove(ids, INFO_HASH, ids, PEER_ID)
    this.counts[RESPONSES_ANNOUNCE]++
    const { seeders, leechers } = swarms
    const interval = toldInterval(this.settings, this.swarms.choice.random())
    const response = announceResponse(interval, seeders, leechers, this.infoHashText(), '')
    this.sender.send(connection, response)
  }

  private answer(connection: Connection): void {
    const { request } = this
    this.counts[connection.family + REQUESTS_ANSWER]++
    if (request.answer !== VALID || request.toPeerId !== VALID || request.offerId !== VALID) {
      const reason = 'Invalid answer: it needs an object answer, a to_peer_id and an offer_id'
      this.refuse(connection, REJECTED_ANSWER, reason)
      return
    }
    const peerId = request.text.slice(request.peerIdText, request.peerIdTextEnd)
    this.isFree = this.signal.sendAnswer(connection, request, peerId, this.infoHashText())
    if (this.isFree) return
    const reason = 'No such offer: it was never made, is too old, or has been answered'
    this.refuse(connection, REJECTED_ANSWER_WITHOUT_OFFER, reason)
  }

  private scrape(connection: Connection): void {
    const { request } = this
    this.counts[connection.family + REQUESTS_SCRAPE]++
    if (!request.hashList && request.infoHash !== VALID) {
      const full = request.infoHash === ABSENT
      const reason = full ? 'No info_hash: full scrapes are not allowed' : 'Invalid info_hash'
      this.refuse(connection, REJECTED_INFO_HASH, reason)
      return
    }
    this.counts[RESPONSES_SCRAPE]++
    this.sender.send(connection, this.scraper.response(request))
  }

  /** Removes the peer whose info hash and peer id are at these positions of `words`. */
  private leave(connection: Connection, words: Int32Array, infoHash: number, peerId: number): void {
    const { swarms, announcement } = this
    setMember(announcement, connection, words, infoHash, peerId)
    announcement.hash = hashInfoHash(swarms.websocket[0], words, infoHash)
    const table = swarms.websocketTableOf(announcement.hash)
    table.locked(() => swarms.leave(table, announcement))
  }

  private infoHashText(): string {
    const { request } = this
    return request.text.slice(request.infoHashText, request.infoHashTextEnd)
  }

  private refuseMember(connection: Connection, verdict: number): void {
    if (verdict === TOO_MANY_TORRENTS) {
      const reason = 'Too many torrents on one connection'
      this.refuse(connection, REJECTED_TORRENTS_PER_CONNECTION, reason)
    } else {
      const reason = 'Too many peer ids in one torrent on one connection'
      this.refuse(connection, REJECTED_PEER_IDS_PER_TORRENT, reason)
    }
  }

  private refuseByStatus(connection: Connection, status: number): void {
    this.refuse(connection, REASONS[status], TEXTS[status])
  }

  /** Responds with the reason, and with everything that tells the client what it is about. */
  private refuse(connection: Connection, counter: number, reason: string): void {
    const { request } = this
    this.counts[counter]++
    this.counts[RESPONSES_ERROR]++
    const { text } = request
    const infoHash = request.infoHash === VALID ? this.infoHashText() : ''
    const offerId =
      request.offerId === VALID ? text.slice(request.offerIdText, request.offerIdTextEnd) : ''
    const action = request.action === ACTION_SCRAPE ? 'scrape' : 'announce'
    this.sender.send(connection, failure(action, reason, infoHash, offerId))
  }
}
