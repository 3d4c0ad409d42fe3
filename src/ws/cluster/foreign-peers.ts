// Other nodes' peers in the swarms of this one. Called by web-nodes.ts with records that have been checked, for one slot of a node
// (node-slots.ts). The same limits hold as for clients: access list, list of clients, ceilings, pressure. Removes those whose
// node is gone, a little in each turn. Used by the cluster's thread alone. Owns the counts of what it did.
import type { ClientGate } from '../../client-lists/gate.ts'
import { Announce } from '../../swarm/announce.ts'
import { SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import {
  PEER_CONNECTION,
  PEER_PORT_MASK,
  ROW_STATE,
  STATE_COMPLETED_MAX,
} from '../../swarm/layout.ts'
import { ownsPeer } from '../../swarm/owner.ts'
import { ANNOUNCED } from '../../swarm/status.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { findTorrent, hashInfoHash } from '../../swarm/table/torrents.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../../swarm/walks/export.ts'
import { ID_WORDS } from '../wire/request.ts'
import { PLAIN_WORDS } from '../worker/other-nodes.ts'
import {
  RECORD_PEER_ID,
  RECORD_STATE,
  RECORD_WORDS,
  STATE_COMPLETED,
  STATE_DOWNLOADS_SHIFT,
  STATE_PRESENT,
  STATE_SEEDER,
} from './messages.ts'
import type { NodeSlot, NodeSlots } from './node-slots.ts'

/** Peers that are looked at in a turn, with the table locked. */
const SWEEP_PEERS = 1000

export interface ForeignCounts {
  joined: number
  left: number
  /** By this node's own lists, */
  unwanted: number
  /** or because there is no room. */
  noRoom: number
  /** Peers whose node had gone. */
  swept: number
}

export class ForeignPeers {
  readonly counts: ForeignCounts = { joined: 0, left: 0, unwanted: 0, noRoom: 0, swept: 0 }
  readonly clients: ClientGate
  private readonly swarms: Swarms
  private readonly slots: NodeSlots
  private readonly worker: number
  private readonly announce = new Announce()
  private readonly id = new Int32Array(ID_WORDS)
  private readonly walk = new Walk(false)
  /** Of a sweep under way: the table, and the slots that it makes free; −1: none is. */
  private table = -1
  private isOpen = false
  private sweeping: readonly number[] = []

  constructor(swarms: Swarms, slots: NodeSlots, worker: number, clients: ClientGate) {
    this.swarms = swarms
    this.slots = slots
    this.worker = worker
    this.clients = clients
  }

  /** Goes on removing peers of nodes that are gone; true if there is more to do. */
  sweep(): boolean {
    const { slots, swarms, walk } = this
    if (this.table < 0) {
      if (!slots.hasDirty) return false
      this.sweeping = slots.takeDirty()
      this.table = 0
      this.isOpen = false
    }
    if (!this.isOpen) walk.open(swarms.websocket[this.table])
    this.isOpen = walk.slice(SWEEP_PEERS)
    this.removeGone(walk)
    if (this.isOpen || ++this.table < swarms.websocket.length) return true
    this.table = -1
    slots.cleaned(this.sweeping)
    return slots.hasDirty
  }

  // HOT: no allocation below this line.

  /**
   * Applies records of the node of this slot. `isPart`: they are of all that it has, with counts of downloads. Returns how many
   * were not taken.
   */
  apply(
    words: Int32Array,
    at: number,
    count: number,
    slot: NodeSlot,
    {
      mask,
      now,
      isPart,
    }: { readonly mask: Int32Array; readonly now: number; readonly isPart: boolean },
  ): number {
    const { announce, swarms } = this
    const end = at + count * RECORD_WORDS
    let refused = 0
    swarms.pressure.look()
    announce.source = words
    announce.now = now
    announce.wanted = 0
    this.setOwner(slot.connection, slot.generation)
    for (let record = at; record < end; record += RECORD_WORDS) {
      announce.infoHash = record
      announce.hash = hashInfoHash(swarms.websocket[0], words, record)
      this.setPeer(words, record + RECORD_PEER_ID, mask)
      const state = words[record + RECORD_STATE]
      if ((state & STATE_PRESENT) === 0) this.leave()
      else if (!this.enter(words, record, isPart ? state >>> STATE_DOWNLOADS_SHIFT : 0)) refused++
    }
    return refused
  }

  private setOwner(connection: number, generation: number): void {
    const { peer } = this.announce
    peer.connection = connection
    peer.port = generation
  }

  private setPeer(words: Int32Array, at: number, mask: Int32Array): void {
    const { id } = this
    const { peer } = this.announce
    for (let i = 0; i < ID_WORDS; i++) {
      id[i] = i < PLAIN_WORDS ? words[at + i] : words[at + i] ^ mask[i - PLAIN_WORDS]
    }
    peer.setWords(id, 0)
    peer.id4 = id[ID_WORDS - 1]
  }

  private enter(words: Int32Array, record: number, downloads: number): boolean {
    const { announce, counts, swarms } = this
    const { hash } = announce
    const isForbidden = swarms.access.forbids(words, record, hash)
    if (isForbidden || this.clients.deniesClient(words, record + RECORD_PEER_ID)) {
      counts.unwanted++
      return false
    }
    const state = words[record + RECORD_STATE]
    announce.seeder = (state & STATE_SEEDER) !== 0
    announce.completed = (state & STATE_COMPLETED) !== 0
    const table = swarms.websocketTableOf(hash)
    table.lock()
    const status = swarms.announce(table, announce)
    if (status === ANNOUNCED && downloads > 0) this.raiseDownloads(table, downloads)
    table.unlock()
    if (status !== ANNOUNCED) {
      counts.noRoom++
      return false
    }
    if (announce.joined && announce.before === 0) counts.joined++
    return true
  }

  private leave(): void {
    const { announce, counts, swarms } = this
    const table = swarms.websocketTableOf(announce.hash)
    table.lock()
    const isThere = ownsPeer(table, announce)
    if (isThere) swarms.leave(table, announce)
    table.unlock()
    if (isThere) counts.left++
  }

  private raiseDownloads(table: Table, downloads: number): void {
    const { source, infoHash, hash } = this.announce
    if (!this.swarms.countDownloads) return
    const row = findTorrent(table, source, infoHash, hash)
    const state = table.words[row + ROW_STATE]
    if (downloads <= (state & STATE_COMPLETED_MAX)) return
    table.words[row + ROW_STATE] = (state & ~STATE_COMPLETED_MAX) | downloads
  }

  private removeGone({ words, used }: Walk): void {
    const { stride } = this.swarms.websocket[0]
    for (let piece = 0; piece < used; ) {
      const end = piece + PIECE_HEAD_WORDS + words[piece + PIECE_PEERS] * stride
      for (let at = piece + PIECE_HEAD_WORDS; at < end; at += stride) {
        const connection = words[at + PEER_CONNECTION]
        if (connection >>> SLOT_BITS !== this.worker) continue
        const generation = words[at + stride - 1] & PEER_PORT_MASK
        if (this.slots.isGone(connection & SLOT_MASK, generation)) {
          this.remove(words, piece, at, connection, generation)
        }
      }
      piece = end
    }
  }

  /** The row as it was copied: if it has been taken over since, it stays. */
  private remove(
    words: Int32Array,
    piece: number,
    at: number,
    connection: number,
    generation: number,
  ): void {
    const { announce, counts, swarms } = this
    const { peer } = announce
    announce.source = words
    announce.infoHash = piece
    announce.hash = hashInfoHash(swarms.websocket[0], words, piece)
    peer.setWords(words, at)
    peer.id4 = words[at + ID_WORDS - 1]
    this.setOwner(connection, generation)
    const table = swarms.websocketTableOf(announce.hash)
    table.lock()
    const isThere = ownsPeer(table, announce)
    if (isThere) swarms.leave(table, announce)
    table.unlock()
    if (isThere) counts.swept++
  }
}
