// Puts peers back that a walk has copied (export.ts), with the ages they have by now.
// Called by persistence/ at the start, before anybody serves, and when a new process has taken over,
// beside announces. Takes the table's lock for a few peers at a time. Owns the counts of what it did.
import { Announce } from '../announce.ts'
import {
  PEER_AGE_MAX,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
  ROW_STATE,
  STATE_COMPLETED_MAX,
} from '../layout.ts'
import { locate } from '../peers/locate.ts'
import { readPeer } from '../peers/peer.ts'
import { ANNOUNCED } from '../status.ts'
import type { Swarms } from '../swarm.ts'
import type { Table } from '../table/table.ts'
import { findTorrent, hashInfoHash } from '../table/torrents.ts'
import { PIECE_COMPLETED, PIECE_HEAD_WORDS, PIECE_PEERS } from './export.ts'

/** Peers per taking of the lock: some 20 µs. */
const PEERS_PER_LOCK = 64

/** What happened to the peers to be restored. */
export const restored = { peers: 0, tooOld: 0, known: 0, refused: 0 }

/** The times that ages are computed from, all in seconds. */
export const restoring = {
  /** The second, of the clock that the peers' times are of, at which they were copied. */
  copiedAt: 0,
  /** The time since then. */
  elapsed: 0,
  /** This process's clock now. */
  now: 0,
  maxAge: 0,
  /** Take over counts of completed downloads. */
  completed: true,
}

const announce = new Announce()

/**
 * The peers that are restored under the lock now. One object and one function for all of them: a snapshot
 * has millions of pieces, and the collector counts the swarms' shared memory as heap, so that it would let
 * gigabytes of closures gather.
 */
const part: {
  swarms: Swarms | null
  table: Table | null
  words: Int32Array
  piece: number
  first: number
  last: number
} = { swarms: null, table: null, words: new Int32Array(0), piece: 0, first: 0, last: 0 }

/** Restores the UDP peers of the piece at `words[at]`; returns where the next one begins. */
export function restorePiece(swarms: Swarms, ipv4: boolean, words: Int32Array, at: number): number {
  const hash = hashInfoHash(swarms.ipv4[0], words, at)
  const table = swarms.tableOf(ipv4, hash)
  const stride = table.stride
  const end = at + PIECE_HEAD_WORDS + words[at + PIECE_PEERS] * stride
  announce.source = words
  announce.infoHash = at
  announce.hash = hash
  for (let first = at + PIECE_HEAD_WORDS; first < end; first += PEERS_PER_LOCK * stride) {
    part.swarms = swarms
    part.table = table
    part.words = words
    part.piece = at
    part.first = first
    part.last = Math.min(end, first + PEERS_PER_LOCK * stride)
    table.locked(restorePart)
  }
  return end
}

function restorePart(): void {
  const { swarms, table, words, piece, first, last } = part
  if (swarms === null || table === null) return
  for (let peer = first; peer < last; peer += table.stride) restorePeer(swarms, table, words, peer)
  if (restoring.completed) restoreCompleted(table, words, piece, announce.hash)
}

// HOT: no allocation below this line.

/** Restores the peer at `words[at]` to the torrent of `announce`. */
function restorePeer(swarms: Swarms, table: Table, words: Int32Array, at: number): void {
  const last = words[at + table.stride - 1]
  const age = restoring.elapsed + ageAt(last, restoring.copiedAt)
  if (age > restoring.maxAge) {
    restored.tooOld++
    return
  }
  readPeer(announce.peer, words, at, table.stride)
  const known = knownAge(table)
  if (known >= 0 && known <= age) {
    restored.known++
    return
  }
  announce.seeder = last < 0
  announce.now = restoring.now - age
  const status = swarms.announce(table, announce)
  if (status === ANNOUNCED) restored.peers++
  else restored.refused++
}

/** Raises a torrent's count of completed downloads to that of the piece at `words[at]`, if it has peers. */
export function restoreCompleted(table: Table, words: Int32Array, at: number, hash: number): void {
  const row = findTorrent(table, words, at, hash)
  if (row === 0) return
  const state = table.words[row + ROW_STATE]
  const completed = words[at + PIECE_COMPLETED] & STATE_COMPLETED_MAX
  if (completed > (state & STATE_COMPLETED_MAX)) {
    table.words[row + ROW_STATE] = (state & ~STATE_COMPLETED_MAX) | completed
  }
}

/** Seconds between a peer's last announce and `second`, by its last word. */
function ageAt(last: number, second: number): number {
  const age = (second - (last >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
  return age > PEER_AGE_MAX ? 0 : age
}

/** The age of the peer of `announce` when it is in the swarm already, or −1. */
function knownAge(table: Table): number {
  const row = findTorrent(table, announce.source, announce.infoHash, announce.hash)
  if (row === 0) return -1
  const at = locate(table, row, announce.peer)
  return at === 0 ? -1 : ageAt(table.words[at + table.stride - 1], restoring.now)
}
