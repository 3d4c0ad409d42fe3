// Offers and answers between connections. Called by handle.ts with a request that has been checked.
// Sees connections, and no swarms.
//
// An offer goes to one peer, chosen by the swarm. That peer's connection remembers the offerer, and an answer
// is passed on only to the offerer, only once. So nobody can be sent an answer to an offer that they did not
// make to its sender, whatever `to_peer_id` says. Answers change nothing in any swarm.
import { type Region, Regions } from '../../memory/region.ts'
import { SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import { OFFER_ID, type Request } from '../wire/request.ts'
import { answerBytes, beginOffer, offerBytes, writeAnswer } from '../wire/serialize.ts'
import { Writer } from '../wire/writer.ts'
import type { Connection, Connections } from './connection.ts'
import {
  ANSWERS_SENT,
  DROPPED_BACKLOG_ANSWER,
  DROPPED_BACKLOG_OFFER,
  OFFERS_SENT,
  RECEIVER_GONE_ANSWER,
  RECEIVER_GONE_OFFER,
} from './counters.ts'
import type { Exchange, ExchangeReceiver } from './exchange.ts'
import { OfferRelay, type SignalKeys } from './offer-relay.ts'
import { PendingOffers, taken } from './pending-offers.ts'
import type { RelayedOffer } from './relayed-offer.ts'
import type { Sender } from './send.ts'

export class Signal implements ExchangeReceiver {
  private readonly worker: number
  private readonly connections: Connections
  private readonly sender: Sender
  private readonly counts: Int32Array
  private readonly offers: OfferRelay
  private now = 0
  private exchange: Exchange | null = null
  private readonly writer = new Writer()
  private readonly regions = new Regions()

  constructor(
    worker: number,
    connections: Connections,
    sender: Sender,
    keys: SignalKeys,
    counts: Int32Array,
  ) {
    this.worker = worker
    this.connections = connections
    this.sender = sender
    this.counts = counts
    this.offers = new OfferRelay(worker, keys, this)
  }

  /** Sets the way to connections of other workers, if there are any. */
  connect(exchange: Exchange): void {
    this.exchange = exchange
    this.offers.exchange = exchange
  }

  /** Its first offer since it has had none. */
  private newPending(connection: Connection): PendingOffers {
    const pending = new PendingOffers(this.now)
    connection.pendingOffers = pending
    return pending
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for the offers that follow. */
  setTime(now: number): void {
    this.now = now
  }

  /** Sends the first `count` offers of a request to one receiver each. */
  sendOffers(offerer: Connection, request: Request, receivers: Int32Array, count: number): void {
    this.offers.send(offerer, request, receivers, count)
  }

  /**
   * Passes an answer on to the offerer. False if its sender was not sent such an offer, or has already answered
   * it; true even if the offerer has left by now.
   */
  sendAnswer(answerer: Connection, request: Request): boolean {
    const pending = answerer.pendingOffers
    if (pending === null) return false
    const wasFull = pending.full
    const { ids } = request
    if (!pending.take(this.offers.hashOf(ids), ids[OFFER_ID])) return false
    if (wasFull) this.connections.publish(answerer)
    const { connection, generation } = taken
    if (connection >>> SLOT_BITS === this.worker) {
      const at = this.openAnswer(connection, generation, answerBytes(request))
      if (at < 0) return true
      const { writer, sender } = this
      writer.start(this.regions.of(sender.bytes), at)
      writeAnswer(writer, request)
      sender.commit(writer.at)
    } else {
      const writer = this.exchange?.beginAnswer(connection) ?? null
      if (writer !== null) writeAnswer(writer, request)
      this.exchange?.sendAnswer(connection, generation)
    }
    return true
  }

  /** Sends an offer to its receiver, which is a connection of this worker. */
  receiveOffer(offer: RelayedOffer): void {
    const { counts, sender, writer } = this
    const connection = this.connections.find(offer.connection & SLOT_MASK, offer.generation)
    // It left after it was chosen. The offer is lost, as if the peer had left a moment later.
    if (connection === null) {
      counts[RECEIVER_GONE_OFFER]++
      return
    }
    const { fieldsFrom, fieldsTo, tailFrom, tailTo } = offer
    const bytes = offerBytes(fieldsTo - fieldsFrom, tailTo - tailFrom)
    const hasRoom = connection.pendingOffers === null || connection.pendingOffers.hasRoom
    const at = hasRoom ? sender.openRelay(connection, bytes) : -1
    if (at < 0) {
      counts[DROPPED_BACKLOG_OFFER]++
      return
    }
    writer.start(this.regions.of(sender.bytes), at)
    beginOffer(writer)
    writer.part(offer.fields, fieldsFrom, fieldsTo)
    writer.part(offer.tail, tailFrom, tailTo)
    sender.commit(writer.at)
    counts[OFFERS_SENT]++
    const pending = connection.pendingOffers ?? this.newPending(connection)
    pending.add(offer.keyHash, offer.keyId, offer.offerer, offer.offererGeneration)
    if (pending.full) this.connections.publish(connection)
  }

  /** Sends an answer's message, of another worker's connection, to the offerer. */
  receiveAnswer(id: number, generation: number, source: Region, from: number, to: number): void {
    const at = this.openAnswer(id, generation, to - from)
    if (at < 0) return
    const { writer, sender } = this
    writer.start(this.regions.of(sender.bytes), at)
    writer.part(source, from, to)
    sender.commit(writer.at)
  }

  /** Where to write an answer, which is counted; −1 if it cannot be sent. */
  private openAnswer(id: number, generation: number, bytes: number): number {
    const connection = this.connections.find(id & SLOT_MASK, generation)
    if (connection === null) {
      this.counts[RECEIVER_GONE_ANSWER]++
      return -1
    }
    const at = this.sender.openRelay(connection, bytes)
    this.counts[at < 0 ? DROPPED_BACKLOG_ANSWER : ANSWERS_SENT]++
    return at
  }
}
