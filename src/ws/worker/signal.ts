// Offers and answers between connections. Called by handle.ts with a request that has been checked.
// Owns the key under which a receiver remembers an offer.
//
// An offer goes to one peer, chosen by the swarm. That peer's connection remembers the offerer, and an answer
// is passed on only to the offerer, only once. So nobody can be sent an answer to an offer that they did not
// make to its sender, whatever `to_peer_id` says. Answers change nothing in any swarm.
import { hashWords } from '../../memory/half-sip-hash.ts'
import { newRegion, type Region, Regions } from '../../memory/region.ts'
import { SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import {
  ID_WORDS,
  INFO_HASH,
  OFFER_ID,
  OFFER_WORDS,
  PEER_ID,
  type Request,
  TO_PEER_ID,
} from '../wire/request.ts'
import {
  answerBytes,
  beginOffer,
  fieldsBytes,
  fieldsFrom,
  fieldsTo,
  hasFieldsOnly,
  offerBytes,
  tailBytes,
  writeAnswer,
  writeFields,
  writeTail,
} from '../wire/serialize.ts'
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
import { PendingOffers, taken } from './pending-offers.ts'
import { RECEIVER_CONNECTION, RECEIVER_GENERATION, RECEIVER_WORDS } from './receivers.ts'
import { RelayedOffer } from './relayed-offer.ts'
import type { Sender } from './send.ts'

/** Enough for a tail with ids that consist of escapes; it grows with the first longer one, or longer fields. */
const SCRATCH_BYTES = 4096

export interface SignalKeys {
  readonly key0: number
  readonly key1: number
}

export class Signal implements ExchangeReceiver {
  private readonly worker: number
  private readonly connections: Connections
  private readonly sender: Sender
  private readonly keys: SignalKeys
  private readonly counts: Int32Array
  private now = 0
  private exchange: Exchange | null = null
  /** Same layout as the ids of an answer (request.ts). */
  private readonly offerIds = new Int32Array(PEER_ID + ID_WORDS)
  private readonly offer = new RelayedOffer()
  private readonly writer = new Writer()
  private readonly regions = new Regions()
  /** What has to be put together before it can be copied: the tail, and the fields of an offer that has others. */
  private tail: Region = newRegion(SCRATCH_BYTES)
  private fields: Region = newRegion(SCRATCH_BYTES)

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
    this.keys = keys
    this.counts = counts
  }

  /** Sets the way to connections of other workers, if there are any. */
  connect(exchange: Exchange): void {
    this.exchange = exchange
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
    const { offer, offerIds } = this
    const { ids } = request
    for (let i = 0; i < ID_WORDS; i++) {
      offerIds[INFO_HASH + i] = ids[INFO_HASH + i]
      offerIds[TO_PEER_ID + i] = ids[PEER_ID + i]
    }
    offer.offerer = offerer.id
    offer.offererGeneration = offerer.generation
    this.setTail(request)
    for (let index = 0; index < count; index++) {
      const receiver = index * RECEIVER_WORDS
      const at = index * OFFER_WORDS
      for (let i = 0; i < ID_WORDS; i++) {
        offerIds[OFFER_ID + i] = request.offers[at + i]
        offerIds[PEER_ID + i] = receivers[receiver + i]
      }
      offer.keyHash = this.hashOf(offerIds)
      offer.keyId = offerIds[OFFER_ID]
      offer.connection = receivers[receiver + RECEIVER_CONNECTION]
      offer.generation = receivers[receiver + RECEIVER_GENERATION]
      this.setFields(request, at)
      if (offer.connection >>> SLOT_BITS === this.worker) this.receiveOffer(offer)
      else this.exchange?.addOffer(offer)
    }
    this.exchange?.sendOffers(offer)
  }

  private setTail(request: Request): void {
    const { offer, writer } = this
    const bytes = tailBytes(request)
    if (bytes > this.tail.bytes.length) this.tail = newRegion(bytes)
    writer.start(this.tail, 0)
    writeTail(writer, request)
    offer.tail = this.tail
    offer.tailFrom = 0
    offer.tailTo = writer.at
  }

  /** `at`: of the offer, in the request's list. */
  private setFields(request: Request, at: number): void {
    const { offer, writer } = this
    if (hasFieldsOnly(request, at)) {
      offer.fields = request.source
      offer.fieldsFrom = fieldsFrom(request, at)
      offer.fieldsTo = fieldsTo(request, at)
      return
    }
    const bytes = fieldsBytes(request, at)
    if (bytes > this.fields.bytes.length) this.fields = newRegion(bytes)
    writer.start(this.fields, 0)
    writeFields(writer, request, at)
    offer.fields = this.fields
    offer.fieldsFrom = 0
    offer.fieldsTo = writer.at
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
    if (!pending.take(this.hashOf(ids), ids[OFFER_ID])) return false
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

  /**
   * Together with the first word of the offer id it stands for info hash, offerer, offer and receiver. Collisions are
   * rarer than 1 in 2^64 pairs.
   */
  private hashOf(ids: Int32Array): number {
    return hashWords(ids, 0, PEER_ID + ID_WORDS, this.keys.key0, this.keys.key1)
  }
}
