// Offers to peers of other nodes and theirs to peers of this one, and the answers back. To the socket workers it is one more of
// them (exchange.ts), whose connections are the other nodes; so what holds between two workers holds between two nodes: who gets
// offers, how many wait, which answers are passed on. Called by the exchange, and by web-link.ts with messages of other nodes.
//
//  offer   its text is an announce with this one offer, as the client sent it; the node that gets it reads it as it reads a
//          client's message. What it passes on is what it has written itself, of checked parts.
//  seal    a keyed hash of what an answer has to fit: torrent, offerer and its connection, offer, receiver at which node. It
//          comes back with the answer; without it nothing is passed on to the offerer. So no node can send answers to clients
//          that made it no offer.
import { hashWords } from '../../memory/half-sip-hash.ts'
import { newRegion, type Region } from '../../memory/region.ts'
import { type ConnectionStates, SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import { parse } from '../wire/parse.ts'
import {
  ABSENT,
  ACTION_ANNOUNCE,
  ID_WORDS,
  INFO_HASH,
  OFFER_ID,
  PEER_ID,
  Request,
  TO_PEER_ID,
  VALID,
} from '../wire/request.ts'
import { writeAnswer } from '../wire/serialize.ts'
import { phrase, Writer } from '../wire/writer.ts'
import type { Exchange, ExchangeReceiver } from '../worker/exchange.ts'
import { OfferRelay, type SignalKeys } from '../worker/offer-relay.ts'
import { PLAIN_WORDS } from '../worker/other-nodes.ts'
import { RECEIVER_CONNECTION, RECEIVER_GENERATION, RECEIVER_WORDS } from '../worker/receivers.ts'
import type { RelayedOffer } from '../worker/relayed-offer.ts'
import {
  ANSWER,
  OFFER,
  RELAY_CONNECTION,
  RELAY_GENERATION,
  RELAY_PEER_ID,
  RELAY_SEAL,
  RELAY_START,
  type RelayHead,
  TEXT_AT,
  writeRelay,
} from './messages.ts'
import type { OwnPeers } from './own-peers.ts'
import { ReturnPaths } from './return-paths.ts'
import type { WebNode } from './web-node.ts'

const OFFER_BEGINS = phrase('{"action":"announce","offers":[{')
const OFFER_ENDS = phrase('}]')
/** Beside a client's message: names of fields, and the ids, however they are written. */
const EXTRA_BYTES = 1024

export interface RelayCounts {
  offersOut: number
  answersOut: number
  offersIn: number
  answersIn: number
  /** No room on the way to the engine, or no connection. */
  unsentOffers: number
  unsentAnswers: number
  /** More than a node may send in a second; */
  overLimit: number
  /** not what a client could have sent; */
  malformed: number
  /** for another run of this node, or a peer or connection that has left; */
  gone: number
  /** for a client that has enough to do; */
  busy: number
  /** to no offer of this node. */
  unsealed: number
}

export interface RelayParts {
  /** Of this node in place of a worker. */
  readonly worker: number
  readonly slotsPerWorker: number
  readonly messageBytesMax: number
  readonly keys: SignalKeys
  readonly states: ConnectionStates
  readonly own: OwnPeers
  /** Of this node, as it has told others last. */
  readonly start: () => number
  /** Who has the slot, and who has the number. */
  readonly nodeOf: (slot: number, generation: number) => WebNode | null
  readonly nodeByNumber: (number: number) => WebNode | null
  readonly publish: (node: WebNode, bytes: Uint8Array) => boolean
}

export class Relay implements ExchangeReceiver {
  readonly counts: RelayCounts = {
    ...{
      offersOut: 0,
      answersOut: 0,
      offersIn: 0,
      answersIn: 0,
      unsentOffers: 0,
      unsentAnswers: 0,
    },
    ...{ overLimit: 0, malformed: 0, gone: 0, busy: 0, unsealed: 0 },
  }
  private readonly parts: RelayParts
  private readonly offers: OfferRelay
  private exchange: Exchange | null = null
  private readonly paths: ReturnPaths
  /** For one offer, or an answer. */
  private readonly request = new Request(1, 1)
  private readonly ids = new Int32Array(PEER_ID + ID_WORDS)
  private readonly sealed = new Int32Array(3)
  private readonly receivers = new Int32Array(RECEIVER_WORDS)
  private readonly writer = new Writer()
  /** Of the message that goes out. */
  private readonly out: Region

  constructor(parts: RelayParts) {
    this.parts = parts
    this.paths = new ReturnPaths(parts.worker)
    this.offers = new OfferRelay(parts.worker, parts.keys, this)
    this.out = newRegion(TEXT_AT + parts.messageBytesMax + EXTRA_BYTES)
  }

  connect(exchange: Exchange): void {
    this.exchange = exchange
    this.offers.exchange = exchange
  }

  /** The longest message of another node. */
  get bytesMax(): number {
    return this.out.bytes.length
  }

  /** Of a client of this node, for a peer of another one. */
  receiveOffer(offer: RelayedOffer): void {
    const { counts, parts, out, writer } = this
    const node = parts.nodeOf(offer.connection & SLOT_MASK, offer.generation)
    if (node === null) {
      counts.gone++
      return
    }
    const { fields, fieldsFrom, fieldsTo, tail, tailFrom, tailTo } = offer
    const text = OFFER_BEGINS.length + OFFER_ENDS.length + fieldsTo - fieldsFrom + tailTo - tailFrom
    if (TEXT_AT + text > out.bytes.length) {
      counts.unsentOffers++
      return
    }
    writer.start(out, TEXT_AT)
    writer.phrase(OFFER_BEGINS)
    writer.part(fields, fieldsFrom, fieldsTo)
    writer.phrase(OFFER_ENDS)
    writer.part(tail, tailFrom, tailTo)
    const { offerer: connection, offererGeneration: generation, receivers, receiverAt } = offer
    const seal = this.seal(offer.keyHash, connection, generation)
    const { ids } = this
    for (let i = 0; i < ID_WORDS; i++) ids[i] = unmasked(receivers, receiverAt, i, node.mask)
    const head = { kind: OFFER, connection, generation, seal } as const
    if (this.send(node, head, ids, 0)) counts.offersOut++
    else counts.unsentOffers++
  }

  /** Of a client of this node, to an offer of another one. */
  receiveAnswer(id: number, generation: number, source: Region, from: number, to: number): void {
    const { counts, parts, paths, out, writer } = this
    const node = paths.take(id, generation) ? parts.nodeByNumber(paths.found.node) : null
    if (node === null || node.start !== paths.found.start) {
      counts.gone++
      return
    }
    if (TEXT_AT + to - from > out.bytes.length) {
      counts.unsentAnswers++
      return
    }
    writer.start(out, TEXT_AT)
    writer.part(source, from, to)
    const { connection, generation: ofOfferer, seal } = paths.found
    const head = { kind: ANSWER, connection, generation: ofOfferer, seal } as const
    if (this.send(node, head, paths.words, paths.peerIdAt)) counts.answersOut++
    else counts.unsentAnswers++
  }

  /** Of another node; the message has been checked, its text not. */
  heardOffer(node: WebNode, message: Region, bytes: number): void {
    const { counts, parts, paths, receivers, request } = this
    const { words } = message
    if (words[RELAY_START] !== parts.start()) {
      counts.gone++
      return
    }
    if (!parse(request, message, TEXT_AT, bytes) || !isOffer(request)) {
      counts.malformed++
      return
    }
    for (let i = 0; i < ID_WORDS; i++) receivers[i] = words[RELAY_PEER_ID + i]
    // Info hash and peer id side by side.
    const { ids } = this
    for (let i = 0; i < ID_WORDS; i++) ids[i] = request.ids[INFO_HASH + i]
    for (let i = 0; i < ID_WORDS; i++) ids[ID_WORDS + i] = receivers[i]
    if (!parts.own.find(ids, 0, ID_WORDS)) {
      counts.gone++
      return
    }
    const { connection, generation } = parts.own.found
    if (!parts.states.takesOffers(connection, generation)) {
      counts.busy++
      return
    }
    receivers[RECEIVER_CONNECTION] = connection
    receivers[RECEIVER_GENERATION] = generation
    const path = {
      ...{ node: node.number, start: node.start, seal: words[RELAY_SEAL] },
      ...{ connection: words[RELAY_CONNECTION], generation: words[RELAY_GENERATION] },
    }
    paths.add(path, request.ids, PEER_ID)
    this.offers.send(paths.name, request, receivers, 1)
    counts.offersIn++
  }

  heardAnswer(node: WebNode, message: Region, bytes: number): void {
    const { counts, parts, exchange, request, ids } = this
    const { words } = message
    if (words[RELAY_START] !== parts.start()) {
      counts.gone++
      return
    }
    if (!parse(request, message, TEXT_AT, bytes) || !isAnswer(request)) {
      counts.malformed++
      return
    }
    for (let i = 0; i < ID_WORDS; i++) {
      ids[INFO_HASH + i] = request.ids[INFO_HASH + i]
      ids[TO_PEER_ID + i] = words[RELAY_PEER_ID + i]
      ids[OFFER_ID + i] = request.ids[OFFER_ID + i]
      // As the offer was for the row in the swarm.
      ids[PEER_ID + i] = unmasked(request.ids, PEER_ID, i, node.mask)
    }
    const connection = words[RELAY_CONNECTION]
    const generation = words[RELAY_GENERATION]
    const seal = this.seal(this.offers.hashOf(ids), connection, generation)
    if (seal !== words[RELAY_SEAL] || !this.isOwn(connection)) {
      counts.unsealed++
      return
    }
    const writer = exchange?.beginAnswer(connection) ?? null
    if (writer !== null) writeAnswer(writer, request)
    exchange?.sendAnswer(connection, generation)
    counts.answersIn++
  }

  private isOwn(connection: number): boolean {
    const { worker, slotsPerWorker } = this.parts
    return connection >>> SLOT_BITS < worker && (connection & SLOT_MASK) < slotsPerWorker
  }

  private send(
    node: WebNode,
    head: Pick<RelayHead, 'kind' | 'connection' | 'generation' | 'seal'>,
    ids: Int32Array,
    peerId: number,
  ): boolean {
    const { out, parts, writer } = this
    const whole = { ...head, start: parts.start(), to: node.start }
    return parts.publish(node, writeRelay(out, whole, ids, peerId, writer.at - TEXT_AT))
  }

  private seal(keyHash: number, connection: number, generation: number): number {
    const { sealed } = this
    const { key0, key1 } = this.parts.keys
    sealed[0] = keyHash
    sealed[1] = connection
    sealed[2] = generation
    return hashWords(sealed, 0, sealed.length, key0, key1)
  }
}

function isOffer(request: Request): boolean {
  const { action, infoHash, peerId, answer, offerCount, offersInvalid, offersBeyond } = request
  if (action !== ACTION_ANNOUNCE || infoHash !== VALID || peerId !== VALID) return false
  return answer === ABSENT && offerCount === 1 && offersInvalid === 0 && offersBeyond === 0
}

function isAnswer(request: Request): boolean {
  const { action, infoHash, peerId, answer, offerId } = request
  if (action !== ACTION_ANNOUNCE || infoHash !== VALID || peerId !== VALID) return false
  return answer === VALID && offerId === VALID
}

/** A word of the peer id at `words[at]`, from or to what the swarm has in its place. */
function unmasked(words: Int32Array, at: number, word: number, mask: Int32Array): number {
  return word < PLAIN_WORDS ? words[at + word] : words[at + word] ^ mask[word - PLAIN_WORDS]
}
