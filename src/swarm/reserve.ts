// The reserve for torrents and peers as the operator sees it: what is wrong with its limits, and
// what to do when the system refuses it. Used by each protocol's config and main.
import { StartError } from '../config/cli.ts'
import { type Finding, problem } from '../config/schema.ts'
import type { PeerKindName } from './layout.ts'
import { createSwarmMemory, RESERVE_BYTES_MAX, reserveBytes, type SwarmBuffers } from './memory.ts'

export interface ReserveLimits {
  readonly max_torrents: number
  readonly max_peers: number
}

export function reserveFindings(limits: ReserveLimits, kinds: readonly PeerKindName[]): Finding[] {
  const { max_torrents, max_peers } = limits
  const bytes = reserveBytes({ maxTorrents: max_torrents, maxPeers: max_peers, kinds })
  if (bytes <= RESERVE_BYTES_MAX) return []
  const text = `[limits] max_torrents = ${max_torrents} and max_peers = ${max_peers} would need
    ${gibibytes(bytes)} GiB of address space, and ${gibibytes(RESERVE_BYTES_MAX)} GiB is the most:
    lower them.`
  return [problem(['limits.max_torrents', 'limits.max_peers'], text)]
}

export function reserveSwarms(
  { max_torrents, max_peers }: ReserveLimits,
  workers: number,
  kinds: readonly PeerKindName[],
): SwarmBuffers {
  const limits = { maxTorrents: max_torrents, maxPeers: max_peers, workers, kinds }
  try {
    return createSwarmMemory(limits)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new StartError(
      `the system refuses to reserve ${gibibytes(reserveBytes(limits))} GiB of address space for ` +
        `[limits] max_torrents = ${max_torrents} and max_peers = ${max_peers}: lower them, or allow ` +
        'more (ulimit -v, vm.overcommit_memory)',
    )
  }
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1)
}
