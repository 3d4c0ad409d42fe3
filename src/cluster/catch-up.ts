// What a node is told that has missed something, or has just started: who has left lately, and everybody who was heard of
// in the last seconds, whichever node told of them, with the counts of completed downloads. Called by the link, segment by
// segment, beside everything else; one per node that is answered. Used by the cluster's thread alone. Owns its walk.
//
// The walk (swarm/walks/export.ts) takes a table's lock for some tens of microseconds at a time, beside announces. What
// happens meanwhile and is not seen by it is in the log.
import { PEER_PORT_MASK, PEER_SEEDER_BIT } from '../swarm/layout.ts'
import { AHEAD_MAX_SEC, secondOf } from '../swarm/seconds.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { Table } from '../swarm/table/table.ts'
import { INFO_HASH_WORDS } from '../swarm/table/torrents.ts'
import { PIECE_COMPLETED, PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../swarm/walks/export.ts'
import type { ClusterClock } from './cluster-clock.ts'
import { GRAVE_ADDRESS, GRAVE_SECOND, type Graves } from './graves.ts'
import {
  AGE_UNIT_MAX,
  KIND_COUNT,
  KIND_LEFT,
  RECORD_ADDRESS,
  RECORD_AGE_MASK,
  RECORD_AGE_SHIFT,
  RECORD_KIND_SHIFT,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from './layout.ts'

/** Torrents and peers per taking of the lock. */
const SLICE = 500
/** Slices per call, and graves: if few of them were heard of lately, a call ends after about a millisecond all the same. */
const SLICES_MAX = 8
const GRAVES_PER_CALL = 32_768
/** Tables are told of in so many parts at most, per address family. */
const PARTS_MAX = 32

export interface CatchUpParts {
  readonly swarms: Swarms
  readonly graves: Graves
  readonly clock: ClusterClock
}

export class CatchUp {
  /** The first two: who has left, of IPv4 and IPv6. Then the tables of IPv4, and those of IPv6. */
  readonly segments: number
  /** Of the segment that is open. */
  recordWords = RECORD_WORDS_IPV4
  /** Seconds per unit of the ages that are written. */
  ageUnit = 1
  /** The segment that is open has been written. */
  hasEnded = false
  private readonly swarms: Swarms
  private readonly graves: Graves
  private readonly clock: ClusterClock
  private readonly walk = new Walk(false)
  private readonly parts: number
  private ipv4 = true
  private seconds = 0
  private now = 0
  /** Of the graves, the next one; those from `gravesEnd` on are not asked for. */
  private grave = 0
  private gravesEnd = 0
  private tables: readonly Table[] = []
  private table = 0
  /** The table under way has more. */
  private isWalking = false
  /** In the slice that the walk has copied: the piece under way, the next of its peers, and their end. */
  private piece = 0
  private peer = 0
  private peersEnd = 0
  private hasSent = false
  private out: Int32Array = new Int32Array(0)
  private to = 0
  private left = 0

  constructor(parts: CatchUpParts) {
    const { swarms, graves } = parts
    this.swarms = swarms
    this.graves = graves
    this.clock = parts.clock
    this.parts = Math.min(PARTS_MAX, swarms.ipv4.length)
    this.segments = 2 + 2 * this.parts
  }

  /** Begins with a segment: who was heard of in the last `seconds`. */
  open(segment: number, seconds: number): void {
    const { parts, swarms } = this
    const part = segment - 2
    this.ipv4 = segment < 2 ? segment === 0 : part < parts
    this.seconds = seconds
    this.ageUnit = 1
    const most = this.seconds + AHEAD_MAX_SEC
    while (this.ageUnit < AGE_UNIT_MAX && most > this.ageUnit * RECORD_AGE_MASK) {
      this.ageUnit *= 2
    }
    this.recordWords = this.ipv4 ? RECORD_WORDS_IPV4 : RECORD_WORDS_IPV6
    this.grave = 0
    this.gravesEnd = segment < 2 ? this.graves.places : 0
    const all = this.ipv4 ? swarms.ipv4 : swarms.ipv6
    this.tables = segment < 2 ? [] : all.filter((_, index) => index % parts === part % parts)
    this.table = -1
    this.hasEnded = false
    this.isWalking = false
    this.walk.used = 0
    this.piece = 0
    this.peer = 0
    this.peersEnd = 0
  }

  /**
   * Writes up to `recordsMax` records to `out[at]`, with their ages at `now`, and returns how many: maybe none, although it has not
   * ended.
   */
  next(out: Int32Array, at: number, recordsMax: number, now: number): number {
    this.now = now
    this.out = out
    this.to = at
    this.left = recordsMax
    this.copyGraves()
    let slices = this.grave < this.gravesEnd ? 0 : SLICES_MAX
    while (this.left > 0) {
      if (this.piece < this.walk.used) this.copyPeers()
      else if (slices-- === 0) break
      else if (!this.slice()) {
        this.hasEnded = true
        break
      }
    }
    return recordsMax - this.left
  }

  /** Has the walk copy more; false at the end. */
  private slice(): boolean {
    if (!this.isWalking) {
      if (this.table + 1 >= this.tables.length) return false
      this.table++
      this.walk.open(this.tables[this.table])
    }
    this.isWalking = this.walk.slice(SLICE)
    this.piece = 0
    this.openPiece()
    return true
  }

  private openPiece(): void {
    const { walk, piece } = this
    this.hasSent = false
    this.peer = piece + PIECE_HEAD_WORDS
    const peers = piece < walk.used ? walk.words[piece + PIECE_PEERS] : 0
    this.peersEnd = this.peer + peers * this.tables[this.table].stride
  }

  // HOT: no allocation below this line.

  private copyGraves(): void {
    const { graves, ipv4, now, seconds } = this
    const rest = this.gravesEnd - this.grave
    const end = this.grave + (rest < GRAVES_PER_CALL ? rest : GRAVES_PER_CALL)
    for (; this.grave < end && this.left > 0; this.grave++) {
      const grave = graves.graveAt(this.grave)
      if (grave === 0 || graves.isIPv4(grave) !== ipv4) continue
      const second = graves.words[grave + GRAVE_SECOND]
      if (now - second > seconds) continue
      this.copyAddress(graves.words, grave, grave + GRAVE_ADDRESS)
      this.add(graves.portOf(grave) | (KIND_LEFT << RECORD_KIND_SHIFT), second)
    }
  }

  private copyPeers(): void {
    const { now, seconds, walk } = this
    const { words } = walk
    const { stride } = this.tables[this.table]
    while (this.left > 0 && this.piece < walk.used) {
      if (this.peer < this.peersEnd) {
        const last = words[this.peer + stride - 1]
        const second = secondOf(last, now)
        if (now - second <= seconds) {
          this.copyAddress(words, this.piece, this.peer)
          this.add(last & (PEER_PORT_MASK | PEER_SEEDER_BIT), second)
          this.hasSent = true
        }
        this.peer += stride
        continue
      }
      this.addCount(words)
      this.piece = this.peersEnd
      this.openPiece()
    }
  }

  /** After the peers of a piece, since who has none of them has no torrent to count for. */
  private addCount(words: Int32Array): void {
    const { out, piece, recordWords, to } = this
    if (!this.hasSent || words[piece + PIECE_COMPLETED] === 0 || !this.swarms.countDownloads) return
    for (let i = 0; i < INFO_HASH_WORDS; i++) out[to + i] = words[piece + i]
    for (let i = RECORD_ADDRESS; i < recordWords; i++) out[to + i] = 0
    out[to + RECORD_ADDRESS] = words[piece + PIECE_COMPLETED]
    this.write(KIND_COUNT << RECORD_KIND_SHIFT, 0)
  }

  private copyAddress(words: Int32Array, infoHash: number, address: number): void {
    const { out, to } = this
    for (let i = 0; i < INFO_HASH_WORDS; i++) out[to + i] = words[infoHash + i]
    const count = this.recordWords - RECORD_ADDRESS - 1
    for (let i = 0; i < count; i++) out[to + RECORD_ADDRESS + i] = words[address + i]
  }

  /** `last`: the last word of the record, without its age, which is rounded up. */
  private add(last: number, second: number): void {
    const age = this.clock.ageOf(second, this.now) + AHEAD_MAX_SEC
    this.write(last, age > 0 ? Math.ceil(age / this.ageUnit) : 0)
  }

  private write(last: number, units: number): void {
    const most = units < RECORD_AGE_MASK ? units : RECORD_AGE_MASK
    this.out[this.to + this.recordWords - 1] = last | (most << RECORD_AGE_SHIFT)
    this.to += this.recordWords
    this.left--
  }
}
