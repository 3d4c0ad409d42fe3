// Carries out the requests in the rings of all socket workers, and writes the answers into the rings back.
// Called by request-worker.ts, once per turn. Owns its ends of the rings.
//
// If a ring back is full, the worker waits for it briefly, doing nothing else; then answers for it are dropped
// and counted until it has room again. Socket workers never wait.
import { RingReader, RingWriter } from '../../channel/ring.ts'
import { EventWaker, type Waker } from '../../channel/waker.ts'
import { REPLY_NAME, readName } from '../../os/message.ts'
import { familyOf, Request } from '../wire/request.ts'
import {
  DROPPED_RESPONSES,
  RESPONSE_WAITS,
  RESPONSE_WAKES,
  RESPONSES_SCRAPE,
} from '../worker/counters.ts'
import type { Responder } from '../worker/respond.ts'
import type { RequestLinks } from './links.ts'
import {
  isIPv4,
  isScrape,
  REQUEST_HEAD,
  REQUEST_RETURN,
  REQUEST_TRANSACTION,
  RESPONSE_BYTES,
  RESPONSE_RECORD_WORDS_MAX,
  RESPONSE_RETURN,
  RETURN_LENGTH_MASK,
  RETURN_PART,
  RETURN_REPLY,
  readAnnounceHead,
  scrapeCount,
} from './record.ts'

/**
 * How long to wait for a full ring. Its socket worker empties it many times per millisecond if it runs at all;
 * meanwhile the other workers' requests wait too.
 */
const ROOM_MILLISECONDS_MAX = 10

export class RequestServer {
  readonly readers: readonly RingReader[]
  private readonly writers: readonly RingWriter[]
  private readonly wakers: readonly Waker[]
  private readonly responder: Responder
  private readonly request = new Request()
  private readonly counts: Int32Array
  /** Where dropped answers are written. */
  private readonly scratch = new Int32Array(RESPONSE_RECORD_WORDS_MAX)
  /** Rings that stayed full, for which it does not wait again until they have room. */
  private readonly stuck: Uint8Array
  private first = 0

  constructor(links: RequestLinks, responder: Responder) {
    const { requests, responses, socketSleepWords, events } = links
    this.readers = requests.map((ring) => new RingReader(ring))
    this.writers = responses.map((ring) => new RingWriter(ring, RESPONSE_RECORD_WORDS_MAX))
    this.wakers = socketSleepWords.map((word, i) => new EventWaker(word, events[i]))
    this.responder = responder
    this.counts = responder.counts
    this.stuck = new Uint8Array(requests.length)
  }

  // HOT: no allocation below this line.

  /** Serves up to `max` requests from all rings, a different ring first each time; returns how many. */
  serveAll(max: number): number {
    const rings = this.readers.length
    let left = max
    for (let i = 0; i < rings && left > 0; i++) {
      const ring = this.first + i < rings ? this.first + i : this.first + i - rings
      if (this.readers[ring].refresh()) left -= this.serveRing(ring, left)
    }
    this.first = this.first + 1 < rings ? this.first + 1 : 0
    return max - left
  }

  private serveRing(ring: number, max: number): number {
    const reader = this.readers[ring]
    let served = 0
    while (served < max) {
      const at = reader.next()
      if (at === 0) break
      this.serve(ring, reader.words, at)
      served++
    }
    reader.release()
    this.show(ring)
    return served
  }

  /** Carries out the request at `words[at]`, and writes its answer to the ring back. */
  private serve(ring: number, words: Int32Array, at: number): void {
    const writer = this.writers[ring]
    const room = writer.room(RESPONSE_RECORD_WORDS_MAX) || this.waitForRoom(ring)
    const out = room === 0 ? this.scratch : writer.words
    const back = at + REQUEST_RETURN
    const backWords = words[back] & RETURN_LENGTH_MASK
    const { request } = this
    request.words = words
    request.at = at
    request.transaction = words[at + REQUEST_TRANSACTION]
    request.out = out
    request.to = room + RESPONSE_RETURN + backWords
    const head = words[at + REQUEST_HEAD]
    const bytes = isScrape(head)
      ? this.scrape(head, back + backWords)
      : this.announce(head, back + backWords)
    if (room === 0) {
      this.counts[DROPPED_RESPONSES]++
      return
    }
    this.stuck[ring] = 0
    out[room + RESPONSE_BYTES] = bytes
    for (let i = 0; i < backWords; i++) out[room + RESPONSE_RETURN + i] = words[back + i]
    writer.append(room, RESPONSE_RETURN + backWords + ((bytes + 3) >>> 2))
  }

  private announce(head: number, body: number): number {
    const { request } = this
    const { words, announce, peer } = request
    readName(peer, words, request.at + REQUEST_RETURN + RETURN_REPLY + REPLY_NAME)
    request.family = familyOf(peer.ipv4)
    readAnnounceHead(head, announce)
    announce.source = words
    announce.hash = words[body]
    announce.infoHash = body + 1
    return this.responder.announce(request)
  }

  private scrape(head: number, body: number): number {
    const { request } = this
    request.peer.ipv4 = isIPv4(head)
    request.family = familyOf(request.peer.ipv4)
    // A scrape in parts is counted once, where they are joined.
    if ((request.words[request.at + REQUEST_RETURN] & RETURN_PART) === 0) {
      this.counts[request.family + RESPONSES_SCRAPE]++
    }
    request.infoHashes = body
    request.infoHashCount = scrapeCount(head)
    return this.responder.scrape(request)
  }

  /** Publishes answers to a socket worker, and wakes it if it sleeps. */
  private show(ring: number): void {
    if (this.writers[ring].publish() && this.wakers[ring].wake()) this.counts[RESPONSE_WAKES]++
  }

  /** Waits for room in a full ring; returns the position, or 0 if it stayed full. */
  private waitForRoom(ring: number): number {
    if (this.stuck[ring] !== 0) return 0
    this.show(ring)
    this.counts[RESPONSE_WAITS]++
    const writer = this.writers[ring]
    if (writer.waitForRoom(RESPONSE_RECORD_WORDS_MAX, ROOM_MILLISECONDS_MAX)) {
      return writer.room(RESPONSE_RECORD_WORDS_MAX)
    }
    this.stuck[ring] = 1
    return 0
  }
}
