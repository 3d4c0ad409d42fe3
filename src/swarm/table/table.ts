// One table of torrents: a shard of one address family. Holds where its parts lie in shared memory.
// Made by swarm.ts in every worker, over the same memory; all its functions want the table's lock.
// Owns nothing itself: rows, buckets and blocks live in the arena, the header in `control`.
import type { Arena } from '../../memory/arena.ts'
import { PAGE_SHIFT } from '../../memory/arena.ts'
import { lock, orEnd, unlock } from '../../memory/lock.ts'
import type { PeerKind } from '../layout.ts'
import { ROW_ID_SLOT_BITS, TABLE_CONTENDED, TABLE_LOCK, TABLE_SLEPT } from '../layout.ts'

export interface SwarmTables {
  readonly ipv4: readonly Table[]
  readonly ipv6: readonly Table[]
  readonly websocket: readonly Table[]
}

/** Where the parts of a table lie, and what it is. */
export interface TableParts {
  readonly arena: Arena
  readonly control: Int32Array
  /** Its header in `control`. */
  readonly header: number
  readonly directory: Int32Array
  /** Its part of `directory`: pages of rows, then of buckets. */
  readonly directoryAt: number
  readonly rowPagesMax: number
  readonly bucketPagesMax: number
  readonly kind: PeerKind
  readonly key0: number
  readonly key1: number
  readonly alone: boolean
}

export class Table {
  readonly arena: Arena
  /** All pages. */
  readonly words: Int32Array
  readonly control: Int32Array
  /** This table's header in `control`. */
  readonly header: number
  /** Page numbers: of the rows (index from 1), and of the buckets (index from 0). */
  readonly directory: Int32Array
  readonly rowPagesAt: number
  readonly rowPagesMax: number
  readonly bucketPagesAt: number
  readonly bucketPagesMax: number
  readonly stride: number
  readonly rowWords: number
  readonly rowsPerPage: number
  readonly few: number
  readonly smallMax: number
  /** Peers belong to connections (layout.ts). */
  readonly owned: boolean
  readonly key0: number
  readonly key1: number
  /** Only this thread ever touches the table: `lock` and `unlock` do nothing. */
  private readonly alone: boolean

  constructor(parts: TableParts) {
    const { arena, kind } = parts
    this.arena = arena
    this.words = arena.words
    this.control = parts.control
    this.header = parts.header
    this.directory = parts.directory
    this.rowPagesAt = parts.directoryAt
    this.rowPagesMax = parts.rowPagesMax
    this.bucketPagesAt = parts.directoryAt + parts.rowPagesMax + 1
    this.bucketPagesMax = parts.bucketPagesMax
    this.stride = kind.stride
    this.rowWords = kind.rowWords
    this.rowsPerPage = kind.rowsPerPage
    this.few = kind.few
    this.smallMax = kind.smallMax
    this.owned = kind.owned
    this.key0 = parts.key0
    this.key1 = parts.key1
    this.alone = parts.alone
  }

  /** Runs what is done under the lock, in code that is not hot. What it throws ends the process. */
  locked<T>(work: () => T): T {
    this.lock()
    const result = orEnd(work)
    this.unlock()
    return result
  }

  // HOT: no allocation below this line.

  lock(): void {
    if (this.alone) return
    const waited = lock(this.control, this.header + TABLE_LOCK)
    if (waited === 0) return
    // Counted under the lock that it had to wait for, so plain increments are enough.
    this.control[this.header + TABLE_CONTENDED]++
    if (waited > 1) this.control[this.header + TABLE_SLEPT]++
  }

  unlock(): void {
    if (!this.alone) unlock(this.control, this.header + TABLE_LOCK)
  }

  /** The address of a row. */
  rowAddress(rowId: number): number {
    const page = this.directory[this.rowPagesAt + (rowId >>> ROW_ID_SLOT_BITS)]
    return (page << PAGE_SHIFT) + (rowId & ((1 << ROW_ID_SLOT_BITS) - 1)) * this.rowWords
  }

  /** The id of the `index`-th row. */
  rowId(index: number): number {
    const page = (index / this.rowsPerPage) | 0
    return ((page + 1) << ROW_ID_SLOT_BITS) | (index - page * this.rowsPerPage)
  }
}
