// Who owns which page and which block: the memory half of the invariant checks.
// Used by invariants.ts, which claims what it finds in use, and then checks it against the books.
import { PAGE_INFO_WORDS, PAGE_SHIFT, PAGE_WORDS } from '../../src/memory/arena.ts'
import {
  BLOCK_CLASSES,
  BLOCK_WORDS,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_NEXT,
  PAGE_PREVIOUS,
  PAGE_USED,
  TABLE_ROOM,
} from '../../src/swarm/layout.ts'
import type { SwarmBuffers } from '../../src/swarm/memory.ts'
import type { Table } from '../../src/swarm/table/table.ts'

// Words of the arena's pool (src/memory/arena.ts).
const POOL_LOCK = 0
const POOL_NEXT_FRESH = 1
const POOL_FREE_HEAD = 2
const POOL_FREE_COUNT = 3
const POOL_PAGES = 4

export interface PageCounts {
  rows: number
  buckets: number
  blocks: number
  free: number
}

/** Ends the check: says what is broken. */
export function fail(message: string): never {
  throw new Error(`broken invariant: ${message}`)
}

export function expectEqual(actual: number, expected: number, what: () => string): void {
  if (actual !== expected) fail(`${what()} is ${actual} instead of ${expected}`)
}

/** Every page of the arena and its owner. */
export class Pages {
  readonly counts: PageCounts = { rows: 0, buckets: 0, blocks: 0, free: 0 }
  private readonly owners = new Map<number, string>()
  private readonly pool: Int32Array
  private readonly pageInfo: Int32Array

  constructor(buffers: SwarmBuffers) {
    this.pool = new Int32Array(buffers.arena.pool)
    this.pageInfo = new Int32Array(buffers.arena.pageInfo)
  }

  claim(page: number, use: keyof PageCounts, owner: string): void {
    const fresh = this.pool[POOL_NEXT_FRESH]
    if (page < 1 || page >= fresh) fail(`${owner} uses page ${page}, which was never handed out`)
    const other = this.owners.get(page)
    if (other !== undefined) fail(`page ${page} belongs to ${other} and to ${owner}`)
    this.owners.set(page, `${owner} (${use})`)
    this.counts[use]++
  }

  /** After all tables have claimed theirs: the rest is exactly the free list. */
  finish(): void {
    const pool = this.pool
    expectEqual(pool[POOL_LOCK], 0, () => 'the lock of the page pool')
    for (
      let page = pool[POOL_FREE_HEAD];
      page !== 0;
      page = this.pageInfo[page * PAGE_INFO_WORDS]
    ) {
      this.claim(page, 'free', 'the pool')
    }
    expectEqual(pool[POOL_FREE_COUNT], this.counts.free, () => 'the count of free pages')
    if (pool[POOL_NEXT_FRESH] > pool[POOL_PAGES]) fail('more pages were handed out than there are')
    for (let page = 1; page < pool[POOL_NEXT_FRESH]; page++) {
      if (!this.owners.has(page)) fail(`page ${page} is lost: nobody owns it and it is not free`)
    }
  }
}

/** The blocks of one table that are in use, with their owners. */
export class Blocks {
  private readonly table: Table
  private readonly name: string
  private readonly owners = new Map<number, string>()
  private readonly usedByPage = new Map<number, number>()

  constructor(table: Table, name: string) {
    this.table = table
    this.name = name
  }

  /** Claims a block in use, of the size class that its user expects (−1: any). Returns its words. */
  claim(block: number, sizeClass: number, owner: string): number {
    const info = this.table.arena.pageInfo
    const page = block >>> PAGE_SHIFT
    const at = page * PAGE_INFO_WORDS
    if (page === 0) fail(`${owner} has no block`)
    const realClass = info[at + PAGE_CLASS]
    if (realClass < 0 || realClass >= BLOCK_CLASSES) fail(`${owner}: page ${page} has no class`)
    if (sizeClass >= 0) expectEqual(realClass, sizeClass, () => `${owner}: class of its block`)
    const words = BLOCK_WORDS[realClass]
    const offset = block & (PAGE_WORDS - 1)
    if (offset % words !== 0) fail(`${owner}: block ${block} is not at a multiple of ${words}`)
    if (offset / words >= info[at + PAGE_CARVED]) fail(`${owner}: block ${block} was never cut`)
    const other = this.owners.get(block)
    if (other !== undefined) fail(`block ${block} belongs to ${other} and to ${owner}`)
    this.owners.set(block, owner)
    this.usedByPage.set(page, (this.usedByPage.get(page) ?? 0) + 1)
    return words
  }

  /** Checks all pages of blocks, and claims them. */
  finish(pages: Pages): void {
    const withRoom = new Set<number>()
    for (let sizeClass = 0; sizeClass < BLOCK_CLASSES; sizeClass++) {
      this.checkRoomList(sizeClass, withRoom)
    }
    for (const page of withRoom) {
      pages.claim(page, 'blocks', this.name)
      this.checkPage(page, true)
    }
    for (const page of this.usedByPage.keys()) {
      if (withRoom.has(page)) continue
      pages.claim(page, 'blocks', this.name)
      this.checkPage(page, false)
    }
  }

  private checkRoomList(sizeClass: number, seen: Set<number>): void {
    const { table } = this
    const info = table.arena.pageInfo
    const head = table.control[table.header + TABLE_ROOM + sizeClass]
    let previous = 0
    let empty = 0
    for (let page = head; page !== 0; page = info[page * PAGE_INFO_WORDS + PAGE_NEXT]) {
      const at = page * PAGE_INFO_WORDS
      const where = `${this.name}: page ${page} in the list of class ${sizeClass}`
      if (seen.has(page)) fail(`${where} is there twice`)
      seen.add(page)
      expectEqual(info[at + PAGE_CLASS], sizeClass, () => `${where}: its class`)
      expectEqual(info[at + PAGE_PREVIOUS], previous, () => `${where}: the page before it`)
      // One empty page may stay in stock.
      if (info[at + PAGE_USED] === 0) empty++
      if (empty > 1) fail(`${where} is the second empty one that was not given back`)
      previous = page
    }
  }

  private checkPage(page: number, withRoom: boolean): void {
    const info = this.table.arena.pageInfo
    const at = page * PAGE_INFO_WORDS
    const where = `${this.name}: page ${page} of blocks`
    const words = BLOCK_WORDS[info[at + PAGE_CLASS]]
    const perPage = Math.floor(PAGE_WORDS / words)
    const used = info[at + PAGE_USED]
    const carved = info[at + PAGE_CARVED]
    expectEqual(this.usedByPage.get(page) ?? 0, used, () => `${where}: blocks really in use`)
    if (carved > perPage) fail(`${where} was cut into ${carved} blocks, but has ${perPage}`)
    if (withRoom !== used < perPage)
      fail(`${where}: ${used} used, listed as with room: ${withRoom}`)
    const free = new Set<number>()
    for (let block = info[at + PAGE_FREE]; block !== 0; block = this.table.words[block]) {
      const offset = block - page * PAGE_WORDS
      if (offset < 0 || offset >= carved * words || offset % words !== 0) {
        fail(`${where}: free block ${block} is none of its blocks`)
      }
      if (free.has(block)) fail(`${where}: its free list is a ring`)
      if (this.owners.has(block)) fail(`${where}: block ${block} is free and used`)
      free.add(block)
    }
    expectEqual(used + free.size, carved, () => `${where}: used and free blocks`)
  }
}
