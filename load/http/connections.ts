// The connections of a load worker and what each waits for: fills them with requests, finds the answers
// in what arrives, and decides when a connection ends and the next one begins. Called by worker.ts (what
// may be sent, what is too old) and by a transport (what has happened). Owns the slots and the bytes of
// answers of which only a part has come.
//
// A request is lost when no answer comes in time, or when a new connection ends without one. On a
// connection that had answered before, the tracker may end it at any time, as RFC 9112 allows: what was
// not answered is then asked again on a new one, as clients do, and its latency goes on counting.
import { nowMilliseconds } from '../../src/os/clock.ts'
import { HISTOGRAM_BUCKETS, recordMs } from '../histogram.ts'
import type { Random } from '../random.ts'
import { ANNOUNCE, CONNECT, FLOOD, LATENCIES, PLACE } from './counts.ts'
import type { Generator } from './generate.ts'
import type { Judge } from './judge.ts'
import { KIND, NONE, type Requests, requestAt, SOURCE } from './requests.ts'
import { MALFORMED, ResponseHead } from './response-head.ts'
import type { Feed } from './schedule.ts'
import {
  ANSWERED,
  CONNECTING,
  FIRST,
  FREE,
  MAY_ASK,
  OPEN,
  PARTIAL,
  Slots,
  SOURCE_OF,
  STATE,
  slotAt,
  WAITING,
} from './slots.ts'
import type { Source } from './source.ts'
import type { Transport, TransportUser } from './transport.ts'

/** A scrape of all torrents that fit a request is far shorter. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** After a connection that could not be opened: the tracker is gone, or there are no ports left. */
const PAUSE_MS = 50
const UNLIMITED = 0x7fffffff
const TWO_32 = 4294967296

export interface ConnectionSettings {
  /** Of this worker. */
  readonly connections: number
  /** Beside those, of requests that are not valid. */
  readonly floodConnections: number
  readonly keepShare: number
  /** 0 = no limit. */
  readonly requestsPerConnection: number
  readonly pipelining: number
  readonly contentLength: boolean
}

export class Connections implements TransportUser {
  private readonly settings: ConnectionSettings
  private readonly slots: Slots
  private readonly words: Int32Array
  private readonly requests: Requests
  private readonly generator: Generator
  private readonly judge: Judge
  private readonly sources: readonly Source[]
  private readonly random: Random
  private readonly counts: Int32Array
  private readonly latencies: Float64Array
  private readonly latenciesAt: number
  private readonly feed: Feed
  private readonly floodFeed: Feed
  private readonly head = new ResponseHead()
  private readonly keepLimit: number
  private transport!: Transport
  private nextSource = 0
  private pausedUntilMs = 0
  private nowMs = 0

  constructor(options: {
    settings: ConnectionSettings
    requests: Requests
    generator: Generator
    judge: Judge
    sources: readonly Source[]
    random: Random
    counts: Int32Array
    latencies: Float64Array
    worker: number
    feed: Feed
    floodFeed: Feed
  }) {
    const { settings } = options
    this.settings = settings
    const { connections, floodConnections } = settings
    this.slots = new Slots(connections, floodConnections, options.requests)
    this.words = this.slots.words
    this.requests = options.requests
    this.generator = options.generator
    this.judge = options.judge
    this.sources = options.sources
    this.random = options.random
    this.counts = options.counts
    this.latencies = options.latencies
    this.latenciesAt = options.worker * LATENCIES.length * HISTOGRAM_BUCKETS
    this.feed = options.feed
    this.floodFeed = options.floodFeed
    this.keepLimit = settings.keepShare * TWO_32
  }

  useTransport(transport: Transport): void {
    this.transport = transport
  }

  // HOT: no allocation below this line.

  /** Gives connections without a request some, as long as there are any to send. */
  fill(nowMs: number): void {
    this.nowMs = nowMs
    if (nowMs < this.pausedUntilMs) return
    const { slots } = this
    let slot = slots.takeOrdinary()
    while (slot !== NONE && this.begin(slot)) slot = slots.takeOrdinary()
    slot = slots.takeFlood()
    while (slot !== NONE && this.begin(slot)) slot = slots.takeFlood()
  }

  /** Gives up what waits for longer than since `sinceMs`. */
  expire(sinceMs: number, nowMs: number): void {
    this.nowMs = nowMs
    for (let slot = 0; slot < this.slots.count; slot++) {
      const at = slotAt(slot)
      const first = this.words[at + FIRST]
      if (first === NONE || this.requests.times[first] > sinceMs) continue
      this.counts[PLACE.lost] += this.slots.loseAll(at)
      this.transport.close(slot)
      this.slots.freed(slot)
      this.slots.putBack(slot)
    }
    this.counts[PLACE.lost] += this.requests.expireRetries(sinceMs)
  }

  /** At the end: what still waits is lost, and all connections are closed. */
  closeAll(): void {
    this.expire(Number.POSITIVE_INFINITY, this.nowMs)
    for (let slot = 0; slot < this.slots.count; slot++) {
      if (this.words[slotAt(slot) + STATE] !== FREE) this.transport.close(slot)
    }
  }

  /** Requests that wait, those to be sent again included. */
  get underWay(): number {
    return this.requests.taken
  }

  opened(slot: number): void {
    const at = slotAt(slot)
    this.words[at + STATE] = OPEN
    this.counts[PLACE.connections_opened]++
    const took = nowMilliseconds() - this.slots.begunAt[slot]
    recordMs(this.latencies, this.latenciesAt + CONNECT * HISTOGRAM_BUCKETS, took)
  }

  received(slot: number, bytes: Uint8Array, from: number, to: number): void {
    const at = slotAt(slot)
    const partial = this.words[at + PARTIAL]
    this.nowMs = nowMilliseconds()
    this.counts[PLACE.received_bytes] += to - from
    if (partial === 0) {
      this.take(slot, bytes, from, to)
      return
    }
    const length = this.slots.append(slot, bytes, from, to)
    this.words[at + PARTIAL] = 0
    this.take(slot, this.slots.partials[slot], 0, length)
  }

  /** Takes answers out of bytes in the order of the requests; keeps what is not whole. */
  private take(slot: number, bytes: Uint8Array, from: number, to: number): void {
    const at = slotAt(slot)
    this.judge.begin(bytes, this.nowMs)
    let next = from
    while (next < to) {
      const id = this.words[at + FIRST]
      if (id === NONE) {
        this.counts[PLACE.wrong_unasked]++
        this.endBroken(slot)
        return
      }
      const used = this.takeOne(id, bytes, next, to)
      if (used < 0) {
        this.broken(slot, PLACE.wrong_head)
        return
      }
      if (used === 0) {
        if (to - next > ANSWER_BYTES_MAX) this.broken(slot, PLACE.wrong_head)
        else this.slots.keep(slot, bytes, next, to)
        return
      }
      next += used
      this.slots.unlinkFirst(at)
      this.words[at + ANSWERED]++
      if (this.head.closes || this.isLast(at)) {
        if (next < to) this.counts[PLACE.wrong_unasked]++
        this.endConnection(slot)
        return
      }
    }
    this.askMore(slot)
  }

  /** Nothing more is asked on it. */
  private isLast(at: number): boolean {
    return this.words[at + MAY_ASK] === 0 && this.words[at + WAITING] === 0
  }

  /** Bytes of the answer to request `id`; 0 when it is not whole, negative when it is none. */
  private takeOne(id: number, bytes: Uint8Array, from: number, to: number): number {
    const { head } = this
    const body = head.read(bytes, from, to)
    if (body === MALFORMED) return MALFORMED
    // Without a length, the end of the connection is the end of the answer.
    if (body === 0 || head.contentLength < 0) return 0
    const end = body + head.contentLength
    if (end > to) return 0
    this.settle(id, body, end)
    return end - from
  }

  private settle(id: number, body: number, end: number): void {
    const { requests, counts } = this
    const kind = requests.words[requestAt(id) + KIND]
    const source = this.sources[requests.words[requestAt(id) + SOURCE]]
    if (kind === FLOOD) {
      counts[PLACE.flood_answers]++
      counts[PLACE.flood_answered_bytes] += end - body
    } else {
      counts[kind === ANNOUNCE ? PLACE.answered_announce : PLACE.answered_scrape]++
      const took = this.nowMs - requests.times[id]
      recordMs(this.latencies, this.latenciesAt + kind * HISTOGRAM_BUCKETS, took)
    }
    this.judge.judge(id, source, this.head.status, body, end)
  }

  /** What came is no answer that could be read: counts, and ends the connection. */
  private broken(slot: number, place: number): void {
    const at = slotAt(slot)
    const id = this.words[at + FIRST]
    this.settleUnread(id, place)
    this.slots.unlinkFirst(at)
    this.endBroken(slot)
  }

  /** It was answered, though wrongly: so it is not missing. */
  private settleUnread(id: number, place: number): void {
    const kind = this.requests.words[requestAt(id) + KIND]
    if (kind === FLOOD) return
    this.counts[place]++
    this.counts[kind === ANNOUNCE ? PLACE.answered_announce : PLACE.answered_scrape]++
  }

  private endBroken(slot: number): void {
    this.words[slotAt(slot) + ANSWERED]++
    this.endConnection(slot)
  }

  /** By us; what waits on it is asked again. */
  private endConnection(slot: number): void {
    this.transport.close(slot)
    this.counts[PLACE.retried] += this.slots.retryAll(slotAt(slot))
    this.slots.freed(slot)
    if (!this.slots.waits(slot)) this.begin(slot)
  }

  ended(slot: number): void {
    const at = slotAt(slot)
    const { words, counts } = this
    const wasOpen = words[at + STATE] === OPEN
    this.nowMs = nowMilliseconds()
    if (wasOpen && words[at + PARTIAL] > 0) this.endOfPartial(slot)
    if (wasOpen && words[at + ANSWERED] > 0) counts[PLACE.retried] += this.slots.retryAll(at)
    else {
      if (!wasOpen) counts[PLACE.connections_failed]++
      else if (words[at + FIRST] !== NONE && !this.slots.isFlood(slot)) {
        counts[PLACE.connections_unanswered]++
      }
      this.counts[PLACE.lost] += this.slots.loseAll(at)
    }
    this.slots.freed(slot)
    if (this.slots.waits(slot)) return
    if (wasOpen) {
      this.begin(slot)
      return
    }
    this.pausedUntilMs = this.nowMs + PAUSE_MS
    this.slots.putBack(slot)
  }

  /** The connection ended after a part of an answer, or after one that told no length. */
  private endOfPartial(slot: number): void {
    const at = slotAt(slot)
    const { head, counts, words } = this
    const id = words[at + FIRST]
    const bytes = this.slots.partials[slot]
    const end = words[at + PARTIAL]
    words[at + PARTIAL] = 0
    words[at + ANSWERED]++
    const body = head.read(bytes, 0, end)
    if (body > 0 && head.contentLength < 0) {
      const isFlood = this.requests.words[requestAt(id) + KIND] === FLOOD
      if (this.settings.contentLength && !isFlood) counts[PLACE.wrong_no_length]++
      this.judge.begin(bytes, this.nowMs)
      this.settle(id, body, end)
    } else this.settleUnread(id, PLACE.wrong_cut)
    this.slots.unlinkFirst(at)
  }

  /** Starts a connection with requests; false when there is nothing to send, and the slot waits. */
  private begin(slot: number): boolean {
    const at = slotAt(slot)
    const { words, settings } = this
    if (this.nowMs < this.pausedUntilMs) {
      this.slots.putBack(slot)
      return false
    }
    if (words[at + STATE] === OPEN) return this.askMore(slot)
    const keeps = !this.slots.isFlood(slot) && this.random.next() >>> 0 < this.keepLimit
    const limit = settings.requestsPerConnection === 0 ? UNLIMITED : settings.requestsPerConnection
    words[at + ANSWERED] = 0
    words[at + PARTIAL] = 0
    words[at + SOURCE_OF] = this.nextSource
    words[at + MAY_ASK] = keeps ? limit : 1
    this.generator.end = 0
    if (!this.queue(slot, true)) {
      this.slots.putBack(slot)
      return false
    }
    this.nextSource = (this.nextSource + 1) % this.sources.length
    words[at + STATE] = CONNECTING
    this.slots.begunAt[slot] = nowMilliseconds()
    const source = words[at + SOURCE_OF]
    if (this.transport.connect(slot, source, this.generator.end)) return true
    this.ended(slot)
    return false
  }

  /** More requests on an open connection; one without any waits for them. */
  private askMore(slot: number): boolean {
    this.generator.end = 0
    if (this.queue(slot, false)) {
      this.transport.send(slot, this.generator.end)
      return true
    }
    if (this.words[slotAt(slot) + WAITING] === 0) this.slots.putBack(slot)
    return false
  }

  /** Writes as many requests as the connection may have under way; false for none. */
  private queue(slot: number, isNew: boolean): boolean {
    const at = slotAt(slot)
    const { words, settings, generator, counts } = this
    let queued = 0
    while (words[at + WAITING] < settings.pipelining && words[at + MAY_ASK] > 0) {
      const id = this.nextRequest(slot, isNew)
      if (id === NONE) break
      words[at + MAY_ASK]--
      const number = this.requests.words[requestAt(id) + SOURCE]
      const bytes = generator.write(id, this.sources[number], words[at + MAY_ASK] > 0)
      counts[this.slots.isFlood(slot) ? PLACE.flood_sent_bytes : PLACE.sent_bytes] += bytes
      if (!isNew) counts[PLACE.sent_on_kept]++
      this.slots.linkLast(at, id)
      queued++
    }
    return queued > 0
  }

  /** Those that are to be asked again go first, on new connections only. */
  private nextRequest(slot: number, isNew: boolean): number {
    const { requests, generator, counts, words } = this
    const isFlood = this.slots.isFlood(slot)
    const number = words[slotAt(slot) + SOURCE_OF]
    if (!isFlood && isNew && requests.firstRetry !== NONE) {
      // The peer announces from its own address, so that is where the connection comes from.
      const own = requests.words[requestAt(requests.firstRetry) + SOURCE]
      const isFirst = words[slotAt(slot) + WAITING] === 0
      if (!isFirst && own !== number) return NONE
      words[slotAt(slot) + SOURCE_OF] = own
      return requests.takeRetry()
    }
    const timeMs = (isFlood ? this.floodFeed : this.feed).next(this.nowMs)
    if (timeMs < 0) return NONE
    const id = requests.take()
    requests.times[id] = timeMs
    if (isFlood) {
      generator.chooseFlood(id)
      counts[PLACE.flood_sent]++
      return id
    }
    generator.choose(id, this.sources[number], number)
    const kind = requests.words[requestAt(id) + KIND]
    counts[kind === ANNOUNCE ? PLACE.sent_announce : PLACE.sent_scrape]++
    return id
  }
}
