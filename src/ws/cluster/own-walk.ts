// All peers of this node, for a node that has missed something: a walk through the swarms, some at a time. Used by web-link.ts.
import { SLOT_BITS } from '../../swarm/connections.ts'
import { PEER_CONNECTION, STATE_COMPLETED_MAX } from '../../swarm/layout.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { PIECE_COMPLETED, PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../../swarm/walks/export.ts'
import { ID_WORDS } from '../wire/request.ts'
import {
  RECORD_PEER_ID,
  RECORD_STATE,
  RECORD_WORDS,
  STATE_DOWNLOADS_SHIFT,
  STATE_PRESENT,
  STATE_SEEDER,
} from './messages.ts'

/** Through all peers of this node, for one that asks. */
export class OwnWalk {
  private readonly tables: readonly Table[]
  private readonly workers: number
  private readonly walk = new Walk(false)
  private table = 0
  private isOpen = false

  constructor(swarms: Swarms, workers: number) {
    this.tables = swarms.websocket
    this.workers = workers
  }

  get isDone(): boolean {
    return this.table === this.tables.length
  }

  /** Goes on, and gives the records of about so many peers; those that `take` gets are valid during the call only. */
  slice(
    budget: number,
    out: Int32Array,
    take: (records: Int32Array, count: number) => boolean,
  ): boolean {
    const { walk } = this
    if (this.isDone) return true
    if (!this.isOpen) walk.open(this.tables[this.table])
    this.isOpen = walk.slice(budget)
    if (!this.isOpen) this.table++
    return this.copy(walk, out, take)
  }

  private copy(
    { words, used }: Walk,
    out: Int32Array,
    take: (records: Int32Array, count: number) => boolean,
  ): boolean {
    const { stride } = this.tables[0]
    const recordsMax = Math.floor(out.length / RECORD_WORDS)
    let count = 0
    for (let piece = 0; piece < used; ) {
      const end = piece + PIECE_HEAD_WORDS + words[piece + PIECE_PEERS] * stride
      const downloads = words[piece + PIECE_COMPLETED] & STATE_COMPLETED_MAX
      for (let at = piece + PIECE_HEAD_WORDS; at < end; at += stride) {
        if (words[at + PEER_CONNECTION] >>> SLOT_BITS >= this.workers) continue
        const to = count * RECORD_WORDS
        for (let i = 0; i < ID_WORDS; i++) {
          out[to + i] = words[piece + i]
          out[to + RECORD_PEER_ID + i] = words[at + i]
        }
        const seeder = words[at + stride - 1] < 0 ? STATE_SEEDER : 0
        out[to + RECORD_STATE] = STATE_PRESENT | seeder | (downloads << STATE_DOWNLOADS_SHIFT)
        if (++count < recordsMax) continue
        if (!take(out, count)) return false
        count = 0
      }
      piece = end
    }
    return count === 0 || take(out, count)
  }
}
