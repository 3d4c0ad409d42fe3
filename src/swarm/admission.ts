// Whether a new torrent or a new peer is let in: the limits of memory, how much of the rest a source may take
// when little is left, and how many peers an address may have in a torrent. Called by swarm.ts under the
// table's lock. Owns the bookings of the totals, which all threads share by atomics.
import { isThisMachine } from './address.ts'
import {
  TOTAL_MAX_PEERS,
  TOTAL_MAX_TORRENTS,
  TOTAL_PEERS,
  TOTAL_PEERS_PER_ADDRESS,
  TOTAL_TORRENTS,
} from './layout.ts'
import type { Peer } from './peers/peer.ts'
import { ANNOUNCED, PEERS_FULL, TORRENTS_FULL } from './status.ts'
import type { Table } from './table/table.ts'

/** Passed to the gate as long as enough is left. */
export const PLENTY = 2 ** 31 - 1

/** When less than this share of a limit is left, that is little: an eighth. */
const SCARCE_SHIFT = 3

/**
 * Decides what a source may add. Who made it tells it the time. It gets how many more there is room for, or
 * PLENTY. Returns ANNOUNCED, or why not.
 */
export interface SourceGate {
  newTorrent(peer: Peer, left: number): number
  newPeer(peer: Peer, left: number): number
}

export class Admission {
  /** Asked before a peer adds something; null lets everything in. */
  gate: SourceGate | null = null
  private readonly totals: Int32Array

  constructor(totals: Int32Array) {
    this.totals = totals
  }

  // HOT: no allocation below this line.

  /** ANNOUNCED, and the torrent is booked; or why not. */
  newTorrent(peer: Peer): number {
    const gate = this.gate
    if (gate !== null) {
      const left = this.left(TOTAL_TORRENTS, TOTAL_MAX_TORRENTS)
      const status = gate.newTorrent(peer, left)
      if (status !== ANNOUNCED) return status
    }
    return this.book(TOTAL_TORRENTS, TOTAL_MAX_TORRENTS) ? ANNOUNCED : TORRENTS_FULL
  }

  /** ANNOUNCED, and the peer is booked; or why not. */
  newPeer(peer: Peer): number {
    const gate = this.gate
    const left = gate === null ? PLENTY : this.left(TOTAL_PEERS, TOTAL_MAX_PEERS)
    if (gate !== null && left !== PLENTY) {
      const status = gate.newPeer(peer, left)
      if (status !== ANNOUNCED) return status
    }
    return this.book(TOTAL_PEERS, TOTAL_MAX_PEERS) ? ANNOUNCED : PEERS_FULL
  }

  forgetTorrent(): void {
    Atomics.sub(this.totals, TOTAL_TORRENTS, 1)
  }

  forgetPeers(count: number): void {
    Atomics.sub(this.totals, TOTAL_PEERS, count)
  }

  /** Whether a torrent that has `same` peers of a peer's address takes no more of them. */
  isCrowded(table: Table, peer: Peer, same: number): boolean {
    if (same === 0) return false
    const most = this.totals[TOTAL_PEERS_PER_ADDRESS]
    if (most === 0 || same < most || table.owned) return false
    return !isThisMachine(peer.ipv4, peer.a0, peer.a1)
  }

  private book(total: number, max: number): boolean {
    if (Atomics.add(this.totals, total, 1) < this.totals[max]) return true
    Atomics.sub(this.totals, total, 1)
    return false
  }

  private left(total: number, max: number): number {
    const most = this.totals[max]
    const left = most - this.totals[total]
    return left > most >>> SCARCE_SHIFT ? PLENTY : left
  }
}
