// Puts peers back that a walk has copied (export.ts), with the ages they have by now.
// Called by persistence/ at the start, before anybody serves, and when a new process has taken over,
// beside announces. Takes the table's lock for a few peers at a time. Owns the counts of what it did.
import { PIECE_COMPLETED, PIECE_HEAD_WORDS, PIECE_PEERS } from './export.ts'
import { findInSet, found, hashPeer } from './large.ts'
import {
  KIND_LARGE,
  PEER_AGE_MAX,
  PEER_PORT_MASK,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
  ROW_BLOCK,
  ROW_LEECHER_DIRECTORY,
  ROW_STATE,
  STATE_COMPLETED_MAX,
  STRIDE_IPV4,
} from './layout.ts'
import { findPeer, kindOf, openSmall, small } from './peers.ts'
import { ANNOUNCED } from './status.ts'
import type { Swarms } from './swarm.ts'
import type { Table } from './table.ts'
import { findTorrent, hashInfoHash } from './torrents.ts'

/** Peers per taking of the lock: some 20 µs. */
const PEERS_PER_LOCK = 64

/** What became of the peers that were to be restored. */
export const restored = { peers: 0, tooOld: 0, known: 0, refused: 0 }

/** The times that ages are reckoned by, all in seconds. */
export const restoring = {
  /** The second, of the clock that the peers' times are of, at which they were copied. */
  copiedAt: 0,
  /** What has passed since. */
  elapsed: 0,
  /** This process's clock now. */
  now: 0,
  maxAge: 0,
  /** Take over counts of completed downloads. */
  completed: true,
}

/** Restores the UDP peers of the piece at `words[at]`; returns where the next one begins. */
export function restorePiece(swarms: Swarms, ipv4: boolean, words: Int32Array, at: number): number {
  const hash = hashInfoHash(swarms.ipv4[0], words, at)
  const table = swarms.tableOf(ipv4, hash)
  const stride = table.stride
  const end = at + PIECE_HEAD_WORDS + words[at + PIECE_PEERS] * stride
  for (let first = at + PIECE_HEAD_WORDS; first < end; first += PEERS_PER_LOCK * stride) {
    const last = Math.min(end, first + PEERS_PER_LOCK * stride)
    table.locked(() => {
      for (let peer = first; peer < last; peer += stride) {
        restorePeer(swarms, table, words, at, hash, peer)
      }
      if (restoring.completed) restoreCompleted(table, words, at, hash)
    })
  }
  return end
}

// HOT: no allocation below this line.

function restorePeer(
  swarms: Swarms,
  table: Table,
  words: Int32Array,
  at: number,
  hash: number,
  peer: number,
): void {
  const last = words[peer + table.stride - 1]
  const ipv4 = table.stride === STRIDE_IPV4
  const a0 = words[peer]
  const a1 = ipv4 ? 0 : words[peer + 1]
  const a2 = ipv4 ? 0 : words[peer + 2]
  const a3 = ipv4 ? 0 : words[peer + 3]
  const port = last & PEER_PORT_MASK
  const age = restoring.elapsed + ageAt(last, restoring.copiedAt)
  if (age > restoring.maxAge) {
    restored.tooOld++
    return
  }
  const known = knownAge(table, words, at, hash, a0, a1, a2, a3, port)
  if (known >= 0 && known <= age) {
    restored.known++
    return
  }
  const seenAt = restoring.now - age
  const status = swarms.announce(
    table,
    words,
    at,
    hash,
    a0,
    a1,
    a2,
    a3,
    port,
    last < 0,
    false,
    0,
    seenAt,
  )
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

/** The age of a peer that is in the swarm already, or −1. */
function knownAge(
  table: Table,
  source: Int32Array,
  at: number,
  hash: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  port: number,
): number {
  const row = findTorrent(table, source, at, hash)
  if (row === 0) return -1
  const words = table.words
  const stride = table.stride
  let peer = 0
  if (kindOf(words[row + ROW_STATE]) === KIND_LARGE) {
    const peerHash = hashPeer(table, a0, a1, a2, a3, port)
    const isIn =
      findInSet(table, words[row + ROW_BLOCK], peerHash, a0, a1, a2, a3, port) ||
      findInSet(table, words[row + ROW_LEECHER_DIRECTORY], peerHash, a0, a1, a2, a3, port)
    if (!isIn) return -1
    peer = words[found.entry] + found.index * stride
  } else {
    openSmall(table, row)
    const count = small.seeders + small.leechers
    const index = findPeer(table, small.base, count, a0, a1, a2, a3, port)
    if (index < 0) return -1
    peer = small.base + index * stride
  }
  return ageAt(words[peer + stride - 1], restoring.now)
}
