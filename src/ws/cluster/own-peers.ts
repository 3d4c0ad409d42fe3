// What other nodes are told of this node's peers: who is there, as the swarms have it at that moment, for each peer that the
// workers have noted (other-nodes.ts). Used by web-link.ts. Whoever reads later knows better, so messages are in the right order
// whatever order the notes come in.
import { RingReader } from '../../channel/ring.ts'
import { SLOT_BITS } from '../../swarm/connections.ts'
import { PEER_CONNECTION, PEER_PORT_MASK } from '../../swarm/layout.ts'
import { locate } from '../../swarm/peers/locate.ts'
import { Peer } from '../../swarm/peers/peer.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { findTorrent, hashInfoHash } from '../../swarm/table/torrents.ts'
import { ID_WORDS } from '../wire/request.ts'
import { NOTE_COMPLETED, NOTE_PEER_ID } from '../worker/other-nodes.ts'
import {
  RECORD_PEER_ID,
  RECORD_STATE,
  RECORD_WORDS,
  STATE_COMPLETED,
  STATE_PRESENT,
  STATE_SEEDER,
} from './messages.ts'

/** Where a peer of this node is; valid until the next search. */
export interface FoundPeer {
  connection: number
  generation: number
  isSeeder: boolean
}

export class OwnPeers {
  readonly found: FoundPeer = { connection: 0, generation: 0, isSeeder: false }
  private readonly swarms: Swarms
  private readonly workers: number
  private readonly rings: readonly RingReader[]
  private readonly lost: Int32Array
  private lostBefore = 0
  private readonly peer = new Peer()

  /** `workers`: those who have connections. `lost`: see other-nodes.ts. */
  constructor(
    swarms: Swarms,
    workers: number,
    notes: readonly SharedArrayBuffer[],
    lost: SharedArrayBuffer,
  ) {
    this.swarms = swarms
    this.workers = workers
    this.rings = notes.map((ring) => new RingReader(ring))
    this.lost = new Int32Array(lost)
  }

  /** Whether notes have been lost since the last call: then everything has to be told. */
  hasLost(): boolean {
    const lost = Atomics.load(this.lost, 0)
    if (lost === this.lostBefore) return false
    this.lostBefore = lost
    return true
  }

  // HOT: no allocation below this line.

  /** Writes up to `recordsMax` records of noted peers to `out[at]`; returns how many. */
  take(out: Int32Array, at: number, recordsMax: number): number {
    let count = 0
    for (let i = 0; i < this.rings.length && count < recordsMax; i++) {
      const ring = this.rings[i]
      ring.refresh()
      while (count < recordsMax) {
        const note = ring.next()
        if (note === 0) break
        this.write(ring.words, note, out, at + count * RECORD_WORDS)
        count++
      }
      ring.release()
    }
    return count
  }

  /** Finds a peer of this node, whose ids are at these positions of `words`. Fills `found`. */
  find(words: Int32Array, infoHash: number, peerId: number): boolean {
    const table = this.tableOf(words, infoHash)
    this.setPeer(words, peerId)
    table.lock()
    const row = this.rowOf(table, words, infoHash)
    const at = row === 0 ? 0 : locate(table, row, this.peer)
    const isFound = at !== 0 && this.isOwn(table, at)
    table.unlock()
    return isFound
  }

  private write(notes: Int32Array, note: number, out: Int32Array, at: number): void {
    for (let i = 0; i < ID_WORDS; i++) {
      out[at + i] = notes[note + i]
      out[at + RECORD_PEER_ID + i] = notes[note + NOTE_PEER_ID + i]
    }
    let state = 0
    if (this.find(notes, note, note + NOTE_PEER_ID)) {
      state = STATE_PRESENT
      if (this.found.isSeeder) {
        state |= STATE_SEEDER
        if (notes[note + NOTE_COMPLETED] !== 0) state |= STATE_COMPLETED
      }
    }
    out[at + RECORD_STATE] = state
  }

  private isOwn(table: Table, at: number): boolean {
    const { found, workers } = this
    const { words, stride } = table
    found.connection = words[at + PEER_CONNECTION]
    found.generation = words[at + stride - 1] & PEER_PORT_MASK
    found.isSeeder = words[at + stride - 1] < 0
    return found.connection >>> SLOT_BITS < workers
  }

  private tableOf(words: Int32Array, infoHash: number): Table {
    const { swarms } = this
    return swarms.websocketTableOf(hashInfoHash(swarms.websocket[0], words, infoHash))
  }

  private rowOf(table: Table, words: Int32Array, infoHash: number): number {
    return findTorrent(table, words, infoHash, hashInfoHash(table, words, infoHash))
  }

  private setPeer(words: Int32Array, peerId: number): void {
    this.peer.setWords(words, peerId)
    this.peer.id4 = words[peerId + ID_WORDS - 1]
  }
}
