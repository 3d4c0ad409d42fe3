// Takes a client's message apart in one pass over its text. Called by handle.ts for each message;
// fills the worker's Request. Owns nothing.
//
// As JSON.parse would: the last of several equal keys counts, keys may be spelled with escapes,
// unknown ones are passed over. Unlike it, nothing is made of the values: ids become words, and
// what is for other clients stays where it is in the text.
import {
  ABSENT,
  ACTION_ANNOUNCE,
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
  INFO_HASH,
  INVALID,
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
  VALID,
} from './request.ts'
import { JsonScanner, MINUS, NINE, OPEN_BRACE, OPEN_BRACKET, QUOTE, ZERO } from './scan.ts'

const scanner = new JsonScanner()
let stringEnd = 0

/** What a string means that is spelled with escapes; it has been checked. */
function plain(start: number, end: number): string {
  return JSON.parse(scanner.text.slice(start, end)) as string
}

// HOT: no allocation below this line.

/** False when the text is no JSON object; what was read before the fault is in the request. */
export function parse(request: Request, text: string): boolean {
  request.clear(text)
  scanner.open(text)
  if (scanner.peek() !== OPEN_BRACE) return false
  if (scanner.enterObject()) {
    do {
      if (!readField(request)) return false
    } while (scanner.hasNext(true))
    if (scanner.broken) return false
  }
  return scanner.atEnd()
}

function readField(request: Request): boolean {
  if (scanner.peek() !== QUOTE) return false
  const start = scanner.at
  if (!scanner.skipString()) return false
  const { escaped } = scanner
  const end = scanner.at
  if (!scanner.takeColon()) return false
  if (isString(start, end, escaped, 'action')) return readAction(request)
  if (isString(start, end, escaped, 'info_hash')) return readInfoHash(request)
  if (isString(start, end, escaped, 'peer_id')) return readPeerId(request)
  if (isString(start, end, escaped, 'offers')) return readOffers(request)
  if (isString(start, end, escaped, 'left')) return readLeft(request)
  if (isString(start, end, escaped, 'event')) return readEvent(request)
  if (isString(start, end, escaped, 'answer')) return readAnswer(request)
  if (isString(start, end, escaped, 'to_peer_id')) return readToPeerId(request)
  if (isString(start, end, escaped, 'offer_id')) return readOfferId(request)
  return scanner.skipValue()
}

/** Whether the string of a text from quote to quote is `word`. */
function isString(start: number, end: number, escaped: boolean, word: string): boolean {
  if (escaped) return plain(start, end) === word
  return end - start === word.length + 2 && scanner.text.startsWith(word, start + 1)
}

/** Moves over the next value. True when it is a string, from `scanner.at` before to `stringEnd`. */
function skipToString(): boolean {
  if (scanner.peek() !== QUOTE) return false
  const start = scanner.at
  if (!scanner.skipString()) return false
  stringEnd = scanner.at
  scanner.at = start
  return true
}

function readAction(request: Request): boolean {
  request.action = ACTION_UNKNOWN
  if (skipToString()) {
    const start = scanner.at
    if (isString(start, stringEnd, scanner.escaped, 'announce')) request.action = ACTION_ANNOUNCE
    else if (isString(start, stringEnd, scanner.escaped, 'scrape')) request.action = ACTION_SCRAPE
  }
  return scanner.skipValue()
}

/** Any other event is like none: a client may know more of them than we do. */
function readEvent(request: Request): boolean {
  request.event = EVENT_NONE
  if (skipToString()) {
    const start = scanner.at
    const { escaped } = scanner
    if (isString(start, stringEnd, escaped, 'started')) request.event = EVENT_STARTED
    else if (isString(start, stringEnd, escaped, 'completed')) request.event = EVENT_COMPLETED
    else if (isString(start, stringEnd, escaped, 'stopped')) request.event = EVENT_STOPPED
    scanner.at = stringEnd
    return true
  }
  if (!isNull()) request.event = EVENT_INVALID
  return scanner.skipValue()
}

function isNull(): boolean {
  return scanner.text.startsWith('null', scanner.at)
}

/** Only the number 0 makes a seeder: null and other numbers are what clients without metadata send. */
function readLeft(request: Request): boolean {
  const code = scanner.peek()
  request.seeder = false
  if (code !== MINUS && (code < ZERO || code > NINE)) return scanner.skipValue()
  if (!scanner.skipNumber()) return false
  request.seeder = scanner.zero
  return true
}

/** Reads the next value as an id; VALID or INVALID, or ABSENT when it is not even JSON. */
function readId(words: Int32Array, to: number): number {
  if (scanner.peek() === QUOTE && scanner.readId(words, to)) return VALID
  return scanner.skipValue() ? INVALID : ABSENT
}

/** The same for the id of an offer: its maker's own business, 20 bytes as a rule. */
function readOfferIdString(words: Int32Array, to: number): number {
  const isString = scanner.peek() === QUOTE
  if (isString && (scanner.readId(words, to) || scanner.readShortString(words, to))) return VALID
  return scanner.skipValue() ? INVALID : ABSENT
}

function readInfoHash(request: Request): boolean {
  request.hashCount = 0
  request.hashList = scanner.peek() === OPEN_BRACKET
  if (request.hashList) {
    request.infoHash = INVALID
    return readInfoHashes(request)
  }
  request.infoHashText = scanner.at
  request.infoHash = readId(request.ids, INFO_HASH)
  request.infoHashTextEnd = scanner.at
  if (request.infoHash !== VALID) return request.infoHash === INVALID
  addInfoHash(request, request.infoHashText)
  for (let i = 0; i < ID_WORDS; i++) request.hashes[i] = request.ids[INFO_HASH + i]
  return true
}

function readInfoHashes(request: Request): boolean {
  if (!scanner.enterArray()) return true
  do {
    scanner.peek()
    const start = scanner.at
    const room = request.hashCount < request.hashesMax
    const state = room ? readId(request.hashes, request.hashCount * HASH_WORDS) : INVALID
    if (state === ABSENT || (!room && !scanner.skipValue())) return false
    if (state === VALID) addInfoHash(request, start)
  } while (scanner.hasNext(false))
  return !scanner.broken
}

function addInfoHash(request: Request, start: number): void {
  const at = request.hashCount * HASH_WORDS
  request.hashes[at + HASH_TEXT] = start
  request.hashes[at + HASH_TEXT_END] = scanner.at
  request.hashCount++
}

function readPeerId(request: Request): boolean {
  scanner.peek()
  request.peerIdText = scanner.at
  request.peerId = readId(request.ids, PEER_ID)
  request.peerIdTextEnd = scanner.at
  return request.peerId !== ABSENT
}

function readToPeerId(request: Request): boolean {
  request.toPeerId = readId(request.ids, TO_PEER_ID)
  return request.toPeerId !== ABSENT
}

function readOfferId(request: Request): boolean {
  scanner.peek()
  request.offerIdText = scanner.at
  request.offerId = readOfferIdString(request.ids, OFFER_ID)
  request.offerIdTextEnd = scanner.at
  return request.offerId !== ABSENT
}

/** null is like no answer: the message is then an announce. */
function readAnswer(request: Request): boolean {
  const code = scanner.peek()
  request.answerText = scanner.at
  request.answer = code === OPEN_BRACE ? VALID : isNull() ? ABSENT : INVALID
  if (!scanner.skipValue()) return false
  request.answerTextEnd = scanner.at
  return true
}

/** Offers that are none are left out; so are those beyond the limit. null is like none at all. */
function readOffers(request: Request): boolean {
  request.offerCount = 0
  request.offersInvalid = 0
  request.offersBeyond = 0
  if (scanner.peek() !== OPEN_BRACKET) {
    if (!isNull()) request.offersInvalid = 1
    return scanner.skipValue()
  }
  if (!scanner.enterArray()) return true
  do {
    const count = request.offerCount
    const room = count < request.offersMax
    if (room && scanner.peek() === OPEN_BRACE) {
      if (!readOffer(request)) return false
    } else if (!scanner.skipValue()) {
      return false
    }
    if (!room) request.offersBeyond++
    else if (request.offerCount === count) request.offersInvalid++
  } while (scanner.hasNext(false))
  return !scanner.broken
}

function readOffer(request: Request): boolean {
  const { offers } = request
  const at = request.offerCount * OFFER_WORDS
  const item = scanner.at
  let keys = 0
  let description = ABSENT
  let id = ABSENT
  if (!scanner.enterObject()) return true
  do {
    keys++
    if (scanner.peek() !== QUOTE) return false
    const start = scanner.at
    if (!scanner.skipString()) return false
    const { escaped } = scanner
    const end = scanner.at
    if (!scanner.takeColon()) return false
    const code = scanner.peek()
    const value = scanner.at
    if (isString(start, end, escaped, 'offer')) {
      if (!scanner.skipValue()) return false
      description = code === OPEN_BRACE ? VALID : INVALID
      offers[at + OFFER_TEXT] = value
      offers[at + OFFER_TEXT_END] = scanner.at
    } else if (isString(start, end, escaped, 'offer_id')) {
      id = readOfferIdString(offers, at)
      if (id === ABSENT) return false
      offers[at + OFFER_ID_TEXT] = value
      offers[at + OFFER_ID_TEXT_END] = scanner.at
    } else if (!scanner.skipValue()) {
      return false
    }
  } while (scanner.hasNext(true))
  if (scanner.broken) return false
  if (description !== VALID || id !== VALID) return true
  offers[at + OFFER_ITEM] = keys === 2 ? item : 0
  offers[at + OFFER_ITEM_END] = scanner.at
  request.offerCount++
  return true
}
