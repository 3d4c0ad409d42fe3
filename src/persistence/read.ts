// Reads a snapshot back into the swarms. Called by swarm-state.ts: at the start before anybody serves, and
// once more after a take-over, for what changed meanwhile.
//
// Twice over the file: first everything is checked, then loaded. So a damaged file leaves the swarms as
// they were.
import { peerKindOf } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { restored, restorePiece, restoring } from '../swarm/walks/restore.ts'
import { BlockReader } from './block-reader.ts'
import { type Moment, ranBackwards, secondsBetween } from './boot.ts'
import { BLOCK_IPV4, BLOCK_IPV6 } from './format.ts'

export interface LoadRequest {
  readonly path: string
  readonly swarms: Swarms
  readonly now: Moment
  /** Peers older than this, now, are left out (seconds). */
  readonly maxAge: number
  readonly countDownloads: boolean
}

export interface LoadFigures {
  /** Restored. */
  readonly peers: number
  readonly tooOld: number
  /** There already, from a later announce. */
  readonly known: number
  /** Beyond the limits or the memory. */
  readonly refused: number
  /** The file's age. */
  readonly ageSeconds: number
  /** The monotonic clock was ahead of now when the file was written. */
  readonly clockRanBackwards: boolean
}

const STRIDES = new Map([
  [BLOCK_IPV4, peerKindOf('ipv4').stride],
  [BLOCK_IPV6, peerKindOf('ipv6').stride],
])

/** Null when there is no file. Throws SnapshotRefused, and then nothing has been loaded. */
export function loadSnapshot(request: LoadRequest): LoadFigures | null {
  const reader = BlockReader.open(request.path, STRIDES)
  if (reader === null) return null
  try {
    const { end, bootId } = reader.check()
    const written = { ...end, bootId }
    const ageSeconds = secondsBetween(written, request.now)
    restoring.copiedAt = end.monotonic
    restoring.elapsed = ageSeconds
    restoring.now = request.now.monotonic
    restoring.maxAge = request.maxAge
    restoring.completed = request.countDownloads
    Object.assign(restored, { peers: 0, tooOld: 0, known: 0, refused: 0 })
    for (const { kind, words, count } of reader.blocks()) {
      for (let at = 0; at < count; ) {
        at = restorePiece(request.swarms, kind === BLOCK_IPV4, words, at)
      }
    }
    return { ...restored, ageSeconds, clockRanBackwards: ranBackwards(written, request.now) }
  } finally {
    reader.close()
  }
}
