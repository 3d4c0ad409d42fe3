// Parses a client's message in one pass over its bytes. Called by handle.ts for each message; fills the worker's
// Request.
//
// Like JSON.parse, it takes the last of several equal keys, accepts keys with escapes, and skips unknown ones.
// Unlike JSON.parse, it builds no values: ids become words, and anything meant for other clients stays where
// it is.

import { copyBytes, newRegion, type Region } from '../../memory/region.ts'
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  MINUS,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  ZERO,
} from './characters.ts'
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
import { JsonScanner, NULL } from './scan.ts'
import { QUOTE } from './utf8.ts'

const scanner = new JsonScanner()

function bytesOf(word: string): Uint8Array {
  return new TextEncoder().encode(word)
}

// Keys of a message, then of an offer, then string values.
const ACTION = bytesOf('action')
const INFO_HASH_KEY = bytesOf('info_hash')
const PEER_ID_KEY = bytesOf('peer_id')
const OFFERS = bytesOf('offers')
const LEFT = bytesOf('left')
const EVENT = bytesOf('event')
const ANSWER = bytesOf('answer')
const TO_PEER_ID_KEY = bytesOf('to_peer_id')
const OFFER_ID_KEY = bytesOf('offer_id')
const OFFER = bytesOf('offer')
const ANNOUNCE = bytesOf('announce')
const SCRAPE = bytesOf('scrape')
const STARTED = bytesOf('started')
const COMPLETED = bytesOf('completed')
const STOPPED = bytesOf('stopped')

// An offer as all known clients write it.
const USUAL_OFFER = bytesOf('{"offer":{"type":"offer","sdp":"')
const USUAL_DESCRIPTION_AT = bytesOf('{"offer":').length
const USUAL_ID = bytesOf('},"offer_id":')
const USUAL_END = bytesOf('}')
const ID_START = bytesOf('"')

/** The scanner wants a byte behind the message, and there is none. */
function parseCopy(request: Request, source: Region, from: number, to: number): boolean {
  const copy = newRegion(to - from + 4)
  copyBytes(copy, 0, source, from, to - from)
  return parse(request, copy, 0, to - from)
}

// HOT: no allocation below this line.

/**
 * Parses the bytes up to `to`. False if they are not a JSON object; what was read before the fault is in the request.
 */
export function parse(request: Request, source: Region, from: number, to: number): boolean {
  if (to >> 2 >= source.words.length) return parseCopy(request, source, from, to)
  request.clear(source, from, to)
  scanner.open(source, from, to)
  const valid = readMessage(request)
  scanner.close()
  return valid
}

function readMessage(request: Request): boolean {
  if (scanner.peek() !== OPEN_BRACE) return false
  if (scanner.enter(CLOSE_BRACE)) {
    do {
      if (!readField(request)) return false
    } while (scanner.hasNext(true))
    if (scanner.broken) return false
  }
  return scanner.atEnd()
}

function readField(request: Request): boolean {
  if (!scanner.skipKey()) return false
  if (scanner.wasString(ACTION)) return readAction(request)
  if (scanner.wasString(INFO_HASH_KEY)) return readInfoHash(request)
  if (scanner.wasString(PEER_ID_KEY)) return readPeerId(request)
  if (scanner.wasString(OFFERS)) return readOffers(request)
  if (scanner.wasString(LEFT)) return readLeft(request)
  if (scanner.wasString(EVENT)) return readEvent(request)
  if (scanner.wasString(ANSWER)) return readAnswer(request)
  if (scanner.wasString(TO_PEER_ID_KEY)) return readToPeerId(request)
  if (scanner.wasString(OFFER_ID_KEY)) return readOfferId(request)
  return scanner.skipValue()
}

/** Skips the next value if it is a string; false if it is not. */
function skipIfString(): boolean {
  return scanner.peek() === QUOTE && scanner.skipString()
}

function readAction(request: Request): boolean {
  request.action = ACTION_UNKNOWN
  if (!skipIfString()) return scanner.skipValue()
  if (scanner.wasString(ANNOUNCE)) request.action = ACTION_ANNOUNCE
  else if (scanner.wasString(SCRAPE)) request.action = ACTION_SCRAPE
  return true
}

/** An unknown event counts as none: clients may know more events than we do. */
function readEvent(request: Request): boolean {
  request.event = EVENT_NONE
  if (skipIfString()) {
    if (scanner.wasString(STARTED)) request.event = EVENT_STARTED
    else if (scanner.wasString(COMPLETED)) request.event = EVENT_COMPLETED
    else if (scanner.wasString(STOPPED)) request.event = EVENT_STOPPED
    return true
  }
  if (!isNull()) request.event = EVENT_INVALID
  return scanner.skipValue()
}

function isNull(): boolean {
  return scanner.comes(NULL)
}

/** Only the number 0 makes a seeder: clients without metadata send null or other numbers. */
function readLeft(request: Request): boolean {
  const code = scanner.peek()
  request.seeder = false
  if (code !== MINUS && (code < ZERO || code > NINE)) return scanner.skipValue()
  if (!scanner.skipNumber()) return false
  request.seeder = scanner.zero
  return true
}

/** Reads the next value as an id: VALID or INVALID, or ABSENT if it is not even JSON. */
function readId(words: Int32Array, to: number): number {
  if (scanner.peek() === QUOTE && scanner.readId(words, to)) return VALID
  return scanner.skipValue() ? INVALID : ABSENT
}

/** The same for an offer id, which the offerer may choose freely; it usually has 20 bytes. */
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
  if (!scanner.enter(CLOSE_BRACKET)) return true
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

/** null counts as no answer: the message is then an announce. */
function readAnswer(request: Request): boolean {
  const code = scanner.peek()
  request.answerText = scanner.at
  request.answer = code === OPEN_BRACE ? VALID : isNull() ? ABSENT : INVALID
  if (!scanner.skipValue()) return false
  request.answerTextEnd = scanner.at
  return true
}

/** Invalid offers and those beyond the limit are left out. null counts as no offers. */
function readOffers(request: Request): boolean {
  request.offerCount = 0
  request.offersInvalid = 0
  request.offersBeyond = 0
  if (scanner.peek() !== OPEN_BRACKET) {
    if (!isNull()) request.offersInvalid = 1
    return scanner.skipValue()
  }
  if (!scanner.enter(CLOSE_BRACKET)) return true
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

/** Reads an offer if it is written in the usual way, which takes half as long; false, without a trace, if it is not. */
function readUsualOffer({ offers, offerCount }: Request): boolean {
  const at = offerCount * OFFER_WORDS
  const item = scanner.at
  if (!scanner.skipStringAfter(USUAL_OFFER)) return false
  const end = scanner.at + 1
  if (!scanner.skipWord(USUAL_ID)) return false
  const id = scanner.at
  if (!scanner.comes(ID_START) || !scanner.readId(offers, at)) return false
  const idEnd = scanner.at
  if (!scanner.skipWord(USUAL_END)) return false
  offers[at + OFFER_TEXT] = item + USUAL_DESCRIPTION_AT
  offers[at + OFFER_TEXT_END] = end
  offers[at + OFFER_ID_TEXT] = id
  offers[at + OFFER_ID_TEXT_END] = idEnd
  offers[at + OFFER_ITEM] = item
  offers[at + OFFER_ITEM_END] = scanner.at
  return true
}

function readOffer(request: Request): boolean {
  const item = scanner.at
  if (readUsualOffer(request)) {
    request.offerCount++
    return true
  }
  scanner.return(item)
  return readAnyOffer(request)
}

function readAnyOffer(request: Request): boolean {
  const { offers } = request
  const at = request.offerCount * OFFER_WORDS
  const item = scanner.at
  let keys = 0
  let description = ABSENT
  let id = ABSENT
  if (!scanner.enter(CLOSE_BRACE)) return true
  do {
    keys++
    if (!scanner.skipKey()) return false
    const code = scanner.peek()
    const value = scanner.at
    if (scanner.wasString(OFFER)) {
      if (!scanner.skipValue()) return false
      description = code === OPEN_BRACE ? VALID : INVALID
      offers[at + OFFER_TEXT] = value
      offers[at + OFFER_TEXT_END] = scanner.at
    } else if (scanner.wasString(OFFER_ID_KEY)) {
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
