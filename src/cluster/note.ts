// Notes what happens in the swarms of a node, for the other nodes: a record per announce into the ring of this worker,
// from which the cluster's thread takes them (pack.ts). Called by requests/responder.ts. One per worker that carries out
// announces.
//
//  ring record: a record (layout.ts) without its age │ the second that its age is counted from
//  shared words: leaves noted by all workers │ per worker, a cache line each: records that found no room
//
// To show a record to another thread, or to take or give back a lock, has the processor wait for all that it has written, and
// the ring is not in its caches: the other thread has read it. So announces are noted after the lock, and first into a stage
// that stays in the caches. It is written into the ring at once, where the processor fetches its lines together: with the
// first record of a worker's turn, then when it is full, and at the end of the turn. A whole announce over UDP takes 1.5 % longer, in
// place of 2.3 % without the stage (bench/cluster.ts noting, Bun 1.4.5, November 2026).
//
// Nothing waits: when the ring is full the record is lost and counted, and the others learn by a gap in the sequence that
// they have to ask.
//
// A leave, though, is shown to the cluster's thread before the table's lock is given back. So whoever holds the lock, and has read
// all that is in the rings, knows every leave that has happened in the table, and adds nobody who is gone (apply.ts).
import { RingWriter } from '../channel/ring.ts'
import type { Announce } from '../swarm/announce.ts'
import { PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../swarm/layout.ts'
import {
  KIND_COMPLETED,
  KIND_LEFT,
  KIND_SEEN,
  RECORD_ADDRESS,
  RECORD_KIND_SHIFT,
  RECORD_SEEDER_BIT,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from './layout.ts'
import { secondOfLeave } from './order.ts'

export const NOTE_WORDS_IPV4 = RECORD_WORDS_IPV4 + 1
export const NOTE_WORDS_IPV6 = RECORD_WORDS_IPV6 + 1

/** A worker's ring: 256 KiB, which 100,000 announces per second fill in 70 ms. */
export const NOTE_RING_WORDS = 65_536

/** Within one turn, records until the stage is written. */
const PUBLISH_EVERY = 32

/** Of so many records of IPv6. */
const STAGE_WORDS = PUBLISH_EVERY * (NOTE_WORDS_IPV6 + 1)

const LEAVES = 0
const LINE_WORDS = 16

export function createNoteState(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + workers) * LINE_WORDS * 4)
}

/** What a worker needs to note. */
export interface NoteData {
  readonly ring: SharedArrayBuffer
  /** See createNoteState. */
  readonly state: SharedArrayBuffer
  /** Of the worker, among all that note. */
  readonly index: number
}

/** How many leaves all workers have noted; wraps. */
export function leavesNoted(state: Int32Array): number {
  return Atomics.load(state, LEAVES)
}

/** How many records of a worker found no room; wraps. */
export function recordsLost(state: Int32Array, index: number): number {
  return Atomics.load(state, (1 + index) * LINE_WORDS)
}

export class ClusterNotes {
  private readonly ring: RingWriter
  private readonly state: Int32Array
  private readonly lostAt: number
  /** What has been noted since the ring was written last: of each record its length, and the record. */
  private readonly stage = new Int32Array(new ArrayBuffer(STAGE_WORDS * 4))
  private staged = 0
  /** A renewal is noted when the second, moved by a hash, passes a multiple of 2 to the power of this. */
  private renewalShift = 0
  private untilPublished = 1
  /** The second of the first announce here. Others may not know of a peer that this process had from disk. */
  private since = 0

  /** `maxPeerAge`: in seconds. */
  constructor({ ring, state, index }: NoteData, maxPeerAge: number) {
    this.ring = new RingWriter(ring, NOTE_WORDS_IPV6)
    this.state = new Int32Array(state)
    this.lostAt = (1 + index) * LINE_WORDS
    this.setMaxPeerAge(maxPeerAge)
  }

  /** Also at runtime. Two periods are shorter than the age, so that nobody expires elsewhere who still announces. */
  setMaxPeerAge(seconds: number): void {
    let shift = 0
    while (2 ** (shift + 2) < seconds) shift++
    this.renewalShift = shift
  }

  // HOT: no allocation below this line.

  /** A turn of the worker begins. */
  beginTurn(): void {
    this.endTurn()
    this.untilPublished = 1
  }

  /** It may be some time until the next one. */
  endTurn(): void {
    if (this.staged !== 0) this.publish()
  }

  /** After an announce that was carried out. */
  seen(announce: Announce): void {
    const { before, seeder, now } = announce
    if (this.since === 0) this.since = now
    let kind = KIND_SEEN
    if (announce.counted) kind = KIND_COMPLETED
    else if (!announce.joined && before < 0 === seeder && !this.isRenewalDue(announce)) return
    this.write(announce, kind, now)
    if (--this.untilPublished === 0) this.publish()
  }

  /** After a leave, of a peer that was there or not. */
  left(announce: Announce): void {
    const { before, now, peer } = announce
    // Who leaves may say so without a port, and then nobody is meant.
    if (peer.port === 0) return
    this.write(announce, KIND_LEFT, secondOfLeave(before, now))
    this.publish()
    Atomics.add(this.state, LEAVES, 1)
  }

  private isRenewalDue({ before, now, hash, peer }: Announce): boolean {
    const age = (now - (before >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
    if (age > now - this.since) return true
    const shift = this.renewalShift
    const offset = hash ^ peer.a0 ^ peer.a3 ^ peer.port
    const last = (before >>> PEER_SEEN_SHIFT) + offset
    return (((now + offset) ^ last) & PEER_SEEN_MASK) >>> shift !== 0
  }

  private write(announce: Announce, kind: number, second: number): void {
    const { source, infoHash, peer, seeder } = announce
    const { stage, staged } = this
    const count = peer.ipv4 ? NOTE_WORDS_IPV4 : NOTE_WORDS_IPV6
    const at = staged + 1
    for (let i = 0; i < RECORD_ADDRESS; i++) stage[at + i] = source[infoHash + i]
    stage[at + RECORD_ADDRESS] = peer.a0
    if (!peer.ipv4) {
      stage[at + RECORD_ADDRESS + 1] = peer.a1
      stage[at + RECORD_ADDRESS + 2] = peer.a2
      stage[at + RECORD_ADDRESS + 3] = peer.a3
    }
    const end = at + count
    stage[end - 2] =
      peer.port |
      (kind << RECORD_KIND_SHIFT) |
      (seeder && kind !== KIND_LEFT ? RECORD_SEEDER_BIT : 0)
    stage[end - 1] = second
    stage[staged] = count
    this.staged = end
  }

  /** Writes all that is staged into the ring, and shows it. */
  private publish(): void {
    const { ring, stage, staged } = this
    if (!ring.appendAll(stage, staged)) this.appendEach()
    this.staged = 0
    this.untilPublished = PUBLISH_EVERY
    ring.publish()
  }

  private appendEach(): void {
    const { ring, stage, staged } = this
    const { words } = ring
    for (let from = 0; from < staged; from += stage[from] + 1) {
      const count = stage[from]
      const at = ring.room(count)
      if (at === 0) Atomics.add(this.state, this.lostAt, 1)
      else {
        for (let i = 0; i < count; i++) words[at + i] = stage[from + 1 + i]
        ring.append(at, count)
      }
    }
  }
}
