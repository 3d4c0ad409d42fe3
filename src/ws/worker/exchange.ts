// Offers and answers for connections of other workers: one ring of records to each worker, and one from each
// (src/channel). Called by signal.ts. Owns its ends of the rings.
//
// All offers of an announce for the same worker share a record, which has their common part once. A record holds parts of
// clients' messages as the bytes they came in. It is put together in this worker's memory, then copied to the ring. The
// records of a turn of the event loop are published together, and the receiver is woken once if it sleeps.
//
// If a ring is full, records wait here; beyond a limit they are dropped and counted, as if the offer or answer
// had been lost on its way. Offers are dropped much sooner: they go to several peers, while an answer means
// that two clients have already begun to connect. Answers are hardly ever dropped, since there is at most one
// for each offer that the other worker sent here.
import type { MessagePort } from 'node:worker_threads'
import { Doorbell } from '../../channel/doorbell.ts'
import { Inbox } from '../../channel/inbox.ts'
import { RingReader, RingWriter } from '../../channel/ring.ts'
import { DoorbellWaker, EventWaker, type Waker } from '../../channel/waker.ts'
import { copyBytes, newRegion, Region } from '../../memory/region.ts'
import { SLOT_BITS } from '../../swarm/connections.ts'
import { ID_WORDS } from '../wire/request.ts'
import { Writer } from '../wire/writer.ts'
import { DROPPED_BETWEEN_WORKERS_ANSWER, DROPPED_BETWEEN_WORKERS_OFFER } from './counters.ts'
import { RelayedOffer } from './relayed-offer.ts'
import { WaitingRecords } from './waiting-records.ts'

/**
 * The most that waits in one worker for others whose rings are full, in bytes: some 10,000 answers of browsers. A limit
 * of 1,024 records was reached within some hundredths of a second in which another worker got no core.
 */
const WAITING_MAX = 2 ** 23
/** Past this, offers are dropped. */
const WAITING_OFFERS_MAX = WAITING_MAX / 2

// A record: 0 kind │ 1, 2 connection and generation: the offerer's, or the receiver's of an answer
//  │ 3 offers │ 4 word at which the text begins: an answer's message, or the offers' tail │ 5 its bytes │ 6… offers, text
// An offer: 0, 1 connection and generation of the receiver │ 2, 3 key │ 4 bytes │ to the cluster's thread: 5 words of the
// receiver's peer id │ then its fields
const KIND = 0
const CONNECTION = 1
const GENERATION = 2
const OFFER_COUNT = 3
const TEXT = 4
const TEXT_BYTES = 5
const HEAD_WORDS = 6
const OFFER_HASH = 2
const OFFER_ID = 3
const OFFER_BYTES = 4
const OFFER_WORDS = 5
const KIND_OFFERS = 1
const KIND_ANSWER = 2

/** Besides a client's message: field names, and the ids in the tail. */
const EXTRA_BYTES = 1024
const EXTRA_OFFER_BYTES = 32

/** The two ends of one worker; made by exchange-rings.ts. */
export interface ExchangeEnds {
  /** By worker; null for itself. */
  readonly outRings: readonly (SharedArrayBuffer | null)[]
  readonly bells: readonly (MessagePort | null)[]
  readonly sleepWords: readonly SharedArrayBuffer[]
  readonly inRings: readonly SharedArrayBuffer[]
  readonly heard: readonly MessagePort[]
  /** By worker, the eventfd that ends its wait; −1 for one on an event loop, which hears its ports. */
  readonly wakeEvents: readonly number[]
  /** The one that stands for other nodes: it has no connections, and is told whom offers are for; −1 without a cluster. */
  readonly cluster: number
}

export interface ExchangeLimits {
  readonly messageBytesMax: number
  readonly maxOffers: number
}

/** Words of the longest record: all offers of a message for one worker. */
export function recordWordsMax({ messageBytesMax, maxOffers }: ExchangeLimits): number {
  const bytes = messageBytesMax + EXTRA_BYTES + maxOffers * EXTRA_OFFER_BYTES
  // Each part begins with a whole word.
  return HEAD_WORDS + maxOffers * (OFFER_WORDS + ID_WORDS + 1) + Math.ceil(bytes / 4) + 1
}

/** Receives what arrives from other workers. What it is given is valid during the call only. */
export interface ExchangeReceiver {
  receiveOffer(offer: RelayedOffer): void
  receiveAnswer(id: number, generation: number, source: Region, from: number, to: number): void
}

interface Waiting {
  bytes: number
}

/** The records from one other worker. */
class Source {
  readonly reader: RingReader
  readonly region: Region

  constructor(ring: SharedArrayBuffer) {
    this.reader = new RingReader(ring)
    this.region = new Region(new Uint8Array(ring))
  }
}

export class Exchange {
  private readonly targets: readonly (Target | null)[]
  private readonly sources: readonly Source[]
  private readonly receiver: ExchangeReceiver
  private readonly offer = new RelayedOffer()
  private publishPlanned = false
  private readonly publishAll = () => this.publish()
  private readonly plan: (task: () => void) => void
  private readonly inbox: Inbox
  /** Words of offers' receivers in the records that come here. */
  private readonly receiverWords: number

  /** `plan`: has something done at the end of the turn. */
  constructor(
    worker: number,
    ends: ExchangeEnds,
    limits: ExchangeLimits,
    receiver: ExchangeReceiver,
    counts: Int32Array,
    plan: (task: () => void) => void = setImmediate,
  ) {
    this.receiver = receiver
    this.plan = plan
    this.receiverWords = worker === ends.cluster ? ID_WORDS : 0
    const waiting = { bytes: 0 }
    this.targets = ends.outRings.map((ring, target) => {
      const bell = ends.bells[target]
      if (ring === null || bell === null) return null
      const event = ends.wakeEvents[target]
      const word = ends.sleepWords[target]
      const waker = event < 0 ? new DoorbellWaker(word, bell) : new EventWaker(word, event)
      const writer = new RingWriter(ring, recordWordsMax(limits))
      return new Target({
        writer,
        waker,
        inAll: waiting,
        counts,
        isCluster: target === ends.cluster,
      })
    })
    this.sources = ends.inRings.map((ring) => new Source(ring))
    const readers = this.sources.map(({ reader }) => reader)
    this.inbox = new Inbox(readers, ends.sleepWords[worker])
    if (ends.wakeEvents[worker] < 0) {
      new Doorbell(this.inbox, ends.heard, () => this.takeRecords())
    }
  }

  /** For a worker with a loop of its own: it may wait now, since who sends it something ends the wait. */
  maySleep(): boolean {
    return this.inbox.maySleep()
  }

  /** The same after the wait. */
  takeAll(): void {
    this.inbox.awake()
    this.takeRecords()
  }

  // HOT: no allocation below this line.

  /** Adds an offer to those for the worker of its receiver; `sendOffers` sends them. */
  addOffer(offer: RelayedOffer): void {
    this.targets[offer.connection >>> SLOT_BITS]?.addOffer(offer)
  }

  /** Sends the offers that were added, whose offerer and tail are those of `offer`. */
  sendOffers(offer: RelayedOffer): void {
    const { targets } = this
    for (let i = 0; i < targets.length; i++) targets[i]?.sendOffers(offer)
    this.planPublish()
  }

  /** Where to write an answer's message for this connection; `sendAnswer` sends it. */
  beginAnswer(connection: number): Writer | null {
    return this.targets[connection >>> SLOT_BITS]?.beginAnswer() ?? null
  }

  sendAnswer(connection: number, generation: number): void {
    this.targets[connection >>> SLOT_BITS]?.sendAnswer(connection, generation)
    this.planPublish()
  }

  private planPublish(): void {
    if (this.publishPlanned) return
    this.publishPlanned = true
    this.plan(this.publishAll)
  }

  private publish(): void {
    this.publishPlanned = false
    let waiting = false
    for (let i = 0; i < this.targets.length; i++) if (this.targets[i]?.publish()) waiting = true
    if (waiting) this.planPublish()
  }

  private takeRecords(): void {
    for (let i = 0; i < this.sources.length; i++) {
      const { reader, region } = this.sources[i]
      reader.refresh()
      for (let at = reader.next(); at !== 0; at = reader.next()) this.takeRecord(region, at)
      reader.release()
    }
  }

  private takeRecord(region: Region, at: number): void {
    const { words } = region
    const text = (at + words[at + TEXT]) * 4
    const textTo = text + words[at + TEXT_BYTES]
    const connection = words[at + CONNECTION]
    const generation = words[at + GENERATION]
    if (words[at + KIND] === KIND_ANSWER) {
      this.receiver.receiveAnswer(connection, generation, region, text, textTo)
      return
    }
    const { offer, receiverWords } = this
    offer.offerer = connection
    offer.offererGeneration = generation
    offer.tail = region
    offer.tailFrom = text
    offer.tailTo = textTo
    offer.fields = region
    let head = at + HEAD_WORDS
    for (let left = words[at + OFFER_COUNT]; left > 0; left--) {
      const bytes = words[head + OFFER_BYTES]
      offer.connection = words[head]
      offer.generation = words[head + 1]
      offer.keyHash = words[head + OFFER_HASH]
      offer.keyId = words[head + OFFER_ID]
      offer.receivers = words
      offer.receiverAt = head + OFFER_WORDS
      offer.fieldsFrom = (head + OFFER_WORDS + receiverWords) * 4
      offer.fieldsTo = offer.fieldsFrom + bytes
      this.receiver.receiveOffer(offer)
      head += OFFER_WORDS + receiverWords + wordsFor(bytes)
    }
  }
}

interface TargetParts {
  readonly writer: RingWriter
  readonly waker: Waker
  readonly inAll: Waiting
  readonly counts: Int32Array
  readonly isCluster: boolean
}

/** The way to one other worker. */
class Target {
  private readonly writer: RingWriter
  private readonly waker: Waker
  private readonly counts: Int32Array
  private readonly ring: Region
  /** The record that is being put together, and its words so far. */
  private readonly record: Region
  private used = HEAD_WORDS
  private offers = 0
  private readonly parts = new Writer()
  private readonly waiting = new WaitingRecords()
  /** For all targets of a worker together. */
  private readonly inAll: Waiting
  private readonly receiverWords: number

  constructor({ writer, waker, inAll, counts, isCluster }: TargetParts) {
    this.receiverWords = isCluster ? ID_WORDS : 0
    this.writer = writer
    this.inAll = inAll
    this.waker = waker
    this.counts = counts
    this.ring = new Region(new Uint8Array(writer.words.buffer))
    this.record = newRegion(writer.recordWordsMax * 4)
  }

  addOffer(offer: RelayedOffer): void {
    const { words } = this.record
    const { used, receiverWords } = this
    const { receivers, receiverAt } = offer
    const fields = used + OFFER_WORDS + receiverWords
    const bytes = offer.fieldsTo - offer.fieldsFrom
    words[used] = offer.connection
    words[used + 1] = offer.generation
    words[used + OFFER_HASH] = offer.keyHash
    words[used + OFFER_ID] = offer.keyId
    words[used + OFFER_BYTES] = bytes
    for (let i = 0; i < receiverWords; i++)
      words[used + OFFER_WORDS + i] = receivers[receiverAt + i]
    copyBytes(this.record, fields * 4, offer.fields, offer.fieldsFrom, bytes)
    this.used = fields + wordsFor(bytes)
    this.offers++
  }

  sendOffers({ offerer, offererGeneration, tail, tailFrom, tailTo }: RelayedOffer): void {
    if (this.offers === 0) return
    const bytes = tailTo - tailFrom
    copyBytes(this.record, this.used * 4, tail, tailFrom, bytes)
    this.send(KIND_OFFERS, offerer, offererGeneration, bytes)
  }

  beginAnswer(): Writer {
    this.parts.start(this.record, this.used * 4)
    return this.parts
  }

  sendAnswer(connection: number, generation: number): void {
    this.send(KIND_ANSWER, connection, generation, this.parts.at - this.used * 4)
  }

  /** Publishes what was written to the receiver. True if something still waits for room in the ring. */
  publish(): boolean {
    const { waiting, writer } = this
    while (!waiting.empty) {
      const { memory, first, firstWords } = waiting
      const at = writer.room(firstWords)
      if (at === 0) break
      for (let i = 0; i < firstWords; i++) writer.words[at + i] = memory[first + i]
      writer.append(at, firstWords)
      this.inAll.bytes -= firstWords * 4
      waiting.removeFirst()
    }
    if (writer.publish()) this.waker.wake()
    return !waiting.empty
  }

  /** Sends the record, whose text has been written to its end. */
  private send(kind: number, connection: number, generation: number, textBytes: number): void {
    const { record, offers, waiting, inAll } = this
    const { words } = record
    words[KIND] = kind
    words[CONNECTION] = connection
    words[GENERATION] = generation
    words[OFFER_COUNT] = offers
    words[TEXT] = this.used
    words[TEXT_BYTES] = textBytes
    const count = this.used + wordsFor(textBytes)
    this.used = HEAD_WORDS
    this.offers = 0
    if (waiting.empty && this.write(count)) return
    if (inAll.bytes < (kind === KIND_OFFERS ? WAITING_OFFERS_MAX : WAITING_MAX)) {
      waiting.add(words, count)
      inAll.bytes += count * 4
    } else if (kind === KIND_OFFERS) {
      this.counts[DROPPED_BETWEEN_WORKERS_OFFER] += offers
    } else {
      this.counts[DROPPED_BETWEEN_WORKERS_ANSWER]++
    }
  }

  /** False if the ring has no room. */
  private write(count: number): boolean {
    const { writer } = this
    const at = writer.room(count)
    if (at === 0) return false
    copyBytes(this.ring, at * 4, this.record, 0, count * 4)
    writer.append(at, count)
    return true
  }
}

function wordsFor(bytes: number): number {
  return (bytes + 3) >> 2
}
