// Writes a snapshot of the UDP swarms while workers serve. Called by swarm-state.ts in the main thread.
// Owns the buffers that slices are copied to; nothing of shared memory is handed to the system.
//
// A slice is copied under its table's lock, some tens of microseconds long. Between slices others get
// the lock, and between turns of some slices the thread sleeps, so that a core that it shares with a
// worker stays the worker's.

import { nowMilliseconds } from '../os/clock.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../swarm/export.ts'
import { PEER_AGE_MAX, PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { momentNow } from './boot.ts'
import { PRIVATE_MODE, replaceFile, type Write } from './files.ts'
import {
  BLOCK_HEAD_WORDS,
  BLOCK_IPV4,
  BLOCK_IPV6,
  endBytes,
  headBytes,
  SUM_BYTES,
  snapshotSum,
} from './format.ts'

/** Torrents and peers per taking of the lock: some tens of microseconds. */
const SLICE_BUDGET = 500
/** Walking, then sleeping: a quarter of a core, in pieces that no client notices. */
const TURN_MILLISECONDS = 0.5
const PAUSE_MILLISECONDS = 1.5
/** What is gathered before it is written. */
const WRITE_WORDS = 131_072

export interface SnapshotRequest {
  readonly path: string
  readonly swarms: Swarms
  readonly bootId: Uint8Array
  /** Sleep between turns, because others work. */
  readonly gently: boolean
  /** Leave peers out that have not announced since this second of the monotonic clock. */
  readonly seenSince?: number
  /** Asked between turns: give up, and leave the old file as it is. */
  readonly mustStop?: () => boolean
}

export interface SnapshotFigures {
  readonly pieces: number
  readonly peers: number
  readonly bytes: number
  readonly seconds: number
}

/** A snapshot that was given up because the process stops: not a failure. */
export class SnapshotStopped extends Error {
  override name = 'SnapshotStopped'
}

export async function writeSnapshot(request: SnapshotRequest): Promise<SnapshotFigures> {
  const writer = new SnapshotWriter(request)
  await replaceFile(request.path, PRIVATE_MODE, (write) => writer.run(write))
  return writer.figures()
}

class SnapshotWriter {
  private readonly request: SnapshotRequest
  private readonly walk = new Walk(false)
  private readonly sum = snapshotSum()
  private block = new Int32Array(WRITE_WORDS * 2)
  private blockWords = BLOCK_HEAD_WORDS
  private readonly startedAt = nowMilliseconds()
  private pieces = 0
  private peers = 0
  private bytes = 0

  constructor(request: SnapshotRequest) {
    this.request = request
  }

  figures(): SnapshotFigures {
    const { pieces, peers, bytes } = this
    return { pieces, peers, bytes, seconds: (nowMilliseconds() - this.startedAt) / 1000 }
  }

  async run(write: Write): Promise<void> {
    const { swarms, bootId } = this.request
    await this.put(write, headBytes(bootId))
    for (let shard = 0; shard < swarms.ipv4.length; shard++) {
      await this.walkTable(write, BLOCK_IPV4, shard)
      await this.walkTable(write, BLOCK_IPV6, shard)
    }
    const { wall, monotonic } = momentNow(bootId)
    const { pieces, peers } = this
    await this.put(write, endBytes({ wall, monotonic, pieces, peers }))
    await write(this.sum.digest())
    this.bytes += SUM_BYTES
  }

  private async walkTable(write: Write, kind: number, shard: number): Promise<void> {
    const { swarms, gently, mustStop } = this.request
    const table = (kind === BLOCK_IPV4 ? swarms.ipv4 : swarms.ipv6)[shard]
    this.walk.open(table)
    for (let more = true; more; ) {
      const turnEnd = nowMilliseconds() + TURN_MILLISECONDS
      do {
        more = this.walk.slice(SLICE_BUDGET)
        this.take(table.stride)
      } while (more && this.blockWords < WRITE_WORDS && nowMilliseconds() < turnEnd)
      if (mustStop?.()) throw new SnapshotStopped('the process stops')
      if (this.blockWords >= WRITE_WORDS) await this.putBlock(write, kind)
      if (gently) await Bun.sleep(PAUSE_MILLISECONDS)
    }
    await this.putBlock(write, kind)
  }

  /** Adds the pieces of the last slice to the block. */
  private take(stride: number): void {
    const { walk } = this
    const since = this.request.seenSince
    if (since !== undefined) keepRecent(walk, stride, since)
    for (let at = 0; at < walk.used; ) {
      const peers = walk.words[at + PIECE_PEERS]
      this.pieces++
      this.peers += peers
      at += PIECE_HEAD_WORDS + peers * stride
    }
    const need = this.blockWords + walk.used
    if (need > this.block.length) {
      const longer = new Int32Array(need * 2)
      longer.set(this.block)
      this.block = longer
    }
    this.block.set(walk.words.subarray(0, walk.used), this.blockWords)
    this.blockWords = need
  }

  private async putBlock(write: Write, kind: number): Promise<void> {
    if (this.blockWords === BLOCK_HEAD_WORDS) return
    this.block[0] = kind
    this.block[1] = this.blockWords - BLOCK_HEAD_WORDS
    await this.put(write, new Uint8Array(this.block.buffer, 0, this.blockWords * 4))
    this.blockWords = BLOCK_HEAD_WORDS
  }

  private async put(write: Write, bytes: Uint8Array): Promise<void> {
    this.sum.update(bytes)
    await write(bytes)
    this.bytes += bytes.length
  }
}

/** Drops peers from the walk's pieces that have not announced since a second, and pieces without any left. */
function keepRecent(walk: Walk, stride: number, since: number): void {
  const { words } = walk
  let to = 0
  for (let at = 0; at < walk.used; ) {
    const end = at + PIECE_HEAD_WORDS + words[at + PIECE_PEERS] * stride
    const head = to
    words.copyWithin(head, at, at + PIECE_HEAD_WORDS)
    to = head + PIECE_HEAD_WORDS
    for (let peer = at + PIECE_HEAD_WORDS; peer < end; peer += stride) {
      if (!seenAfter(words[peer + stride - 1], since)) continue
      words.copyWithin(to, peer, peer + stride)
      to += stride
    }
    const peers = (to - head - PIECE_HEAD_WORDS) / stride
    words[head + PIECE_PEERS] = peers
    if (peers === 0) to = head
    at = end
  }
  walk.used = to
}

/** By 15 bits: at most half a turn of them lies between both. */
function seenAfter(last: number, since: number): boolean {
  const seen = (last >>> PEER_SEEN_SHIFT) & PEER_SEEN_MASK
  return ((seen - since) & PEER_SEEN_MASK) < PEER_AGE_MAX / 2
}
