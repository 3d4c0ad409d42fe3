// What a socket worker does whatever its connections' bytes come through: connections of clients with all that they may ask
// for, limits, settings that change, work that is due. Made by socket-worker.ts (plain connections, in a blocking
// loop) and tls-worker.ts (the runtime's sockets, on its event loop), which have the TCP connections.
import { parentPort } from 'node:worker_threads'
import type { AccessListData } from '../../access-list/list.ts'
import type { ClientGate } from '../../client-lists/gate.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { SourceWatch } from '../../peer-addresses/source-watch.ts'
import { type FirstValue, takeFirst } from '../../process/first-value.ts'
import type { UpdateHandlers } from '../../process/updates.ts'
import { provokeFault, type WorkerStart } from '../../process/workers.ts'
import {
  type KeyWorkerData,
  openClientGate,
  openKeyGate,
  takeAccessLists,
} from '../../requests/swarm-worker.ts'
import type { SourceCounterData } from '../../source-limits/source-counters.ts'
import { type ConnectionBuffers, ConnectionStates } from '../../swarm/connections.ts'
import { attachSwarms, type SwarmBuffers } from '../../swarm/memory.ts'
import type { PriorDownloadsData } from '../../swarm/prior-downloads.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import { Cleaner } from '../../swarm/walks/cleaner.ts'
import { Blocks } from '../../tcp/blocks.ts'
import { ConnectionLimits } from '../../tcp/connection-limits.ts'
import type { ConnectionOptions, TcpConnections, TcpTimes } from '../../tcp/connections.ts'
import type { GuestHost } from '../../tcp/guest.ts'
import { Networks } from '../../tcp/networks.ts'
import { Output } from '../../tcp/output.ts'
import { ProxyProtocol } from '../../tcp/proxy-protocol.ts'
import type { Transfer } from '../../tcp/transfer.ts'
import { GOING_AWAY } from '../wire/frame.ts'
import { ClientReports } from './client-reports.ts'
import { type Connection, Connections } from './connection.ts'
import { ConnectionKeys } from './connection-key.ts'
import { CONNECTIONS_CLOSED, CONNECTIONS_OPENED, COUNTER_WORDS, TCP } from './counters.ts'
import { Drain } from './drain.ts'
import { Exchange, type ExchangeEnds } from './exchange.ts'
import { type FrameEvents, FrameStream } from './frame-stream.ts'
import { Handler } from './handle.ts'
import { Housekeeping } from './housekeeping.ts'
import { MessageParts } from './message-parts.ts'
import type { SignalKeys } from './offer-relay.ts'
import { OtherNodes, type OtherNodesData } from './other-nodes.ts'
import { RequestLimits } from './request-limits.ts'
import { type Plan, Sender } from './send.ts'
import { Signal } from './signal.ts'
import { Upgrader } from './upgrade.ts'
import type { WorkerReport, WorkerSettings, WsUpdate } from './worker-updates.ts'

/** For answers to HTTP requests, one at a time. */
const OUTPUT_BYTES = 4096
/** For incomplete handshakes and frames' heads, beside what waits for clients that do not read. */
const HELD_BYTES_MAX = 16 * 2 ** 20
/** The most that a response has beside the message that it answers: numbers of each torrent in a scrape. */
const SCRAPE_FILE_BYTES = 128
const RESPONSE_BYTES = 4096
/** A byte order mark. */
const MARK_BYTES = 3

/**
 * Seconds for a connection's first byte, for the rest of its handshake, and for taking what is left at its end. None is
 * idle: it becomes a WebSocket, or ends.
 */
export const TIMES: TcpTimes = { first: 5, request: 9, idle: 9, unread: 5 }

export interface WsWorkerData extends WorkerStart, WorkerSettings, KeyWorkerData {
  readonly workers: number
  readonly swarms: SwarmBuffers
  readonly priorDownloads: PriorDownloadsData
  readonly connections: ConnectionBuffers
  readonly limits: SharedArrayBuffer
  readonly messageBytesMax: number
  readonly frameBytesMax: number
  readonly countDownloads: boolean
  readonly requestLimits: SourceCounterData
  readonly signalKeys: SignalKeys
  /** Null if this is the only worker. */
  readonly exchange: ExchangeEnds | null
  /** Null without a cluster. */
  readonly nodes: OtherNodesData | null
  readonly accessList: FirstValue<AccessListData>
  readonly counters: SharedArrayBuffer
  /** See peer-addresses/source-watch.ts. */
  readonly sources: SharedArrayBuffer
}

export interface ServingOptions {
  /** Has something done at the end of the turn. */
  readonly plan: Plan
  /** Tells the main thread. */
  readonly tell?: (report: WorkerReport) => void
  /** Whose connections these are, if they are those of another protocol's worker. */
  readonly host?: GuestHost
}

export class Serving implements FrameEvents {
  readonly counts = new Int32Array(COUNTER_WORDS)
  readonly connections: Connections
  readonly sender: Sender
  readonly exchange: Exchange | null
  private readonly housekeeping: Housekeeping
  readonly upgrader: Upgrader
  readonly frames: FrameStream
  readonly output: Output
  readonly blocks: Blocks
  private readonly parts = new MessageParts(this.counts)
  /** For the server of the TCP connections. */
  readonly tcp: Omit<ConnectionOptions, 'transfer'>
  /** The process ends: what is left of connections ends with it. */
  isStopping = false
  /** Another process serves in this one's place. */
  private isDraining = false
  /** The second of the last tick. */
  private ticked = clockSeconds()
  now = 0
  private readonly data: WsWorkerData
  /** What of `blocks` is for others. */
  private readonly hostBytes: number
  private readonly swarms: Swarms
  private readonly cleaner: Cleaner
  private readonly limits: ConnectionLimits
  /** The first handler of connections that begin with a header of the PROXY protocol. */
  private readonly proxies: ProxyProtocol
  private readonly handler: Handler
  private readonly signal: Signal
  private readonly reports: ClientReports
  private readonly keys: ConnectionKeys
  private readonly requestLimits: RequestLimits

  constructor(
    data: WsWorkerData,
    updates: UpdateHandlers<WsUpdate>,
    { plan, tell: telling = tell, host }: ServingOptions,
  ) {
    const { counts } = this
    const states = new ConnectionStates(data.connections)
    const swarms = attachSwarms(data.swarms, data.countDownloads, states)
    swarms.access.replace(takeFirst(data.accessList))
    swarms.priorDownloads.replace(data.priorDownloads)
    this.data = data
    this.swarms = swarms
    const { maxConnections, maxConnectionsPerAddress } = data
    this.reports = new ClientReports(data.reports, telling)
    this.limits = new ConnectionLimits(data.limits, maxConnections, maxConnectionsPerAddress)
    this.connections = new Connections(data.index, states, data.housekeeping.pingInterval)
    const messageBytesMax = longestMessage(data)
    const { connections, reports } = this
    this.sender = new Sender(connections, data.backlogs, counts, reports, { messageBytesMax, plan })
    this.signal = new Signal(data.index, connections, this.sender, data.signalKeys, counts)
    this.requestLimits = new RequestLimits(data.requestLimits, data.requestRates)
    swarms.admission.gate = this.requestLimits
    const { sender, signal, requestLimits } = this
    const parts = { swarms, connections, sender, signal, requestLimits }
    this.handler = new Handler(parts, data.requests, counts)
    this.handler.sources = new SourceWatch(data.sources)
    this.handler.nodes = this.openNodes(states)
    this.handler.pause.configure(data.pause)
    this.exchange = this.connectTo(data.exchange, plan)
    this.output = host?.output ?? new Output(OUTPUT_BYTES)
    this.hostBytes = host?.blockBytes ?? 0
    this.blocks = host?.blocks ?? new Blocks(blockBytes(data))
    this.blocks.limitTo(this.hostBytes + blockBytes(data))
    this.frames = new FrameStream({
      events: this,
      sender,
      parts: this.parts,
      limits: data,
      plan,
    })
    const { frames, output, limits } = this
    this.upgrader = new Upgrader({ connections, frames, limits, output, counts, reports })
    this.keys = new ConnectionKeys(openKeyGate(data, updates))
    this.upgrader.keys = this.keys
    this.handler.keys = this.keys
    this.handler.clients = openClientGate(data, updates)
    this.upgrader.clients = this.handler.clients
    const tables = swarms.websocket.filter((_, i) => i % data.workers === data.index)
    const { cleaningInterval, maxPeerAge, workers } = data
    const now = clockSeconds()
    this.cleaner = new Cleaner(swarms, tables, cleaningInterval, maxPeerAge, workers > 1, now)
    this.housekeeping = new Housekeeping(connections, sender, data.housekeeping, counts, now)
    this.proxies = new ProxyProtocol(this.upgrader)
    this.tcp = {
      handler: data.proxyProtocol ? this.proxies : this.upgrader,
      limits: this.limits,
      times: TIMES,
      counts,
      countsAt: TCP,
    }
    this.applyProxies(data)
    this.takeUpdates(updates, this.handler.clients)
    this.setTime()
  }

  /** Who has the TCP connections. */
  connect(server: TcpConnections, transfer: Transfer): void {
    this.upgrader.connect(server)
    this.frames.connect(server, transfer)
  }

  private openNodes(states: ConnectionStates): OtherNodes | null {
    const { data, swarms, handler } = this
    if (data.nodes === null) return null
    return new OtherNodes({ data: data.nodes, swarms, states, receivers: handler.receivers })
  }

  private connectTo(ends: ExchangeEnds | null, plan: Plan): Exchange | null {
    if (ends === null) return null
    const { index, messageBytesMax, requests } = this.data
    const limits = { messageBytesMax, maxOffers: requests.maxOffers }
    const exchange = new Exchange(index, ends, limits, this.signal, this.counts, plan)
    this.signal.connect(exchange)
    return exchange
  }

  private takeUpdates(updates: UpdateHandlers<WsUpdate>, clients: ClientGate): void {
    const { swarms, cleaner } = this
    updates.on('settings', (settings) => this.configure(settings))
    updates.on('priorDownloads', (counts) => swarms.priorDownloads.replace(counts))
    takeAccessLists(updates, swarms, cleaner)
    // After the gate has taken them.
    updates.on('networkList', () => this.housekeeping.networksChanged(clients))
  }

  private configure(settings: WorkerSettings): void {
    const { requests } = settings
    this.handler.settings = requests
    this.handler.pause.configure(settings.pause)
    this.handler.request.limitTo(requests.maxOffers, requests.maxScrapeTorrents)
    this.housekeeping.configure(settings.housekeeping)
    this.cleaner.setTimes(settings.cleaningInterval, settings.maxPeerAge, this.now)
    this.limits.configure(settings.maxConnections, settings.maxConnectionsPerAddress)
    this.sender.configure(settings.backlogs)
    this.blocks.limitTo(this.hostBytes + blockBytes(settings))
    this.requestLimits.configure(settings.requestRates)
    this.reports.wanted = settings.reports
    this.applyProxies(settings)
  }

  private applyProxies(settings: WorkerSettings): void {
    const trusted = new Networks(settings.trustedProxies)
    this.upgrader.configure(settings)
    this.limits.setTrusted(trusted)
    this.proxies.setTrusted(trusted)
  }

  /** Closes the connection of a slot because this process stops. False if there is none to tell. */
  sayGoodbye(slot: number): boolean {
    const connection = this.connections.at(slot)
    if (connection === null || connection.closed || connection.socket === null) return false
    connection.socket.close(GOING_AWAY, 'the tracker stops')
    return true
  }

  /** The same for all; returns how many were told. */
  sayGoodbyeToAll(): number {
    this.isStopping = true
    let told = 0
    for (let slot = 0; slot < this.connections.slotCount; slot++) if (this.sayGoodbye(slot)) told++
    return told
  }

  /** Another process serves new connections from now on; those that are here are closed one after the other. */
  beginDrain(): Drain {
    this.isDraining = true
    return new Drain(this.connections, this.data.workers, (slot) => this.sayGoodbye(slot))
  }

  opened(connection: Connection): void {
    this.counts[connection.family + CONNECTIONS_OPENED]++
  }

  message(connection: Connection, bytes: Uint8Array, from: number, to: number): void {
    this.connections.showedLife(connection, this.now)
    this.sender.received()
    this.handler.message(
      connection,
      bytes,
      isMarked(bytes, from, to) ? from + MARK_BYTES : from,
      to,
    )
    if (this.data.fault) provokeFault()
  }

  showedLife(connection: Connection): void {
    this.connections.showedLife(connection, this.now)
  }

  drained(connection: Connection): void {
    this.sender.drained(connection)
  }

  closed(connection: Connection): void {
    this.counts[connection.family + CONNECTIONS_CLOSED]++
    connection.closed = true
    this.sender.forget(connection)
    if (this.isStopping) return
    // In a drain the peers stay, without offers, so that the torrents keep their counts of completed downloads,
    // which the other process gets in the end.
    if (!this.isDraining) this.handler.leaveAll(connection)
    this.connections.close(connection)
    connection.socket = null
  }

  /** Reads the clock, for all. */
  setTime(): number {
    readClock()
    const now = clockSeconds()
    if (now === this.now) return now
    this.now = now
    this.handler.setTime(now)
    this.signal.setTime(now)
    this.requestLimits.setTime(now)
    this.keys.setTime(now)
    this.reports.setTime(now)
    this.upgrader.setTime(now)
    this.parts.setTime(now)
    return now
  }

  /** What is to be done once a second; true if it was, so that there may be something to send. */
  tick(now: number): boolean {
    if (now === this.ticked) return false
    this.ticked = now
    this.housekeeping.tick(now)
    if (!this.housekeeping.waits) this.parts.expire()
    return true
  }

  /** A slice of cleaning, if one is due; true if there is more to do. */
  clean(): boolean {
    return !this.housekeeping.waits && this.cleaner.step(this.now)
  }
}

export function tell(report: WorkerReport): void {
  parentPort?.postMessage(report)
}

/** Some clients put a byte order mark before the text. */
function isMarked(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= MARK_BYTES &&
    bytes[from] === 0xef &&
    bytes[from + 1] === 0xbb &&
    bytes[from + 2] === 0xbf
  )
}

function blockBytes({ backlogs }: WorkerSettings): number {
  return HELD_BYTES_MAX + backlogs.inAll
}

/** A response repeats ids of the message, and what is passed on has all of it, each with some text. */
function longestMessage({ messageBytesMax, requests }: WsWorkerData): number {
  return messageBytesMax + requests.maxScrapeTorrents * SCRAPE_FILE_BYTES + RESPONSE_BYTES
}
