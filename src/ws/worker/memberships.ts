// Which peers a connection has in which torrents, so that they leave with it. One per connection that has
// announced something; handle.ts adds and removes.
//
// A peer that ages out of the swarm stays here until the list is full or the connection closes; removing it
// from the swarm then does nothing.
import { ID_WORDS } from '../wire/request.ts'

// An entry: 0 info hash │ 5 peer id
export const MEMBER_PEER_ID = ID_WORDS
export const MEMBER_WORDS = 2 * ID_WORDS

const FIRST_ENTRIES = 2
const MANY_ENTRIES = 32

export class Memberships {
  count = 0
  /** Second of the last check for entries that have aged out. */
  sweptAt = -1
  words = new Int32Array(FIRST_ENTRIES * MEMBER_WORDS)
  /**
   * The first word of each info hash, once there is room for many. Each announce looks for its torrent:
   * `indexOf` takes 0.1 µs for 1,000 and 0.6 for 10,000, a loop over `words` 0.3 and 2.8; for ten entries a
   * loop is faster.
   */
  private firsts: Int32Array | null = null

  private grow(): void {
    const longer = new Int32Array(this.words.length * 2)
    longer.set(this.words)
    this.words = longer
    const entries = longer.length / MEMBER_WORDS
    if (entries < MANY_ENTRIES) return
    const firsts = new Int32Array(entries)
    for (let index = 0; index < this.count; index++) firsts[index] = longer[index * MEMBER_WORDS]
    this.firsts = firsts
  }

  // HOT: no allocation below this line.

  /** Adds a peer unless it is already there. */
  add(infoHash: Int32Array, hashAt: number, peerId: Int32Array, peerAt: number): void {
    if (this.find(infoHash, hashAt, peerId, peerAt) >= 0) return
    const at = this.count * MEMBER_WORDS
    if (at === this.words.length) this.grow()
    if (this.firsts !== null) this.firsts[this.count] = infoHash[hashAt]
    for (let i = 0; i < ID_WORDS; i++) {
      this.words[at + i] = infoHash[hashAt + i]
      this.words[at + MEMBER_PEER_ID + i] = peerId[peerAt + i]
    }
    this.count++
  }

  remove(infoHash: Int32Array, hashAt: number, peerId: Int32Array, peerAt: number): void {
    const index = this.find(infoHash, hashAt, peerId, peerAt)
    if (index >= 0) this.removeAt(index)
  }

  /** The last entry takes its place. */
  removeAt(index: number): void {
    this.count--
    if (this.firsts !== null) this.firsts[index] = this.firsts[this.count]
    const from = this.count * MEMBER_WORDS
    this.words.copyWithin(index * MEMBER_WORDS, from, from + MEMBER_WORDS)
  }

  /** The index of a peer, or −1. */
  find(infoHash: Int32Array, hashAt: number, peerId: Int32Array, peerAt: number): number {
    const { words } = this
    const first = infoHash[hashAt]
    for (let index = this.next(first, 0); index >= 0; index = this.next(first, index + 1)) {
      const at = index * MEMBER_WORDS
      if (!sameId(words, at, infoHash, hashAt)) continue
      if (sameId(words, at + MEMBER_PEER_ID, peerId, peerAt)) return index
    }
    return -1
  }

  /** How many other peer ids there are in a torrent; −1 if this one is already there. */
  othersIn(infoHash: Int32Array, hashAt: number, peerId: Int32Array, peerAt: number): number {
    const { words } = this
    const first = infoHash[hashAt]
    let others = 0
    for (let index = this.next(first, 0); index >= 0; index = this.next(first, index + 1)) {
      const at = index * MEMBER_WORDS
      if (!sameId(words, at, infoHash, hashAt)) continue
      if (sameId(words, at + MEMBER_PEER_ID, peerId, peerAt)) return -1
      others++
    }
    return others
  }

  /** The next entry from an index on whose info hash begins with this word, or −1. */
  private next(first: number, from: number): number {
    const { words, firsts, count } = this
    if (firsts !== null) {
      const index = firsts.indexOf(first, from)
      // Entries past the count were removed.
      return index < count ? index : -1
    }
    for (let index = from; index < count; index++) {
      if (words[index * MEMBER_WORDS] === first) return index
    }
    return -1
  }
}

/** Whether the ids at two positions are equal. */
export function sameId(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  for (let i = 0; i < ID_WORDS; i++) if (a[at + i] !== b[bt + i]) return false
  return true
}
