import { describe, expect, test } from 'bun:test'
import {
  ABSENT,
  ACTION_ANNOUNCE,
  ACTION_MISSING,
  ACTION_SCRAPE,
  ACTION_UNKNOWN,
  EVENT_COMPLETED,
  EVENT_INVALID,
  EVENT_NONE,
  EVENT_STARTED,
  EVENT_STOPPED,
  HASH_TEXT,
  HASH_TEXT_END,
  HASH_WORDS,
  ID_WORDS,
  INVALID,
  OFFER_ID,
  OFFER_ITEM,
  OFFER_ITEM_END,
  OFFER_TEXT,
  OFFER_TEXT_END,
  OFFER_WORDS,
  Request,
  VALID,
} from '../../../src/ws/wire/request.ts'
import { SHORT_CHARACTERS_MAX } from '../../../src/ws/wire/strings.ts'
import { parseText, part } from './text.ts'

const HASH = 'hhhhhhhhhhhhhhhhhhhh'
const PEER = '-WW0001-pppppppppppp'

function read(message: unknown, request = new Request(10, 255)): Request {
  const text = typeof message === 'string' ? message : JSON.stringify(message)
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

const offer = (n: number, sdp = 'v=0') => ({
  offer: { type: 'offer', sdp },
  offer_id: `${'o'.repeat(19)}${n}`,
})

describe('a message', () => {
  test('gives its fields, in any order and with any spaces', () => {
    const fields = [
      `"action" : "announce"`,
      `"info_hash":\n"${HASH}"`,
      `"peer_id": "${PEER}"`,
      `"event":"started"`,
      `"left": 0`,
      `"numwant": {"a":[1,2,{}]}`,
      `"offers": [ ${JSON.stringify(offer(1))} ]`,
    ]
    for (const order of [fields, fields.toReversed()]) {
      const request = read(`  { ${order.join(' , ')} }\r\n`)
      expect(request).toMatchObject({
        action: ACTION_ANNOUNCE,
        infoHash: VALID,
        peerId: VALID,
        event: EVENT_STARTED,
        seeder: true,
        offerCount: 1,
        answer: ABSENT,
      })
      expect(part(request, request.infoHashText, request.infoHashTextEnd)).toBe(`"${HASH}"`)
      expect(part(request, request.peerIdText, request.peerIdTextEnd)).toBe(`"${PEER}"`)
      expect(offersOf(request)).toEqual(['{"type":"offer","sdp":"v=0"}'])
    }
  })

  test('says where in its text they are, whatever the characters before them', () => {
    const id = 'é'.repeat(20)
    const before = `"name":"\u00e9\u4e2d\ud83d\ude00","\u4e2d":["\ud83d\ude00\\n"]`
    const text = `{${before},"info_hash":"${id}","peer_id":"${PEER}","offers":[{"offer":{"sdp":"\u4e2d"},"offer_id":"${id}"}]}`
    const request = read(text)
    expect(request.to - request.from).toBe(Buffer.byteLength(text))
    expect(part(request, request.infoHashText, request.infoHashTextEnd)).toBe(`"${id}"`)
    expect(part(request, request.peerIdText, request.peerIdTextEnd)).toBe(`"${PEER}"`)
    expect(offersOf(request)).toEqual(['{"sdp":"\u4e2d"}'])
    const [item, end] = [request.offers[OFFER_ITEM], request.offers[OFFER_ITEM_END]]
    expect(part(request, item, end)).toBe(`{"offer":{"sdp":"\u4e2d"},"offer_id":"${id}"}`)
  })

  test('may spell its keys and words with escapes', () => {
    const request = read(
      `{"\\u0061ction":"\\u0061nnounce","info\\u005fhash":"${HASH}","event":"st\\u006fpped",` +
        `"offers":[{"\\u006fffer":{},"offer_id":"${PEER}"}]}`,
    )
    expect(request).toMatchObject({
      action: ACTION_ANNOUNCE,
      infoHash: VALID,
      event: EVENT_STOPPED,
      offerCount: 1,
    })
  })

  test('counts the last of equal keys', () => {
    const request = read(
      `{"action":"scrape","action":"announce","left":0,"left":1,"event":"stopped","event":null,` +
        `"info_hash":"short","info_hash":"${HASH}","peer_id":"${PEER}","peer_id":7,` +
        `"offers":[${JSON.stringify(offer(1))}],"offers":null,"answer":{},"answer":null}`,
    )
    expect(request).toMatchObject({
      action: ACTION_ANNOUNCE,
      seeder: false,
      event: EVENT_NONE,
      infoHash: VALID,
      peerId: INVALID,
      offerCount: 0,
      answer: ABSENT,
    })
  })

  test.each(['[]', '"a"', '1', 'null', '', '{', '{"action":"announce"', '{"action":"announce"}x'])(
    '%p is none',
    (text) => {
      expect(parseText(new Request(10, 255), text)).toBe(false)
    },
  )

  test('that breaks off has given what came before', () => {
    const request = new Request(10, 255)
    expect(
      parseText(request, `{"action":"announce","info_hash":"${HASH}","offers":[{"offer":{]`),
    ).toBe(false)
    expect(request).toMatchObject({ action: ACTION_ANNOUNCE, infoHash: VALID })
  })

  test('forgets the one before it', () => {
    const request = new Request(10, 255)
    read({ action: 'announce', info_hash: HASH, peer_id: PEER, left: 0, answer: {} }, request)
    read({}, request)
    expect(request).toMatchObject({
      action: ACTION_MISSING,
      infoHash: ABSENT,
      peerId: ABSENT,
      seeder: false,
      answer: ABSENT,
    })
  })
})

describe('action', () => {
  test.each([
    ['announce', ACTION_ANNOUNCE],
    ['scrape', ACTION_SCRAPE],
    ['Announce', ACTION_UNKNOWN],
    ['', ACTION_UNKNOWN],
    [7, ACTION_UNKNOWN],
    [null, ACTION_UNKNOWN],
    [['announce'], ACTION_UNKNOWN],
  ])('%p', (action, code) => {
    expect(read({ action }).action).toBe(code)
  })
})

describe('left', () => {
  test.each(['0', '-0', '0.0', '0e7', '0.000E-3'])('%s makes a seeder', (left) => {
    expect(read(`{"left":${left}}`).seeder).toBe(true)
  })

  test.each([
    '1',
    '-1',
    '0.5',
    '1e5',
    '10',
    '1e400',
    '9007199254740993',
    '18446744073709551615',
    'null',
    'true',
    '"0"',
    '[0]',
    '{}',
  ])('%s does not', (left) => {
    expect(read(`{"left":${left}}`).seeder).toBe(false)
  })
})

describe('event', () => {
  test.each([
    ['started', EVENT_STARTED],
    ['completed', EVENT_COMPLETED],
    ['stopped', EVENT_STOPPED],
    ['update', EVENT_NONE],
    ['paused', EVENT_NONE],
    ['empty', EVENT_NONE],
    ['', EVENT_NONE],
    ['something of tomorrow', EVENT_NONE],
    [null, EVENT_NONE],
    [3, EVENT_INVALID],
    [{}, EVENT_INVALID],
    [true, EVENT_INVALID],
  ])('%p', (event, code) => {
    expect(read({ event }).event).toBe(code)
  })
})

describe('offers', () => {
  test('that are none are left out', () => {
    const bad = [
      null,
      7,
      'offer',
      [],
      {},
      { fake_offer: true },
      { offer: {} },
      { offer_id: PEER },
      { offer: null, offer_id: PEER },
      { offer: 'v=0', offer_id: PEER },
      { offer: [], offer_id: PEER },
      { offer: {}, offer_id: 'o'.repeat(SHORT_CHARACTERS_MAX + 1) },
      { offer: {}, offer_id: 7 },
      { offer: {}, offer_id: null },
    ]
    const request = read({ offers: [...bad, offer(1), ...bad, offer(2)] })
    expect(offersOf(request)).toEqual([offer(1), offer(2)].map((o) => JSON.stringify(o.offer)))
    expect(request).toMatchObject({ offersInvalid: 2 * bad.length, offersBeyond: 0 })
    read({ offers: [offer(1)] }, request)
    expect(request.offersInvalid).toBe(0)
  })

  test.each([
    '',
    'short',
    'o'.repeat(16),
    'o'.repeat(19),
    'o'.repeat(21),
    `${'o'.repeat(19)}\u0100`,
    '\ud800',
    'o'.repeat(SHORT_CHARACTERS_MAX),
  ])('may have the id %p', (offer_id) => {
    const request = read({ offers: [{ offer: {}, offer_id }] })
    expect(request.offerCount).toBe(1)
    expect(read({ offer_id }).offerId).toBe(VALID)
    expect(read({ info_hash: offer_id, peer_id: offer_id, to_peer_id: offer_id })).toMatchObject({
      infoHash: INVALID,
      peerId: INVALID,
      toPeerId: INVALID,
    })
  })

  test('have ids that are the same however they are spelled, and differ otherwise', () => {
    const words = (text: string) => {
      const { offers, ids } = read(
        `{"offers":[{"offer":{},"offer_id":"${text}"}],"offer_id":"${text}"}`,
      )
      expect(offers.slice(0, ID_WORDS)).toEqual(ids.slice(OFFER_ID, OFFER_ID + ID_WORDS))
      return offers.slice(0, ID_WORDS).join()
    }
    expect(words('a\u00e9/\u4e2d')).toBe(words('\\u0061\\u00E9\\/\\u4e2d'))
    const texts = ['', 'a', 'b', 'aa', '\u0000'.replace('\u0000', '\\u0000'), 'o'.repeat(16)]
    for (const length of [19, 20, 21, 63, 64]) {
      // Each place counts, and so does the length.
      for (let at = 0; at < length; at++)
        texts.push(`${'o'.repeat(at)}x${'o'.repeat(length - at - 1)}`)
      texts.push('o'.repeat(length))
    }
    expect(new Set(texts.map(words)).size).toBe(texts.length)
  })

  test('beyond the limit are left out, and still have to be JSON', () => {
    const offers = Array.from({ length: 12 }, (_, i) => offer(i % 10, `v=${i}`))
    const request = read({ offers }, new Request(3, 1))
    expect(request).toMatchObject({ offerCount: 3, offersInvalid: 0, offersBeyond: 9 })
    expect(read({ offers }, new Request(0, 1)).offerCount).toBe(0)
    const broken = JSON.stringify({ offers }).replace('v=11', 'v=\u0001')
    expect(parseText(new Request(3, 1), broken)).toBe(false)
  })

  test.each([null, 'a', 5, {}, { 0: offer(1) }])('%p are none', (offers) => {
    const offersInvalid = offers === null ? 0 : 1
    expect(read({ offers })).toMatchObject({ offerCount: 0, offersInvalid })
  })

  test('are passed on whole only when nothing else is in them', () => {
    const whole = (item: object) => {
      const request = read({ offers: [item] })
      const { offers } = request
      return offers[OFFER_ITEM] === 0
        ? ''
        : part(request, offers[OFFER_ITEM], offers[OFFER_ITEM_END])
    }
    expect(whole(offer(1))).toBe(JSON.stringify(offer(1)))
    expect(whole({ ...offer(1), info_hash: 'x' })).toBe('')
    expect(whole({ 'failure reason': 'x', ...offer(1) })).toBe('')
  })
})

describe('info hashes', () => {
  const hash = (n: number) => `${'h'.repeat(18)}${n + 10}`
  const list = (request: Request) =>
    Array.from({ length: request.hashCount }, (_, i) =>
      part(
        request,
        request.hashes[i * HASH_WORDS + HASH_TEXT],
        request.hashes[i * HASH_WORDS + HASH_TEXT_END],
      ),
    )

  test('come alone or as a list', () => {
    expect(list(read({ info_hash: hash(1) }))).toEqual([`"${hash(1)}"`])
    expect(list(read({ info_hash: [hash(1), hash(2)] }))).toEqual([`"${hash(1)}"`, `"${hash(2)}"`])
    expect(read({ info_hash: [] })).toMatchObject({ hashCount: 0, hashList: true })
  })

  test('that are none are left out of a list', () => {
    const request = read({ info_hash: [null, hash(1), 'short', 7, {}, [hash(3)], hash(2)] })
    expect(list(request)).toEqual([`"${hash(1)}"`, `"${hash(2)}"`])
    expect(read({ info_hash: 7 })).toMatchObject({ hashCount: 0, hashList: false })
  })

  test('beyond the limit are left out', () => {
    const hashes = Array.from({ length: 9 }, (_, i) => hash(i))
    expect(list(read({ info_hash: hashes }, new Request(1, 4)))).toHaveLength(4)
  })
})

test('no message, cut or changed anywhere, is more than invalid', () => {
  const message = JSON.stringify({
    action: 'announce',
    info_hash: HASH,
    peer_id: PEER,
    left: 12,
    event: 'started',
    offers: [offer(1, 'v=0\r\n"\\'), null, { offer: {} }],
    answer: null,
    to_peer_id: '\u00ff'.repeat(20),
    offer_id: '\u0007'.repeat(20),
  })
  const request = new Request(10, 255)
  for (let at = 0; at < message.length; at++) {
    for (const sign of ['', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '\u0000', '\u1234']) {
      const text = message.slice(0, at) + sign + message.slice(at + 1)
      let isJson = true
      try {
        JSON.parse(text)
      } catch {
        isJson = false
      }
      expect(parseText(request, text)).toBe(isJson)
      expect(parseText(request, message.slice(0, at))).toBe(false)
    }
  }
})
