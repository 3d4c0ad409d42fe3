// The snapshot's file format: 32-bit words, little endian. Written by block-writer.ts, read
// by block-reader.ts.
//
//  head     0:8 «aquatics» │ 8:4 version │ 12:4 0 │ 16:16 boot id of the machine
//  blocks   0:4 kind │ 4:4 words that follow │ … pieces, as swarm/walks/export.ts copies them
//  end      0:4 kind 0 │ 4:4 words that follow (6) │ 8:8 wall clock, seconds since 1970, f64
//           │ 16:4 second of the monotonic clock │ 20:4 pieces │ 24:8 peers, f64
//  sum      32 bytes: SHA-256 of everything before it
//
// Peers carry the second of their last announce as 15 bits of the monotonic clock. The end has the second at
// which the last of them was copied, from which every age follows.
import { createHash, type Hash } from 'node:crypto'

export const SNAPSHOT_VERSION = 1
export const MAGIC = 'aquatics'

export const HEAD_BYTES = 32
export const HEAD_VERSION = 8
export const HEAD_BOOT_ID = 16

export const BLOCK_HEAD_WORDS = 2
export const BLOCK_END = 0
export const BLOCK_IPV4 = 1
export const BLOCK_IPV6 = 2
/** Counts of completed downloads: a piece is followed by one word, see counts.ts. */
export const BLOCK_COUNTS = 3

export const END_WORDS = 6
export const END_BYTES = (BLOCK_HEAD_WORDS + END_WORDS) * 4
export const SUM_BYTES = 32
export const FILE_BYTES_MIN = HEAD_BYTES + END_BYTES + SUM_BYTES

/** Writers make no longer blocks, and the reader refuses them before it allocates memory. */
export const BLOCK_WORDS_MAX = 2 ** 24

export function snapshotSum(): Hash {
  return createHash('sha256')
}

export function headBytes(bootId: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES)
  bytes.write(MAGIC, 'latin1')
  bytes.writeUInt32LE(SNAPSHOT_VERSION, HEAD_VERSION)
  bytes.set(bootId, HEAD_BOOT_ID)
  return bytes
}

export interface SnapshotEnd {
  readonly wall: number
  readonly monotonic: number
  readonly pieces: number
  readonly peers: number
}

export function endBytes({ wall, monotonic, pieces, peers }: SnapshotEnd): Uint8Array {
  const bytes = Buffer.alloc(END_BYTES)
  bytes.writeUInt32LE(BLOCK_END, 0)
  bytes.writeUInt32LE(END_WORDS, 4)
  bytes.writeDoubleLE(wall, 8)
  bytes.writeUInt32LE(monotonic, 16)
  bytes.writeUInt32LE(pieces, 20)
  bytes.writeDoubleLE(peers, 24)
  return bytes
}

/** `bytes`: of the end, head included. */
export function readEnd(bytes: Buffer): SnapshotEnd {
  return {
    wall: bytes.readDoubleLE(8),
    monotonic: bytes.readUInt32LE(16),
    pieces: bytes.readUInt32LE(20),
    peers: bytes.readDoubleLE(24),
  }
}
