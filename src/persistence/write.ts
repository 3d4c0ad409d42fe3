// Writes a snapshot of the UDP swarms while workers serve. Called by swarm-state.ts in the main thread. Owns
// the buffers into which slices are copied: no shared memory is passed to the system.
import { nowMilliseconds } from '../os/clock.ts'
import { PEER_AGE_MAX, PEER_SEEN_MASK, PEER_SEEN_SHIFT } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../swarm/walks/export.ts'
import { BlockWriter } from './block-writer.ts'
import { PRIVATE_MODE, replaceFile, type Write } from './files.ts'
import { BLOCK_IPV4, BLOCK_IPV6 } from './format.ts'

export interface SnapshotRequest {
  readonly path: string
  readonly swarms: Swarms
  readonly bootId: Uint8Array
  /** Sleep between turns, to leave the processor to others. */
  readonly gently: boolean
  /** Leave out peers that have not announced since this second of the monotonic clock. */
  readonly seenSince?: number
  /** Asked between turns; true gives up, and leaves the old file as it is. */
  readonly mustStop?: () => boolean
}

export interface SnapshotFigures {
  readonly pieces: number
  readonly peers: number
  readonly bytes: number
  readonly seconds: number
}

export async function writeSnapshot(request: SnapshotRequest): Promise<SnapshotFigures> {
  const startedAt = nowMilliseconds()
  let figures = { pieces: 0, peers: 0, bytes: 0 }
  await replaceFile(request.path, PRIVATE_MODE, async (write) => {
    figures = await new SnapshotWriter(request, write).run()
  })
  const { pieces, peers, bytes } = figures
  return { pieces, peers, bytes, seconds: (nowMilliseconds() - startedAt) / 1000 }
}

class SnapshotWriter {
  private readonly request: SnapshotRequest
  private readonly walk = new Walk(false)
  private readonly file: BlockWriter

  constructor(request: SnapshotRequest, write: Write) {
    this.request = request
    this.file = new BlockWriter(write, request.bootId)
  }

  async run(): Promise<BlockWriter> {
    const { file } = this
    const { swarms } = this.request
    await file.begin()
    for (let shard = 0; shard < swarms.ipv4.length; shard++) {
      await this.writeTable(BLOCK_IPV4, shard)
      await this.writeTable(BLOCK_IPV6, shard)
    }
    await file.finish()
    return file
  }

  private async writeTable(kind: number, shard: number): Promise<void> {
    const { file } = this
    const { swarms, gently, mustStop } = this.request
    const table = (kind === BLOCK_IPV4 ? swarms.ipv4 : swarms.ipv6)[shard]
    await file.addTable(this.walk, table, {
      kind,
      gently,
      mustStop: mustStop ?? (() => false),
      take: () => this.take(table.stride),
    })
    await file.flush(kind)
  }

  /** Adds the pieces of the last slice to the block. */
  private take(stride: number): void {
    const { walk, file } = this
    const since = this.request.seenSince
    if (since !== undefined) keepRecent(walk, stride, since)
    for (let at = 0; at < walk.used; ) {
      const peers = walk.words[at + PIECE_PEERS]
      file.pieces++
      file.peers += peers
      at += PIECE_HEAD_WORDS + peers * stride
    }
    file.add(walk.words, walk.used)
  }
}

/** Drops peers that have not announced since `since`, and pieces that have none left. */
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

/** Both are 15-bit seconds, at most half their range apart. */
function seenAfter(last: number, since: number): boolean {
  const seen = (last >>> PEER_SEEN_SHIFT) & PEER_SEEN_MASK
  return ((seen - since) & PEER_SEEN_MASK) < PEER_AGE_MAX / 2
}
