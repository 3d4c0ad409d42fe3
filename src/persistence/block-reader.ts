// Reads and checks a file of the snapshot's format (format.ts). Used by read.ts and counts.ts. Owns the open
// file, so it cannot be swapped between check and reading, and the last block read.
import { closeSync, fstatSync, readSync } from 'node:fs'
import { FileFault, openRegularFile } from '../config/named-file.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS } from '../swarm/walks/export.ts'
import {
  BLOCK_COUNTS,
  BLOCK_END,
  BLOCK_HEAD_WORDS,
  BLOCK_WORDS_MAX,
  END_BYTES,
  END_WORDS,
  FILE_BYTES_MIN,
  HEAD_BOOT_ID,
  HEAD_BYTES,
  HEAD_VERSION,
  MAGIC,
  readEnd,
  SNAPSHOT_VERSION,
  type SnapshotEnd,
  SUM_BYTES,
  snapshotSum,
} from './format.ts'

/** A file that cannot be used. The message continues a sentence that begins with its path. */
export class SnapshotRefused extends Error {
  override name = 'SnapshotRefused'
}

export interface Block {
  readonly kind: number
  /** Valid until the next block is read. */
  readonly words: Int32Array
  readonly count: number
}

export class BlockReader {
  private readonly file: number
  private readonly strides: ReadonlyMap<number, number>
  private readonly size: number
  private words = new Int32Array(2 ** 18)

  /** Null when there is no file. `strides`: words per peer, by the kinds of blocks that it can have. */
  static open(path: string, strides: ReadonlyMap<number, number>): BlockReader | null {
    try {
      return new BlockReader(openRegularFile(path), strides)
    } catch (error) {
      if (error instanceof FileFault && error.code === 'ENOENT') return null
      throw error
    }
  }

  private constructor(file: number, strides: ReadonlyMap<number, number>) {
    this.file = file
    this.strides = strides
    this.size = fstatSync(file).size
  }

  close(): void {
    closeSync(this.file)
  }

  /** Checks the whole file. Throws SnapshotRefused. */
  check(): { end: SnapshotEnd; bootId: Uint8Array } {
    if (this.size < FILE_BYTES_MIN) refuse('is too short')
    const head = this.read(0, HEAD_BYTES)
    if (head.toString('latin1', 0, MAGIC.length) !== MAGIC) refuse('is not a snapshot')
    const version = head.readUInt32LE(HEAD_VERSION)
    if (version < 1 || version > SNAPSHOT_VERSION) {
      refuse(`has version ${version}, and this program knows up to ${SNAPSHOT_VERSION}`)
    }
    if (!this.sumIsRight()) refuse('is damaged: its checksum is wrong')
    const end = readEnd(this.read(this.size - SUM_BYTES - END_BYTES, END_BYTES))
    let pieces = 0
    let peers = 0
    for (const { kind, words, count } of this.blocks()) {
      const stride =
        this.strides.get(kind) ?? refuse('is damaged: it has a block of an unknown kind')
      for (let at = 0; at < count; ) {
        const here = at + PIECE_HEAD_WORDS <= count ? words[at + PIECE_PEERS] : -1
        at += PIECE_HEAD_WORDS + here * stride
        if (here < 0 || at > count) refuse('is damaged: a torrent is cut off')
        if (kind === BLOCK_COUNTS && here !== 1) refuse('is damaged: a count has the wrong size')
        pieces++
        peers += here
      }
    }
    if (pieces !== end.pieces || peers !== end.peers) refuse('is damaged: its counts are wrong')
    return { end, bootId: new Uint8Array(head.subarray(HEAD_BOOT_ID, HEAD_BYTES)) }
  }

  /** All blocks except the end. */
  *blocks(): Generator<Block> {
    const behind = this.size - SUM_BYTES
    for (let at = HEAD_BYTES; ; ) {
      if (at + BLOCK_HEAD_WORDS * 4 > behind) refuse('is damaged: it has no end')
      const head = this.read(at, BLOCK_HEAD_WORDS * 4)
      const kind = head.readUInt32LE(0)
      const count = head.readUInt32LE(4)
      at += BLOCK_HEAD_WORDS * 4
      const next = at + count * 4
      if (count > BLOCK_WORDS_MAX || next > behind) refuse('is damaged: a block is cut off')
      if (kind === BLOCK_END) {
        if (count !== END_WORDS || next !== behind) refuse('is damaged: its end is wrong')
        return
      }
      if (count > this.words.length) this.words = new Int32Array(count)
      this.fill(new Uint8Array(this.words.buffer, 0, count * 4), at)
      yield { kind, words: this.words, count }
      at = next
    }
  }

  private sumIsRight(): boolean {
    const sum = snapshotSum()
    const chunk = new Uint8Array(this.words.buffer)
    const behind = this.size - SUM_BYTES
    for (let at = 0; at < behind; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, behind - at))
      this.fill(part, at)
      sum.update(part)
    }
    return sum.digest().equals(this.read(behind, SUM_BYTES))
  }

  private read(at: number, count: number): Buffer {
    const bytes = Buffer.alloc(count)
    this.fill(bytes, at)
    return bytes
  }

  private fill(bytes: Uint8Array, at: number): void {
    let done = 0
    while (done < bytes.length) {
      const read = readSync(this.file, bytes, done, bytes.length - done, at + done)
      if (read === 0) refuse('was truncated while it was being read')
      done += read
    }
  }
}

function refuse(reason: string): never {
  throw new SnapshotRefused(reason)
}
