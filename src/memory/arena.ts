// The shared memory that all swarms live in: one reserve, handed out in pages of 16 KiB.
// Created once by main, attached by every worker; swarm/ takes pages for torrent rows, hash buckets
// and blocks of peers. Owns the pages and their bookkeeping, protected by the pool's own lock.
//
// One reserve for all tables instead of one each: pages then fill from the front, so that the part
// in use is dense, huge pages fit it, and no table needs room for the case that all peers end up in it.
// The system provides memory only for pages that have been touched.
import { addressOf, libc } from '../os/ffi.ts'
import { MADV_DONTNEED, MADV_HUGEPAGE } from '../os/kernel.ts'
import { pageBytes } from '../os/process.ts'
import { lock, unlock } from './lock.ts'

export const PAGE_WORDS = 4096
export const PAGE_BYTES = PAGE_WORDS * 4
/** log2(PAGE_WORDS): word index >>> PAGE_SHIFT is the page. */
export const PAGE_SHIFT = 12

/** Words kept about each page. Word 0 belongs to the pool while the page is free, all to its user otherwise. */
export const PAGE_INFO_WORDS = 8

/** A single shared buffer ends here (a limit of the runtime). */
export const ARENA_BYTES_MAX = 2 ** 32

// Words of `pool`: the pool's own state.
const POOL_LOCK = 0
const POOL_NEXT_FRESH = 1
const POOL_FREE_HEAD = 2
const POOL_FREE_COUNT = 3
const POOL_PAGES = 4
const POOL_WORDS = 16

/** With fewer free pages than this, they keep their memory: swarms that come and go cost no page faults. */
const FREE_PAGES_KEPT = 256

/**
 * Huge pages come 2 MiB at a time, so the first part of the arena does without them: a small tracker
 * would pay for memory it never uses. Beyond it they spare most TLB misses of random reads.
 */
const HUGE_PAGES_FROM_BYTES = 4 * 2 ** 20

export interface ArenaBuffers {
  readonly words: SharedArrayBuffer
  readonly pageInfo: SharedArrayBuffer
  readonly pool: SharedArrayBuffer
}

/** Reserves an arena of at least `bytes`. Throws RangeError when the system refuses. */
export function createArena(bytes: number): ArenaBuffers {
  const pages = Math.min(Math.ceil(bytes / PAGE_BYTES), ARENA_BYTES_MAX / PAGE_BYTES)
  const buffers = {
    words: new SharedArrayBuffer(pages * PAGE_BYTES),
    pageInfo: new SharedArrayBuffer(pages * PAGE_INFO_WORDS * 4),
    pool: new SharedArrayBuffer(POOL_WORDS * 4),
  }
  const pool = new Int32Array(buffers.pool)
  pool[POOL_PAGES] = pages
  // Page 0 is never handed out: address 0 means «none» everywhere.
  pool[POOL_NEXT_FRESH] = 1
  adviseHugePages(new Int32Array(buffers.words))
  return buffers
}

/** For memory that is read in any order. Advice only: where the system has no huge pages, it changes nothing. */
export function adviseHugePages(words: Int32Array<SharedArrayBuffer>): void {
  const bytes = words.byteLength - HUGE_PAGES_FROM_BYTES
  if (bytes <= 0) return
  const from = addressOf(words) + HUGE_PAGES_FROM_BYTES
  libc.madvise(from as never, bytes as never, MADV_HUGEPAGE)
}

export class Arena {
  readonly words: Int32Array<SharedArrayBuffer>
  readonly pageInfo: Int32Array<SharedArrayBuffer>
  private readonly pool: Int32Array<SharedArrayBuffer>
  private readonly base: number
  private readonly returnsMemory: boolean

  constructor(buffers: ArenaBuffers) {
    this.words = new Int32Array(buffers.words)
    this.pageInfo = new Int32Array(buffers.pageInfo)
    this.pool = new Int32Array(buffers.pool)
    this.base = addressOf(this.words)
    // The system takes memory back in pages of its own: where they are larger than ours (64 KiB on
    // some arm64 kernels), giving one back would clear its neighbours.
    const systemPage = pageBytes()
    this.returnsMemory = systemPage <= PAGE_BYTES && this.base % systemPage === 0
  }

  // HOT: no allocation below this line.

  /** Takes a page and returns its number, or 0 when the reserve is used up. Its contents are undefined. */
  takePage(): number {
    const pool = this.pool
    lock(pool, POOL_LOCK)
    let page = pool[POOL_FREE_HEAD]
    if (page !== 0) {
      pool[POOL_FREE_HEAD] = this.pageInfo[page * PAGE_INFO_WORDS]
      pool[POOL_FREE_COUNT]--
    } else if (pool[POOL_NEXT_FRESH] < pool[POOL_PAGES]) {
      page = pool[POOL_NEXT_FRESH]++
    }
    unlock(pool, POOL_LOCK)
    return page
  }

  /** Gives a page back. Beyond a small stock, its memory goes back to the system. */
  givePage(page: number): void {
    const pool = this.pool
    lock(pool, POOL_LOCK)
    this.pageInfo[page * PAGE_INFO_WORDS] = pool[POOL_FREE_HEAD]
    pool[POOL_FREE_HEAD] = page
    pool[POOL_FREE_COUNT]++
    if (this.returnsMemory && pool[POOL_FREE_COUNT] > FREE_PAGES_KEPT) {
      libc.madvise((this.base + page * PAGE_BYTES) as never, PAGE_BYTES as never, MADV_DONTNEED)
    }
    unlock(pool, POOL_LOCK)
  }

  /** Pages that there are for tables. */
  pages(): number {
    return this.pool[POOL_PAGES] - 1
  }

  /** Pages in use by tables now. */
  pagesInUse(): number {
    const pool = this.pool
    return Atomics.load(pool, POOL_NEXT_FRESH) - 1 - Atomics.load(pool, POOL_FREE_COUNT)
  }
}
