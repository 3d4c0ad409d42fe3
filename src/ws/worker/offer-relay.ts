// Sends the offers of a request to their receivers: at connections of this worker, or on the way to others. Used by signal.ts,
// and by the cluster's thread for offers of other nodes. Owns the key under which a receiver remembers an offer.
import { hashWords } from '../../memory/half-sip-hash.ts'
import { newRegion, type Region } from '../../memory/region.ts'
import { SLOT_BITS } from '../../swarm/connections.ts'
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
  fieldsBytes,
  fieldsFrom,
  fieldsTo,
  hasFieldsOnly,
  tailBytes,
  writeFields,
  writeTail,
} from '../wire/serialize.ts'
import { Writer } from '../wire/writer.ts'
import type { ConnectionName } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { RECEIVER_CONNECTION, RECEIVER_GENERATION, RECEIVER_WORDS } from './receivers.ts'
import { RelayedOffer } from './relayed-offer.ts'

/** Enough for a tail with ids that consist of escapes; it grows with the first longer one, or longer fields. */
const SCRATCH_BYTES = 4096

export interface SignalKeys {
  readonly key0: number
  readonly key1: number
}

/** Receives offers for connections of this worker. */
export interface OfferReceiver {
  receiveOffer(offer: RelayedOffer): void
}

export class OfferRelay {
  /** The way to connections of other workers, if there are any. */
  exchange: Exchange | null = null
  private readonly worker: number
  private readonly keys: SignalKeys
  private readonly receiver: OfferReceiver
  /** Same layout as the ids of an answer (request.ts). */
  private readonly offerIds = new Int32Array(PEER_ID + ID_WORDS)
  private readonly offer = new RelayedOffer()
  private readonly writer = new Writer()
  /** What has to be put together before it can be copied: the tail, and the fields of an offer that has others. */
  private tail: Region = newRegion(SCRATCH_BYTES)
  private fields: Region = newRegion(SCRATCH_BYTES)

  constructor(worker: number, keys: SignalKeys, receiver: OfferReceiver) {
    this.worker = worker
    this.keys = keys
    this.receiver = receiver
  }

  // HOT: no allocation below this line.

  /** Sends the first `count` offers of a request to one receiver each (receivers.ts). */
  send(
    offerer: Pick<ConnectionName, 'id' | 'generation'>,
    request: Request,
    receivers: Int32Array,
    count: number,
  ): void {
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
      offer.receivers = receivers
      offer.receiverAt = receiver
      this.setFields(request, at)
      if (offer.connection >>> SLOT_BITS === this.worker) this.receiver.receiveOffer(offer)
      else this.exchange?.addOffer(offer)
    }
    this.exchange?.sendOffers(offer)
  }

  /**
   * Together with the first word of the offer id it stands for info hash, offerer, offer and receiver. Collisions are
   * rarer than 1 in 2^64 pairs.
   */
  hashOf(ids: Int32Array): number {
    return hashWords(ids, 0, PEER_ID + ID_WORDS, this.keys.key0, this.keys.key1)
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
}
