// What a protocol is to the tracker that serves it (tracker.ts), and what the tracker has for all its
// protocols. Implemented by main.ts of each protocol. What protocols share in one process is never made by
// one of them: swarms, access list and keys, limits of sources, what is kept over a restart, the census of clients
// come from the process.
import type { AccessKeys, KeyGateData } from '../access-keys/gate.ts'
import type { AccessListData } from '../access-list/list.ts'
import type { Census } from '../census/census.ts'
import type { ClientSampleData } from '../census/sample.ts'
import type { SocketAddress } from '../config/address.ts'
import type { CheckFindings } from '../config/cli.ts'
import type { ListenSettings } from '../config/listen.ts'
import type { Identity } from '../os/privileges.ts'
import type { CountState } from '../persistence/count-state.ts'
import type { Ask } from '../process/health-check.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { GroupOptions, WorkerGroup } from '../process/workers.ts'
import type { BanWriterData } from '../source-limits/ban-writer.ts'
import type { SourceCounterData } from '../source-limits/source-counters.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { LiveSettings } from './live-settings.ts'
import type { PersistedForm } from './persistence.ts'
import type { ProtocolFigures } from './view.ts'

/** A protocol that is not served yet: `C` are the settings that it needs. */
export interface ProtocolType<C> {
  /** Of the peers that it brings into the swarms. */
  readonly kinds: readonly PeerKindName[]
  /** What of those peers survives a restart. */
  readonly persists: PersistedForm
  /** Missing where there is no choice: the only protocol of its program. */
  isEnabled?(config: C): boolean
  /** Its addresses. */
  listens(config: C): ProtocolListening
  /** For --check: what a start would refuse beside its addresses. `remark` gets what else there is to say. */
  check(config: C, remark: (text: string) => void): CheckFindings
  /** For --health-check: asks as a client would. */
  healthQuestion(config: C): Ask
  /** The begin of a start: reads what has to be right before anything is reserved or opened. */
  prepare(config: C, tell: Notices): ProtocolPlan<C>
}

/** Those that the settings have served. */
export function enabledOf<C>(
  protocols: readonly ProtocolType<C>[],
  config: C,
): readonly ProtocolType<C>[] {
  return protocols.filter((protocol) => protocol.isEnabled?.(config) ?? true)
}

export interface ProtocolListening {
  readonly settings: ListenSettings
  /** For messages: the setting that names them, where that is not [network] address. */
  readonly title: string
}

/** Lines to whoever starts the tracker. */
export interface Notices {
  info(text: string): void
  warn(text: string): void
}

export interface ProtocolPlan<C> {
  /** So many of its threads use the swarms. */
  readonly swarmWorkers: number
  /** So many descriptors it keeps open, beside its connections and what every process has. */
  readonly descriptors: number
  /** So many connections the settings allow it at once, each with a descriptor; 0 where there are none. */
  readonly connections: number
  /** Opens its addresses, and makes what its workers share. */
  open(process: TrackerProcess, place: ProtocolPlace): Protocol<C>
}

/** A protocol among the others of its process. */
export interface ProtocolPlace {
  /** Begins its statistics, its charts and lines about it; '' where it is the only one of the program. */
  readonly title: string
  /** The same for programs: the section of its settings. */
  readonly name: string
  /** Another one has peers in the same swarms. */
  readonly sharesSwarms: boolean
  /** Of those that share swarms the first: its workers forget old peers, its statistics tell of the swarms. */
  readonly tendsSwarms: boolean
  /** Its statistics tell of what is the process's, such as the clients of the peers. */
  readonly isFirst: boolean
  /** Connections that there are descriptors for: what it may have of the process's. */
  readonly possibleConnections: number
  readonly tell: Notices
}

/** What the process has for its protocols. */
export interface TrackerProcess {
  readonly swarms: SwarmBuffers
  /** The main thread walks through all torrents now and then: their owners have to lock them. */
  readonly walksThroughSwarms: boolean
  /** Another process serves on these addresses, and this one takes over from it. */
  readonly takesOver: boolean
  /** What sources have used up of [source_limits], over all protocols that keep peers by their address. */
  readonly sourceLimits: SourceCounterData
  /** Kept over a restart, where anything is. */
  readonly secret: Uint8Array
  /** Completed downloads of before a restart; null where nothing is kept. */
  readonly priorDownloads: CountState | null
  /** Who is counted by a sample of the announces, where clients are counted. */
  readonly clientSample: ClientSampleData | null
  readonly census: Census | null
  /** In force now; changes come by `Protocol.sendAccessList`. */
  accessList(): AccessListData
  /** What the gates of all workers share (access-keys/gate.ts), */
  readonly keyGate: KeyGateData
  /** and the keys in force now; changes come by `Protocol.sendAccessKeys`. */
  accessKeys(): AccessKeys
  /** For each worker that bans addresses: tells the log. */
  newBanWriter(): BanWriterData
  newWorkers(options?: GroupOptions): WorkerGroup
  /** All workers serve, and nobody has asked for the stop. */
  isServing(): boolean
}

export interface Protocol<C> {
  /** As messages name it; '' where it is the only one of the program. */
  readonly title?: string
  /** Where it listens, with the ports that the system chose. */
  readonly addresses: readonly SocketAddress[]
  /** Its Unix sockets. */
  readonly socketPaths?: readonly string[]
  /** Settings of its own that can change while it runs. */
  readonly liveSettings: LiveSettings<C>
  readonly figures: ProtocolFigures
  /** For the line that tells of the start. */
  readonly summary: string
  /** Resolves once all its workers serve. */
  startWorkers(): Promise<void>
  /** All workers of the process serve. */
  begin(): void
  /** The stop begins. */
  end(): void
  /** What it sees going wrong, once it has begun. */
  troubles(): readonly TroubleSource[]
  sendAccessList(list: AccessListData): void
  sendAccessKeys(keys: AccessKeys): void
  /** Puts settings in force, of which those at `paths` have changed. */
  configure(config: C, paths: ReadonlySet<string>): void
  /** The process is about to become another user: what only an owner may do has to be that user's. */
  giveTo?(identity: Identity): void
}
