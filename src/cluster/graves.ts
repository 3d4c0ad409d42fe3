// Who has left, of all nodes, so that an older record that arrives later does not bring them back, and so that others
// who missed it can be told (catch-up.ts). Used by the cluster's thread alone: pack.ts and apply.ts bury, apply.ts asks.
//
// Bounded: a queue of as many as there is room for, from which the oldest fall. Then a record that is even older may
// bring a peer back, until it expires.
//
//  grave: 0…4 info hash │ 5…8 address │ 9 port 16, IPv4 1 │ 10 hash │ 11 second │ 12 next of its chain │ 13 in use

import type { Peer } from '../swarm/peers/peer.ts'
import { INFO_HASH_WORDS } from '../swarm/table/torrents.ts'

export const GRAVE_ADDRESS = 5
const GRAVE_PEER = 9
const GRAVE_HASH = 10
export const GRAVE_SECOND = 11
const GRAVE_NEXT = 12
const GRAVE_USED = 13
const GRAVE_WORDS = 14
const IPV4_BIT = 1 << 16

/** Nobody known has left. */
export const NEVER = -(2 ** 31)

/** Some 14 MB, which are spent as they are used; the leaves of ten minutes at 400 per second. */
export const GRAVES_MAX = 262_144

export class Graves {
  readonly words: Int32Array
  private readonly heads: Int32Array
  private readonly mask: number
  private readonly max: number
  /** Of the queue: where the next one goes. */
  private next = 0

  constructor(max = GRAVES_MAX) {
    const heads = 2 ** Math.ceil(Math.log2(max))
    this.max = max
    // Explicit buffers, so that the system provides memory as it is touched.
    this.words = new Int32Array(new SharedArrayBuffer((max + 1) * GRAVE_WORDS * 4))
    this.heads = new Int32Array(new SharedArrayBuffer(heads * 4))
    this.mask = heads - 1
  }

  // HOT: no allocation below this line.

  /**
   * The peer has left the torrent whose info hash is at `words[at]`, which undoes what was announced up to `second`.
   * `hash`: of both.
   */
  bury(words: Int32Array, at: number, peer: Peer, hash: number, second: number): void {
    const known = this.find(words, at, peer, hash)
    if (known !== 0) {
      if (this.words[known + GRAVE_SECOND] >= second) return
      this.unlink(known)
    }
    this.next = this.next === this.max ? 1 : this.next + 1
    const grave = this.next * GRAVE_WORDS
    const graves = this.words
    if (graves[grave + GRAVE_USED] !== 0) this.unlink(grave)
    for (let i = 0; i < INFO_HASH_WORDS; i++) graves[grave + i] = words[at + i]
    graves[grave + GRAVE_ADDRESS] = peer.a0
    graves[grave + GRAVE_ADDRESS + 1] = peer.a1
    graves[grave + GRAVE_ADDRESS + 2] = peer.a2
    graves[grave + GRAVE_ADDRESS + 3] = peer.a3
    graves[grave + GRAVE_PEER] = peer.port | (peer.ipv4 ? IPV4_BIT : 0)
    graves[grave + GRAVE_HASH] = hash
    graves[grave + GRAVE_SECOND] = second
    const head = hash & this.mask
    graves[grave + GRAVE_NEXT] = this.heads[head]
    graves[grave + GRAVE_USED] = 1
    this.heads[head] = grave
  }

  /** The youngest second that a leave of the peer undoes, or NEVER. */
  secondOf(words: Int32Array, at: number, peer: Peer, hash: number): number {
    const grave = this.find(words, at, peer, hash)
    return grave === 0 ? NEVER : this.words[grave + GRAVE_SECOND]
  }

  /** A place of the queue, from 0 to `places` − 1: the grave there, or 0. */
  graveAt(place: number): number {
    const grave = (place + 1) * GRAVE_WORDS
    return this.words[grave + GRAVE_USED] === 0 ? 0 : grave
  }

  get places(): number {
    return this.max
  }

  isIPv4(grave: number): boolean {
    return (this.words[grave + GRAVE_PEER] & IPV4_BIT) !== 0
  }

  portOf(grave: number): number {
    return this.words[grave + GRAVE_PEER] & 0xffff
  }

  private find(words: Int32Array, at: number, peer: Peer, hash: number): number {
    const graves = this.words
    const first = words[at]
    const key = peer.port | (peer.ipv4 ? IPV4_BIT : 0)
    let grave = this.heads[hash & this.mask]
    while (grave !== 0) {
      if (
        graves[grave + GRAVE_HASH] === hash &&
        graves[grave] === first &&
        graves[grave + GRAVE_PEER] === key &&
        this.isOf(grave, words, at, peer)
      ) {
        return grave
      }
      grave = graves[grave + GRAVE_NEXT]
    }
    return 0
  }

  private isOf(grave: number, words: Int32Array, at: number, peer: Peer): boolean {
    const graves = this.words
    for (let i = 1; i < INFO_HASH_WORDS; i++) if (graves[grave + i] !== words[at + i]) return false
    const address = grave + GRAVE_ADDRESS
    return (
      graves[address] === peer.a0 &&
      graves[address + 1] === peer.a1 &&
      graves[address + 2] === peer.a2 &&
      graves[address + 3] === peer.a3
    )
  }

  private unlink(grave: number): void {
    const graves = this.words
    const head = graves[grave + GRAVE_HASH] & this.mask
    graves[grave + GRAVE_USED] = 0
    if (this.heads[head] === grave) {
      this.heads[head] = graves[grave + GRAVE_NEXT]
      return
    }
    let before = this.heads[head]
    while (graves[before + GRAVE_NEXT] !== grave) before = graves[before + GRAVE_NEXT]
    graves[before + GRAVE_NEXT] = graves[grave + GRAVE_NEXT]
  }
}
