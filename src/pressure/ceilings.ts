// How much of each ceiling is used: what it is, how it is measured, and which steps help against it
// (docs/operations.md, «Under pressure»). Used by watch.ts, in the main thread.
import { Arena } from '../memory/arena.ts'
import type { OpenDescriptors } from '../os/descriptors.ts'
import { Growth } from '../process/losses.ts'
import {
  TOTAL_MAX_PEERS,
  TOTAL_MAX_TORRENTS,
  TOTAL_PEERS,
  TOTAL_TORRENTS,
} from '../swarm/layout.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { Busy, WorkerKind } from './busy.ts'
import type { CeilingUse } from './controller.ts'

/** Packets of the last so many seconds. */
const LOSS_SECONDS = 10
/** Fewer tell nothing. */
const PACKETS_MIN = 1000
/** Such a loss is the ceiling: clients notice. */
const LOSS_MOST = 0.05

/** What a protocol uses now. */
export interface ProtocolUse {
  /** Seconds, without pressure. */
  readonly announceInterval: number
  /** Missing where there are none. */
  readonly connections?: { readonly open: number; readonly max: number }
  /** Since the start; missing where the system does not lose any. */
  readonly packets?: { readonly lost: number; readonly received: number }
  /** Workers of this kind never sleep: that they are busy tells nothing. */
  readonly sleepless?: WorkerKind
}

export interface CeilingParts {
  readonly swarms: SwarmBuffers
  readonly busy: Busy
  readonly descriptors: OpenDescriptors
  readonly descriptorLimit: number
}

export interface Ceiling extends Omit<CeilingUse, 'share'> {
  readonly title: string
  readonly remedy: string
  readonly share: (protocols: readonly ProtocolUse[]) => number
}

/** All of them, in the order in which they are shown. */
export function ceilingsOf(parts: CeilingParts): readonly Ceiling[] {
  return [...storeCeilings(parts.swarms), ...loadCeilings(parts), ...connectionCeilings(parts)]
}

/** Longer intervals do not make peers fewer: remembered longer for it, they would become more. */
function storeCeilings(swarms: SwarmBuffers): Ceiling[] {
  const totals = new Int32Array(swarms.control)
  const arena = new Arena(swarms.arena)
  const part = (total: number, max: number) =>
    Atomics.load(totals, total) / Math.max(1, Atomics.load(totals, max))
  const store = { agesPeers: false, waits: false }
  return [
    {
      ...store,
      name: 'peers',
      title: 'peers',
      lastStep: 3,
      share: () => part(TOTAL_PEERS, TOTAL_MAX_PEERS),
      remedy:
        'Raise [limits] max_peers if there is memory (docs/operations.md, «Sizes»), or find out who fills it.',
    },
    {
      ...store,
      name: 'torrents',
      title: 'torrents',
      // A new peer of a known torrent takes none. What new ones may take of the last eighth is rationed by source.
      lastStep: 1,
      share: () => part(TOTAL_TORRENTS, TOTAL_MAX_TORRENTS),
      remedy:
        'Raise [limits] max_torrents if there is memory (docs/operations.md, «Sizes»), or find out who fills it.',
    },
    {
      ...store,
      name: 'memory',
      title: 'the memory reserved for them',
      lastStep: 3,
      share: () => arena.pagesInUse() / arena.pages(),
      remedy:
        'Raise [limits] max_torrents and max_peers, by which it is sized, if there is memory (docs/operations.md, «Sizes»).',
    },
  ]
}

function loadCeilings({ busy }: CeilingParts): Ceiling[] {
  const lost = new Growth(LOSS_SECONDS)
  const received = new Growth(LOSS_SECONDS)
  const load = { lastStep: 3, agesPeers: true, waits: true } as const
  return [
    {
      ...load,
      name: 'processor',
      title: "the workers' time",
      share: () => busy.share(),
      remedy:
        'Start more workers (socket_workers) if there are cores to spare, or ask for longer intervals from the start.',
    },
    {
      ...load,
      name: 'receive_buffers',
      title: 'the packets that may be lost',
      share: (protocols) => {
        const of = (key: 'lost' | 'received') =>
          protocols.reduce((sum, { packets }) => sum + (packets?.[key] ?? 0), 0)
        const gone = lost.since(of('lost'))
        const all = gone + received.since(of('received'))
        return all < PACKETS_MIN ? 0 : Math.min(1, gone / all / LOSS_MOST)
      },
      remedy:
        'Start more workers (socket_workers), or raise socket_recv_buffer_size if they are not busy.',
    },
  ]
}

/** Answering without storing does not free any, and who is refused comes back no later than who is answered. */
function connectionCeilings({ descriptors, descriptorLimit }: CeilingParts): Ceiling[] {
  const shared = { lastStep: 1, agesPeers: true, waits: false } as const
  return [
    {
      ...shared,
      name: 'connections',
      title: 'connections',
      share: (protocols) =>
        Math.max(
          0,
          ...protocols.map(({ connections }) =>
            connections === undefined ? 0 : connections.open / Math.max(1, connections.max),
          ),
        ),
      remedy: 'Raise [limits] max_connections if there is memory.',
    },
    {
      ...shared,
      name: 'descriptors',
      title: 'descriptors',
      share: () => descriptors.count() / descriptorLimit,
      remedy: "Raise the system's limit on open files (ulimit -n, LimitNOFILE).",
    },
  ]
}
