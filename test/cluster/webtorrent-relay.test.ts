// Offers and answers between nodes (src/ws/cluster/relay.ts), and what a node that lies can send: nothing of it may reach a client
// that a client could not have caused, and nothing may throw.
import { describe, expect, test } from 'bun:test'
import { newRegion, type Region } from '../../src/memory/region.ts'
import { SLOT_BITS } from '../../src/swarm/connections.ts'
import {
  ANSWER,
  checkMessage,
  MESSAGE_RESULTS,
  MessageWriter,
  OFFER,
  RECORD_STATE,
  RECORD_WORDS,
  RECORDS_MAX,
  RELAY_CONNECTION,
  RELAY_SEAL,
  TEXT_AT,
  WORDS_MAX,
  writeRelay,
} from '../../src/ws/cluster/messages.ts'
import {
  ID_WORDS,
  INFO_HASH,
  OFFER_ID as OFFER_ID_AT,
  PEER_ID,
  TO_PEER_ID,
} from '../../src/ws/wire/request.ts'
import { Exchange, type ExchangeEnds, type ExchangeReceiver } from '../../src/ws/worker/exchange.ts'
import { createExchange, portsOf } from '../../src/ws/worker/exchange-rings.ts'
import { OfferRelay } from '../../src/ws/worker/offer-relay.ts'
import { RelayedOffer } from '../../src/ws/worker/relayed-offer.ts'
import { randomWords } from '../support/random.ts'
import { waitUntil } from '../support/wait.ts'
import { ids, Network, SIGNAL_KEYS, type SimulatedNode } from './webtorrent-simulation.ts'

const LIMITS = { messageBytesMax: 2000, maxOffers: 10 }
const CASES = Number(process.env.AQUATIC_TEST_CASES ?? 20_000)

/** What has come to the worker of a node. */
class Worker implements ExchangeReceiver {
  readonly offers: {
    connection: number
    offerer: number
    generation: number
    keyHash: number
    keyId: number
    text: string
  }[] = []
  readonly answers: { connection: number; generation: number; text: string }[] = []
  readonly exchange: Exchange
  private readonly ends: (ExchangeEnds | null)[]

  constructor(node: SimulatedNode) {
    this.ends = createExchange({ workers: 1, withCluster: true }, LIMITS)
    const [own, cluster] = this.ends
    if (own === null || cluster === null) throw new Error('no ends')
    this.exchange = new Exchange(0, own, LIMITS, this, new Int32Array(500))
    node.relay.connect(new Exchange(1, cluster, LIMITS, node.relay, new Int32Array(500)))
  }

  receiveOffer(offer: RelayedOffer): void {
    const { connection, offerer, offererGeneration: generation, keyHash, keyId } = offer
    const fields = textOf(offer.fields, offer.fieldsFrom, offer.fieldsTo)
    const text = `{${fields}${textOf(offer.tail, offer.tailFrom, offer.tailTo)}`
    this.offers.push({ connection, offerer, generation, keyHash, keyId, text })
  }

  receiveAnswer(connection: number, generation: number, source: Region, from: number, to: number) {
    this.answers.push({ connection, generation, text: textOf(source, from, to) })
  }

  close(): void {
    for (const each of this.ends) for (const port of portsOf(each)) port.close()
  }
}

function textOf({ bytes }: Region, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString()
}

function placed(text: string): { region: Region; from: number; to: number } {
  const bytes = Buffer.from(text)
  const region = newRegion(bytes.length + 8)
  region.bytes.set(bytes)
  return { region, from: 0, to: bytes.length }
}

const idText = (words: Int32Array) =>
  Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString('latin1')
const HASH = idText(ids(1, 0).subarray(0, ID_WORDS))
const peerText = (peer: number) => idText(ids(1, peer).subarray(ID_WORDS))
const OFFER_ID = 'o'.repeat(20)
const OFFER_FIELDS = `"offer":{"type":"offer","sdp":"x"},"offer_id":"${OFFER_ID}"`
const tailOf = (peer: number) =>
  `,"peer_id":${JSON.stringify(peerText(peer))},"info_hash":${JSON.stringify(HASH)}}`
const answerText = (peer: number, offerId = OFFER_ID) =>
  `{"action":"announce","answer":{"type":"answer","sdp":"y"},"offer_id":"${offerId}"${tailOf(peer)}`

/** Of the offer of peer 1 to the peer with this row. */
function keyHash(receiver: Int32Array): number {
  const all = new Int32Array(PEER_ID + ID_WORDS)
  all.set(ids(1, 1).subarray(0, ID_WORDS), INFO_HASH)
  all.set(ids(1, 1).subarray(ID_WORDS), TO_PEER_ID)
  const bytes = new Uint8Array(all.buffer)
  bytes.set(Buffer.from(OFFER_ID), OFFER_ID_AT * 4)
  all.set(receiver, PEER_ID)
  return new OfferRelay(0, SIGNAL_KEYS, { receiveOffer: () => {} }).hashOf(all)
}

/** Peer 1 is at node a, on connection 1, peer 2 at node b. */
class Pair {
  readonly network: Network
  readonly a: SimulatedNode
  readonly b: SimulatedNode
  readonly atA: Worker
  readonly atB: Worker

  constructor() {
    const words = randomWords(9)
    this.network = new Network(() => words() / 2 ** 32)
    this.a = this.network.start('a')
    this.b = this.network.start('b')
    this.network.run(8000)
    this.a.announce(1, 1, false)
    this.b.announce(1, 2, false)
    this.network.run(200)
    this.atA = new Worker(this.a)
    this.atB = new Worker(this.b)
  }

  close(): void {
    this.atA.close()
    this.atB.close()
  }

  /** Has the worker at a offer to peer 2, whose row there it has found. */
  async offer(): Promise<Worker['offers'][number]> {
    const row = this.a.rowOf(1, 2)
    const offer = new RelayedOffer()
    const fields = placed(OFFER_FIELDS)
    const tail = placed(tailOf(1))
    Object.assign(offer, {
      ...{
        connection: row.connection,
        generation: row.generation,
        receivers: row.id,
        receiverAt: 0,
      },
      ...{ offerer: 1, offererGeneration: 0, keyHash: keyHash(row.id), keyId: 5 },
      ...{ fields: fields.region, fieldsFrom: fields.from, fieldsTo: fields.to },
      ...{ tail: tail.region, tailFrom: tail.from, tailTo: tail.to },
    })
    const before = this.atB.offers.length
    this.atA.exchange.addOffer(offer)
    this.atA.exchange.sendOffers(offer)
    await waitUntil('the offer has come', () => {
      this.network.run(20)
      return this.atB.offers.length > before
    })
    return this.atB.offers[before]
  }

  /** Has the worker at b answer to what it knows as an offerer. */
  answer(offerer: number, generation: number, text: string): void {
    const { region, from, to } = placed(text)
    this.atB.exchange.beginAnswer(offerer)?.part(region, from, to)
    this.atB.exchange.sendAnswer(offerer, generation)
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      this.network.run(20)
    }
  }
}

async function withPair(use: (pair: Pair) => Promise<void>): Promise<void> {
  const pair = new Pair()
  try {
    await use(pair)
  } finally {
    pair.close()
  }
}

describe('offers and answers', () => {
  test('an offer comes to the receiver at the other node, and its answer back', () =>
    withPair(async (pair) => {
      const offer = await pair.offer()
      expect(JSON.parse(offer.text)).toEqual({
        ...{ offer: { type: 'offer', sdp: 'x' }, offer_id: OFFER_ID },
        ...{ peer_id: peerText(1), info_hash: HASH },
      })
      expect(offer.connection).toBe(2)
      expect(offer.offerer >>> SLOT_BITS).toBe(1)
      pair.answer(offer.offerer, offer.generation, answerText(2))
      await waitUntil('the answer has come', () => {
        pair.network.run(20)
        return pair.atA.answers.length > 0
      })
      const [answer] = pair.atA.answers
      expect(answer).toMatchObject({ connection: 1, generation: 0 })
      expect(JSON.parse(answer.text)).toEqual(JSON.parse(answerText(2)))
      expect(pair.a.relay.counts).toMatchObject({ offersOut: 1, answersIn: 1, unsealed: 0 })
      expect(pair.b.relay.counts).toMatchObject({ offersIn: 1, answersOut: 1 })
      // Each way back is used once.
      pair.answer(offer.offerer, offer.generation, answerText(2))
      await pair.settle()
      expect(pair.atA.answers).toHaveLength(1)
      expect(pair.b.relay.counts.gone).toBe(1)
    }))

  test.each([
    ['another peer', answerText(3)],
    ['another offer', answerText(2, 'p'.repeat(20))],
  ])('an answer of %s does not fit, and reaches nobody', (_, text) =>
    withPair(async (pair) => {
      const offer = await pair.offer()
      pair.answer(offer.offerer, offer.generation, text)
      await pair.settle()
      expect(pair.atA.answers).toEqual([])
      expect(pair.a.relay.counts.unsealed).toBe(1)
    }),
  )

  test('for a peer that has left, and to a node that has started anew', () =>
    withPair(async (pair) => {
      const { a, b, network } = pair
      const from = b.link.all().find(({ name }) => name === 'a')
      if (from === undefined) throw new Error('b does not know a')
      const message = relayed(
        OFFER,
        from.start,
        b.link.start,
        `{"action":"announce","offers":[{${OFFER_FIELDS}}]${tailOf(1)}`,
      )
      b.engine.deliver('aq.sig.b.a', message)
      await pair.settle()
      expect(pair.atB.offers).toHaveLength(1)
      b.leave(1, 2)
      network.run(100)
      b.engine.deliver('aq.sig.b.a', message)
      b.engine.deliver('aq.sig.b.a', relayed(OFFER, from.start, b.link.start + 1, '{}'))
      expect(b.relay.counts.gone).toBe(2)
      // Of a run of the sender that is not the one that is known.
      const { strangers } = b.link.counts
      b.engine.deliver('aq.sig.b.a', relayed(OFFER, a.link.start + 1, b.link.start, '{}'))
      expect(b.link.counts.strangers).toBe(strangers + 1)
    }))

  test('what no client could have sent is counted and left out', () =>
    withPair(async (pair) => {
      const { b } = pair
      const [{ start }] = b.link.all()
      const texts = [
        'x',
        '{',
        '[]',
        '{}',
        '{"action":"scrape"}',
        `{"action":"announce"${tailOf(1)}`,
        `{"action":"announce","offers":[]${tailOf(1)}`,
        `{"action":"announce","offers":[{${OFFER_FIELDS}},{${OFFER_FIELDS}}]${tailOf(1)}`,
        `{"action":"announce","offers":[{"offer":"text","offer_id":"${OFFER_ID}"}]${tailOf(1)}`,
        `{"action":"announce","offers":[{"offer":{},"offer_id":"${'o'.repeat(65)}"}]${tailOf(1)}`,
        `{"action":"announce","offers":[{${OFFER_FIELDS}}],"info_hash":${JSON.stringify(HASH)}}`,
        `{"action":"announce","offers":[{${OFFER_FIELDS}}],"answer":{}${tailOf(1)}`,
      ]
      for (const text of texts)
        b.engine.deliver('aq.sig.b.a', relayed(OFFER, start, b.link.start, text))
      for (const text of texts)
        b.engine.deliver('aq.sig.b.a', relayed(ANSWER, start, b.link.start, text))
      await pair.settle()
      expect(b.relay.counts.malformed).toBe(2 * texts.length)
      expect([...pair.atB.offers, ...pair.atB.answers]).toEqual([])
    }))

  test('an answer with a seal that was guessed, or for a connection that does not exist', () =>
    withPair(async (pair) => {
      const { a } = pair
      const [{ start }] = a.link.all()
      for (let i = 0; i < 200; i++) {
        const message = relayed(ANSWER, start, a.link.start, answerText(2))
        const words = new Int32Array(message.buffer, 0, TEXT_AT / 4)
        words[RELAY_SEAL] = i * 77_777
        words[RELAY_CONNECTION] = i % 2 === 0 ? 1 : (i << SLOT_BITS) | i
        a.engine.deliver('aq.sig.a.b', message)
      }
      await pair.settle()
      expect(a.relay.counts.unsealed).toBe(200)
      expect(pair.atA.answers).toEqual([])
    }))

  test('a node may send so many, and no more', () =>
    withPair(async (pair) => {
      const { b } = pair
      const [{ start }] = b.link.all()
      const message = relayed(OFFER, start, b.link.start, '{}')
      for (let i = 0; i < 150_000; i++) b.engine.deliver('aq.sig.b.a', message)
      expect(b.relay.counts.overLimit).toBeGreaterThan(40_000)
      expect(b.relay.counts.malformed).toBeGreaterThan(90_000)
    }))
})

function relayed(
  kind: typeof OFFER | typeof ANSWER,
  start: number,
  to: number,
  text: string,
): Uint8Array {
  const { region } = placed(' '.repeat(TEXT_AT) + text)
  const receiver = ids(1, 2).subarray(ID_WORDS)
  const head = { kind, start, to, connection: 1, generation: 0, seal: 1 }
  const size = Buffer.byteLength(text)
  return writeRelay(region, head, receiver, 0, size).slice()
}

describe('messages', () => {
  test('of any bytes: nothing throws, and all are counted', () =>
    withPair(async (pair) => {
      const { b } = pair
      const random = randomWords(Number(process.env.TEST_SEED ?? 3))
      const [{ start }] = b.link.all()
      const bases = [
        relayed(
          OFFER,
          start,
          b.link.start,
          `{"action":"announce","offers":[{${OFFER_FIELDS}}]${tailOf(1)}`,
        ),
        relayed(ANSWER, start, b.link.start, answerText(2)),
        logOf(start, 3),
        new MessageWriter(WORDS_MAX).ask(start, b.link.start, 7),
        new MessageWriter(WORDS_MAX).part(start, {
          ticket: 1,
          number: 0,
          sequence: 0,
          isLast: true,
          records: 2,
        }),
      ].map((message) => message.slice())
      const counted = () =>
        MESSAGE_RESULTS.reduce(
          (sum, result) => sum + b.link.results[result],
          b.link.counts.strangers,
        )
      const before = counted()
      for (let i = 0; i < CASES; i++) {
        const base = bases[random() % bases.length]
        const bytes = base.slice(0, random() % 4 === 0 ? random() % (base.length + 1) : base.length)
        for (let flips = random() % 4; flips > 0 && bytes.length > 0; flips--) {
          bytes[random() % bytes.length] = random()
        }
        const isLog = random() % 2 === 0
        b.engine.deliver(isLog ? 'aq.wlog.a' : 'aq.sig.b.a', bytes)
        // Otherwise the limits of a node leave out nearly all of them unread.
        if (i % 1000 === 0) pair.network.run(1000)
      }
      expect(counted()).toBeGreaterThanOrEqual(before + CASES)
      pair.network.run(1000)
    }))

  test('too long, of another version, foreign', () => {
    const words = new Int32Array(new MessageWriter(WORDS_MAX).words.length)
    const bytes = new Uint8Array(words.buffer)
    bytes.set(logOf(1, 1))
    const size = logOf(1, 1).length
    expect(checkMessage(words, size)).toBe('good')
    expect(checkMessage(words, 8)).toBe('bad_size')
    expect(checkMessage(words, size + 4)).toBe('malformed')
    words[0] = (words[0] & 0xffffff) | (2 << 24)
    expect(checkMessage(words, size)).toBe('other_version')
    words[0] = 1
    expect(checkMessage(words, size)).toBe('foreign')
  })

  test('records: more than there may be, and bits that mean nothing', () => {
    const { words } = new MessageWriter(WORDS_MAX)
    const bytes = new Uint8Array(words.buffer)
    bytes.set(logOf(1, 1))
    const size = logOf(1, 1).length
    const stateAt = size / 4 - RECORD_WORDS + RECORD_STATE
    for (const state of [8, 128, 2, 4]) {
      words[stateAt] = state
      expect(checkMessage(words, size)).toBe('malformed')
    }
    words[stateAt] = 0
    expect(checkMessage(words, size)).toBe('good')
    words[5] = RECORDS_MAX + 1
    expect(checkMessage(words, size)).toBe('malformed')
    words[5] = -1
    expect(checkMessage(words, size)).toBe('malformed')
  })
})

function logOf(start: number, records: number): Uint8Array {
  return new MessageWriter(WORDS_MAX).log(start, 1, 0, records).slice()
}
