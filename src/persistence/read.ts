// Reads a snapshot back into the swarms. Called by swarm-state.ts: at startup before any worker serves, and
// again after a take-over, for the delta.
//
// Two passes over the file: first everything is checked, then loaded, so a damaged file leaves the swarms as
// they were.
import { peerKindOf } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { restored, restorePiece, restoring } from '../swarm/walks/restore.ts'
import { BlockReader } from './block-reader.ts'
import { type Moment, ranBackwards, secondsBetween } from './boot.ts'
import { BLOCK_IPV4, BLOCK_IPV6 } from './format.ts'

/**
 * Times are rounded and clocks are read anew, and no peer may look younger than other nodes of a cluster know it to be: its leave
 * would come too late (cluster/order.ts).
 */
const ROUNDING_SECONDS = 2

export interface LoadRequest {
  readonly path: string
  readonly swarms: Swarms
  readonly now: Moment
  /** Peers older than this by now are left out (seconds). */
  readonly maxAge: number
  readonly countDownloads: boolean
}

export interface LoadFigures {
  /** Restored. */
  readonly peers: number
  readonly tooOld: number
  /** Already there, from a later announce. */
  readonly known: number
  /** Beyond the limits, or for lack of memory. */
  readonly refused: number
  /** The file's age. */
  readonly ageSeconds: number
  /** The file was written at a later second of the monotonic clock than now. */
  readonly clockRanBackwards: boolean
}

const STRIDES = new Map([
  [BLOCK_IPV4, peerKindOf('ipv4').stride],
  [BLOCK_IPV6, peerKindOf('ipv6').stride],
])

/** Null if there is no file. If it throws SnapshotRefused, nothing has been loaded. */
export function loadSnapshot(request: LoadRequest): LoadFigures | null {
  const reader = BlockReader.open(request.path, STRIDES)
  if (reader === null) return null
  try {
    const { end, bootId } = reader.check()
    const written = { ...end, bootId }
    const ageSeconds = secondsBetween(written, request.now)
    restoring.copiedAt = end.monotonic
    restoring.elapsed = ageSeconds + ROUNDING_SECONDS
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
