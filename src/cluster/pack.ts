// Packs what this node has to tell into batches: takes the records from the workers' rings, and buries who left. Called by
// the link for each batch, whether or not it can be sent, and by apply.ts; used by the cluster's thread alone. Owns the
// records that wait, of which there are so many at most: then the oldest are lost and counted.
//
// A peer may leave and come back within the seconds that a leave is uncertain by. Then its record alone would not show
// which came first, so it waits until that is over, and is sent if the peer is still there. The same is done for a peer
// that another node has seen leave, while this one has seen it later.
import { RingReader } from '../channel/ring.ts'
import { PEER_AGE_MAX, PEER_SEEDER_BIT, PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../swarm/layout.ts'
import { locate } from '../swarm/peers/locate.ts'
import { hashPeer, Peer } from '../swarm/peers/peer.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { findTorrent, hashInfoHash } from '../swarm/table/torrents.ts'
import type { Graves } from './graves.ts'
import {
  KIND_CHANGED,
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
import { SAME_MOMENT_SEC } from './order.ts'
import { Waiting } from './waiting.ts'

/** Records that wait at most, per address family: more than all rings of some workers hold. */
export const WAITING_MAX = 131_072
/** Then nothing else has happened in the same moment. */
const CERTAIN_SEC = SAME_MOMENT_SEC + 2
/** Of those that wait because a leave is uncertain. */
const UNCERTAIN_MAX = 4096

export interface PackerOptions {
  /** Of the workers, in their order. */
  readonly rings: readonly SharedArrayBuffer[]
  /** See createNoteState. */
  readonly state: SharedArrayBuffer
  readonly swarms: Swarms
  readonly graves: Graves
  readonly waitingMax?: number
}

export class Packer {
  /** Records that were lost here because too many waited. */
  overflowed = 0
  /** Peers that were not told of again because too many waited for that: others have them right with the next announce. */
  untold = 0
  private readonly rings: RingReader[]
  private readonly state: Int32Array
  private readonly swarms: Swarms
  private readonly graves: Graves
  private readonly ipv4: Waiting
  private readonly ipv6: Waiting
  private readonly uncertainIPv4 = new Waiting(NOTE_WORDS_IPV4, UNCERTAIN_MAX)
  private readonly uncertainIPv6 = new Waiting(NOTE_WORDS_IPV6, UNCERTAIN_MAX)
  private readonly peer = new Peer()
  /** Leaves that have been buried, as `leavesNoted` counts. */
  private leaves = 0
  /** Of the uncertain record that is looked at: when that was over. */
  private certain = 0

  constructor({ rings, state, swarms, graves, waitingMax = WAITING_MAX }: PackerOptions) {
    this.rings = rings.map((ring) => new RingReader(ring))
    this.state = new Int32Array(state)
    this.swarms = swarms
    this.graves = graves
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

  /** Takes everything from the workers' rings, and what has become certain. Not under a table's lock. */
  collect(now: number): void {
    const leaves = leavesNoted(this.state)
    const { rings } = this
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[i]
      ring.refresh()
      for (let at = ring.next(); at !== 0; at = ring.next()) this.collectRecord(ring, at)
      ring.release()
    }
    this.leaves = leaves
    this.releaseFrom(this.uncertainIPv4, this.ipv4, now)
    this.releaseFrom(this.uncertainIPv6, this.ipv6, now)
  }

  /**
   * Of the peer of the record at `words[at]`, which is of `second`, it is told again what is known here, as soon as that is beyond doubt. Also after
   * another node's record that this one knows better than: the announces here may not have been told (note.ts).
   */
  tellAgain(words: Int32Array, at: number, ipv4: boolean, second: number): void {
    const uncertain = ipv4 ? this.uncertainIPv4 : this.uncertainIPv6
    if (uncertain.isFull) this.untold++
    else uncertain.append(words, at, second)
  }

  private collectRecord({ words, count }: RingReader, at: number): void {
    const { peer, graves } = this
    const ipv4 = count === NOTE_WORDS_IPV4
    const second = words[at + count - 1]
    const last = words[at + count - 2]
    if (ipv4) peer.setIPv4(words[at + RECORD_ADDRESS])
    else peer.setWords(words, at + RECORD_ADDRESS)
    peer.port = last & RECORD_PORT_MASK
    const torrentHash = hashInfoHash(this.swarms.ipv4[0], words, at)
    const hash = torrentHash ^ hashPeer(this.swarms.tableOf(ipv4, torrentHash), peer)
    const waiting = ipv4 ? this.ipv4 : this.ipv6
    if (kindOfRecord(last) === KIND_LEFT) graves.bury(words, at, peer, hash, second)
    else {
      const sinceLeave = second - graves.secondOf(words, at, peer, hash)
      // For others it may be the same moment.
      if (sinceLeave <= CERTAIN_SEC) this.tellAgain(words, at, ipv4, second)
      if (sinceLeave <= SAME_MOMENT_SEC) return
    }
    // A seeder that is none any more: who hears first that it became one would not believe it.
    if (kindOfRecord(last) === KIND_CHANGED && last >= 0) this.tellAgain(words, at, ipv4, second)
    if (waiting.isFull) {
      waiting.dropOldest()
      this.overflowed++
    }
    waiting.append(words, at, second)
  }

  /**
   * Writes up to `recordsMax` of the records of a family that wait to `out[at]`, with their ages in seconds; returns how
   * many.
   */
  take(out: Int32Array, at: number, recordsMax: number, recordWords: number, now: number): number {
    const ipv4 = recordWords === RECORD_WORDS_IPV4
    const waiting = ipv4 ? this.ipv4 : this.ipv6
    let to = at
    let count = 0
    while (count < recordsMax && waiting.count > 0) {
      const { words, oldest } = waiting
      const age = now - waiting.oldestSecond
      for (let i = 0; i < recordWords; i++) out[to + i] = words[oldest + i]
      out[to + recordWords - 1] |= packAge(age) << RECORD_AGE_SHIFT
      waiting.dropOldest()
      to += recordWords
      count++
    }
    return count
  }

  /** Has those sent that are still there after a leave has become certain. */
  private releaseFrom(uncertain: Waiting, waiting: Waiting, now: number): void {
    while (uncertain.count > 0 && now - uncertain.oldestSecond >= CERTAIN_SEC) {
      const { words, oldest } = uncertain
      const at = oldest + uncertain.recordWords - 2
      const ipv4 = uncertain === this.uncertainIPv4
      this.certain = uncertain.oldestSecond + CERTAIN_SEC
      const last = this.settle(words, oldest, words[at], ipv4, now)
      if (last !== 0 && !waiting.isFull) {
        const kind =
          kindOfRecord(words[at]) === KIND_COMPLETED && last < 0 ? KIND_COMPLETED : KIND_SEEN
        words[at] = (last & (RECORD_PORT_MASK | PEER_SEEDER_BIT)) | (kind << RECORD_KIND_SHIFT)
        const age = (now - (last >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
        waiting.append(words, oldest, age > PEER_AGE_MAX ? now : now - age)
      } else if (last !== 0) this.untold++
      uncertain.dropOldest()
    }
  }

  /**
   * The last word of the row of the peer of a record, 0 if it is not there. It was seen at `certain` at the least, so that
   * it is younger than the leave for everybody. Here too: so a leave that follows undoes what others were told, and who
   * has missed both hears the same of a walk.
   */
  private settle(
    words: Int32Array,
    at: number,
    recordLast: number,
    ipv4: boolean,
    now: number,
  ): number {
    const { certain, peer, swarms } = this
    if (ipv4) peer.setIPv4(words[at + RECORD_ADDRESS])
    else peer.setWords(words, at + RECORD_ADDRESS)
    peer.port = recordLast & RECORD_PORT_MASK
    const hash = hashInfoHash(swarms.ipv4[0], words, at)
    const table = swarms.tableOf(ipv4, hash)
    table.lock()
    const row = findTorrent(table, words, at, hash)
    const place = row === 0 ? 0 : locate(table, row, peer)
    let last = 0
    if (place !== 0) {
      const seenAt = place + table.stride - 1
      last = table.words[seenAt]
      const age = (now - (last >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
      if (age <= PEER_AGE_MAX && age > now - certain) last = setSeen(last, certain)
      table.words[seenAt] = last
    }
    table.unlock()
    return last
  }
}

function setSeen(last: number, second: number): number {
  return (
    (last & ~(PEER_SEEN_MASK << PEER_SEEN_SHIFT)) | ((second & PEER_SEEN_MASK) << PEER_SEEN_SHIFT)
  )
}

/** Who is that old has expired elsewhere anyway, or is told of by a walk. */
function packAge(age: number): number {
  if (age < 0) return 0
  return age < RECORD_AGE_MASK ? age : RECORD_AGE_MASK
}
