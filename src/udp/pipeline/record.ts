// The records that travel between socket workers and request workers, as words. Written by forward.ts
// and request-worker.ts, read by request-worker.ts and deliver.ts. Owns no memory.
//
//  request: 0 head │ 1 transaction id │ 2… return │ then
//             announce: hash, info hash (5)      scrape: info hashes (5 each)
//                       and, where clients are counted, the beginning of the peer id (2)
//    head:    kind 1 bit │ 1 IPv4 │ 2 seeder, 3 completed, 4 stopped │ 8–15 peers wanted
//             │ 16–31 announce: port as on the wire, scrape: info hashes
//  response: 0 bytes of the answer │ 1… return, copied from the request │ then the answer, ready to be sent
//
//  return: 0 words of it (8 bits) │ 8 part of a scrape │ 16–31 socket
//    of a whole request:  1 time of receipt (nanoseconds modulo 2^32) │ 2… reply address
//    of a part:           1 ticket (join.ts)
//
// A request carries only what is needed from the packet, 56 bytes for an IPv4 announce. The return is what only
// the answer needs; the request worker copies it unread. So the socket worker keeps no state of a request, and
// nothing has to be cleaned up when one is dropped.
import { PEER_ID_WORDS } from '../../census/sample.ts'
import { REPLY_WORDS_MAX } from '../../os/message.ts'
import type { Announce } from '../../swarm/announce.ts'
import { INFO_HASH_WORDS } from '../../swarm/table/torrents.ts'
import { ANSWER_BYTES_MAX_IPV4, SCRAPE_MAX } from '../wire/layout.ts'

export const REQUEST_HEAD = 0
export const REQUEST_TRANSACTION = 1
export const REQUEST_RETURN = 2

const KIND_SCRAPE = 1
const IPV4 = 2
const SEEDER = 4
const COMPLETED = 8
const STOPPED = 16
const WANTED_SHIFT = 8
const WANTED_MASK = 0xff
const PORT_SHIFT = 16

export const RETURN_LENGTH_MASK = 0xff
export const RETURN_PART = 1 << 8
export const RETURN_SOCKET_SHIFT = 16
/** Offsets from the return's start: time or ticket, then the reply address. */
export const RETURN_TIME = 1
export const RETURN_TICKET = 1
export const RETURN_REPLY = 2
export const RETURN_PART_WORDS = 2
const RETURN_WORDS_MAX = RETURN_REPLY + REPLY_WORDS_MAX

export const RESPONSE_BYTES = 0
export const RESPONSE_RETURN = 1

/** The most words that a record has before its body. */
export const REQUEST_FRONT_WORDS_MAX = REQUEST_RETURN + RETURN_WORDS_MAX
export const ANNOUNCE_RECORD_WORDS_MAX =
  REQUEST_FRONT_WORDS_MAX + 1 + INFO_HASH_WORDS + PEER_ID_WORDS
export const REQUEST_RECORD_WORDS_MAX = REQUEST_FRONT_WORDS_MAX + SCRAPE_MAX * INFO_HASH_WORDS
export const RESPONSE_RECORD_WORDS_MAX =
  RESPONSE_RETURN + RETURN_WORDS_MAX + Math.ceil(ANSWER_BYTES_MAX_IPV4 / 4)

// HOT: no allocation below this line.

/** The head of an announce's record. */
export function announceHead({ peer, seeder, completed, stopped, wanted }: Announce): number {
  return (
    (peer.ipv4 ? IPV4 : 0) |
    (seeder ? SEEDER : 0) |
    (completed ? COMPLETED : 0) |
    (stopped ? STOPPED : 0) |
    (wanted << WANTED_SHIFT) |
    (peer.port << PORT_SHIFT)
  )
}

/** Reads what `announceHead` wrote, except the family, which follows from the reply address. */
export function readAnnounceHead(head: number, announce: Announce): void {
  announce.peer.port = head >>> PORT_SHIFT
  announce.seeder = (head & SEEDER) !== 0
  announce.completed = (head & COMPLETED) !== 0
  announce.stopped = (head & STOPPED) !== 0
  announce.wanted = (head >>> WANTED_SHIFT) & WANTED_MASK
}

/** The head of the record of a scrape, or part of one, with `count` torrents. */
export function scrapeHead(ipv4: boolean, count: number): number {
  return KIND_SCRAPE | (ipv4 ? IPV4 : 0) | (count << PORT_SHIFT)
}

export function isScrape(head: number): boolean {
  return (head & KIND_SCRAPE) !== 0
}

export function isIPv4(head: number): boolean {
  return (head & IPV4) !== 0
}

/** The number of torrents in the record of a scrape. */
export function scrapeCount(head: number): number {
  return head >>> PORT_SHIFT
}
