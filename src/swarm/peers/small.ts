// Peers in one contiguous run, seeders first: small swarms, and the buckets of large ones.
// Called by swarm.ts, large.ts and clean.ts under the table's lock. Owns the blocks of small swarms.

import {
  KIND_BLOCK,
  KIND_FEW,
  ROW_BLOCK,
  ROW_CLASS,
  ROW_LEECHERS,
  ROW_PEERS,
  ROW_SEEDERS,
  ROW_STATE,
  STATE_COMPLETED_MAX,
  STATE_KIND_SHIFT,
  STATE_LEECHERS_SHIFT,
  STATE_SEEDERS_SHIFT,
} from '../layout.ts'
import type { Table } from '../table/table.ts'
import { classFor, classWords, giveBlock, takeBlock } from './blocks.ts'

/** The small swarm under work, unpacked from its row. One per thread: valid under the lock, until the next `openSmall`. */
export const small = { base: 0, seeders: 0, leechers: 0, capacity: 0, kind: 0 }

// HOT: no allocation below this line.

export function kindOf(state: number): number {
  return (state >>> STATE_KIND_SHIFT) & 3
}

export function openSmall(table: Table, row: number): void {
  const words = table.words
  const state = words[row + ROW_STATE]
  small.kind = kindOf(state)
  if (small.kind === KIND_FEW) {
    small.base = row + ROW_PEERS
    small.seeders = (state >>> STATE_SEEDERS_SHIFT) & 3
    small.leechers = (state >>> STATE_LEECHERS_SHIFT) & 3
    small.capacity = table.few
  } else {
    small.base = words[row + ROW_BLOCK]
    small.seeders = words[row + ROW_SEEDERS]
    small.leechers = words[row + ROW_LEECHERS]
    small.capacity = (classWords(words[row + ROW_CLASS]) / table.stride) | 0
  }
}

/** Writes the counts back to the row. */
export function closeSmall(table: Table, row: number): void {
  const words = table.words
  if (small.kind === KIND_FEW) {
    const counts = (small.seeders << STATE_SEEDERS_SHIFT) | (small.leechers << STATE_LEECHERS_SHIFT)
    words[row + ROW_STATE] = (words[row + ROW_STATE] & STATE_COMPLETED_MAX) | counts
  } else {
    words[row + ROW_SEEDERS] = small.seeders
    words[row + ROW_LEECHERS] = small.leechers
  }
}

export function copyPeer(table: Table, from: number, to: number): void {
  copyWords(table.words, from, to, table.stride)
}

export function copyWords(words: Int32Array, from: number, to: number, count: number): void {
  for (let i = 0; i < count; i++) words[to + i] = words[from + i]
}

/** Makes room for one peer of a role in the open swarm and returns its index. There must be capacity. */
export function openSlot(table: Table, seeder: boolean): number {
  if (!seeder) return small.seeders + small.leechers++
  const stride = table.stride
  const index = small.seeders++
  // The first leecher moves behind the last one.
  if (small.leechers > 0) {
    copyPeer(table, small.base + index * stride, small.base + (index + small.leechers) * stride)
  }
  return index
}

/** Closes the gap that the removal of a peer leaves in the open swarm. */
export function closeSlot(table: Table, index: number): void {
  const stride = table.stride
  const last = small.seeders + small.leechers - 1
  let gap = index
  if (index < small.seeders) {
    gap = --small.seeders
    if (index !== gap) copyPeer(table, small.base + gap * stride, small.base + index * stride)
  } else {
    small.leechers--
  }
  if (gap !== last) copyPeer(table, small.base + last * stride, small.base + gap * stride)
}

/** Moves the open swarm to memory for at least `peers`. False, and nothing changed, without memory. */
export function resizeSmall(table: Table, row: number, peers: number): boolean {
  const words = table.words
  const count = small.seeders + small.leechers
  const oldBlock = small.kind === KIND_BLOCK ? small.base : 0
  if (peers <= table.few) {
    words[row + ROW_STATE] = words[row + ROW_STATE] & STATE_COMPLETED_MAX
    small.kind = KIND_FEW
    small.capacity = table.few
    copyWords(words, small.base, row + ROW_PEERS, count * table.stride)
    small.base = row + ROW_PEERS
  } else {
    const sizeClass = classFor(peers * table.stride)
    const block = takeBlock(table, sizeClass)
    if (block === 0) return false
    copyWords(words, small.base, block, count * table.stride)
    words[row + ROW_STATE] =
      (words[row + ROW_STATE] & STATE_COMPLETED_MAX) | (KIND_BLOCK << STATE_KIND_SHIFT)
    words[row + ROW_BLOCK] = block
    words[row + ROW_CLASS] = sizeClass
    small.kind = KIND_BLOCK
    small.capacity = (classWords(sizeClass) / table.stride) | 0
    small.base = block
  }
  if (oldBlock !== 0) giveBlock(table, oldBlock)
  return true
}

/** After a removal: a block two sizes too large is exchanged for a smaller one, or for the row itself. */
export function shrinkSmall(table: Table, row: number): void {
  if (small.kind === KIND_FEW) return
  const count = small.seeders + small.leechers
  if (count * 2 <= table.few + 1) {
    resizeSmall(table, row, count)
    return
  }
  const sizeClass = table.words[row + ROW_CLASS]
  if (sizeClass >= 2 && count * table.stride <= classWords(sizeClass - 2)) {
    resizeSmall(table, row, (classWords(sizeClass - 1) / table.stride) | 0)
  }
}
