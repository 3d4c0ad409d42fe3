// The directory of one role of a large swarm: where each of its buckets lies.
// Called by large.ts, choose.ts and clean.ts under the table's lock. Owns directories, their segments and lists.
//
// A directory grows by one entry at a time: to 255 in a block that is exchanged for larger ones, past
// that in segments of 256 that stay where they are, so that no announce ever copies much. A directory
// is reached through a word of the torrent row (the «slot»), because it moves when it grows. 0 there
// means: nobody of this role.
import { PAGE_INFO_WORDS, PAGE_SHIFT } from '../../memory/arena.ts'
import {
  DIRECTORY_ENTRIES,
  DIRECTORY_LIST,
  DIRECTORY_OWN_MAX,
  ENTRY_COUNT_MASK,
  PAGE_CLASS,
  SEGMENT_MASK,
  SEGMENT_SHIFT,
} from '../layout.ts'
import type { Table } from '../table/table.ts'
import { classFor, classWords, giveBlock, takeBlock } from './blocks.ts'
import { copyWords } from './small.ts'

const SEGMENT_CLASS = classFor((SEGMENT_MASK + 1) * 2)
const LIST_CLASS = classFor(8)

// HOT: no allocation below this line.

export function entryCount(entryWord: number): number {
  return entryWord & ENTRY_COUNT_MASK
}

/** The address of a bucket's entry in its directory or segment. */
export function entryAddress(table: Table, directory: number, bucket: number): number {
  if (bucket < DIRECTORY_OWN_MAX) return directory + DIRECTORY_ENTRIES + bucket * 2
  const words = table.words
  const index = bucket - DIRECTORY_OWN_MAX
  const segment = words[words[directory + DIRECTORY_LIST] + (index >>> SEGMENT_SHIFT)]
  return segment + (index & SEGMENT_MASK) * 2
}

/** Makes sure that the directory has an entry for `bucket`, its next one. May move the directory. */
export function ensureEntry(table: Table, slot: number, bucket: number): boolean {
  const words = table.words
  const directory = words[slot]
  if (bucket < DIRECTORY_OWN_MAX) {
    const need = DIRECTORY_ENTRIES + (bucket + 1) * 2
    if (need <= classWords(blockClass(table, directory))) return true
    return exchangeDirectory(table, slot, classFor(need), DIRECTORY_ENTRIES + bucket * 2)
  }
  const index = bucket - DIRECTORY_OWN_MAX
  if ((index & SEGMENT_MASK) !== 0) return true
  // The segment first: a list without segments would never be given back.
  const segment = takeBlock(table, SEGMENT_CLASS)
  if (segment === 0) return false
  if (!ensureListEntry(table, directory, index >>> SEGMENT_SHIFT)) {
    giveBlock(table, segment)
    return false
  }
  words[words[directory + DIRECTORY_LIST] + (index >>> SEGMENT_SHIFT)] = segment
  return true
}

/** Gives the segment back whose first entry was `bucket`, which is no longer used; with the first, the list. */
export function dropSegment(table: Table, directory: number, bucket: number): void {
  const words = table.words
  const index = bucket - DIRECTORY_OWN_MAX
  if (index < 0 || (index & SEGMENT_MASK) !== 0) return
  const list = words[directory + DIRECTORY_LIST]
  giveBlock(table, words[list + (index >>> SEGMENT_SHIFT)])
  if (index === 0) {
    giveBlock(table, list)
    words[directory + DIRECTORY_LIST] = 0
  }
}

export function shrinkDirectory(table: Table, slot: number, buckets: number): void {
  if (buckets >= DIRECTORY_OWN_MAX) return
  const sizeClass = blockClass(table, table.words[slot])
  const used = DIRECTORY_ENTRIES + buckets * 2
  if (sizeClass < 2 || used > classWords(sizeClass - 2)) return
  exchangeDirectory(table, slot, sizeClass - 1, used)
}

function ensureListEntry(table: Table, directory: number, index: number): boolean {
  const words = table.words
  const list = words[directory + DIRECTORY_LIST]
  if (list !== 0 && index < classWords(blockClass(table, list))) return true
  const longer = takeBlock(table, list === 0 ? LIST_CLASS : blockClass(table, list) + 1)
  if (longer === 0) return false
  if (list !== 0) {
    copyWords(words, list, longer, index)
    giveBlock(table, list)
  }
  words[directory + DIRECTORY_LIST] = longer
  return true
}

function exchangeDirectory(table: Table, slot: number, sizeClass: number, used: number): boolean {
  const words = table.words
  const directory = takeBlock(table, sizeClass)
  if (directory === 0) return false
  copyWords(words, words[slot], directory, used)
  giveBlock(table, words[slot])
  words[slot] = directory
  return true
}

function blockClass(table: Table, block: number): number {
  return table.arena.pageInfo[(block >>> PAGE_SHIFT) * PAGE_INFO_WORDS + PAGE_CLASS]
}
