// Handles clients' messages: announces, scrapes, and answers to offers. Called by the socket worker for each
// message; sees connections, and no sockets.
//
// Every announce and scrape gets a response; if it cannot be carried out, with the reason. An answer that was
// passed on gets none. Owns the current request and the receivers of its offers.

import { KEY_VALID } from '../../access-keys/verdict.ts'
import type { ClientGate } from '../../client-lists/gate.ts'
import { Regions } from '../../memory/region.ts'
import type { SourceWatch } from '../../peer-addresses/source-watch.ts'
import { toldInterval } from '../../requests/told-interval.ts'
import { Announce } from '../../swarm/announce.ts'
import type { ConnectionStates } from '../../swarm/connections.ts'
import { ANNOUNCED, HELD, NOT_ALLOWED, TURNED_AWAY } from '../../swarm/status.ts'
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
  PEER_ID_RANDOM,
  Request,
  VALID,
} from '../wire/request.ts'
import {
  announceBytes,
  failureBytes,
  scrapeBytes,
  writeAnnounce,
  writeFailure,
} from '../wire/serialize.ts'
import { isUtf8 } from '../wire/utf8.ts'
import { type Phrase, Writer } from '../wire/writer.ts'
import type { Connection, Connections } from './connection.ts'
import type { ConnectionKeys } from './connection-key.ts'
import {
  countOffers,
  RECEIVED_BYTES,
  RECEIVED_MESSAGES,
  REJECTED_ACTION,
  REJECTED_ANSWER,
  REJECTED_ANSWER_WITHOUT_OFFER,
  REJECTED_DENIED_CLIENT,
  REJECTED_EVENT,
  REJECTED_INFO_HASH,
  REJECTED_JSON,
  REJECTED_PAUSED,
  REJECTED_PEER_ID,
  REJECTED_PEER_ID_HELD,
  REJECTED_PEER_IDS_PER_TORRENT,
  REJECTED_PRESSURE_NOT_KEPT,
  REJECTED_REQUESTS_PER_ADDRESS,
  REJECTED_REQUESTS_PER_CONNECTION,
  REJECTED_TORRENTS_PER_CONNECTION,
  REQUESTS_ANNOUNCE,
  REQUESTS_ANSWER,
  REQUESTS_SCRAPE,
  RESPONSES_ANNOUNCE,
  RESPONSES_ERROR,
  RESPONSES_SCRAPE,
} from './counters.ts'
import {
  FITS,
  MemberLimits,
  type MemberMaxima,
  setMember,
  TOO_MANY_TORRENTS,
} from './member-limits.ts'
import { MEMBER_PEER_ID, MEMBER_WORDS, Memberships } from './memberships.ts'
import { MessagePause } from './message-pause.ts'
import type { OtherNodes } from './other-nodes.ts'
import { KEY_REASONS, KEY_TEXTS, REASONS, TEXTS, WHY } from './reasons.ts'
import { candidatesFor, chooseReceivers, RECEIVER_WORDS } from './receivers.ts'
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
  /** Null where every client is served. */
  clients: ClientGate | null = null
  sources: SourceWatch | null = null
  /** Null without a cluster. */
  nodes: OtherNodes | null = null
  readonly pause = new MessagePause()
  private readonly swarms: Swarms
  private readonly states: ConnectionStates
  private readonly sender: Sender
  private readonly signal: Signal
  /** Can be replaced at runtime, together with the limits of `request`. */
  settings: RequestSettings
  private readonly counts: Int32Array
  readonly request: Request
  private readonly announcement = new Announce()
  readonly receivers: Int32Array
  private readonly scraper: Scraper
  private readonly memberLimits: MemberLimits
  private readonly requestLimits: RequestLimits
  /** The current message does not count against the request limits. */
  private isFree = false
  private now = 0
  private readonly regions = new Regions()
  private readonly writer = new Writer()

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

  private newMemberships(connection: Connection): Memberships {
    const memberships = new Memberships()
    connection.memberships = memberships
    return memberships
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for the messages that follow. */
  setTime(now: number): void {
    this.now = now
    this.swarms.pressure.look()
  }

  /** Handles one message: the bytes up to `to`, which can be anything. They are read during the call only. */
  message(connection: Connection, bytes: Uint8Array, from: number, to: number): void {
    const { request, counts, pause } = this
    counts[connection.family + RECEIVED_MESSAGES]++
    counts[connection.family + RECEIVED_BYTES] += to - from
    connection.lastMessage = this.now
    const verdict = this.requestLimits.check(connection)
    if (verdict !== ADMITTED) {
      this.refuseRequest(connection, verdict, bytes, from, to)
      return
    }
    this.isFree = false
    const access = this.keys === null ? KEY_VALID : this.keys.verdictOn(connection)
    if (!this.parse(bytes, from, to)) this.refuse(connection, REJECTED_JSON, WHY.json)
    else if (access !== KEY_VALID) this.refuse(connection, KEY_REASONS[access], KEY_TEXTS[access])
    else if (pause.refuses(connection, request))
      this.refuse(connection, REJECTED_PAUSED, pause.reason)
    else if (request.action === ACTION_ANNOUNCE) this.announce(connection)
    else if (request.action === ACTION_SCRAPE) this.scrape(connection)
    else this.refuse(connection, REJECTED_ACTION, WHY.action)
    if (!this.isFree) this.requestLimits.charge(connection)
  }

  private parse(bytes: Uint8Array, from: number, to: number): boolean {
    const { request } = this
    const source = this.regions.of(bytes)
    if (parse(request, source, from, to)) return true
    // In what is not even text, nothing means anything.
    if (!isUtf8(bytes, from, to)) request.clear(source, from, to)
    return false
  }

  /**
   * Refuses a message beyond the limits, which is parsed only so that the refusal can name what it is about.
   */
  private refuseRequest(
    connection: Connection,
    verdict: number,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): void {
    const ofConnection = verdict === TOO_MANY_OF_CONNECTION
    const counter = ofConnection ? REJECTED_REQUESTS_PER_CONNECTION : REJECTED_REQUESTS_PER_ADDRESS
    const deed = this.requestLimits.refuse(connection)
    if (deed === TELL) {
      this.parse(bytes, from, to)
      this.refuse(connection, counter, ofConnection ? WHY.oftenOnConnection : WHY.oftenFromAddress)
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
      this.refuse(connection, REJECTED_INFO_HASH, WHY.infoHash)
    } else if (request.peerId !== VALID) {
      this.refuse(connection, REJECTED_PEER_ID, WHY.peerId)
    } else if (this.clients?.deniesClient(request.ids, PEER_ID)) {
      this.refuse(connection, REJECTED_DENIED_CLIENT, WHY.client)
    } else if (request.answer !== ABSENT) {
      this.answer(connection)
    } else {
      this.counts[connection.family + REQUESTS_ANNOUNCE]++
      this.sources?.noteClient(connection.socket?.client, request.ids[PEER_ID_RANDOM])
      if (request.event === EVENT_INVALID) this.refuse(connection, REJECTED_EVENT, WHY.event)
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
    const { nodes, swarms, states, receivers } = this
    const { ids, offerCount } = request
    table.lock()
    const status = this.announceTo(table, hash, connection)
    const count =
      nodes === null
        ? chooseReceivers(table, swarms, states, receivers, offerCount)
        : nodes.choose(table, ids, offerCount)
    table.unlock()
    nodes?.entered(ids, this.announcement)
    if (this.announcement.joined) {
      const memberships = connection.memberships ?? this.newMemberships(connection)
      memberships.add(ids, INFO_HASH, ids, PEER_ID)
    }
    if (status !== ANNOUNCED && status !== HELD && status !== TURNED_AWAY) {
      this.refuseByStatus(connection, status)
      return
    }
    this.respond(connection, status)
    countOffers(this.counts, request)
    if (count > 0) this.signal.sendOffers(connection, request, receivers, count)
  }

  private announceTo(table: Table, hash: number, connection: Connection): number {
    const { request, announcement } = this
    const { ids } = request
    setMember(announcement, connection, ids, INFO_HASH, PEER_ID)
    announcement.hash = hash
    announcement.seeder = request.seeder
    announcement.completed = request.event === EVENT_COMPLETED
    announcement.wanted = candidatesFor(request.offerCount, this.nodes !== null)
    announcement.now = this.now
    return this.swarms.announce(table, announcement)
  }

  /** HELD: another connection has the peer id, so this one is not in the swarm; nor is it if TURNED_AWAY. */
  private respond(connection: Connection, status: number): void {
    const { seeders, leechers } = this.swarms
    if (status === HELD) this.counts[REJECTED_PEER_ID_HELD]++
    if (status === TURNED_AWAY) this.counts[REJECTED_PRESSURE_NOT_KEPT]++
    const isIn = status === ANNOUNCED
    const { seeder } = this.request
    const complete = seeders + (seeder && isIn ? 1 : 0)
    const incomplete = leechers + (seeder || !isIn ? 0 : 1)
    this.sendAnnounce(connection, complete, incomplete, this.request.offersInvalid)
  }

  private sendAnnounce(
    connection: Connection,
    complete: number,
    incomplete: number,
    leftOut: number,
  ): void {
    const { request, writer, sender } = this
    this.counts[RESPONSES_ANNOUNCE]++
    const { announceInterval, intervalJitter } = this.settings
    const interval = toldInterval(this.swarms, announceInterval, intervalJitter)
    if (!this.open(connection, announceBytes(request))) return
    writeAnnounce(writer, request, interval, complete, incomplete, leftOut)
    sender.commit(writer.at)
  }

  /** Whether a message may be written that is an answer to this connection's own. */
  private open(connection: Connection, bytes: number): boolean {
    const { sender } = this
    const at = sender.openAnswer(connection, bytes)
    if (at < 0) return false
    this.writer.start(this.regions.of(sender.bytes), at)
    return true
  }

  private stop(connection: Connection): void {
    const { request, swarms } = this
    const { ids } = request
    this.leave(connection, ids, INFO_HASH, PEER_ID)
    connection.memberships?.remove(ids, INFO_HASH, ids, PEER_ID)
    this.sendAnnounce(connection, swarms.seeders, swarms.leechers, 0)
  }

  private answer(connection: Connection): void {
    const { request } = this
    this.counts[connection.family + REQUESTS_ANSWER]++
    if (request.answer !== VALID || request.toPeerId !== VALID || request.offerId !== VALID) {
      this.refuse(connection, REJECTED_ANSWER, WHY.answer)
      return
    }
    this.isFree = this.signal.sendAnswer(connection, request)
    if (!this.isFree) this.refuse(connection, REJECTED_ANSWER_WITHOUT_OFFER, WHY.noSuchOffer)
  }

  private scrape(connection: Connection): void {
    const { request, writer } = this
    this.counts[connection.family + REQUESTS_SCRAPE]++
    if (!request.hashList && request.infoHash !== VALID) {
      const full = request.infoHash === ABSENT
      this.refuse(connection, REJECTED_INFO_HASH, full ? WHY.fullScrape : WHY.scrape)
      return
    }
    this.counts[RESPONSES_SCRAPE]++
    if (!this.open(connection, scrapeBytes(request))) return
    this.scraper.write(writer, request)
    this.sender.commit(writer.at)
  }

  /** Removes the peer whose info hash and peer id are at these positions of `words`. */
  private leave(connection: Connection, words: Int32Array, infoHash: number, peerId: number): void {
    const { swarms, announcement } = this
    setMember(announcement, connection, words, infoHash, peerId)
    announcement.hash = hashInfoHash(swarms.websocket[0], words, infoHash)
    const table = swarms.websocketTableOf(announcement.hash)
    table.lock()
    swarms.leave(table, announcement)
    table.unlock()
    this.nodes?.note(words, infoHash, peerId, false)
  }

  private refuseMember(connection: Connection, verdict: number): void {
    const ofTorrents = verdict === TOO_MANY_TORRENTS
    const counter = ofTorrents ? REJECTED_TORRENTS_PER_CONNECTION : REJECTED_PEER_IDS_PER_TORRENT
    this.refuse(connection, counter, ofTorrents ? WHY.torrents : WHY.peerIds)
  }

  private refuseByStatus(connection: Connection, status: number): void {
    this.refuse(connection, REASONS[status], TEXTS[status])
  }

  /** Responds with the reason, and with everything that tells the client what it is about. */
  private refuse(connection: Connection, counter: number, reason: Phrase): void {
    const { request, writer } = this
    this.counts[counter]++
    if (reason.length === 0) return
    this.counts[RESPONSES_ERROR]++
    if (!this.open(connection, failureBytes(request, reason))) return
    writeFailure(writer, request, reason)
    this.sender.commit(writer.at)
  }
}
