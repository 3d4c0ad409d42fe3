// What a worker of any protocol needs to answer from the swarms of IPv4 and IPv6: its start data, the swarms
// with the limits on their growth, the cleaning of its tables, and settings that change at runtime. Used by the
// workers of the protocols.
import { fullGC } from 'bun:jsc'
import { type AccessKeys, KeyGate, type KeyGateData } from '../access-keys/gate.ts'
import type { AccessListData } from '../access-list/list.ts'
import { ClientSample, type ClientSampleData } from '../census/sample.ts'
import { ClientGate, type ClientGateData, type ClientListUpdate } from '../client-lists/gate.ts'
import { ClusterNotes, type NoteData } from '../cluster/note.ts'
import { clockSeconds } from '../os/clock.ts'
import { PeerAddresses, type PeerAddressRules } from '../peer-addresses/peer-addresses.ts'
import { SourceWatch } from '../peer-addresses/source-watch.ts'
import { type FirstValue, takeFirst } from '../process/first-value.ts'
import type { UpdateHandlers } from '../process/updates.ts'
import { BanWriter, type BanWriterData } from '../source-limits/ban-writer.ts'
import type { SourceCounterData } from '../source-limits/source-counters.ts'
import { SourceLimits, type SourceRates } from '../source-limits/source-limits.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { Cleaner } from '../swarm/walks/cleaner.ts'
import { tablesOwnedBy } from './owners.ts'
import type { AnnounceRequest, SwarmResponder } from './responder.ts'

/** Settings that can change at runtime. */
export interface SwarmSettings {
  readonly requests: {
    /** In seconds. */
    readonly announceInterval: number
    /** Percent. */
    readonly intervalJitter: number
  }
  readonly rates: SourceRates
  readonly peerAddresses: PeerAddressRules
  readonly cleaningInterval: number
  readonly maxPeerAge: number
}

export interface SwarmWorkerData extends SwarmSettings {
  readonly swarms: SwarmBuffers
  /** The workers of this protocol clean the tables. */
  readonly tendsSwarms: boolean
  /** Those of another one answer from them too. */
  readonly sharesSwarms: boolean
  readonly countDownloads: boolean
  readonly limits: SourceCounterData
  readonly bans: BanWriterData
  /** Null without a cluster. */
  readonly notes: NoteData | null
  readonly publicPeers: SharedArrayBuffer
  /** See peer-addresses/source-watch.ts. */
  readonly sources: SharedArrayBuffer
  /** Null if clients are not counted. */
  readonly clients: ClientSampleData | null
  readonly accessList: FirstValue<AccessListData>
  /** Among those that share the tables out, to clean them or to own them. */
  readonly index: number
  readonly workers: number
}

export interface SwarmUpdate {
  readonly accessList?: AccessListData
  /** Single info hashes that are forbidden now: the list itself is shared memory. */
  readonly accessEdited?: true
  readonly settings?: SwarmSettings
}

/** Of a worker that asks for keys, and who is asking. */
export interface KeyWorkerData extends ClientGateData {
  readonly keyGate: KeyGateData
  readonly accessKeys: FirstValue<AccessKeys>
}

export interface KeyUpdate extends ClientListUpdate {
  readonly accessKeys?: AccessKeys
}

/** `counts`: the worker's counters; the one at `place` is for bans. */
export function openSourceLimits(
  { limits, rates, bans }: Pick<SwarmWorkerData, 'limits' | 'rates' | 'bans'>,
  counts: Int32Array,
  place: number,
): SourceLimits {
  return new SourceLimits(limits, rates, { counts, place, writer: new BanWriter(bans) })
}

export interface OpenSwarms {
  readonly swarms: Swarms
  readonly cleaner: Cleaner
}

/** `owned`: no other worker of the protocol touches the tables of this one; `alone`: nobody else at all does. */
export function openSwarms(
  data: SwarmWorkerData,
  gate: SourceLimits,
  { owned = false, alone = false } = {},
): OpenSwarms {
  const { index, workers, tendsSwarms, sharesSwarms, cleaningInterval, maxPeerAge } = data
  const swarms = attachSwarms(data.swarms, data.countDownloads, null, alone)
  swarms.admission.gate = gate
  swarms.access.replace(takeFirst(data.accessList))
  const tables = tendsSwarms ? tablesOwnedBy(swarms, index, workers) : []
  const shared = sharesSwarms || (!owned && workers > 1)
  const now = clockSeconds()
  const cleaner = new Cleaner(swarms, tables, cleaningInterval, maxPeerAge, shared, now)
  return { swarms, cleaner }
}

/** Sets up the responder of these swarms; later changes come from `updates`. */
export function serveFrom<R extends AnnounceRequest>(
  { swarms, cleaner }: OpenSwarms,
  responder: SwarmResponder<R>,
  { requests, clients, peerAddresses, publicPeers, sources, maxPeerAge, notes }: SwarmWorkerData,
  updates: UpdateHandlers<SwarmUpdate>,
): void {
  responder.setInterval(requests.announceInterval, requests.intervalJitter)
  if (clients !== null) responder.clients = new ClientSample(clients)
  if (notes !== null) responder.notes = new ClusterNotes(notes, maxPeerAge)
  const addresses = new PeerAddresses(publicPeers, peerAddresses, maxPeerAge)
  addresses.sources = new SourceWatch(sources)
  responder.addresses = addresses
  updates.on('settings', ({ requests, peerAddresses, cleaningInterval, maxPeerAge }, now) => {
    responder.setInterval(requests.announceInterval, requests.intervalJitter)
    addresses.configure(peerAddresses, maxPeerAge)
    responder.notes?.setMaxPeerAge(maxPeerAge)
    cleaner.setTimes(cleaningInterval, maxPeerAge, now)
  })
  takeAccessLists(updates, swarms, cleaner)
}

export function takeAccessLists(
  updates: UpdateHandlers<Pick<SwarmUpdate, 'accessList' | 'accessEdited'>>,
  swarms: Swarms,
  cleaner: Cleaner,
): void {
  updates.on('accessEdited', () => cleaner.accessEdited())
  updates.on('accessList', (list, now) => {
    swarms.access.replace(list)
    cleaner.accessChanged(now)
    // The previous list is garbage whose size the collector does not see, and it would never run by itself in a
    // worker that allocates nothing. This takes 3 to 9 ms without answers; Bun.gc(true) takes 3 to 22 and
    // throws compiled code away, and Bun.gc(false) does not collect it.
    fullGC()
  })
}

export function openKeyGate(
  { keyGate, accessKeys }: KeyWorkerData,
  updates: UpdateHandlers<KeyUpdate>,
): KeyGate {
  const gate = new KeyGate(keyGate, takeFirst(accessKeys))
  updates.on('accessKeys', (keys) => {
    gate.replace(keys)
    // As above.
    fullGC()
  })
  return gate
}

/** A list that was read again, or changed. */
export type ListUpdate = Pick<SwarmUpdate, 'accessList' | 'accessEdited'> & KeyUpdate

export function openClientGate(
  { networkList, clientList }: ClientGateData,
  updates: UpdateHandlers<ClientListUpdate>,
): ClientGate {
  const gate = new ClientGate()
  gate.setNetworks(takeFirst(networkList))
  gate.setClients(takeFirst(clientList))
  updates.on('networkList', (list) => {
    gate.setNetworks(list)
    // As above.
    fullGC()
  })
  updates.on('clientList', (list) => {
    gate.setClients(list)
    fullGC()
  })
  return gate
}
