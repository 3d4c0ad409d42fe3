// The swarms: who is in which torrent. The contract every protocol builds on:
//
//  announce  adds or renews a peer; gives the counts of the others and a fair choice of them.
//  leave     removes a peer; gives the counts of those who stay.
//  visit     gives the counts and a choice to a peer that is not kept.
//  scrape    gives the counts of a torrent, 0 for an unknown one, and never creates it.
//  clean     (clean.ts) forgets peers that have been silent for too long, in bounded slices.
//  export    (export.ts) copies everybody who stays exactly once, in bounded slices, while the rest goes on.
//  restore   (restore.ts) puts back what was exported, with the ages of now.
//
// A peer is known by its address and port; nobody but that address can change it. A WebSocket peer
// is known by its peer id, and belongs to a connection: while that lives, nobody else can change or
// remove it. Peers of one kind never meet those of another. The asking peer is never counted and
// never returned. Seeders are given leechers only; WebSocket leechers are given leechers first.
//
// All of it happens under the torrent's table lock, which the caller takes: the chosen peers are
// read from shared memory while they are being written into the response, so the lock is given
// back only after that. Called by udp/worker/handle.ts and ws/worker/handle.ts. Owns the choice of the moment.
import { AccessList } from '../access-list/list.ts'
import { Admission } from './admission.ts'
import type { Announce } from './announce.ts'
import { Choice } from './choose.ts'
import type { ConnectionStates } from './connections.ts'
import {
  KIND_BLOCK,
  KIND_LARGE,
  PEER_CONNECTION,
  PEER_SEEDER_BIT,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
  ROW_BLOCK,
  ROW_LEECHER_DIRECTORY,
  ROW_LEECHERS,
  ROW_SEEDERS,
  ROW_STATE,
  STATE_COMPLETED_MAX,
  TABLE_LEECHERS,
  TABLE_SEEDERS,
} from './layout.ts'
import { isOwner, mayTake } from './owner.ts'
import { addToSet, findInSet, found, judgeBySample, removeFromSet } from './peers/large.ts'
import { locate } from './peers/locate.ts'
import { findPeer, hashPeer, type Peer, writePeer } from './peers/peer.ts'
import { enlarge, reduceLarge } from './peers/resize.ts'
import {
  closeSlot,
  closeSmall,
  kindOf,
  openSlot,
  openSmall,
  resizeSmall,
  shrinkSmall,
  small,
} from './peers/small.ts'
import { Pressure } from './pressure.ts'
import { PriorDownloads } from './prior-downloads.ts'
import { secondOfAnnounce } from './seconds.ts'
import {
  ANNOUNCED,
  CROWDED,
  HELD,
  PEERS_FULL,
  PRESSED,
  TORRENTS_FULL,
  TURNED_AWAY,
} from './status.ts'
import type { SwarmTables, Table } from './table/table.ts'
import { findTorrent, insertTorrent, removeTorrent } from './table/torrents.ts'

export class Swarms {
  readonly ipv4: readonly Table[]
  readonly ipv6: readonly Table[]
  readonly websocket: readonly Table[]
  readonly choice: Choice
  /** Which torrents are served; handlers ask it, announces here do not. */
  readonly access = new AccessList()
  /** Counts of completed downloads that torrents start from. */
  readonly priorDownloads = new PriorDownloads()
  /** Decides whether new torrents and peers are let in. */
  readonly admission: Admission
  /** Which swarms take no new peers for now; who asks for its time has it look. */
  readonly pressure: Pressure
  /** Counts of the last announce, leave or scrape; announce and leave leave the asking peer out. */
  seeders = 0
  leechers = 0
  /** Completed downloads, of the same. */
  completed = 0
  /** Other nodes are told of peers (seconds.ts). */
  keepsOrder = false
  private readonly tableShift: number
  /** Whether completed downloads are counted. */
  readonly countDownloads: boolean
  /** Null when no peer belongs to one. */
  readonly connections: ConnectionStates | null

  constructor(
    tables: SwarmTables,
    totals: Int32Array,
    countDownloads: boolean,
    seed: number,
    connections: ConnectionStates | null,
  ) {
    this.ipv4 = tables.ipv4
    this.ipv6 = tables.ipv6
    this.websocket = tables.websocket
    this.admission = new Admission(totals)
    this.pressure = new Pressure(totals)
    this.tableShift = 32 - Math.log2(Math.max(tables.ipv4.length, tables.websocket.length))
    this.countDownloads = countDownloads
    this.choice = new Choice(seed)
    this.connections = connections
  }

  // HOT: no allocation below this line.

  /** The table of an info hash: the highest bits of its hash. */
  tableOf(ipv4: boolean, hash: number): Table {
    return ipv4 ? this.ipv4[hash >>> this.tableShift] : this.ipv6[hash >>> this.tableShift]
  }

  websocketTableOf(hash: number): Table {
    return this.websocket[hash >>> this.tableShift]
  }

  /** Adds or renews a peer. Fills the counts, the choice, and whether it has `joined`. */
  announce(table: Table, announce: Announce): number {
    const { source, infoHash, hash, peer } = announce
    this.choice.clear()
    announce.joined = false
    announce.before = 0
    announce.counted = false
    let row = findTorrent(table, source, infoHash, hash)
    if (row === 0) {
      const status = this.admission.newTorrent(peer)
      if (status !== ANNOUNCED) return status
      row = insertTorrent(table, source, infoHash, hash)
      if (row === 0) {
        this.admission.forgetTorrent()
        return TORRENTS_FULL
      }
      table.words[row + ROW_STATE] = this.priorDownloads.completedOf(source, infoHash, hash)
    }
    const large = kindOf(table.words[row + ROW_STATE]) === KIND_LARGE
    const status = large
      ? this.announceLarge(table, row, announce)
      : this.announceSmall(table, row, announce)
    this.completed = table.words[row + ROW_STATE] & STATE_COMPLETED_MAX
    if (status !== ANNOUNCED) this.dropIfEmpty(table, row)
    return status
  }

  /** Removes a peer, if it is there, and with the last one the torrent. Fills the counts. */
  leave(table: Table, announce: Announce): void {
    this.choice.clear()
    this.seeders = 0
    this.leechers = 0
    this.completed = 0
    announce.before = 0
    const row = findTorrent(table, announce.source, announce.infoHash, announce.hash)
    if (row === 0) return
    this.completed = table.words[row + ROW_STATE] & STATE_COMPLETED_MAX
    const at = locate(table, row, announce.peer)
    if (at !== 0) announce.before = table.words[at + table.stride - 1]
    if (at !== 0 && (!table.owned || isOwner(table, at, announce.peer))) this.remove(table, row)
    this.readCounts(table, row)
    this.dropIfEmpty(table, row)
  }

  /** Fills counts and choice for a peer that is not kept; if it was, it leaves. */
  visit(table: Table, announce: Announce): void {
    const { source, infoHash, hash, seeder, wanted } = announce
    this.leave(table, announce)
    const row = findTorrent(table, source, infoHash, hash)
    if (row === 0) return
    if (kindOf(table.words[row + ROW_STATE]) === KIND_LARGE) {
      this.choice.fromLarge(table, row, seeder, false, wanted)
      return
    }
    openSmall(table, row)
    this.choice.fromSmall(table, seeder, -1, wanted)
  }

  /** Fills the counts of a torrent; zeros when nobody is in it, except for downloads from before a restart. */
  scrape(table: Table, source: Int32Array, at: number, hash: number): void {
    this.seeders = 0
    this.leechers = 0
    this.completed = this.priorDownloads.completedOf(source, at, hash)
    const row = findTorrent(table, source, at, hash)
    if (row === 0) return
    this.readCounts(table, row)
    this.completed = table.words[row + ROW_STATE] & STATE_COMPLETED_MAX
  }

  /** Removes a torrent that has no peers. */
  dropIfEmpty(table: Table, row: number): void {
    if (kindOf(table.words[row + ROW_STATE]) === KIND_LARGE) return
    openSmall(table, row)
    if (small.seeders + small.leechers > 0) return
    if (small.kind === KIND_BLOCK) resizeSmall(table, row, 0)
    removeTorrent(table, row)
    this.admission.forgetTorrent()
  }

  /** Subtracts `count` peers of a role from the totals. */
  forgetPeers(table: Table, seeders: number, leechers: number): void {
    table.control[table.header + TABLE_SEEDERS] -= seeders
    table.control[table.header + TABLE_LEECHERS] -= leechers
    this.admission.forgetPeers(seeders + leechers)
  }

  private announceSmall(table: Table, row: number, announce: Announce): number {
    const { peer, seeder, wanted } = announce
    openSmall(table, row)
    const count = small.seeders + small.leechers
    let index = findPeer(table, small.base, count, peer)
    if (index < 0) {
      const unkept = this.whyNotKept(table, peer, peer.neighbours, count)
      if (unkept !== ANNOUNCED) {
        this.readCounts(table, row)
        this.choice.fromSmall(table, seeder, -1, wanted)
        return unkept
      }
      if (count === table.smallMax) {
        if (!enlarge(table, row)) return PEERS_FULL
        return this.announceLarge(table, row, announce)
      }
      const status = this.admission.newPeer(peer)
      if (status !== ANNOUNCED) return status
      if (count === small.capacity && !resizeSmall(table, row, count + 1)) {
        this.admission.forgetPeers(1)
        return PEERS_FULL
      }
      index = openSlot(table, seeder)
      table.control[table.header + (seeder ? TABLE_SEEDERS : TABLE_LEECHERS)]++
      announce.joined = true
    } else if (
      table.owned &&
      !mayTake(table, this.connections, small.base + index * table.stride, announce)
    ) {
      return this.held(table, row)
    } else {
      announce.before = table.words[small.base + (index + 1) * table.stride - 1]
      if (seeder !== index < small.seeders) {
        closeSlot(table, index)
        index = openSlot(table, seeder)
        this.changeRole(table, row, announce)
      }
    }
    writePeer(table, small.base + index * table.stride, peer, this.lastWord(announce))
    closeSmall(table, row)
    this.countOthers(small.seeders, small.leechers, seeder)
    this.choice.fromSmall(table, seeder, index, wanted)
    return ANNOUNCED
  }

  private announceLarge(table: Table, row: number, announce: Announce): number {
    const { peer, seeder } = announce
    const words = table.words
    const hash = hashPeer(table, peer)
    if (findInSet(table, words[row + (seeder ? ROW_BLOCK : ROW_LEECHER_DIRECTORY)], hash, peer)) {
      const at = words[found.entry] + found.index * table.stride
      if (table.owned && !mayTake(table, this.connections, at, announce)) {
        return this.held(table, row)
      }
      announce.before = words[at + table.stride - 1]
      words[at + table.stride - 1] = this.lastWord(announce)
      if (table.owned) words[at + PEER_CONNECTION] = peer.connection
    } else {
      const status = this.enterLarge(table, row, hash, announce)
      if (status !== ANNOUNCED) return status
    }
    this.countOthers(words[row + ROW_SEEDERS], words[row + ROW_LEECHERS], seeder)
    this.choice.fromLarge(table, row, seeder, true, announce.wanted)
    return ANNOUNCED
  }

  /** Adds a peer that the set of its role does not have: a new one, or one that changes its role. */
  private enterLarge(table: Table, row: number, hash: number, announce: Announce): number {
    const { peer, seeder } = announce
    const words = table.words
    const slot = row + (seeder ? ROW_BLOCK : ROW_LEECHER_DIRECTORY)
    const countAt = row + (seeder ? ROW_SEEDERS : ROW_LEECHERS)
    const otherSlot = row + (seeder ? ROW_LEECHER_DIRECTORY : ROW_BLOCK)
    const otherCountAt = row + (seeder ? ROW_LEECHERS : ROW_SEEDERS)
    const alike = judgeBySample(table, words[slot], hash, peer.neighbours)
    const known = findInSet(table, words[otherSlot], hash, peer)
    const entry = found.entry
    const index = found.index
    if (known) {
      const at = words[entry] + index * table.stride
      if (table.owned && !mayTake(table, this.connections, at, announce)) {
        return this.held(table, row)
      }
      announce.before = words[at + table.stride - 1]
    }
    if (!known) {
      const others = judgeBySample(table, words[otherSlot], hash, peer.neighbours)
      const count = words[countAt] + words[otherCountAt]
      const unkept = this.whyNotKept(table, peer, alike + others, count)
      if (unkept !== ANNOUNCED) {
        this.readCounts(table, row)
        this.choice.fromLarge(table, row, seeder, false, announce.wanted)
        return unkept
      }
      const status = this.admission.newPeer(peer)
      if (status !== ANNOUNCED) return status
    }
    // Added before it is removed: without memory for the change the peer stays as it was.
    const at = addToSet(table, slot, words[countAt], hash)
    if (at === 0) {
      if (!known) this.admission.forgetPeers(1)
      return PEERS_FULL
    }
    writePeer(table, at, peer, this.lastWord(announce))
    words[countAt]++
    if (known) {
      removeFromSet(table, otherSlot, words[otherCountAt], entry, index)
      words[otherCountAt]--
      this.changeRole(table, row, announce)
    } else {
      table.control[table.header + (seeder ? TABLE_SEEDERS : TABLE_LEECHERS)]++
      announce.joined = true
    }
    return ANNOUNCED
  }

  /** The counts without the asking peer. */
  private countOthers(seeders: number, leechers: number, seeder: boolean): void {
    this.seeders = seeder ? seeders - 1 : seeders
    this.leechers = seeder ? leechers : leechers - 1
  }

  /** Of a new peer, with `same` peers of its address among the `count` of its swarm; ANNOUNCED: it is kept. */
  private whyNotKept(table: Table, peer: Peer, same: number, count: number): number {
    if (this.admission.isCrowded(table, peer, same)) return CROWDED
    if (count < this.pressure.turnAwayFrom) return ANNOUNCED
    return this.pressure.refuses ? PRESSED : TURNED_AWAY
  }

  private held(table: Table, row: number): number {
    this.readCounts(table, row)
    return HELD
  }

  private changeRole(table: Table, row: number, announce: Announce): void {
    const { seeder, completed } = announce
    table.control[table.header + TABLE_SEEDERS] += seeder ? 1 : -1
    table.control[table.header + TABLE_LEECHERS] += seeder ? -1 : 1
    if (!seeder || !completed || !this.countDownloads) return
    const state = table.words[row + ROW_STATE]
    if ((state & STATE_COMPLETED_MAX) !== STATE_COMPLETED_MAX) table.words[row + ROW_STATE]++
    announce.counted = true
  }

  /** Removes the peer that `found` names. */
  private remove(table: Table, row: number): void {
    const words = table.words
    const seeder = found.seeder
    if (kindOf(words[row + ROW_STATE]) === KIND_LARGE) {
      const slot = row + (seeder ? ROW_BLOCK : ROW_LEECHER_DIRECTORY)
      const countAt = row + (seeder ? ROW_SEEDERS : ROW_LEECHERS)
      removeFromSet(table, slot, words[countAt], found.entry, found.index)
      words[countAt]--
      reduceLarge(table, row)
    } else {
      closeSlot(table, found.index)
      shrinkSmall(table, row)
      closeSmall(table, row)
    }
    this.forgetPeers(table, seeder ? 1 : 0, seeder ? 0 : 1)
  }

  private readCounts(table: Table, row: number): void {
    const words = table.words
    if (kindOf(words[row + ROW_STATE]) === KIND_LARGE) {
      this.seeders = words[row + ROW_SEEDERS]
      this.leechers = words[row + ROW_LEECHERS]
      return
    }
    openSmall(table, row)
    this.seeders = small.seeders
    this.leechers = small.leechers
  }

  /** The last word of the announcing peer's row (layout.ts). */
  private lastWord(announce: Announce): number {
    const { before, peer, seeder } = announce
    if (this.keepsOrder) announce.now = secondOfAnnounce(before, seeder, announce.now)
    const seen = (announce.now & PEER_SEEN_MASK) << PEER_SEEN_SHIFT
    return peer.port | seen | (seeder ? PEER_SEEDER_BIT : 0)
  }
}
