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
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import type { EngineAccess } from './access.ts'
import { Applier } from './apply.ts'
import { Graves } from './graves.ts'
import { Link } from './link.ts'
import { NatsEngine } from './nats.ts'
import { Packer } from './pack.ts'
import { SwarmRecords } from './swarm-records.ts'
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
  readonly peerAddresses: PeerAddressRules
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
}

export interface ClusterUpdate extends ClientListUpdate {
  readonly accessList?: AccessListData
  readonly settings?: ClusterSettings
  /** Read again. */
  readonly access?: EngineAccess
}

type ClusterMessage = typeof STOP_MESSAGE | typeof DRAIN_MESSAGE | ClusterUpdate

export async function runClusterWorker(data: ClusterWorkerData): Promise<void> {
  // The engine's library prints what it cannot parse, as it has come from the network.
  console.log = () => {}
  readClock()
  // Before the library of the engine is loaded: nothing waits for that, and no client for this thread.
  sayReady({ isUrgent: false })
  const worker = new ClusterWorker(data)
  parentPort?.on('message', (message: ClusterMessage) => {
    if (message === STOP_MESSAGE || message === DRAIN_MESSAGE) void worker.stop()
    else worker.apply(message)
  })
  await worker.start()
}

class ClusterWorker {
  private readonly data: ClusterWorkerData
  private readonly updates = new UpdateHandlers<ClusterUpdate>()
  private readonly heartbeat: Int32Array
  private readonly records: SwarmRecords
  private readonly applier: Applier
  private readonly packer: Packer
  private access: EngineAccess
  private engine: NatsEngine | null = null
  private link: Link | null = null
  /** In seconds; may change before there is a link. */
  private maxPeerAge: number
  private isStopping = false
  private reportedAt = 0
  private garbageAt = 0

  constructor(data: ClusterWorkerData) {
    this.data = data
    this.access = data.access
    this.maxPeerAge = data.maxPeerAge
    const { updates } = this
    const { publicPeers, peerAddresses, maxPeerAge } = data
    this.heartbeat = new Int32Array(data.heartbeat)
    const swarms = attachSwarms(data.swarms, data.countDownloads)
    swarms.access.replace(takeFirst(data.accessList))
    updates.on('accessList', (list) => {
      swarms.access.replace(list)
      // The previous one is memory that the collector does not see.
      fullGC()
    })
    const graves = new Graves()
    const packer = new Packer({ rings: data.rings, state: data.notes, swarms, graves })
    const addresses = new PeerAddresses(publicPeers, peerAddresses, maxPeerAge)
    const networks = new ClientGate()
    networks.setNetworks(takeFirst(data.networkList))
    updates.on('networkList', (list) => networks.setNetworks(list))
    const totals = new Int32Array(data.swarms.control)
    const parts = { swarms, graves, packer }
    const applier = new Applier({ ...parts, totals, addresses, networks, maxPeerAge })
    this.applier = applier
    this.packer = packer
    this.records = new SwarmRecords({ ...parts, applier })
    updates.on('access', (access) => {
      this.access = access
      this.engine?.configure(access)
    })
    updates.on('settings', (settings) => {
      this.maxPeerAge = settings.maxPeerAge
      applier.maxPeerAge = settings.maxPeerAge
      this.link?.setMaxPeerAge(settings.maxPeerAge)
      addresses.configure(settings.peerAddresses, settings.maxPeerAge)
    })
  }

  async start(): Promise<void> {
    const { access } = this
    const beats = setInterval(() => beat(this.heartbeat), REPORT_MILLISECONDS / 5)
    const engine = await NatsEngine.open(access)
    clearInterval(beats)
    this.engine = engine
    if (this.access !== access) engine.configure(this.access)
    if (this.isStopping) return this.end()
    const { maxPeerAge } = this
    this.link = new Link({
      node: access.node,
      subject: access.subject,
      engine,
      records: this.records,
      maxPeerAge,
      clock: nowMilliseconds,
      random: Math.random,
      tell: (severity, text) => this.report({ tell: { severity, text } }),
    })
    this.turn()
  }

  apply(update: ClusterUpdate): void {
    this.updates.apply(update, clockSeconds())
  }

  async stop(): Promise<void> {
    if (this.isStopping) return
    this.isStopping = true
    this.link?.leave()
    if (this.engine !== null) await this.end()
  }

  private async end(): Promise<void> {
    await this.engine?.close()
    sayDone()
    process.exit(0)
  }

  private turn(): void {
    const { link } = this
    if (link === null || this.isStopping) return
    beat(this.heartbeat)
    const isBusy = link.turn()
    const now = nowMilliseconds()
    if (now - this.reportedAt >= REPORT_MILLISECONDS) {
      this.reportedAt = now
      this.report({
        view: viewOf(link, this.ownCounts(), now),
      })
      if (this.data.fault) provokeFault()
    }
    this.tendHeap(link)
    if (isBusy) setImmediate(() => this.turn())
    else setTimeout(() => this.turn(), TURN_MILLISECONDS)
  }

  private tendHeap({ counts, sender }: Link): void {
    const messages = counts.messages + sender.counts.batches + sender.counts.again
    const received = this.engine?.received ?? 0
    const garbage = received + messages * MESSAGE_GARBAGE_BYTES
    if (garbage - this.garbageAt < GARBAGE_BYTES) return
    this.garbageAt = garbage
    fullGC()
  }

  private ownCounts(): OwnCounts {
    const { applier, engine, packer } = this
    return { applied: applier.counts, untold: packer.untold, tooLong: engine?.tooLong ?? 0 }
  }

  private report(report: ClusterReport): void {
    parentPort?.postMessage(report)
  }
}
