// A node of a cluster in the benchmark's own process: swarms, a ring, and the cluster's real thread, which talks to a real
// nats-server. What notes into the ring is the benchmark's.
import { readdirSync, readFileSync } from 'node:fs'
import { ALL_ALLOWED } from '../../src/access-list/list.ts'
import { createRing } from '../../src/channel/ring.ts'
import { ALL_CLIENTS, ALL_NETWORKS } from '../../src/client-lists/gate.ts'
import { createNoteState, NOTE_RING_WORDS, type NoteData } from '../../src/cluster/note.ts'
import type { ClusterReport } from '../../src/cluster/view.ts'
import { CLUSTER_ROLE, type ClusterWorkerData } from '../../src/cluster/worker.ts'
import { logFor } from '../../src/log/log.ts'
import {
  createPublicPeers,
  type PeerAddressRules,
} from '../../src/peer-addresses/peer-addresses.ts'
import { FirstValue } from '../../src/process/first-value.ts'
import { Workers } from '../../src/process/workers.ts'
import { createSwarmMemory, type SwarmBuffers } from '../../src/swarm/memory.ts'

const JOIN_MILLISECONDS = 10_000

export interface OwnNodeOptions {
  readonly name: string
  /** Of the nats-server. */
  readonly server: string
  readonly peersMax: number
  readonly maxPeerAge: number
  readonly peerAddresses: PeerAddressRules
}

export interface OwnNode {
  readonly buffers: SwarmBuffers
  readonly notes: NoteData
  /** Of the cluster's thread, in /proc/self/task. */
  readonly thread: number
  /** Records that have been sent, as of the last second. */
  readonly sent: () => number
}

/** Resolves when it has joined. */
export async function startOwnNode(options: OwnNodeOptions): Promise<OwnNode> {
  const { name, server, peersMax, maxPeerAge, peerAddresses } = options
  const buffers = createSwarmMemory({ maxTorrents: peersMax, maxPeers: peersMax, workers: 1 })
  const state = createNoteState(1)
  const ring = createRing(NOTE_RING_WORDS)
  const before = threads()
  const { promise: joined, resolve, reject } = Promise.withResolvers<void>()
  let sent = 0
  const heard = (report: unknown) => {
    const { tell, view } = report as ClusterReport
    if (tell?.text.startsWith('joined')) resolve()
    if (view !== undefined) sent = view.sent.records
  }
  const entry = new URL('./cluster-thread.ts', import.meta.url)
  const workers = new Workers('bench', entry, logFor('cluster')).group({ heard })
  await workers.start<ClusterWorkerData>({
    role: CLUSTER_ROLE,
    index: 0,
    access: {
      ...{ servers: [server], node: name, subject: 'aquatic', tls: null },
      credentials: { kind: 'none' },
    },
    ...{ sharing: null, rings: [ring], notes: state, swarms: buffers, countDownloads: true },
    publicPeers: createPublicPeers(),
    accessList: new FirstValue(ALL_ALLOWED),
    networkList: new FirstValue(ALL_NETWORKS),
    clientList: new FirstValue(ALL_CLIENTS),
    ...{ maxPeerAge, peerAddresses },
  })
  const timer = setTimeout(() => reject(new Error('did not join')), JOIN_MILLISECONDS)
  await joined
  clearTimeout(timer)
  const [thread] = threads().filter((id) => !before.includes(id))
  return { buffers, notes: { ring, state, index: 0 }, thread, sent: () => sent }
}

function threads(): number[] {
  const all = readdirSync('/proc/self/task').map(Number)
  const nameOf = (id: number) => readFileSync(`/proc/self/task/${id}/comm`, 'latin1').trim()
  return all.filter((id) => nameOf(id) === 'Worker')
}
