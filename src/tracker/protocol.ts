// The interface between a tracker (tracker.ts) and its protocols, in both directions. Implemented by main.ts of
// each protocol. What protocols share in one process is never made by one of them: swarms, access list and
// keys, limits of sources, the persisted state and the census of clients come from the process.
import type { MessagePort } from 'node:worker_threads'
import type { AccessKeys, KeyGateData } from '../access-keys/gate.ts'
import type { AccessListData } from '../access-list/list.ts'
import type { Census } from '../census/census.ts'
import type { ClientSampleData } from '../census/sample.ts'
import type { ClientGateData } from '../client-lists/gate.ts'
import type { NoteData } from '../cluster/note.ts'
import type { SharingStart } from '../cluster/sharing.ts'
import type { SocketAddress } from '../config/address.ts'
import type { CheckFindings } from '../config/cli.ts'
import type { ListenSettings } from '../config/listen.ts'
import type { Identity } from '../os/privileges.ts'
import type { CountState } from '../persistence/count-state.ts'
import type { ProtocolUse } from '../pressure/ceilings.ts'
import type { FirstValue } from '../process/first-value.ts'
import type { Ask } from '../process/health-check.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { GroupOptions, WorkerGroup } from '../process/workers.ts'
import type { AnnouncePlace } from '../public-page/announce-urls.ts'
import type { PreparedPage } from '../public-page/prepared.ts'
import type { ListUpdate } from '../requests/swarm-worker.ts'
import type { BanWriterData } from '../source-limits/ban-writer.ts'
import type { SourceCounterData } from '../source-limits/source-counters.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { LiveSettings } from './live-settings.ts'
import type { PersistedForm } from './persistence.ts'
import type { ProtocolFigures } from './view.ts'

/** A protocol before it is started. `C`: the settings that it needs. */
export interface ProtocolType<C> {
  /** The kinds of peers that it brings into the swarms. */
  readonly kinds: readonly PeerKindName[]
  /** What of those peers survives a restart. */
  readonly persists: PersistedForm
  /** Missing if it is the only protocol of its program, which is always enabled. */
  isEnabled?(config: C): boolean
  /** Its addresses. */
  listens(config: C): ProtocolListening
  /** For --check: what startup would refuse apart from its addresses. `remark` receives further remarks. */
  check(config: C, remark: (text: string) => void): CheckFindings
  /** For --health-check: asks as a client would. */
  healthQuestion(config: C): Ask
  /** The first step of startup: reads what has to be valid before anything is reserved or opened. */
  prepare(config: C, tell: Notices): ProtocolPlan<C>
  /** How many workers it has that another protocol can be served by. */
  hostWorkers?(config: C): HostWorkers
  /** The same as `prepare`, to be served by workers of another protocol. */
  prepareGuest?(config: C, workers: HostWorkers): ProtocolPlan<C>
}

/** Those with TLS come first. */
export interface HostWorkers {
  readonly tls: number
  readonly plain: number
}

/** A protocol that is served by another one's workers (tcp/guest.ts), as these see it. */
export interface GuestProtocol {
  /** In a take-over its connections have ended within this time. */
  readonly drainMilliseconds: number
  /** Where it is served. */
  servedAt(addresses: readonly SocketAddress[]): void
  /** Its part of the start data of a worker, with the ports in it; null for one that does not serve it. */
  startFor(index: number): { readonly data: object; readonly ports: readonly MessagePort[] } | null
}

/** The protocols that the settings enable. */
export function enabledOf<C>(
  protocols: readonly ProtocolType<C>[],
  config: C,
): readonly ProtocolType<C>[] {
  return protocols.filter((protocol) => protocol.isEnabled?.(config) ?? true)
}

export interface ProtocolListening {
  readonly settings: ListenSettings
  /** For messages: the setting that names them, if that is not [network] address. */
  readonly title: string
}

/** Lines for the person who starts the tracker. */
export interface Notices {
  info(text: string): void
  warn(text: string): void
}

export interface ProtocolPlan<C> {
  /** How many of its threads use the swarms. */
  readonly swarmWorkers: number
  /** How many descriptors it keeps open, besides its connections and those of every process. */
  readonly descriptors: number
  /** So many connections the settings allow it at once, each with a descriptor; 0 where there are none. */
  readonly connections: number
  /** Opens its addresses, and makes what its workers share. */
  open(process: TrackerProcess, place: ProtocolPlace): Protocol<C>
}

/** A protocol among the others of its process. */
export interface ProtocolPlace {
  /** Precedes its statistics, charts and log lines; '' if it is the only protocol of the program. */
  readonly title: string
  /** The same for programs: the section of its settings. */
  readonly name: string
  /** Another protocol has peers in the same swarms. */
  readonly sharesSwarms: boolean
  /**
   * It is the first that uses these swarms: its workers forget old peers, its statistics include the swarms.
   */
  readonly tendsSwarms: boolean
  /** Its statistics include those of the process, such as the clients of the peers. */
  readonly isFirst: boolean
  /** Connections that there are descriptors for: what it may have of the process's. */
  readonly possibleConnections: number
  readonly tell: Notices
}

/** What the process has for its protocols. */
export interface TrackerProcess {
  readonly swarms: SwarmBuffers
  /** The main thread sometimes walks through all torrents, so their owners have to lock them. */
  readonly walksThroughSwarms: boolean
  /** Another process serves on these addresses, and this one takes over from it. */
  readonly takesOver: boolean
  /** What sources have used up of [source_limits], over all protocols that store peers by address. */
  readonly sourceLimits: SourceCounterData
  /** When peers with public addresses announced last (peer-addresses/). */
  readonly publicPeers: SharedArrayBuffer
  /** Survives a restart if [persistence] is on. */
  readonly secret: Uint8Array
  /** Completed downloads from before a restart; null without [persistence]. */
  readonly priorDownloads: CountState | null
  /** The sample of announces from which clients are counted, if they are. */
  readonly clientSample: ClientSampleData | null
  readonly census: Census | null
  /** The list in force; changes arrive by `Protocol.sendList`. */
  accessList(): FirstValue<AccessListData>
  /** What the gates of all workers share (access-keys/gate.ts), */
  readonly keyGate: KeyGateData
  /** and the keys in force now; changes come by `Protocol.sendList`. */
  accessKeys(): FirstValue<AccessKeys>
  /** The lists of networks and clients in force; changes come by `Protocol.sendList`. */
  clientLists(): ClientGateData
  /** For each worker that answers from swarms of peers with addresses: where it notes what happens, for other nodes; null without any. */
  newNotes(): NoteData | null
  /** It is a node of a cluster. */
  readonly isClustered: boolean
  /** For a protocol that shares its swarms with other nodes in a way of its own: what the cluster's thread needs for that. */
  share(sharing: SharingStart): void
  /** For each worker that bans addresses: its end of the ban log. */
  newBanWriter(): BanWriterData
  newWorkers(options?: GroupOptions): WorkerGroup
  /** True once all workers serve, until a stop is requested. */
  isServing(): boolean
}

export interface Protocol<C> {
  /** Its name in messages; '' if it is the only protocol of the program. */
  readonly title?: string
  /** The section of its settings, if it is one of several. */
  readonly name?: string
  /** Its addresses, with the ports that the system chose. */
  readonly addresses: readonly SocketAddress[]
  /** Its Unix sockets. */
  readonly socketPaths?: readonly string[]
  /** Settings of its own that can change while it runs. */
  readonly liveSettings: LiveSettings<C>
  /** Where clients announce to it. */
  readonly places: readonly AnnouncePlace[]
  readonly figures: ProtocolFigures
  /** For the line that reports the start. */
  readonly summary: string
  /** Resolves once all its workers serve. */
  startWorkers(): Promise<void>
  /** Called once all workers of the process serve. */
  begin(): void
  /** Called when the stop begins. */
  end(): void
  /** What it uses now of what can run out (pressure/), once it has begun. */
  use(): ProtocolUse
  /** The sources of its troubles, once it has begun. */
  troubles(): readonly TroubleSource[]
  /** Passes a list that was read again, or changed, to the workers. */
  sendList(update: ListUpdate): void
  /** Has its workers serve the public page, if they speak HTTP. */
  showPage?(page: PreparedPage): void
  /** Puts settings in force; those at `paths` have changed. */
  configure(config: C, paths: ReadonlySet<string>): void
  /** The process is about to become another user, who must own what only an owner can change. */
  giveTo?(identity: Identity): void
  /** What it is to the protocol whose workers serve it; null if it has its own. */
  readonly asGuest?: GuestProtocol | null
  /** Before its workers start: they serve another protocol too. */
  host?(guest: GuestProtocol): void
  /** The process that this one takes over from has ended. */
  takenOver?(): void
}
