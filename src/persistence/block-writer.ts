// Writes a file in the snapshot format (format.ts), block by block. Used by write.ts and counts.ts, inside
// replaceFile. Owns the block being collected.

import type { Table } from '../swarm/table/table.ts'
import type { Walk } from '../swarm/walks/export.ts'
import { walkThrough } from '../swarm/walks/pace.ts'
import { momentNow } from './boot.ts'
import type { Write } from './files.ts'
import { BLOCK_HEAD_WORDS, endBytes, headBytes, SUM_BYTES, snapshotSum } from './format.ts'

/** A block is written once it has this many words. */
const WRITE_WORDS = 131_072

/** Torrents and peers per hold of the lock: some tens of microseconds. */
const SLICE_BUDGET = 500

/** The file was abandoned because the process is stopping, which is not a failure. */
export class SnapshotStopped extends Error {
  override name = 'SnapshotStopped'
}

/** How a table is copied to the file. */
export interface TableCopy {
  /** Of the blocks it becomes. */
  readonly kind: number
  /** Sleep between turns, to leave the processor to others. */
  readonly gently: boolean
  /** Asked between turns; true gives up with SnapshotStopped. */
  readonly mustStop: () => boolean
  /** Adds and counts what the walk has copied. */
  readonly take: () => void
}

export class BlockWriter {
  pieces = 0
  peers = 0
  bytes = 0
  private readonly write: Write
  private readonly bootId: Uint8Array
  private readonly sum = snapshotSum()
  private block = new Int32Array(WRITE_WORDS * 2)
  private blockWords = BLOCK_HEAD_WORDS

  constructor(write: Write, bootId: Uint8Array) {
    this.write = write
    this.bootId = bootId
  }

  begin(): Promise<void> {
    return this.put(headBytes(this.bootId))
  }

  private get isFull(): boolean {
    return this.blockWords >= WRITE_WORDS
  }

  /** Adds the first `count` words, which are whole pieces. The caller counts pieces and peers. */
  add(words: Int32Array, count: number): void {
    const need = this.blockWords + count
    if (need > this.block.length) {
      const longer = new Int32Array(need * 2)
      longer.set(this.block)
      this.block = longer
    }
    this.block.set(words.subarray(0, count), this.blockWords)
    this.blockWords = need
  }

  /** Copies a table while workers serve. The caller flushes the last block. */
  async addTable(
    walk: Walk,
    table: Table,
    { kind, gently, mustStop, take }: TableCopy,
  ): Promise<void> {
    await walkThrough(walk, [table], {
      budget: SLICE_BUDGET,
      gently,
      take: () => {
        take()
        return this.isFull
      },
      afterTurn: async () => {
        if (mustStop()) throw new SnapshotStopped('the process is stopping')
        if (this.isFull) await this.flush(kind)
        return true
      },
    })
  }

  /** Writes the collected words as one block. */
  async flush(kind: number): Promise<void> {
    if (this.blockWords === BLOCK_HEAD_WORDS) return
    this.block[0] = kind
    this.block[1] = this.blockWords - BLOCK_HEAD_WORDS
    await this.put(new Uint8Array(this.block.buffer, 0, this.blockWords * 4))
    this.blockWords = BLOCK_HEAD_WORDS
  }

  async finish(): Promise<void> {
    const { wall, monotonic } = momentNow(this.bootId)
    const { pieces, peers } = this
    await this.put(endBytes({ wall, monotonic, pieces, peers }))
    await this.write(this.sum.digest())
    this.bytes += SUM_BYTES
  }

  private async put(bytes: Uint8Array): Promise<void> {
    this.sum.update(bytes)
    await this.write(bytes)
    this.bytes += bytes.length
  }
}
