// A million messages, right and wrong: the parser takes those that are a JSON object to JSON.parse, and reads the same
// in them.
import { expect, test } from 'bun:test'
import { parse } from '../../../src/ws/wire/parse.ts'
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
  ID_WORDS,
  INFO_HASH,
  INVALID,
  OFFER_TEXT,
  OFFER_TEXT_END,
  OFFER_WORDS,
  PEER_ID,
  Request,
  TO_PEER_ID,
  VALID,
} from '../../../src/ws/wire/request.ts'
import { isUtf8 } from '../../../src/ws/wire/utf8.ts'
import { randomWords } from '../../support/random.ts'
import { Generated } from '../generated.ts'
import { part, placed } from './text.ts'

const MESSAGES = 1_000_000
const PER_MESSAGE = 100
const TIMEOUT_MILLISECONDS = 600_000

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
type Fields = Readonly<Record<string, unknown>>

/** What JSON.parse makes of it, if that is an object. */
function meant(text: string): Fields | null {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

function textOf(message: Uint8Array): string | null {
  try {
    return decoder.decode(message)
  } catch {
    return null
  }
}

function bytesOfId(value: unknown): number[] | null {
  if (typeof value !== 'string' || value.length !== 20) return null
  const codes = [...Array(20)].map((_, i) => value.charCodeAt(i))
  return codes.every((code) => code < 256) ? codes : null
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function idState(value: unknown): number {
  return value === undefined ? ABSENT : bytesOfId(value) === null ? INVALID : VALID
}

const EVENTS = new Map<unknown, number>([
  ['started', EVENT_STARTED],
  ['completed', EVENT_COMPLETED],
  ['stopped', EVENT_STOPPED],
])

function eventOf(event: unknown): number {
  if (typeof event === 'string') return EVENTS.get(event) ?? EVENT_NONE
  return event === undefined || event === null ? EVENT_NONE : EVENT_INVALID
}

function actionOf(fields: Fields): number {
  if (!('action' in fields)) return ACTION_MISSING
  if (fields.action === 'announce') return ACTION_ANNOUNCE
  return fields.action === 'scrape' ? ACTION_SCRAPE : ACTION_UNKNOWN
}

function offersOf({ offers }: Fields): Fields[] {
  if (!Array.isArray(offers)) return []
  const right = offers.filter((item) => {
    if (!isObject(item) || !isObject(item.offer)) return false
    return typeof item.offer_id === 'string' && item.offer_id.length <= 64
  })
  return right.slice(0, 10)
}

function expectSame(request: Request, fields: Fields): void {
  const { ids, offers } = request
  expect(request.action).toBe(actionOf(fields))
  expect(request.event).toBe(eventOf(fields.event))
  // A number that JSON.parse rounds to 0 is none.
  if (request.seeder) expect(Object.is(fields.left, 0) || Object.is(fields.left, -0)).toBe(true)
  const { answer } = fields
  const answered = answer === undefined || answer === null ? ABSENT : isObject(answer)
  expect(request.answer).toBe(answered === ABSENT ? ABSENT : answered ? VALID : INVALID)
  expect(request.peerId).toBe(idState(fields.peer_id))
  expect(request.toPeerId).toBe(idState(fields.to_peer_id))
  for (const [name, at] of [
    ['info_hash', INFO_HASH],
    ['peer_id', PEER_ID],
    ['to_peer_id', TO_PEER_ID],
  ] as const) {
    const bytes = bytesOfId(fields[name])
    const words = ids.slice(at, at + ID_WORDS)
    if (bytes !== null) expect([...new Uint8Array(words.buffer)]).toEqual(bytes)
  }
  const list = Array.isArray(fields.info_hash) ? fields.info_hash : [fields.info_hash]
  const hashes = list.filter((hash) => bytesOfId(hash) !== null)
  expect(request.hashCount).toBe(Math.min(hashes.length, request.hashesMax))
  const expected = offersOf(fields)
  expect(request.offerCount).toBe(expected.length)
  for (const [i, { offer }] of expected.entries()) {
    const at = i * OFFER_WORDS
    const found = part(request, offers[at + OFFER_TEXT], offers[at + OFFER_TEXT_END])
    expect(JSON.parse(found)).toEqual(offer)
  }
}

test(
  'what is JSON, and what it says, is as JSON.parse has it',
  () => {
    const generated = new Generated(randomWords(16))
    const request = new Request(10, 255)
    const ids = Array.from({ length: 20 }, () => generated.id())
    let right = 0
    let wrong = 0
    let noText = 0
    while (right + wrong < MESSAGES) {
      const original = Buffer.from(generated.message(ids, ids))
      for (let i = 0; i < PER_MESSAGE; i++) {
        const message = i === 0 ? original : generated.changed(original)
        const text = textOf(message)
        const fields = text === null ? null : meant(text)
        const { region, from, to } = placed(message)
        const behind = region.bytes[to]
        const valid = parse(request, region, from, to)
        if (valid !== (fields !== null) || isUtf8(region.bytes, from, to) !== (text !== null)) {
          throw new Error(`wrong about ${Buffer.from(message).toString('latin1')}`)
        }
        if (region.bytes[to] !== behind) throw new Error('it changed what is behind the message')
        if (text === null) noText++
        if (fields === null) wrong++
        else right++
        if (fields !== null && (i === 0 || i % 8 === 0)) expectSame(request, fields)
      }
    }
    expect(right).toBeGreaterThan(MESSAGES / 20)
    expect(wrong).toBeGreaterThan(MESSAGES / 4)
    expect(noText).toBeGreaterThan(MESSAGES / 20)
  },
  TIMEOUT_MILLISECONDS,
)
