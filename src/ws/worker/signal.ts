// Offers and answers between connections. Called by handle.ts with a request that has been checked.
// Owns the key under which a receiver remembers an offer.
//
// An offer goes to one peer, chosen by the swarm. That peer's connection remembers the offerer, and an answer
// is passed on only to the offerer, only once. So nobody can be sent an answer to an offer that they did not
// make to its sender, whatever `to_peer_id` says. Answers change nothing in any swarm.
import { hashWords } from '../../memory/half-sip-hash.ts'
import { SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import {
  ID_WORDS,
  INFO_HASH,
  OFFER_ID,
  OFFER_ID_TEXT,
  OFFER_ID_TEXT_END,
  OFFER_ITEM,
  OFFER_ITEM_END,
  OFFER_TEXT,
  OFFER_TEXT_END,
  OFFER_WORDS,
  PEER_ID,
  type Request,
  TO_PEER_ID,
} from '../wire/request.ts'
import { answerMessage, offerMessage, offerTail } from '../wire/serialize.ts'
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
import type { Sender } from './send.ts'

/** Bits of a key from the offer id itself, added to 32 of the hash: together the 53 of a number. */
const KEY_ID_BITS = 21

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
  /** Same layout as the ids of an answer (request.ts). */
  private now = 0
  private exchange: Exchange | null = null
  private readonly offerIds = new Int32Array(PEER_ID + ID_WORDS)

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

  /** Sets the time (seconds of the monotonic clock) for the offers that follow. */
  setTime(now: number): void {
    this.now = now
  }

  /** Sends the first `count` offers of a request to one receiver each. */
  sendOffers(
    offerer: Connection,
    request: Request,
    peerId: string,
    infoHash: string,
    receivers: Int32Array,
    count: number,
  ): void {
    const tail = offerTail(peerId, infoHash)
    const { ids } = request
    for (let i = 0; i < ID_WORDS; i++) {
      this.offerIds[INFO_HASH + i] = ids[INFO_HASH + i]
      this.offerIds[TO_PEER_ID + i] = ids[PEER_ID + i]
    }
    for (let index = 0; index < count; index++) {
      const receiver = index * RECEIVER_WORDS
      const offer = index * OFFER_WORDS
      for (let i = 0; i < ID_WORDS; i++) {
        this.offerIds[OFFER_ID + i] = request.offers[offer + i]
        this.offerIds[PEER_ID + i] = receivers[receiver + i]
      }
      const key = this.keyOf(this.offerIds)
      const connection = receivers[receiver + RECEIVER_CONNECTION]
      const generation = receivers[receiver + RECEIVER_GENERATION]
      const fields = offerFields(request, offer)
      if (connection >>> SLOT_BITS === this.worker) {
        const message = offerMessage(fields, tail)
        this.receiveOffer(connection, generation, message, key, offerer.id, offerer.generation)
      } else {
        this.exchange?.addOffer(connection, generation, key, fields)
      }
    }
    this.exchange?.sendOffers(offerer.id, offerer.generation, tail)
  }

  /**
   * Passes an answer on to the offerer. False if its sender was not sent such an offer, or has already answered
   * it; true even if the offerer has left by now.
   */
  sendAnswer(answerer: Connection, request: Request, peerId: string, infoHash: string): boolean {
    if (answerer.pendingOffers === null) return false
    const wasFull = answerer.pendingOffers.full
    if (!answerer.pendingOffers.take(this.keyOf(request.ids))) return false
    if (wasFull) this.connections.publish(answerer)
    const { text } = request
    const answer = text.slice(request.answerText, request.answerTextEnd)
    const offerId = text.slice(request.offerIdText, request.offerIdTextEnd)
    const message = answerMessage(answer, offerId, peerId, infoHash)
    if (taken.connection >>> SLOT_BITS === this.worker) {
      this.receiveAnswer(taken.connection, taken.generation, message)
    } else {
      this.exchange?.sendAnswer(taken.connection, taken.generation, message)
    }
    return true
  }

  receiveOffer(
    id: number,
    generation: number,
    message: string,
    key: number,
    offerer: number,
    offererGeneration: number,
  ): void {
    const connection = this.connections.find(id & SLOT_MASK, generation)
    // It left after it was chosen. The offer is lost, as if the peer had left a moment later.
    if (connection === null) {
      this.counts[RECEIVER_GONE_OFFER]++
      return
    }
    if (!this.sender.relay(connection, message)) {
      this.counts[DROPPED_BACKLOG_OFFER]++
      return
    }
    this.counts[OFFERS_SENT]++
    connection.pendingOffers ??= new PendingOffers(this.now)
    connection.pendingOffers.add(key, offerer, offererGeneration)
    if (connection.pendingOffers.full) this.connections.publish(connection)
  }

  receiveAnswer(id: number, generation: number, message: string): void {
    const connection = this.connections.find(id & SLOT_MASK, generation)
    if (connection === null) {
      this.counts[RECEIVER_GONE_ANSWER]++
      return
    }
    if (this.sender.relay(connection, message)) this.counts[ANSWERS_SENT]++
    else this.counts[DROPPED_BACKLOG_ANSWER]++
  }

  offerText(fields: string, tail: string): string {
    return offerMessage(fields, tail)
  }

  /** Stands for info hash, offerer, offer and receiver. Collisions are rarer than 1 in 2^53 pairs. */
  private keyOf(ids: Int32Array): number {
    const hash = hashWords(ids, 0, PEER_ID + ID_WORDS, this.keys.key0, this.keys.key1)
    const low = ids[OFFER_ID] & ((1 << KEY_ID_BITS) - 1)
    return (hash >>> 0) * (1 << KEY_ID_BITS) + low
  }
}

/** An offer's description and id, as fields of a message. */
function offerFields({ text, offers }: Request, at: number): string {
  const item = offers[at + OFFER_ITEM]
  // Copied as it is, without its braces, if it has no other fields.
  if (item !== 0) return text.slice(item + 1, offers[at + OFFER_ITEM_END] - 1)
  const description = text.slice(offers[at + OFFER_TEXT], offers[at + OFFER_TEXT_END])
  const id = text.slice(offers[at + OFFER_ID_TEXT], offers[at + OFFER_ID_TEXT_END])
  return `"offer":${description},"offer_id":${id}`
}
