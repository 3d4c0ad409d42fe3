// This tracker as a node of a cluster, in the main thread: starts the cluster's thread (cluster/worker.ts), which does the work, and
// shows what it knows. Made by tracker.ts. Owns the rings between the workers and that thread.
import { createRing } from '../channel/ring.ts'
import { type EngineAccess, readAccess } from '../cluster/access.ts'
import { createNoteState, NOTE_RING_WORDS, type NoteData } from '../cluster/note.ts'
import type { SharingStart } from '../cluster/sharing.ts'
import type { ClusterReport, ClusterView } from '../cluster/view.ts'
import {
  CLUSTER_ROLE,
  type ClusterSettings,
  type ClusterUpdate,
  type ClusterWorkerData,
} from '../cluster/worker.ts'
import { logFor } from '../log/log.ts'
import { peerAddressRules } from '../peer-addresses/settings.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { OwnStart, WorkerGroup } from '../process/workers.ts'
import type { ListUpdate } from '../requests/swarm-worker.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import { type ClusterFigures, clusterFigures } from './cluster-figures.ts'
import { ClusterFiles } from './cluster-files.ts'
import { clusterTroubles } from './cluster-troubles.ts'
import type { TrackerProcess } from './protocol.ts'
import type { CommonConfig } from './settings.ts'

const log = logFor('cluster')

/** The files that the settings name are read before rights are given up. Null if this is no node of a cluster. */
export async function readCluster({ cluster }: CommonConfig): Promise<EngineAccess | null> {
  return cluster === undefined ? null : readAccess(cluster)
}

export class ClusterNode {
  readonly figures: ClusterFigures
  readonly troubleSources: readonly TroubleSource[]
  private readonly access: EngineAccess
  private readonly process: TrackerProcess
  private readonly config: CommonConfig
  private readonly notes: SharedArrayBuffer
  private readonly rings: SharedArrayBuffer[] = []
  private sharing: SharingStart | null = null
  private readonly workers: WorkerGroup
  private readonly files: ClusterFiles | null
  /** What the thread knew a second ago; null before it has told. */
  private view: ClusterView | null = null

  /** `swarmWorkers`: how many threads may note. */
  constructor(
    access: EngineAccess,
    process: TrackerProcess,
    config: CommonConfig,
    swarmWorkers: number,
  ) {
    this.access = access
    this.process = process
    this.config = config
    this.notes = createNoteState(swarmWorkers)
    this.workers = process.newWorkers({ heard: (report) => this.heard(report as ClusterReport) })
    const { cluster, privileges } = config
    const send = (access: EngineAccess) => this.tell({ access })
    this.files = cluster ? new ClusterFiles(cluster, privileges, access, send) : null
    this.figures = clusterFigures(() => this.view)
    this.troubleSources = clusterTroubles(() => this.view)
  }

  /** For one worker that answers from the swarms. */
  newNotes(): NoteData {
    const ring = createRing(NOTE_RING_WORDS)
    this.rings.push(ring)
    return { ring, state: this.notes, index: this.rings.length - 1 }
  }

  /** Swarms that are shared in a way of their own. Before the start. */
  share(sharing: SharingStart): void {
    this.sharing = sharing
  }

  /** After all workers have got their notes. Resolves once the thread runs; whether an engine is there does not matter. */
  async start(): Promise<void> {
    const { access, process, config, rings, notes, sharing } = this
    const data: OwnStart<ClusterWorkerData> = {
      role: CLUSTER_ROLE,
      index: 0,
      access,
      rings,
      notes,
      sharing: sharing?.data ?? null,
      swarms: process.swarms,
      countDownloads: config.protocol.count_downloads,
      publicPeers: process.publicPeers,
      accessList: process.accessList(),
      ...process.clientLists(),
      ...settingsOf(config, process.swarms.kinds),
    }
    process.priorDownloads?.onChange((priorDownloads) => this.tell({ priorDownloads }))
    await this.workers.start<ClusterWorkerData>(data, sharing?.ports)
  }

  /** Once the tracker serves, with the rights and the root directory that it keeps. */
  watchFiles(rootHasChanged: boolean): void {
    this.files?.start(rootHasChanged)
  }

  stop(): void {
    this.files?.stop()
  }

  sendList({ accessList, networkList, clientList }: ListUpdate): void {
    this.tell({
      ...(accessList === undefined ? {} : { accessList }),
      ...(networkList === undefined ? {} : { networkList }),
      ...(clientList === undefined ? {} : { clientList }),
    })
  }

  configure(config: CommonConfig): void {
    this.tell({ settings: settingsOf(config, this.process.swarms.kinds) })
  }

  private tell(update: ClusterUpdate): void {
    if (Object.keys(update).length > 0) this.workers.tell(update)
  }

  private heard({ view, tell }: ClusterReport): void {
    if (view !== undefined) this.view = view
    if (tell === undefined) return
    // At every level, and the good news too: after «no connection» an operator waits for «connected».
    log.always(tell.severity === 'warning' ? 'warn' : tell.severity, tell.text)
  }
}

function settingsOf(
  { cleaning, peer_addresses }: CommonConfig,
  kinds: readonly PeerKindName[],
): ClusterSettings {
  const hasAddresses = peer_addresses !== undefined && kinds.includes('ipv4')
  return {
    maxPeerAge: cleaning.max_peer_age,
    peerAddresses: hasAddresses ? peerAddressRules(peer_addresses) : null,
  }
}
