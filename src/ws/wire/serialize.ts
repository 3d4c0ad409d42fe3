// The messages for clients, written where they are sent from. Called by handle.ts, scrape.ts and signal.ts.
//
// Ids and descriptions are copied as they were in a client's message, quotes included: checked JSON. Every message has
// what clients need to understand it: the action (without it they consider the connection broken) and, if known, the
// info hash (without it they cannot tell which torrent it is about). For each message there is also a bound of its size.
import {
  ACTION_SCRAPE,
  HASH_TEXT,
  HASH_TEXT_END,
  OFFER_ID_TEXT,
  OFFER_ID_TEXT_END,
  OFFER_ITEM,
  OFFER_ITEM_END,
  OFFER_TEXT,
  OFFER_TEXT_END,
  type Request,
  VALID,
} from './request.ts'
import { SHORT_CHARACTERS_MAX } from './strings.ts'
import { NUMBER_BYTES_MAX, type Phrase, phrase, type Writer } from './writer.ts'

const ANNOUNCE_INTERVAL = phrase('{"action":"announce","interval":')
const COMPLETE = phrase(',"complete":')
const INCOMPLETE = phrase(',"incomplete":')
const INFO_HASH = phrase(',"info_hash":')
const WARNING = phrase(',"warning message":"')
const LEFT_OUT = phrase(
  ` left out of offers: each needs an object offer, and an offer_id of at most ${SHORT_CHARACTERS_MAX} characters"`,
)
const FILES = phrase('{"action":"scrape","files":{')
const FILE_COMPLETE = phrase(':{"complete":')
const DOWNLOADED = phrase(',"downloaded":')
const END_OF_FILES = phrase('}}')
const ANNOUNCE_FAILURE = phrase('{"action":"announce","failure reason":"')
const SCRAPE_FAILURE = phrase('{"action":"scrape","failure reason":"')
const PEER_ID = phrase(',"peer_id":')
const OFFER_ID = phrase(',"offer_id":')
const ANNOUNCE = phrase('{"action":"announce",')
const OFFER = phrase('"offer":')
const ANSWER = phrase('{"action":"announce","answer":')

const QUOTE = 34
const COMMA = 44
const CLOSE_BRACE = 125

const ANNOUNCE_BYTES =
  ANNOUNCE_INTERVAL.length +
  COMPLETE.length +
  INCOMPLETE.length +
  INFO_HASH.length +
  WARNING.length +
  LEFT_OUT.length +
  4 * NUMBER_BYTES_MAX +
  1
const FILE_BYTES =
  FILE_COMPLETE.length + INCOMPLETE.length + DOWNLOADED.length + 3 * NUMBER_BYTES_MAX + 2
const FAILURE_BYTES = ANNOUNCE_FAILURE.length + INFO_HASH.length + OFFER_ID.length + 2
const TAIL_BYTES = PEER_ID.length + INFO_HASH.length + 1
const FIELDS_BYTES = OFFER.length + OFFER_ID.length

// HOT: no allocation below this line.

export function announceBytes(request: Request): number {
  return ANNOUNCE_BYTES + infoHashBytes(request)
}

/**
 * `complete` and `incomplete` include the announcing peer, as the protocol's clients expect. `leftOut`: how many invalid
 * offers to warn of; clients show that and otherwise treat the response as usual.
 */
export function writeAnnounce(
  writer: Writer,
  request: Request,
  interval: number,
  complete: number,
  incomplete: number,
  leftOut: number,
): void {
  writer.phrase(ANNOUNCE_INTERVAL)
  writer.number(interval)
  writer.phrase(COMPLETE)
  writer.number(complete)
  writer.phrase(INCOMPLETE)
  writer.number(incomplete)
  writer.phrase(INFO_HASH)
  writeInfoHash(writer, request)
  if (leftOut > 0) {
    writer.phrase(WARNING)
    writer.number(leftOut)
    writer.phrase(LEFT_OUT)
  }
  writer.byte(CLOSE_BRACE)
}

/** For all torrents of a request, whose info hashes are part of it. */
export function scrapeBytes({ hashCount, from, to }: Request): number {
  return FILES.length + END_OF_FILES.length + hashCount * FILE_BYTES + to - from
}

export function beginScrape(writer: Writer): void {
  writer.phrase(FILES)
}

/** Begins the counts of a torrent, whose info hash is at `at` in the request's list. */
export function writeFileName(writer: Writer, { hashes, source }: Request, at: number): void {
  if (at > 0) writer.byte(COMMA)
  writer.part(source, hashes[at + HASH_TEXT], hashes[at + HASH_TEXT_END])
}

export function writeFile(
  writer: Writer,
  complete: number,
  incomplete: number,
  downloaded: number,
): void {
  writer.phrase(FILE_COMPLETE)
  writer.number(complete)
  writer.phrase(INCOMPLETE)
  writer.number(incomplete)
  writer.phrase(DOWNLOADED)
  writer.number(downloaded)
  writer.byte(CLOSE_BRACE)
}

export function endScrape(writer: Writer): void {
  writer.phrase(END_OF_FILES)
}

export function failureBytes(request: Request, reason: Phrase): number {
  return FAILURE_BYTES + reason.length + infoHashBytes(request) + offerIdBytes(request)
}

/** With everything valid that tells the client what it is about. */
export function writeFailure(writer: Writer, request: Request, reason: Phrase): void {
  writer.phrase(request.action === ACTION_SCRAPE ? SCRAPE_FAILURE : ANNOUNCE_FAILURE)
  writer.phrase(reason)
  writer.byte(QUOTE)
  if (request.infoHash === VALID) {
    writer.phrase(INFO_HASH)
    writeInfoHash(writer, request)
  }
  if (request.offerId === VALID) {
    writer.phrase(OFFER_ID)
    writer.part(request.source, request.offerIdText, request.offerIdTextEnd)
  }
  writer.byte(CLOSE_BRACE)
}

/** An offer's description and id, as fields of a message. */
export function fieldsBytes({ offers }: Request, at: number): number {
  const description = offers[at + OFFER_TEXT_END] - offers[at + OFFER_TEXT]
  const id = offers[at + OFFER_ID_TEXT_END] - offers[at + OFFER_ID_TEXT]
  return FIELDS_BYTES + description + id
}

export function writeFields(writer: Writer, { source, offers }: Request, at: number): void {
  writer.phrase(OFFER)
  writer.part(source, offers[at + OFFER_TEXT], offers[at + OFFER_TEXT_END])
  writer.phrase(OFFER_ID)
  writer.part(source, offers[at + OFFER_ID_TEXT], offers[at + OFFER_ID_TEXT_END])
}

/** Whether an offer has those fields only, so that they can be copied in one piece, from `fieldsFrom` on. */
export function hasFieldsOnly({ offers }: Request, at: number): boolean {
  return offers[at + OFFER_ITEM] !== 0
}

export function fieldsFrom({ offers }: Request, at: number): number {
  return offers[at + OFFER_ITEM] + 1
}

export function fieldsTo({ offers }: Request, at: number): number {
  return offers[at + OFFER_ITEM_END] - 1
}

export function tailBytes(request: Request): number {
  return TAIL_BYTES + peerIdBytes(request) + infoHashBytes(request)
}

/** The common end of all offer messages of an announce, from after the offer itself. */
export function writeTail(writer: Writer, request: Request): void {
  writer.phrase(PEER_ID)
  writer.part(request.source, request.peerIdText, request.peerIdTextEnd)
  writer.phrase(INFO_HASH)
  writeInfoHash(writer, request)
  writer.byte(CLOSE_BRACE)
}

/** `fields`, `tail`: how many bytes they have. */
export function offerBytes(fields: number, tail: number): number {
  return ANNOUNCE.length + fields + tail
}

/** Begins an offer's message, which continues with the fields and the tail. */
export function beginOffer(writer: Writer): void {
  writer.phrase(ANNOUNCE)
}

export function answerBytes(request: Request): number {
  const answer = request.answerTextEnd - request.answerText
  return ANSWER.length + answer + OFFER_ID.length + offerIdBytes(request) + tailBytes(request)
}

export function writeAnswer(writer: Writer, request: Request): void {
  const { source } = request
  writer.phrase(ANSWER)
  writer.part(source, request.answerText, request.answerTextEnd)
  writer.phrase(OFFER_ID)
  writer.part(source, request.offerIdText, request.offerIdTextEnd)
  writeTail(writer, request)
}

function writeInfoHash(writer: Writer, request: Request): void {
  writer.part(request.source, request.infoHashText, request.infoHashTextEnd)
}

// Positions of what is not valid are those of an earlier message.

function infoHashBytes(request: Request): number {
  return request.infoHash === VALID ? request.infoHashTextEnd - request.infoHashText : 0
}

function peerIdBytes(request: Request): number {
  return request.peerId === VALID ? request.peerIdTextEnd - request.peerIdText : 0
}

function offerIdBytes(request: Request): number {
  return request.offerId === VALID ? request.offerIdTextEnd - request.offerIdText : 0
}
