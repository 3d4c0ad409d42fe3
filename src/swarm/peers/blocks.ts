// Blocks of a few sizes, cut from pages: the allocator for peers and directories.
// Called by peers.ts, large.ts and torrents.ts under the table's lock; every table has its own pages.
//
// A page serves one size. Pages with room form a list per size; a page that is empty again goes back
// to the arena, so that a swarm's memory can serve another size, another table, or the system.
import { PAGE_INFO_WORDS, PAGE_SHIFT, PAGE_WORDS } from '../../memory/arena.ts'
import {
  BLOCK_CLASS_MAX,
  BLOCK_CLASSES,
  BLOCK_WORDS,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_NEXT,
  PAGE_PREVIOUS,
  PAGE_USED,
  TABLE_ROOM,
} from '../layout.ts'
import type { Table } from '../table/table.ts'

const CLASS_WORDS = new Int32Array(BLOCK_WORDS)
const CLASS_PER_PAGE = new Int32Array(BLOCK_WORDS.map((words) => Math.floor(PAGE_WORDS / words)))

// The smallest class for n words, for the sizes that peers come in.
const CLASS_OF_WORDS = new Int32Array(PAGE_WORDS + 1)
for (let words = 0, sizeClass = 0; words <= PAGE_WORDS; words++) {
  if (words > BLOCK_WORDS[sizeClass]) sizeClass++
  CLASS_OF_WORDS[words] = sizeClass
}

/**
 * Swarms of a few peers come and go all the time: a table keeps its last page of their sizes when it
 * is empty. For larger ones it would be memory that nobody uses, in every table.
 */
const KEPT_CLASS_MAX = CLASS_OF_WORDS[64]

// HOT: no allocation below this line.

/** The smallest class that holds `words`, or a class past the last one. */
export function classFor(words: number): number {
  return words > PAGE_WORDS ? BLOCK_CLASSES : CLASS_OF_WORDS[words]
}

export function classWords(sizeClass: number): number {
  return CLASS_WORDS[sizeClass]
}

/** Takes a block and returns its address, or 0 when the reserve is used up. Contents are undefined. */
export function takeBlock(table: Table, sizeClass: number): number {
  if (sizeClass > BLOCK_CLASS_MAX) return 0
  const info = table.arena.pageInfo
  const room = table.header + TABLE_ROOM + sizeClass
  let page = table.control[room]
  if (page === 0) {
    page = table.arena.takePage()
    if (page === 0) return 0
    const at = page * PAGE_INFO_WORDS
    info[at + PAGE_CLASS] = sizeClass
    info[at + PAGE_FREE] = 0
    info[at + PAGE_USED] = 0
    info[at + PAGE_CARVED] = 0
    linkPage(table, page, room)
  }
  const at = page * PAGE_INFO_WORDS
  let block = info[at + PAGE_FREE]
  if (block !== 0) {
    info[at + PAGE_FREE] = table.words[block]
  } else {
    block = (page << PAGE_SHIFT) + info[at + PAGE_CARVED] * CLASS_WORDS[sizeClass]
    info[at + PAGE_CARVED]++
  }
  info[at + PAGE_USED]++
  if (info[at + PAGE_USED] === CLASS_PER_PAGE[sizeClass]) unlinkPage(table, page, room)
  return block
}

export function giveBlock(table: Table, block: number): void {
  const info = table.arena.pageInfo
  const page = block >>> PAGE_SHIFT
  const at = page * PAGE_INFO_WORDS
  const sizeClass = info[at + PAGE_CLASS]
  const room = table.header + TABLE_ROOM + sizeClass
  if (info[at + PAGE_USED] === CLASS_PER_PAGE[sizeClass]) linkPage(table, page, room)
  info[at + PAGE_USED]--
  table.words[block] = info[at + PAGE_FREE]
  info[at + PAGE_FREE] = block
  const only = table.control[room] === page && info[at + PAGE_NEXT] === 0
  // An empty page goes back, unless it is the only one with room and the next block may want it soon.
  if (info[at + PAGE_USED] === 0 && (!only || sizeClass > KEPT_CLASS_MAX)) {
    unlinkPage(table, page, room)
    table.arena.givePage(page)
  }
}

function linkPage(table: Table, page: number, room: number): void {
  const info = table.arena.pageInfo
  const next = table.control[room]
  info[page * PAGE_INFO_WORDS + PAGE_NEXT] = next
  info[page * PAGE_INFO_WORDS + PAGE_PREVIOUS] = 0
  if (next !== 0) info[next * PAGE_INFO_WORDS + PAGE_PREVIOUS] = page
  table.control[room] = page
}

function unlinkPage(table: Table, page: number, room: number): void {
  const info = table.arena.pageInfo
  const next = info[page * PAGE_INFO_WORDS + PAGE_NEXT]
  const previous = info[page * PAGE_INFO_WORDS + PAGE_PREVIOUS]
  if (next !== 0) info[next * PAGE_INFO_WORDS + PAGE_PREVIOUS] = previous
  if (previous !== 0) info[previous * PAGE_INFO_WORDS + PAGE_NEXT] = next
  else table.control[room] = next
}
