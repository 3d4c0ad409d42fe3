// Passes valid requests on to the request workers that own their torrents. Called by handle.ts in place of
// respond.ts, in the socket worker; deliver.ts is the way back. Owns the writing ends of the rings.
//
// Nothing here waits. A request is dropped and counted if its ring is full: the client asks again.

import { PEER_ID_WORDS } from '../../census/sample.ts'
import type { RingWriter } from '../../channel/ring.ts'
import type { Waker } from '../../channel/waker.ts'
import { hashWords } from '../../memory/half-sip-hash.ts'
import { ownerOf } from '../../requests/owners.ts'
import { INFO_HASH_WORDS } from '../../swarm/table/torrents.ts'
import { SCRAPE_MAX } from '../wire/layout.ts'
import type { Request } from '../wire/request.ts'
import { DROPPED_REQUESTS, REQUEST_WAKES } from '../worker/counters.ts'
import type { HashKeys } from '../worker/handle.ts'
import type { Requests } from '../worker/respond.ts'
import type { ScrapeJoiner } from './join.ts'
import {
  ANNOUNCE_RECORD_WORDS_MAX,
  announceHead,
  REQUEST_FRONT_WORDS_MAX,
  REQUEST_HEAD,
  REQUEST_RETURN,
  REQUEST_TRANSACTION,
  RETURN_PART,
  RETURN_PART_WORDS,
  RETURN_REPLY,
  RETURN_SOCKET_SHIFT,
  RETURN_TICKET,
  RETURN_TIME,
  scrapeHead,
} from './record.ts'

/** The writing end of one request worker's ring. */
export interface RequestLink {
  readonly writer: RingWriter
  readonly waker: Waker
}

/** Where the packets of the current batch came from: a PacketBatch. */
export interface ReplySource {
  readonly current: number
  writeReplyAddress(i: number, words: Int32Array, at: number): number
}

export interface ForwarderParts {
  readonly links: readonly RequestLink[]
  readonly joiner: ScrapeJoiner
  readonly keys: HashKeys
  /** Tables per address family. */
  readonly tables: number
  readonly batch: ReplySource
  readonly counts: Int32Array
  readonly countsClients: boolean
}

export class Forwarder implements Requests {
  /** Requests passed on since the last `forget`. */
  passed = 0
  private readonly writers: readonly RingWriter[]
  private readonly wakers: readonly Waker[]
  private readonly joiner: ScrapeJoiner
  private readonly counts: Int32Array
  private readonly key0: number
  private readonly key1: number
  private readonly shardShift: number
  /** How many words of the packet, from the info hash on, an announce needs. */
  private readonly announceWords: number
  private batch: ReplySource
  private socket = 0
  private time = 0
  /** For the current scrape: each torrent's owner, and how many torrents each owner has. */
  private readonly owners = new Int32Array(SCRAPE_MAX)
  private readonly shares: Int32Array

  constructor(parts: ForwarderParts) {
    const { links, joiner, keys, batch, counts } = parts
    this.announceWords = INFO_HASH_WORDS + (parts.countsClients ? PEER_ID_WORDS : 0)
    this.writers = links.map(({ writer }) => writer)
    this.wakers = links.map(({ waker }) => waker)
    this.joiner = joiner
    this.counts = counts
    this.key0 = keys.key0
    this.key1 = keys.key1
    this.shardShift = 32 - Math.log2(parts.tables)
    this.batch = batch
    this.shares = new Int32Array(links.length)
  }

  setTime(now: number): void {
    this.joiner.setTime(now)
  }

  // HOT: no allocation below this line.

  /** The packets that follow are in `batch`, from socket number `socket`, received at `time`. */
  setBatch(batch: ReplySource, socket: number, time: number): void {
    this.batch = batch
    this.socket = socket
    this.time = time
    this.passed = 0
  }

  announce({ announce, transaction }: Request): number {
    const { source, infoHash, hash } = announce
    const writer = this.writers[this.ownerOf(hash)]
    const at = writer.room(ANNOUNCE_RECORD_WORDS_MAX)
    if (at === 0) return this.drop()
    const record = writer.words
    record[at + REQUEST_HEAD] = announceHead(announce)
    record[at + REQUEST_TRANSACTION] = transaction
    let to = at + REQUEST_RETURN + this.writeReturn(record, at + REQUEST_RETURN)
    record[to++] = hash
    for (let i = 0; i < this.announceWords; i++) record[to++] = source[infoHash + i]
    writer.append(at, to - at)
    this.passed++
    return 0
  }

  scrape(request: Request): number {
    const count = request.infoHashCount
    const parts = this.share(request)
    // All parts or none: it is known beforehand whether they fit, since only this worker writes to these rings.
    if (!this.hasRoom()) return this.drop()
    const slot = parts === 1 ? -1 : this.joiner.open(count, parts, request.transaction)
    if (parts > 1 && slot < 0) return 0
    if (slot >= 0) {
      this.writeReturn(this.joiner.words, this.joiner.returnOf(slot))
      for (let i = 0; i < count; i++) this.joiner.setOwner(slot, i, this.owners[i])
    }
    for (let owner = 0; owner < this.shares.length; owner++) {
      if (this.shares[owner] !== 0) this.writeScrape(owner, request, slot)
    }
    this.passed++
    return 0
  }

  /** Publishes the records to the request workers, and wakes those that sleep. */
  publish(): void {
    for (let i = 0; i < this.writers.length; i++) {
      if (this.writers[i].publish() && this.wakers[i].wake()) this.counts[REQUEST_WAKES]++
    }
  }

  private ownerOf(hash: number): number {
    return ownerOf(hash >>> this.shardShift, this.writers.length)
  }

  private drop(): number {
    this.counts[DROPPED_REQUESTS]++
    return 0
  }

  /** Divides a scrape among the owners of its torrents; returns the number of owners. */
  private share({ words, infoHashes, infoHashCount }: Request): number {
    const shares = this.shares
    shares.fill(0)
    let parts = 0
    for (let i = 0; i < infoHashCount; i++) {
      const at = infoHashes + i * INFO_HASH_WORDS
      const owner = this.ownerOf(hashWords(words, at, INFO_HASH_WORDS, this.key0, this.key1))
      this.owners[i] = owner
      if (shares[owner]++ === 0) parts++
    }
    return parts
  }

  private hasRoom(): boolean {
    for (let i = 0; i < this.shares.length; i++) {
      const share = this.shares[i]
      if (share === 0) continue
      const room = this.writers[i].room(REQUEST_FRONT_WORDS_MAX + share * INFO_HASH_WORDS)
      if (room === 0) return false
    }
    return true
  }

  /** Writes an owner's share of a scrape; `slot` −1: the whole scrape. */
  private writeScrape(owner: number, request: Request, slot: number): void {
    const { words, infoHashes } = request
    const share = this.shares[owner]
    const writer = this.writers[owner]
    const at = writer.room(REQUEST_FRONT_WORDS_MAX + share * INFO_HASH_WORDS)
    const record = writer.words
    record[at + REQUEST_HEAD] = scrapeHead(request.peer.ipv4, share)
    record[at + REQUEST_TRANSACTION] = request.transaction
    let to = at + REQUEST_RETURN
    if (slot < 0) {
      to += this.writeReturn(record, to)
    } else {
      record[to] = RETURN_PART_WORDS | RETURN_PART
      record[to + RETURN_TICKET] = this.joiner.ticketOf(slot)
      to += RETURN_PART_WORDS
    }
    for (let i = 0; i < request.infoHashCount; i++) {
      if (this.owners[i] !== owner) continue
      const from = infoHashes + i * INFO_HASH_WORDS
      for (let n = 0; n < INFO_HASH_WORDS; n++) record[to++] = words[from + n]
    }
    writer.append(at, to - at)
  }

  /** Writes what the answer needs from the packet; returns the number of words. */
  private writeReturn(words: Int32Array, at: number): number {
    words[at + RETURN_TIME] = this.time
    const reply = this.batch.writeReplyAddress(this.batch.current, words, at + RETURN_REPLY)
    words[at] = (RETURN_REPLY + reply) | (this.socket << RETURN_SOCKET_SHIFT)
    return RETURN_REPLY + reply
  }
}
