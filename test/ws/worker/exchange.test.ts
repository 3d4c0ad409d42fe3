import { expect, test } from 'bun:test'
import type { Region } from '../../../src/memory/region.ts'
import { SLOT_BITS } from '../../../src/swarm/connections.ts'
import {
  COUNTERS,
  DROPPED_BETWEEN_WORKERS_ANSWER,
  DROPPED_BETWEEN_WORKERS_OFFER,
} from '../../../src/ws/worker/counters.ts'
import { Exchange, type ExchangeReceiver } from '../../../src/ws/worker/exchange.ts'
import { createExchange, portsOf } from '../../../src/ws/worker/exchange-rings.ts'
import { RelayedOffer } from '../../../src/ws/worker/relayed-offer.ts'
import { waitUntil } from '../../support/wait.ts'
import { placed } from '../wire/text.ts'

const LIMITS = { messageBytesMax: 65_536, maxOffers: 10 }

interface Received {
  readonly connection: number
  readonly generation: number
  readonly message: string
  readonly key?: number
  readonly offerer?: readonly [number, number]
}

class Recorder implements ExchangeReceiver {
  readonly received: Received[] = []

  receiveOffer(offer: RelayedOffer): void {
    const { connection, generation } = offer
    const fields = textOf(offer.fields, offer.fieldsFrom, offer.fieldsTo)
    const message = fields + textOf(offer.tail, offer.tailFrom, offer.tailTo)
    const key = (offer.keyHash >>> 0) * 2 ** 32 + (offer.keyId >>> 0)
    const from = [offer.offerer, offer.offererGeneration] as const
    this.received.push({ connection, generation, message, key, offerer: from })
  }

  receiveAnswer(connection: number, generation: number, source: Region, from: number, to: number) {
    this.received.push({ connection, generation, message: textOf(source, from, to) })
  }
}

function textOf({ bytes }: Region, from: number, to: number): string {
  return Buffer.from(bytes.slice(from, to)).toString()
}

const offer = new RelayedOffer()

function addOffer(
  exchange: Exchange,
  connection: number,
  generation: number,
  key: number,
  fields: string,
): void {
  const { region, from, to } = placed(fields)
  Object.assign(offer, { connection, generation, keyHash: Math.floor(key / 2 ** 32), keyId: key })
  Object.assign(offer, { fields: region, fieldsFrom: from, fieldsTo: to })
  exchange.addOffer(offer)
}

function sendOffers(
  exchange: Exchange,
  offerer: number,
  offererGeneration: number,
  tail: string,
): void {
  const { region, from, to } = placed(tail)
  Object.assign(offer, { offerer, offererGeneration, tail: region, tailFrom: from, tailTo: to })
  exchange.sendOffers(offer)
}

function sendAnswer(exchange: Exchange, connection: number, generation: number, text: string) {
  const { region, from, to } = placed(text)
  exchange.beginAnswer(connection)?.part(region, from, to)
  exchange.sendAnswer(connection, generation)
}

/** So many workers, all in this thread. */
function makeExchanges(workers: number) {
  const ends = createExchange({ workers }, LIMITS)
  const made = ends.map((each, worker) => {
    if (each === null) throw new Error('no ends')
    const counts = new Int32Array(COUNTERS.length)
    const recorder = new Recorder()
    return { counts, recorder, exchange: new Exchange(worker, each, LIMITS, recorder, counts) }
  })
  const close = () => {
    for (const each of ends) for (const port of portsOf(each)) port.close()
  }
  return { made, close }
}

const idOf = (worker: number, slot: number) => (worker << SLOT_BITS) | slot

test('one worker needs no exchange', () => {
  expect(createExchange({ workers: 1 }, LIMITS)).toEqual([null])
  expect(portsOf(null)).toEqual([])
})

test('offers and answers arrive as they were sent, at the worker they are for, in order', async () => {
  const { made, close } = makeExchanges(3)
  const [a, b, c] = made
  const key = 2 ** 53 - 1
  addOffer(a.exchange, idOf(1, 5), 7, key, '"offer":"\u20ac\u00e9\ud83d\ude00 1"')
  addOffer(a.exchange, idOf(2, 6), 8, 3, '"offer":2')
  addOffer(a.exchange, idOf(1, 9), 65_535, 2 ** 32, '"offer":3')
  sendOffers(a.exchange, idOf(0, 1), 4, ',"tail":"\u00ff"')
  sendAnswer(a.exchange, idOf(1, 5), 7, '{"answer":"\u0001\u00fe"}')
  sendOffers(a.exchange, idOf(0, 1), 4, ',"nothing":1')
  await waitUntil(
    'all has come',
    () => b.recorder.received.length + c.recorder.received.length === 4,
  )
  const offerer = [idOf(0, 1), 4] as const
  expect(b.recorder.received).toEqual([
    {
      connection: idOf(1, 5),
      generation: 7,
      message: '"offer":"\u20ac\u00e9\ud83d\ude00 1","tail":"\u00ff"',
      key,
      offerer,
    },
    {
      connection: idOf(1, 9),
      generation: 65_535,
      message: '"offer":3,"tail":"\u00ff"',
      key: 2 ** 32,
      offerer,
    },
    { connection: idOf(1, 5), generation: 7, message: '{"answer":"\u0001\u00fe"}' },
  ])
  expect(c.recorder.received).toEqual([
    {
      connection: idOf(2, 6),
      generation: 8,
      message: '"offer":2,"tail":"\u00ff"',
      key: 3,
      offerer,
    },
  ])
  close()
})

test('the longest message fits, whatever its characters', async () => {
  const { made, close } = makeExchanges(2)
  const texts = ['a'.repeat(65_500), '\u00e9'.repeat(32_700), '\u20ac'.repeat(21_800)]
  for (const text of texts) sendAnswer(made[0].exchange, idOf(1, 0), 0, text)
  await waitUntil('all have come', () => made[1].recorder.received.length === texts.length)
  expect(made[1].recorder.received.map(({ message }) => message === '')).toEqual([
    false,
    false,
    false,
  ])
  expect(made[1].recorder.received.map(({ message }) => message)).toEqual(texts)
  close()
})

test('past a full ring messages wait, and past that they are dropped and counted', async () => {
  const { made, close } = makeExchanges(2)
  const [{ exchange, counts }, { recorder }] = made
  const sent = 4000
  const text = (n: number) => `${n}:${'x'.repeat(3000)}`
  for (let n = 0; n < sent; n++) sendAnswer(exchange, idOf(1, 0), 0, text(n))
  const dropped = counts[DROPPED_BETWEEN_WORKERS_ANSWER]
  expect(dropped).toBeGreaterThan(0)
  await waitUntil('the rest has come', () => recorder.received.length === sent - dropped)
  for (const [n, { message }] of recorder.received.entries()) expect(message).toBe(text(n))
  sendAnswer(exchange, idOf(1, 0), 0, 'and on')
  await waitUntil('it goes on', () => recorder.received.at(-1)?.message === 'and on')
  close()
})

test('offers are dropped before answers, and each of them is counted', async () => {
  const { made, close } = makeExchanges(2)
  const [{ exchange, counts }, { recorder }] = made
  const announces = 2000
  for (let n = 0; n < announces; n++) {
    for (const fields of ['a', 'b']) addOffer(exchange, idOf(1, 0), 0, n, fields.repeat(3000))
    sendOffers(exchange, idOf(0, 1), 4, '')
  }
  const answers = 1000
  for (let n = 0; n < answers; n++) sendAnswer(exchange, idOf(1, 0), 0, 'c'.repeat(3000))
  const dropped = counts[DROPPED_BETWEEN_WORKERS_OFFER]
  expect(dropped).toBeGreaterThan(0)
  expect(counts[DROPPED_BETWEEN_WORKERS_ANSWER]).toBe(0)
  const left = announces * 2 - dropped + answers
  await waitUntil('the rest has come', () => recorder.received.length === left)
  expect(recorder.received.filter(({ message }) => message.startsWith('c'))).toHaveLength(answers)
  close()
})
