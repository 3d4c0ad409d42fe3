// Makes small swarms large and large ones small.
// Called by swarm.ts and clean.ts under the table's lock. Owns nothing: blocks pass to the new form.

import {
  DIRECTORY_BUCKETS,
  KIND_BLOCK,
  KIND_LARGE,
  ROW_BLOCK,
  ROW_CLASS,
  ROW_LEECHER_DIRECTORY,
  ROW_LEECHERS,
  ROW_SEEDERS,
  ROW_STATE,
  STATE_COMPLETED_MAX,
  STATE_KIND_SHIFT,
  TABLE_CLEAN_SWARM,
} from '../layout.ts'
import type { Table } from '../table/table.ts'
import { classFor, giveBlock, takeBlock } from './blocks.ts'
import { entryAddress, entryCount } from './directory.ts'
import { addToSet, freeSet } from './large.ts'
import { hashPeerAt } from './peer.ts'
import { copyPeer, copyWords, small } from './small.ts'

/** A large swarm becomes small again at this share of the size that makes it large. */
const REDUCE_SHARE = 2

// HOT: no allocation below this line.

/** Turns the open small swarm, which has a block, into a large one. False, and nothing changed, without memory. */
export function enlarge(table: Table, row: number): boolean {
  const words = table.words
  const block = small.base
  const seeders = small.seeders
  const count = seeders + small.leechers
  const sizeClass = words[row + ROW_CLASS]
  words[row + ROW_BLOCK] = 0
  words[row + ROW_LEECHER_DIRECTORY] = 0
  for (let i = 0; i < count; i++) {
    const slot = row + (i < seeders ? ROW_BLOCK : ROW_LEECHER_DIRECTORY)
    if (insertCopy(table, slot, i < seeders ? i : i - seeders, block + i * table.stride)) continue
    freeSet(table, row + ROW_BLOCK)
    freeSet(table, row + ROW_LEECHER_DIRECTORY)
    words[row + ROW_BLOCK] = block
    words[row + ROW_CLASS] = sizeClass
    return false
  }
  words[row + ROW_STATE] =
    (words[row + ROW_STATE] & STATE_COMPLETED_MAX) | (KIND_LARGE << STATE_KIND_SHIFT)
  giveBlock(table, block)
  return true
}

/** Makes a large swarm small again when it has become so. An empty one is the caller's to remove. */
export function reduceLarge(table: Table, row: number): void {
  const words = table.words
  const seeders = words[row + ROW_SEEDERS]
  const leechers = words[row + ROW_LEECHERS]
  if ((seeders + leechers) * REDUCE_SHARE > table.smallMax) return
  // A cleaning that stopped inside it starts over.
  const cleaned = table.header + TABLE_CLEAN_SWARM
  if (table.control[cleaned] === row) table.control[cleaned] = 0
  if (seeders + leechers === 0) {
    // There is nobody to move, so this works even without memory.
    words[row + ROW_STATE] &= STATE_COMPLETED_MAX
    return
  }
  const peers = Math.max(seeders + leechers, table.few + 1)
  const sizeClass = classFor(peers * table.stride)
  const block = takeBlock(table, sizeClass)
  // Without memory for the move it just stays large.
  if (block === 0) return
  const middle = copySet(table, words[row + ROW_BLOCK], block)
  copySet(table, words[row + ROW_LEECHER_DIRECTORY], middle)
  freeSet(table, row + ROW_BLOCK)
  freeSet(table, row + ROW_LEECHER_DIRECTORY)
  words[row + ROW_STATE] =
    (words[row + ROW_STATE] & STATE_COMPLETED_MAX) | (KIND_BLOCK << STATE_KIND_SHIFT)
  words[row + ROW_BLOCK] = block
  words[row + ROW_CLASS] = sizeClass
}

function insertCopy(table: Table, slot: number, size: number, at: number): boolean {
  const to = addToSet(table, slot, size, hashPeerAt(table, at))
  if (to === 0) return false
  copyPeer(table, at, to)
  return true
}

/** Copies all peers of a set to `target`; returns the address behind them. */
function copySet(table: Table, directory: number, target: number): number {
  if (directory === 0) return target
  const words = table.words
  const buckets = words[directory + DIRECTORY_BUCKETS]
  let at = target
  for (let bucket = 0; bucket < buckets; bucket++) {
    const entry = entryAddress(table, directory, bucket)
    const length = entryCount(words[entry + 1]) * table.stride
    copyWords(words, words[entry], at, length)
    at += length
  }
  return at
}
