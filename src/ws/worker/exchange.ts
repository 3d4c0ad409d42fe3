// Offers and answers for connections of other workers: one ring of records to each worker, and one from each
// (src/channel). Called by signal.ts. Owns its ends of the rings.
//
// All offers of an announce for the same worker share a record, which has their common part once. Texts are
// UTF-8 in the rings, but lengths are in characters: the receiver decodes a record's text in one piece and then
// splits it. The records of a turn of the event loop are published together, and the receiver is woken once if
// it sleeps.
//
// If a ring is full, records wait here; beyond a limit they are dropped and counted, as if the offer or answer
// had been lost on its way. Offers are dropped much sooner: they go to several peers, while an answer means
// that two clients have already begun to connect. Answers are hardly ever dropped, since there is at most one
// for each offer that the other worker sent here.
import type { MessagePort } from 'node:worker_threads'
import { Doorbell } from '../../channel/doorbell.ts'
import { Inbox } from '../../channel/inbox.ts'
import { RingReader, RingWriter } from '../../channel/ring.ts'
import { DoorbellWaker } from '../../channel/waker.ts'
import { SLOT_BITS } from '../../swarm/connections.ts'
import { DROPPED_BETWEEN_WORKERS_ANSWER, DROPPED_BETWEEN_WORKERS_OFFER } from './counters.ts'

/**
 * The most that waits in one worker for others whose rings are full, in characters: some 10,000 answers of
 * browsers. A limit of 1,024 records was reached within some hundredths of a second in which another worker got
 * no core.
 */
const WAITING_MAX = 2 ** 23
/** Past this, offers are dropped. */
const WAITING_OFFERS_MAX = WAITING_MAX / 2
/** A record's size without its text. */
const RECORD_CHARACTERS = 128

// A record: 0 kind │ 1, 2 connection and generation: the offerer's, or the receiver's of an answer
//  │ 3 bytes of text │ 4 offers │ 5 characters of the tail │ 6… offers │ text: tail, offers
// An offer: 0, 1 connection and generation of the receiver │ 2, 3 key, high and low │ 4 characters
const KIND = 0
const CONNECTION = 1
const GENERATION = 2
const TEXT_BYTES = 3
const OFFER_COUNT = 4
const TAIL_LENGTH = 5
const OFFERS = 6
const OFFER_KEY = 2
const OFFER_LENGTH = 4
const OFFER_WORDS = 5
const KIND_OFFERS = 1
const KIND_ANSWER = 2
const TWO_32 = 4294967296

/** The most bytes that a character of a text takes. */
const UTF8_BYTES_MAX = 3

/** Besides a client's text: field names, and the ids in the tail. */
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
}

export interface ExchangeLimits {
  readonly messageBytesMax: number
  readonly maxOffers: number
}

/** Words of the longest record: all offers of a message for one worker. */
export function recordWordsMax({ messageBytesMax, maxOffers }: ExchangeLimits): number {
  const bytes = messageBytesMax + EXTRA_BYTES + maxOffers * EXTRA_OFFER_BYTES
  return OFFERS + maxOffers * OFFER_WORDS + Math.ceil(bytes / 4)
}

/** Receives what arrives from other workers. */
export interface ExchangeReceiver {
  receiveOffer(
    connection: number,
    generation: number,
    message: string,
    key: number,
    offerer: number,
    offererGeneration: number,
  ): void
  receiveAnswer(connection: number, generation: number, message: string): void
  /** The text of an offer's message. */
  offerText(fields: string, tail: string): string
}

export class Exchange {
  private readonly targets: readonly (Target | null)[]
  private readonly readers: readonly RingReader[]
  private readonly receiver: ExchangeReceiver
  private readonly decoder = new TextDecoder()
  private publishPlanned = false
  private readonly publishAll = () => this.publish()

  constructor(
    worker: number,
    ends: ExchangeEnds,
    limits: ExchangeLimits,
    receiver: ExchangeReceiver,
    counts: Int32Array,
  ) {
    this.receiver = receiver
    const waiting = { characters: 0 }
    this.targets = ends.outRings.map((ring, target) => {
      const bell = ends.bells[target]
      if (ring === null || bell === null) return null
      const waker = new DoorbellWaker(ends.sleepWords[target], bell)
      const writer = new RingWriter(ring, recordWordsMax(limits))
      return new Target(writer, waker, limits, waiting, counts)
    })
    this.readers = ends.inRings.map((ring) => new RingReader(ring))
    const inbox = new Inbox(this.readers, ends.sleepWords[worker])
    new Doorbell(inbox, ends.heard, () => this.takeRecords())
  }

  /** Adds an offer to those for the worker of `connection`; `sendOffers` sends them. */
  addOffer(connection: number, generation: number, key: number, fields: string): void {
    this.targets[connection >>> SLOT_BITS]?.addOffer(connection, generation, key, fields)
  }

  /** Sends the offers that were added. */
  sendOffers(offerer: number, generation: number, tail: string): void {
    for (const target of this.targets) target?.sendOffers(offerer, generation, tail)
    this.planPublish()
  }

  sendAnswer(connection: number, generation: number, message: string): void {
    this.targets[connection >>> SLOT_BITS]?.sendAnswer(connection, generation, message)
    this.planPublish()
  }

  private planPublish(): void {
    if (this.publishPlanned) return
    this.publishPlanned = true
    setImmediate(this.publishAll)
  }

  private publish(): void {
    this.publishPlanned = false
    let waiting = false
    for (const target of this.targets) if (target?.publish()) waiting = true
    if (waiting) this.planPublish()
  }

  private takeRecords(): void {
    for (const reader of this.readers) {
      reader.refresh()
      for (let at = reader.next(); at !== 0; at = reader.next()) this.takeRecord(reader.words, at)
      reader.release()
    }
  }

  private takeRecord(words: Int32Array, at: number): void {
    const offers = words[at + OFFER_COUNT]
    const textAt = (at + OFFERS + offers * OFFER_WORDS) * 4
    const text = this.decoder.decode(new Uint8Array(words.buffer, textAt, words[at + TEXT_BYTES]))
    const connection = words[at + CONNECTION]
    const generation = words[at + GENERATION]
    if (words[at + KIND] === KIND_ANSWER) {
      this.receiver.receiveAnswer(connection, generation, text)
      return
    }
    let from = words[at + TAIL_LENGTH]
    const tail = text.slice(0, from)
    for (let i = 0; i < offers; i++) {
      const offer = at + OFFERS + i * OFFER_WORDS
      const to = from + words[offer + OFFER_LENGTH]
      const key = (words[offer + OFFER_KEY] >>> 0) * TWO_32 + (words[offer + OFFER_KEY + 1] >>> 0)
      const message = this.receiver.offerText(text.slice(from, to), tail)
      this.receiver.receiveOffer(
        words[offer],
        words[offer + 1],
        message,
        key,
        connection,
        generation,
      )
      from = to
    }
  }
}

interface Waiting {
  characters: number
}

/** The way to one other worker. */
class Target {
  private readonly writer: RingWriter
  private readonly waker: DoorbellWaker
  private readonly counts: Int32Array
  private readonly bytes: Uint8Array
  private readonly encoder = new TextEncoder()
  /** The record being built, without its text. */
  private readonly head: Int32Array
  private offers = 0
  private text = ''
  private readonly waiting: { head: Int32Array; text: string }[] = []
  /** For all targets of a worker together. */
  private readonly inAll: Waiting

  constructor(
    writer: RingWriter,
    waker: DoorbellWaker,
    limits: ExchangeLimits,
    inAll: Waiting,
    counts: Int32Array,
  ) {
    this.writer = writer
    this.inAll = inAll
    this.waker = waker
    this.counts = counts
    this.bytes = new Uint8Array(writer.words.buffer)
    this.head = new Int32Array(OFFERS + limits.maxOffers * OFFER_WORDS)
  }

  addOffer(connection: number, generation: number, key: number, fields: string): void {
    const at = OFFERS + this.offers * OFFER_WORDS
    const { head } = this
    head[at] = connection
    head[at + 1] = generation
    head[at + OFFER_KEY] = Math.floor(key / TWO_32)
    head[at + OFFER_KEY + 1] = key | 0
    head[at + OFFER_LENGTH] = fields.length
    this.text += fields
    this.offers++
  }

  sendOffers(offerer: number, generation: number, tail: string): void {
    if (this.offers === 0) return
    this.head[TAIL_LENGTH] = tail.length
    this.send(KIND_OFFERS, offerer, generation, tail + this.text)
    this.text = ''
    this.offers = 0
  }

  sendAnswer(connection: number, generation: number, message: string): void {
    this.send(KIND_ANSWER, connection, generation, message)
  }

  /** Publishes what was written to the receiver. True if something still waits for room in the ring. */
  publish(): boolean {
    let written = 0
    const { waiting } = this
    while (written < waiting.length && this.write(waiting[written].head, waiting[written].text)) {
      this.inAll.characters -= waiting[written].text.length + RECORD_CHARACTERS
      written++
    }
    if (written > 0) waiting.splice(0, written)
    if (this.writer.publish()) this.waker.wake()
    return waiting.length > 0
  }

  private send(kind: number, connection: number, generation: number, text: string): void {
    const { head, waiting } = this
    head[KIND] = kind
    head[CONNECTION] = connection
    head[GENERATION] = generation
    head[OFFER_COUNT] = this.offers
    const used = head.subarray(0, OFFERS + this.offers * OFFER_WORDS)
    if (waiting.length === 0 && this.write(used, text)) return
    if (this.inAll.characters < (kind === KIND_OFFERS ? WAITING_OFFERS_MAX : WAITING_MAX)) {
      waiting.push({ head: used.slice(), text })
      this.inAll.characters += text.length + RECORD_CHARACTERS
    } else if (kind === KIND_OFFERS) {
      this.counts[DROPPED_BETWEEN_WORKERS_OFFER] += this.offers
    } else {
      this.counts[DROPPED_BETWEEN_WORKERS_ANSWER]++
    }
  }

  /** False if the ring has no room. */
  private write(head: Int32Array, text: string): boolean {
    const { writer } = this
    const most = head.length + Math.ceil((text.length * UTF8_BYTES_MAX) / 4)
    const count = Math.min(most, writer.recordWordsMax)
    const at = writer.room(count)
    if (at === 0) return false
    writer.words.set(head, at)
    const target = this.bytes.subarray((at + head.length) * 4, (at + count) * 4)
    const { written } = this.encoder.encodeInto(text, target)
    writer.words[at + TEXT_BYTES] = written
    writer.append(at, head.length + Math.ceil(written / 4))
    return true
  }
}
