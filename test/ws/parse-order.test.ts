// Clients write the keys of a message in whatever order their encoders do: all orders are tried.
import { describe, expect, test } from 'bun:test'
import {
  ABSENT,
  ACTION_ANNOUNCE,
  ACTION_SCRAPE,
  EVENT_COMPLETED,
  ID_WORDS,
  INFO_HASH,
  OFFER_TEXT,
  OFFER_TEXT_END,
  OFFER_WORDS,
  Request,
  VALID,
} from '../../src/ws/wire/request.ts'
import { parseText, part } from './wire/text.ts'

const HASH = 'h'.repeat(20)
const WORDS_OF_H = new Int32Array(ID_WORDS).fill(0x68686868)
const PEER = '-WW0001-pppppppppppp'
const OFFER = { offer: { type: 'offer', sdp: 'v=0' }, offer_id: 'o'.repeat(20) }

function read(text: string, request = new Request(10, 255)): Request {
  expect(parseText(request, text)).toBe(true)
  return request
}

/** The texts of the offers that count. */
function offersOf(request: Request): string[] {
  const { offers, offerCount } = request
  return Array.from({ length: offerCount }, (_, i) => {
    const at = i * OFFER_WORDS
    return part(request, offers[at + OFFER_TEXT], offers[at + OFFER_TEXT_END])
  })
}

/** All orders of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((first, i) => orders(list.toSpliced(i, 1)).map((rest) => [first, ...rest]))
}

describe('in every order of its keys', () => {
  const text = (fields: readonly (readonly [string, unknown])[]) =>
    `{${fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`
  const ids = {
    info_hash: HASH,
    peer_id: PEER,
    to_peer_id: 't'.repeat(20),
    offer_id: 'i'.repeat(20),
  }
  const inner = (description: string) => `{"type":"offer","sdp":${JSON.stringify(description)}}`

  test('an announce is the same', () => {
    const message = { action: 'announce', info_hash: HASH, peer_id: PEER, left: 0 }
    const fields = Object.entries({
      ...message,
      event: 'completed',
      numwant: 5,
      offers: [OFFER],
    })
    const request = new Request(10, 255)
    for (const order of orders(fields)) {
      read(text(order), request)
      expect(request.action).toBe(ACTION_ANNOUNCE)
      expect(request.infoHash).toBe(VALID)
      expect(request.peerId).toBe(VALID)
      expect(request.answer).toBe(ABSENT)
      expect(request.seeder).toBe(true)
      expect(request.event).toBe(EVENT_COMPLETED)
      expect(request.hashCount).toBe(1)
      expect(offersOf(request)).toEqual([inner('v=0')])
      expect(request.ids.slice(INFO_HASH, INFO_HASH + ID_WORDS)).toEqual(WORDS_OF_H)
      expect(part(request, request.infoHashText, request.infoHashTextEnd)).toBe(`"${HASH}"`)
      expect(part(request, request.peerIdText, request.peerIdTextEnd)).toBe(`"${PEER}"`)
    }
  })

  test('an answer is the same', () => {
    const fields = Object.entries({
      action: 'announce',
      ...ids,
      answer: { type: 'answer', sdp: 'a' },
    })
    const usual = read(text(fields)).ids.slice()
    const request = new Request(10, 255)
    for (const order of orders(fields)) {
      read(text(order), request)
      expect(request.ids).toEqual(usual)
      expect(request.answer).toBe(VALID)
      expect(request.toPeerId).toBe(VALID)
      expect(request.offerId).toBe(VALID)
      const answer = part(request, request.answerText, request.answerTextEnd)
      expect(answer).toBe('{"type":"answer","sdp":"a"}')
      const id = part(request, request.offerIdText, request.offerIdTextEnd)
      expect(id).toBe(JSON.stringify(ids.offer_id))
    }
  })

  test('a scrape is the same', () => {
    const fields = Object.entries({ action: 'scrape', info_hash: [HASH, PEER], peer_id: PEER })
    for (const order of orders(fields)) {
      expect(read(text(order))).toMatchObject({
        action: ACTION_SCRAPE,
        hashCount: 2,
        hashList: true,
      })
    }
  })

  test('an offer is the same', () => {
    const fields = [...Object.entries(OFFER), ['more', { offer: 1 }], ['numwant', [1]]] as const
    const usual = read(JSON.stringify({ offers: [OFFER] })).offers.slice(0, ID_WORDS)
    for (const order of orders(fields)) {
      const request = read(`{"offers":[${text(order)},${text(order.slice(0, 1))},${text(order)}]}`)
      expect(offersOf(request)).toEqual([inner('v=0'), inner('v=0')])
      expect(request.offers.slice(0, ID_WORDS)).toEqual(usual)
      expect(request.offers.slice(OFFER_WORDS, OFFER_WORDS + ID_WORDS)).toEqual(usual)
    }
  })
})
