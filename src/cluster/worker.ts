// The cluster's thread: takes what the workers have noted, and tells it the other nodes; applies what they tell. Started by
// tracker/cluster.ts, which it shows once a second what it knows (view.ts). On an event loop, as the engine needs one.
// Nothing waits for it: while it is busy, or its engine is away, the workers answer as always.
import { fullGC } from 'bun:jsc'
import { parentPort } from 'node:worker_threads'
import type { AccessListData } from '../access-list/list.ts'
import { ClientGate, type ClientGateData, type ClientListUpdate } from '../client-lists/gate.ts'
import { clockSeconds, nowMilliseconds, readClock } from '../os/clock.ts'
import { PeerAddresses, type PeerAddressRules } from '../peer-addresses/peer-addresses.ts'
import { type FirstValue, takeFirst } from '../process/first-value.ts'
import { UpdateHandlers } from '../process/updates.ts'
import {
  beat,
  DRAIN_MESSAGE,
  provokeFault,
  STOP_MESSAGE,
  sayDone,
  sayReady,
  type WorkerStart,
} from '../process/workers.ts'
import { ConnectionStates } from '../swarm/connections.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import type { PriorDownloadsData } from '../swarm/prior-downloads.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { EngineAccess } from './access.ts'
import { Applier, noneApplied } from './apply.ts'
import { ClusterClock } from './cluster-clock.ts'
import { Graves } from './graves.ts'
import { Link } from './link.ts'
import { NatsEngine } from './nats.ts'
import { Packer } from './pack.ts'
import type { OpenSharing, Sharing, SharingData } from './sharing.ts'
import { SwarmRecords } from './swarm-records.ts'
import type { Tell } from './telling.ts'
import { type ClusterReport, type OwnCounts, viewOf } from './view.ts'

export const CLUSTER_ROLE = 'cluster'

/** Between two turns: so much longer, on average by half, does it take until a record is sent. */
const TURN_MILLISECONDS = 10
const REPORT_MILLISECONDS = 1000
/** What the engine leaves is collected after so much; the collector alone counts the swarms' memory as heap, and waits. */
const GARBAGE_BYTES = 32 * 2 ** 20
/** Beside its bytes. */
const MESSAGE_GARBAGE_BYTES = 1024

export interface ClusterSettings {
  readonly maxPeerAge: number
  /** Null where no peers have addresses. */
  readonly peerAddresses: PeerAddressRules | null
}

export interface ClusterWorkerData extends WorkerStart, ClusterSettings, ClientGateData {
  readonly role: typeof CLUSTER_ROLE
  readonly access: EngineAccess
  readonly swarms: SwarmBuffers
  readonly countDownloads: boolean
  readonly publicPeers: SharedArrayBuffer
  readonly accessList: FirstValue<AccessListData>
  /** Of the workers that note (note.ts), and what they share. */
  readonly rings: readonly SharedArrayBuffer[]
  readonly notes: SharedArrayBuffer
  /** Swarms that are shared in another way; null without. */
  readonly sharing: SharingData | null
}

export interface ClusterUpdate extends ClientListUpdate {
  readonly accessList?: AccessListData
  readonly settings?: ClusterSettings
  /** Read again. */
  readonly access?: EngineAccess
  readonly priorDownloads?: PriorDownloadsData
}

type ClusterMessage = typeof STOP_MESSAGE | typeof DRAIN_MESSAGE | ClusterUpdate

export async function runClusterWorker(
  data: ClusterWorkerData,
  openSharing: OpenSharing | null,
): Promise<void> {
  // The engine's library prints what it cannot parse, as it has come from the network.
  console.log = () => {}
  readClock()
  // Before the library of the engine is loaded: nothing waits for that, and no client for this thread.
  sayReady({ isUrgent: false })
  const worker = new ClusterWorker(data, openSharing)
  parentPort?.on('message', (message: ClusterMessage) => {
    if (message === STOP_MESSAGE || message === DRAIN_MESSAGE) void worker.stop()
    else worker.apply(message)
  })
  await worker.start()
}

/** Swarms of peers that have addresses. */
class AddressSwarms {
  readonly records: SwarmRecords
  readonly applier: Applier
  readonly packer: Packer
  readonly clock = new ClusterClock()

  constructor(
    data: ClusterWorkerData,
    rules: PeerAddressRules,
    swarms: Swarms,
    networks: ClientGate,
    updates: UpdateHandlers<ClusterUpdate>,
  ) {
    const { publicPeers, maxPeerAge } = data
    const graves = new Graves()
    const { clock } = this
    const packer = new Packer({ rings: data.rings, state: data.notes, swarms, graves, clock })
    const addresses = new PeerAddresses(publicPeers, rules, maxPeerAge)
    const totals = new Int32Array(data.swarms.control)
    const parts = { swarms, graves, packer, clock }
    const applier = new Applier({ ...parts, totals, addresses, networks, maxPeerAge })
    this.applier = applier
    this.packer = packer
    this.records = new SwarmRecords({ ...parts, applier })
    updates.on('settings', ({ peerAddresses, maxPeerAge }) => {
      applier.maxPeerAge = maxPeerAge
      addresses.configure(peerAddresses ?? rules, maxPeerAge)
    })
  }
}

class ClusterWorker {
  private readonly data: ClusterWorkerData
  private readonly openSharing: OpenSharing | null
  private readonly updates = new UpdateHandlers<ClusterUpdate>()
  private readonly heartbeat: Int32Array
  /** Null where none are shared in another way. */
  private readonly shared: { readonly swarms: Swarms; readonly states: ConnectionStates } | null
  private readonly gate = new ClientGate()
  private readonly byAddress: AddressSwarms | null
  private access: EngineAccess
  private engine: NatsEngine | null = null
  private link: Link | null = null
  private sharing: Sharing | null = null
  /** In seconds; may change before there is a link. */
  private maxPeerAge: number
  private isStopping = false
  private reportedAt = 0
  private garbageAt = 0

  constructor(data: ClusterWorkerData, openSharing: OpenSharing | null) {
    this.data = data
    this.openSharing = openSharing
    this.access = data.access
    this.maxPeerAge = data.maxPeerAge
    const { updates, gate } = this
    const { peerAddresses, sharing } = data
    this.heartbeat = new Int32Array(data.heartbeat)
    const swarms = attachSwarms(data.swarms, data.countDownloads)
    this.shared = sharing && this.attachShared(sharing)
    const all = [swarms, ...(this.shared === null ? [] : [this.shared.swarms])]
    const list = takeFirst(data.accessList)
    for (const { access } of all) access.replace(list)
    updates.on('accessList', (list) => {
      for (const { access } of all) access.replace(list)
      this.sharing?.listsChanged()
      // The previous one is memory that the collector does not see.
      fullGC()
    })
    gate.setNetworks(takeFirst(data.networkList))
    gate.setClients(takeFirst(data.clientList))
    updates.on('networkList', (list) => gate.setNetworks(list))
    updates.on('clientList', (list) => {
      gate.setClients(list)
      this.sharing?.listsChanged()
    })
    const byAddress = peerAddresses && new AddressSwarms(data, peerAddresses, swarms, gate, updates)
    this.byAddress = byAddress
    updates.on('access', (access) => {
      this.access = access
      this.engine?.configure(access)
    })
    updates.on('settings', ({ maxPeerAge }) => {
      this.maxPeerAge = maxPeerAge
      this.link?.setMaxPeerAge(maxPeerAge)
    })
  }

  /** Of their own: counts of downloads from before a restart are those of these swarms. */
  private attachShared({ connections, priorDownloads }: SharingData) {
    const { data, updates } = this
    const states = new ConnectionStates(connections)
    const swarms = attachSwarms(data.swarms, data.countDownloads, states)
    swarms.priorDownloads.replace(priorDownloads)
    updates.on('priorDownloads', (prior) => swarms.priorDownloads.replace(prior))
    return { swarms, states }
  }

  async start(): Promise<void> {
    const { access } = this
    const beats = setInterval(() => beat(this.heartbeat), REPORT_MILLISECONDS / 5)
    const engine = await NatsEngine.open(access)
    clearInterval(beats)
    this.engine = engine
    if (this.access !== access) engine.configure(this.access)
    if (this.isStopping) return this.end()
    const tell: Tell = (severity, text) => this.report({ tell: { severity, text } })
    if (this.byAddress !== null) this.link = this.newLink(engine, this.byAddress, tell)
    // One of both tells what both see.
    this.sharing = this.newSharing(engine, this.link === null ? tell : () => {})
    this.turn()
  }

  private newLink(engine: NatsEngine, { records, clock }: AddressSwarms, tell: Tell): Link {
    const { node, subject } = this.data.access
    const { maxPeerAge } = this
    const times = { clusterClock: clock, clock: nowMilliseconds }
    const random = Math.random
    return new Link({ node, subject, engine, records, maxPeerAge, ...times, random, tell })
  }

  private newSharing(engine: NatsEngine, tell: Tell): Sharing | null {
    const { data, openSharing, shared, gate: clients } = this
    const { node, subject } = data.access
    if (data.sharing === null || shared === null || openSharing === null) return null
    const host = { ...shared, node, subject, engine, clients, clock: nowMilliseconds, tell }
    return openSharing(data.sharing, host)
  }

  apply(update: ClusterUpdate): void {
    this.updates.apply(update, clockSeconds())
  }

  async stop(): Promise<void> {
    if (this.isStopping) return
    this.isStopping = true
    this.link?.leave()
    this.sharing?.leave()
    if (this.engine !== null) await this.end()
  }

  private async end(): Promise<void> {
    await this.engine?.close()
    sayDone()
    process.exit(0)
  }

  private turn(): void {
    if (this.isStopping) return
    beat(this.heartbeat)
    const isBusy = [this.link?.turn(), this.sharing?.turn()].includes(true)
    const now = nowMilliseconds()
    if (now - this.reportedAt >= REPORT_MILLISECONDS) {
      this.reportedAt = now
      const webtorrent = this.sharing?.view(now) ?? null
      this.report({ view: viewOf(this.link, webtorrent, this.ownCounts(), now) })
      if (this.data.fault) provokeFault()
    }
    this.tendHeap()
    if (isBusy) setImmediate(() => this.turn())
    else setTimeout(() => this.turn(), TURN_MILLISECONDS)
  }

  private tendHeap(): void {
    const { link, sharing } = this
    let messages = sharing?.messages ?? 0
    if (link !== null) {
      const { counts, sender } = link
      messages += counts.messages + sender.counts.batches + sender.counts.again
    }
    const received = this.engine?.received ?? 0
    const garbage = received + messages * MESSAGE_GARBAGE_BYTES
    if (garbage - this.garbageAt < GARBAGE_BYTES) return
    this.garbageAt = garbage
    fullGC()
  }

  private ownCounts(): OwnCounts {
    const { byAddress, engine } = this
    return {
      applied: byAddress?.applier.counts ?? noneApplied(),
      untold: byAddress?.packer.untold ?? 0,
      tooLong: engine?.tooLong ?? 0,
    }
  }

  private report(report: ClusterReport): void {
    parentPort?.postMessage(report)
  }
}
