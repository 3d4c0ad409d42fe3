// Packs what this node has to tell into batches: takes the records from the workers' rings, and buries who left. Called by
// the link for each batch, whether or not it can be sent, and by apply.ts; used by the cluster's thread alone. Owns the
// records that wait, of which there are so many at most: then the oldest are lost and counted.
//
// A worker does not know who has left in this second, so it may give the same second to a leave and to the return after it, and
// records of several workers come in another order than they happened. The row of the peer, under the lock of its table, says
// which was last: if the peer is there, it gets a later second than its leave (order.ts).
import { RingReader } from '../channel/ring.ts'
import { PEER_SEEDER_BIT, PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../swarm/layout.ts'
import { locate } from '../swarm/peers/locate.ts'
import { hashPeer, Peer } from '../swarm/peers/peer.ts'
import { AHEAD_MAX_SEC, RETURNS_MAX_SEC, secondOf } from '../swarm/seconds.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { findTorrent, hashInfoHash } from '../swarm/table/torrents.ts'
import type { ClusterClock } from './cluster-clock.ts'
import type { Graves } from './graves.ts'
import {
  KIND_COMPLETED,
  KIND_LEFT,
  KIND_SEEN,
  kindOfRecord,
  RECORD_ADDRESS,
  RECORD_AGE_MASK,
  RECORD_AGE_SHIFT,
  RECORD_KIND_SHIFT,
  RECORD_PORT_MASK,
  RECORD_WORDS_IPV4,
} from './layout.ts'
import { leavesNoted, NOTE_WORDS_IPV4, NOTE_WORDS_IPV6, recordsLost } from './note.ts'
import { Waiting } from './waiting.ts'

/** Records that wait at most, per address family: more than all rings of some workers hold. */
export const WAITING_MAX = 131_072

export interface PackerOptions {
  /** Of the workers, in their order. */
  readonly rings: readonly SharedArrayBuffer[]
  /** See createNoteState. */
  readonly state: SharedArrayBuffer
  readonly swarms: Swarms
  readonly graves: Graves
  readonly clock: ClusterClock
  readonly waitingMax?: number
}

export class Packer {
  /** Records that were lost here because too many waited. */
  overflowed = 0
  /** Peers that left and came back too often within seconds to be told of: others have them right with the next announce. */
  untold = 0
  private readonly rings: RingReader[]
  private readonly state: Int32Array
  private readonly swarms: Swarms
  private readonly graves: Graves
  private readonly clock: ClusterClock
  private readonly ipv4: Waiting
  private readonly ipv6: Waiting
  private readonly peer = new Peer()
  private torrentHash = 0
  /** Leaves that have been buried, as `leavesNoted` counts. */
  private leaves = 0

  constructor(options: PackerOptions) {
    const { rings, state, swarms, graves, clock, waitingMax = WAITING_MAX } = options
    this.rings = rings.map((ring) => new RingReader(ring))
    this.state = new Int32Array(state)
    this.swarms = swarms
    this.graves = graves
    this.clock = clock
    this.ipv4 = new Waiting(NOTE_WORDS_IPV4, waitingMax)
    this.ipv6 = new Waiting(NOTE_WORDS_IPV6, waitingMax)
  }

  /** Records that others cannot have from us, since the start: in the workers' rings, or here, there was no room. Wraps. */
  get lost(): number {
    let lost = this.overflowed
    for (let worker = 0; worker < this.rings.length; worker++) {
      lost = (lost + recordsLost(this.state, worker)) | 0
    }
    return lost
  }

  // HOT: no allocation below this line.

  /** Records that wait to be taken, of both families. */
  get waiting(): number {
    return this.ipv4.count + this.ipv6.count
  }

  /** Whether a worker has noted a leave that is not buried yet. Under the lock of a table: one of its leaves. */
  get isBehind(): boolean {
    return leavesNoted(this.state) !== this.leaves
  }

  /** Takes everything from the workers' rings. Not under a table's lock. */
  collect(now: number): void {
    const leaves = leavesNoted(this.state)
    const { rings } = this
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[i]
      ring.refresh()
      for (let at = ring.next(); at !== 0; at = ring.next()) this.collectRecord(ring, at, now)
      ring.release()
    }
    this.leaves = leaves
  }

  /**
   * Tells of the peer of the record at `words[at]`, which another node has told of, what is known here: `last` with port and role, or
   * KIND_LEFT, and when that was.
   */
  tell(words: Int32Array, at: number, ipv4: boolean, last: number, second: number): void {
    const waiting = ipv4 ? this.ipv4 : this.ipv6
    if (waiting.isFull) {
      waiting.dropOldest()
      this.overflowed++
    }
    waiting.append(words, at, last, second)
  }

  private collectRecord({ words, count }: RingReader, at: number, now: number): void {
    const { peer, graves, swarms } = this
    const ipv4 = count === NOTE_WORDS_IPV4
    const second = words[at + count - 1]
    const last = words[at + count - 2]
    if (ipv4) peer.setIPv4(words[at + RECORD_ADDRESS])
    else peer.setWords(words, at + RECORD_ADDRESS)
    peer.port = last & RECORD_PORT_MASK
    const torrentHash = hashInfoHash(swarms.ipv4[0], words, at)
    const hash = torrentHash ^ hashPeer(swarms.tableOf(ipv4, torrentHash), peer)
    this.torrentHash = torrentHash
    if (kindOfRecord(last) === KIND_LEFT) {
      graves.bury(words, at, peer, hash, second)
      this.tell(words, at, ipv4, last, second)
      this.settle(words, at, ipv4, KIND_SEEN, second, now)
      return
    }
    const left = graves.secondOf(words, at, peer, hash)
    if (second > left) this.tell(words, at, ipv4, last, second)
    else this.settle(words, at, ipv4, kindOfRecord(last), left, now)
  }

  /**
   * If the peer of a record that has left at `left` is there, it has come back since. It is told even if it has a later second already:
   * that may be of an announce that was no news.
   */
  private settle(
    words: Int32Array,
    at: number,
    ipv4: boolean,
    kind: number,
    left: number,
    now: number,
  ): void {
    const { peer, swarms, torrentHash } = this
    const table = swarms.tableOf(ipv4, torrentHash)
    table.lock()
    const row = findTorrent(table, words, at, torrentHash)
    const place = row === 0 ? 0 : locate(table, row, peer)
    let last = 0
    let second = 0
    if (place !== 0) {
      const seenAt = place + table.stride - 1
      last = table.words[seenAt]
      second = secondOf(last, now)
      if (second <= left && left - now >= RETURNS_MAX_SEC) {
        this.untold++
        last = 0
      } else if (second <= left) {
        second = left + 1
        table.words[seenAt] = setSeen(last, second)
      }
    }
    table.unlock()
    if (last === 0) return
    const told = kind === KIND_COMPLETED && last < 0 ? KIND_COMPLETED : KIND_SEEN
    const roleAndPort = last & (RECORD_PORT_MASK | PEER_SEEDER_BIT)
    this.tell(words, at, ipv4, roleAndPort | (told << RECORD_KIND_SHIFT), second)
  }

  /** Writes up to `recordsMax` of the records of a family that wait to `out[at]`, with their ages; returns how many. */
  take(out: Int32Array, at: number, recordsMax: number, recordWords: number, now: number): number {
    const ipv4 = recordWords === RECORD_WORDS_IPV4
    const waiting = ipv4 ? this.ipv4 : this.ipv6
    let to = at
    let count = 0
    while (count < recordsMax && waiting.count > 0) {
      const { words, oldest } = waiting
      const age = this.clock.ageOf(waiting.oldestSecond, now)
      for (let i = 0; i < recordWords; i++) out[to + i] = words[oldest + i]
      out[to + recordWords - 1] |= packAge(age) << RECORD_AGE_SHIFT
      waiting.dropOldest()
      to += recordWords
      count++
    }
    return count
  }
}

function setSeen(last: number, second: number): number {
  return (
    (last & ~(PEER_SEEN_MASK << PEER_SEEN_SHIFT)) | ((second & PEER_SEEN_MASK) << PEER_SEEN_SHIFT)
  )
}

/** As it is written. Who is that old has expired elsewhere anyway, or is told of by a walk. */
export function packAge(age: number): number {
  const told = age + AHEAD_MAX_SEC
  if (told < 0) return 0
  return told < RECORD_AGE_MASK ? told : RECORD_AGE_MASK
}
