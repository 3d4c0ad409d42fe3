// A walk over all tables of a kind, as the snapshot does it, read back into numbers.
// Used by the tests of swarm/walks/export.ts. Owns the walk.

import { PEER_SEEDER_BIT, PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../../src/swarm/layout.ts'
import type { Table } from '../../src/swarm/table/table.ts'
import {
  PIECE_COMPLETED,
  PIECE_HEAD_WORDS,
  PIECE_PEERS,
  Walk,
} from '../../src/swarm/walks/export.ts'
import { type Family, type Harness, peerAt } from './harness.ts'

export interface ExportedPeer {
  readonly torrent: number
  readonly peer: number
  readonly seeder: boolean
  /** 15 bits. */
  readonly seen: number
  /** Of its torrent, at the time of the copy. */
  readonly completed: number
}

export class Exporter {
  private readonly family: Family
  private readonly tables: readonly Table[]
  private readonly walk = new Walk(false)
  private next = 0

  constructor(family: Family, harness: Harness) {
    this.family = family
    this.tables = harness.swarms[family]
    this.walk.open(this.tables[0])
  }

  /** What one slice copied; undefined when all has been. */
  slice(budget: number): ExportedPeer[] | undefined {
    if (this.next === this.tables.length) return undefined
    const more = this.walk.slice(budget)
    const peers = this.read(this.tables[this.next])
    if (!more) {
      this.next++
      if (this.next < this.tables.length) this.walk.open(this.tables[this.next])
    }
    return peers
  }

  finish(budget: number): ExportedPeer[] {
    const all: ExportedPeer[] = []
    for (;;) {
      const peers = this.slice(budget)
      if (peers === undefined) return all
      for (const peer of peers) all.push(peer)
    }
  }

  private read(table: Table): ExportedPeer[] {
    const { words, used } = this.walk
    const peers: ExportedPeer[] = []
    let at = 0
    while (at < used) {
      const torrent = torrentOf(words[at])
      const completed = words[at + PIECE_COMPLETED]
      const end = at + PIECE_HEAD_WORDS + words[at + PIECE_PEERS] * table.stride
      for (let peer = at + PIECE_HEAD_WORDS; peer < end; peer += table.stride) {
        const last = words[peer + table.stride - 1]
        peers.push({
          torrent,
          completed,
          peer: peerAt(this.family, words, peer),
          seeder: (last & PEER_SEEDER_BIT) !== 0,
          seen: (last >>> PEER_SEEN_SHIFT) & PEER_SEEN_MASK,
        })
      }
      at = end
    }
    if (at !== used) throw new Error('a piece is longer than its slice')
    return peers
  }
}

// The harness makes the first word of an info hash by a multiplication: this undoes it.
const INVERSE = inverseOf(0x9e3779b1)

export function torrentOf(word: number): number {
  return Math.imul(word, INVERSE) - 1
}

function inverseOf(odd: number): number {
  let x = odd
  for (let i = 0; i < 5; i++) x = Math.imul(x, 2 - Math.imul(odd, x))
  return x
}
