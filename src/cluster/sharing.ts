// A kind of swarms that the cluster's thread shares in a way of its own, beside those whose peers have addresses: WebTorrent's
// (ws/cluster/). Implemented by a protocol, and used by worker.ts; so this level knows no protocol.
import type { MessagePort } from 'node:worker_threads'
import type { ClientGate } from '../client-lists/gate.ts'
import type { ConnectionBuffers, ConnectionStates } from '../swarm/connections.ts'
import type { PriorDownloadsData } from '../swarm/prior-downloads.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { Engine } from './engine.ts'
import type { PresenceState } from './presence.ts'
import type { Tell } from './telling.ts'

export interface SharingNode {
  readonly name: string
  readonly state: 'heard' | 'silent' | 'left'
  /** Milliseconds since it was heard last. */
  readonly silence: number
  /** It has told all its peers, and nothing is missing since. */
  readonly isWhole: boolean
  readonly records: number
  readonly gaps: number
}

/** What the protocol hands to the cluster's thread; the rest of it is its own. */
export interface SharingData {
  readonly connections: ConnectionBuffers
  readonly priorDownloads: PriorDownloadsData
}

/** In the main thread. */
export interface SharingStart {
  readonly data: SharingData
  /** Those in `data`. */
  readonly ports: readonly MessagePort[]
}

export interface SharingHost {
  readonly node: string
  readonly subject: string
  readonly engine: Engine
  readonly swarms: Swarms
  readonly states: ConnectionStates
  readonly clients: ClientGate
  readonly clock: () => number
  readonly tell: Tell
}

export interface Sharing {
  /** All messages so far, in and out. */
  readonly messages: number
  /** What is due; true if more can be done at once. */
  turn(): boolean
  /** Lists of torrents or clients have changed. */
  listsChanged(): void
  /** Before the engine is closed. */
  leave(): void
  view(now: number): SharingView
}

export type OpenSharing = (data: SharingData, host: SharingHost) => Sharing

/** What it shows the main thread, as plain data. */
export interface SharingView {
  readonly state: PresenceState
  readonly isNameTaken: boolean
  /** Why there is no connection, and what the engine refuses. */
  readonly reason: string
  readonly refusals: readonly string[]
  readonly isCatchingUp: boolean
  readonly nodes: readonly SharingNode[]
  /** Of other nodes, that are in the swarms. */
  readonly peers: number
  readonly records: { readonly in: number; readonly out: number }
  /** By direction and type. */
  readonly relayed: Readonly<Record<'offersIn' | 'offersOut' | 'answersIn' | 'answersOut', number>>
  /** Offers and answers that were not passed on, by reason, */
  readonly droppedRelays: Readonly<Record<string, number>>
  /** and other messages that were not used. */
  readonly refused: Readonly<Record<string, number>>
  /** Peers that were not taken, by reason. */
  readonly refusedPeers: Readonly<Record<string, number>>
  readonly syncs: { readonly asked: number; readonly answered: number }
}
