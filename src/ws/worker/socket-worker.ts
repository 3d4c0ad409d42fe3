// A socket worker: HTTP and WebSocket servers on one event loop, one per address, and their events. Runs in its
// own thread, started by main.ts; what it shares with others came in its start message. Owns its connections.
//
// The runtime's server does HTTP, WebSocket frames and TLS. It checks that texts are UTF-8, limits a message's
// size, and closes connections without a handshake in time.

import { parentPort } from 'node:worker_threads'
import type { Server } from 'bun'
import type { AccessListData } from '../../access-list/list.ts'
import { newRegion } from '../../memory/region.ts'
import { publish } from '../../metrics/counters.ts'
import { FailedRequests } from '../../operations/request.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { type FirstValue, takeFirst } from '../../process/first-value.ts'
import { UpdateHandlers } from '../../process/updates.ts'
import {
  beat,
  DRAIN_MESSAGE,
  provokeFault,
  STOP_MESSAGE,
  sayReady,
  type WorkerStart,
} from '../../process/workers.ts'
import { type KeyWorkerData, openKeyGate, takeAccessLists } from '../../requests/swarm-worker.ts'
import type { SourceCounterData } from '../../source-limits/source-counters.ts'
import { type ConnectionBuffers, ConnectionStates } from '../../swarm/connections.ts'
import { attachSwarms, type SwarmBuffers } from '../../swarm/memory.ts'
import type { PriorDownloadsData } from '../../swarm/prior-downloads.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import { Cleaner } from '../../swarm/walks/cleaner.ts'
import { ConnectionLimits } from '../../tcp/connection-limits.ts'
import type { ServerAddress } from '../../tcp/server-address.ts'
import { type NewCertificates, whyNotOpened } from '../../tls/certificate-change.ts'
import { serverTls } from '../../tls/contexts.ts'
import type { TlsFiles } from '../../tls/tls.ts'
import { ClientReports } from './client-reports.ts'
import { type Connection, Connections, type Socket } from './connection.ts'
import { ConnectionKeys } from './connection-key.ts'
import { CONNECTIONS_CLOSED, CONNECTIONS_OPENED, COUNTER_COUNT, COUNTER_WORDS } from './counters.ts'
import { Drain } from './drain.ts'
import { Exchange, type ExchangeEnds } from './exchange.ts'
import { Handler } from './handle.ts'
import { Heap } from './heap.ts'
import { Housekeeping } from './housekeeping.ts'
import { RequestLimits } from './request-limits.ts'
import { Sender } from './send.ts'
import { Signal, type SignalKeys } from './signal.ts'
import { Upgrader } from './upgrade.ts'
import {
  type PortQuestion,
  portKey,
  type WorkerReport,
  type WorkerSettings,
  type WsUpdate,
} from './worker-updates.ts'

/**
 * A connection must complete TLS and its handshake within this many seconds, however slowly it sends. The
 * runtime checks every four seconds, so it can take that much longer.
 */
const HANDSHAKE_SEC = 10

/**
 * The runtime's own limit on silence: a safety net, since ours (housekeeping.ts) closes connections earlier.
 */
const IDLE_SEC = 960

/** Bodies of HTTP requests are not used. */
const REQUEST_BODY_BYTES_MAX = 1024

/** More than a flush can leave in the socket's own buffer, so that nothing is ever dropped there. */
const SOCKET_BACKLOG_BYTES = 64 * 2 ** 20

/** For clock, heartbeat and counters; housekeeping runs once a second. */
const TICK_MILLISECONDS = 250

/** «Going away»: clients reconnect by themselves, as after a broken connection. */
const CLOSE_CODE_STOP = 1001

/** How long a stop waits for clients to answer the close frame; the process ends within a second. */
const STOP_WAIT_MILLISECONDS = 150

export interface SocketWorkerData extends WorkerStart, WorkerSettings, KeyWorkerData {
  readonly workers: number
  readonly addresses: readonly ServerAddress[]
  readonly tls: TlsFiles | null
  readonly swarms: SwarmBuffers
  readonly priorDownloads: PriorDownloadsData
  readonly connections: ConnectionBuffers
  readonly limits: SharedArrayBuffer
  readonly messageBytesMax: number
  readonly countDownloads: boolean
  readonly requestLimits: SourceCounterData
  readonly signalKeys: SignalKeys
  /** Null if this is the only worker. */
  readonly exchange: ExchangeEnds | null
  readonly accessList: FirstValue<AccessListData>
  readonly counters: SharedArrayBuffer
}

type WorkerMessage = typeof STOP_MESSAGE | typeof DRAIN_MESSAGE | WsUpdate

export function runSocketWorker(data: SocketWorkerData): void {
  readClock()
  const worker = new SocketWorker(data)
  worker.listen()
  parentPort?.on('message', (message: WorkerMessage) => {
    if (message === STOP_MESSAGE) worker.stop()
    else if (message === DRAIN_MESSAGE) worker.drain()
    else worker.apply(message)
  })
  sayReady()
}

class SocketWorker {
  private readonly data: SocketWorkerData
  private readonly swarms: Swarms
  private readonly cleaner: Cleaner
  private readonly connections: Connections
  private readonly limits: ConnectionLimits
  private readonly handler: Handler
  private readonly signal: Signal
  private readonly sender: Sender
  private readonly upgrader: Upgrader
  private readonly reports: ClientReports
  private readonly keys: ConnectionKeys
  private readonly failedRequests = new FailedRequests((fault) => {
    this.tell({ fault })
  })
  private readonly housekeeping: Housekeeping
  private readonly requestLimits: RequestLimits
  private readonly updates = new UpdateHandlers<WsUpdate>()
  private readonly counts = new Int32Array(COUNTER_COUNT)
  private readonly heap = new Heap(this.counts)
  private readonly counters: Int32Array
  private readonly heartbeat: Int32Array
  /** The message that is being handled. */
  private readonly input: Buffer
  private servers: Server<Connection>[] = []
  private now = 0
  private stopping = false
  private draining = false

  constructor(data: SocketWorkerData) {
    const { counts } = this
    const states = new ConnectionStates(data.connections)
    const swarms = attachSwarms(data.swarms, data.countDownloads, states)
    swarms.access.replace(takeFirst(data.accessList))
    swarms.priorDownloads.replace(data.priorDownloads)
    this.data = data
    this.input = Buffer.from(newRegion(data.messageBytesMax + 4).bytes.buffer)
    this.swarms = swarms
    this.counters = new Int32Array(data.counters)
    this.heartbeat = new Int32Array(data.heartbeat)
    const { maxConnections, maxConnectionsPerAddress } = data
    this.reports = new ClientReports(data.reports, (report) => this.tell(report))
    this.limits = new ConnectionLimits(data.limits, maxConnections, maxConnectionsPerAddress)
    this.connections = new Connections(data.index, states, data.housekeeping.pingInterval)
    this.sender = new Sender(this.connections, data.backlogs, counts, this.reports)
    const { connections, sender } = this
    this.signal = new Signal(data.index, connections, sender, data.signalKeys, counts)
    this.requestLimits = new RequestLimits(data.requestLimits, data.requestRates)
    swarms.admission.gate = this.requestLimits
    const { signal, requestLimits } = this
    const parts = { swarms, connections, sender, signal, requestLimits }
    this.handler = new Handler(parts, data.requests, counts)
    this.connectTo(data.exchange)
    this.upgrader = new Upgrader(connections, this.limits, counts, this.reports)
    this.upgrader.configure(data)
    this.keys = new ConnectionKeys(openKeyGate(data, this.updates))
    this.upgrader.keys = this.keys
    this.handler.keys = this.keys
    const tables = swarms.websocket.filter((_, i) => i % data.workers === data.index)
    const shared = data.workers > 1
    const { cleaningInterval, maxPeerAge } = data
    const now = clockSeconds()
    this.cleaner = new Cleaner(swarms, tables, cleaningInterval, maxPeerAge, shared, now)
    this.housekeeping = new Housekeeping(connections, this.cleaner, data.housekeeping, counts, now)
    this.takeUpdates()
  }

  private connectTo(ends: ExchangeEnds | null): void {
    if (ends === null) return
    const { index, messageBytesMax, requests } = this.data
    const limits = { messageBytesMax, maxOffers: requests.maxOffers }
    this.signal.connect(new Exchange(index, ends, limits, this.signal, this.counts))
  }

  listen(): void {
    this.setTime()
    const { addresses, tls } = this.data
    this.servers = addresses.map((address) => this.serve(address, tls))
    setInterval(() => this.tick(), TICK_MILLISECONDS)
  }

  apply(update: WsUpdate): void {
    this.updates.apply(update, this.now)
  }

  private takeUpdates(): void {
    const { updates, swarms, cleaner } = this
    updates.on('portQuestion', (question) => this.tellPorts(question))
    updates.on('certificates', (certificates) => this.useCertificates(certificates))
    updates.on('settings', (settings) => this.configure(settings))
    updates.on('priorDownloads', (counts) => swarms.priorDownloads.replace(counts))
    takeAccessLists(updates, swarms, cleaner)
  }

  private configure(settings: WorkerSettings): void {
    const { requests } = settings
    this.handler.settings = requests
    this.handler.request.limitTo(requests.maxOffers, requests.maxScrapeTorrents)
    this.housekeeping.configure(settings.housekeeping)
    this.cleaner.setTimes(settings.cleaningInterval, settings.maxPeerAge, this.now)
    this.limits.configure(settings.maxConnections, settings.maxConnectionsPerAddress)
    this.sender.configure(settings.backlogs)
    this.requestLimits.configure(settings.requestRates)
    this.reports.wanted = settings.reports
    this.upgrader.configure(settings)
  }

  /** Closes all connections and ends the thread. Swarms end with the process, so peers are not removed. */
  stop(): void {
    this.stopping = true
    for (const server of this.servers) server.stop(false)
    const { slotCount } = this.connections
    let told = 0
    for (let slot = 0; slot < slotCount; slot++) if (this.sayGoodbye(slot)) told++
    setTimeout(() => process.exit(0), told === 0 ? 0 : STOP_WAIT_MILLISECONDS)
  }

  /** The same, one after the other: another process already serves new connections. */
  drain(): void {
    for (const server of this.servers) server.stop(false)
    this.draining = true
    const drain = new Drain(this.connections, this.data.workers, (slot) => this.sayGoodbye(slot))
    drain.start(() => setTimeout(() => process.exit(0), STOP_WAIT_MILLISECONDS))
  }

  private sayGoodbye(slot: number): boolean {
    const connection = this.connections.at(slot)
    if (connection === null || connection.socket === null) return false
    connection.closed = true
    connection.socket.close(CLOSE_CODE_STOP, 'the tracker stops')
    return true
  }

  /**
   * Uses the new certificates for further handshakes. The server cannot change them: a second one is opened on
   * the same port, and the first stops listening but keeps its connections. If that fails for any address, all
   * addresses keep their old certificates.
   */
  private useCertificates({ attempt, tls }: NewCertificates): void {
    const { index } = this.data
    const opened: Server<Connection>[] = []
    try {
      for (const address of this.data.addresses) opened.push(this.serve(address, tls))
    } catch (error) {
      for (const server of opened) server.stop(false)
      this.tell({ certificates: { attempt, worker: index, refusal: whyNotOpened(error) } })
      return
    }
    for (const server of this.servers) server.stop(false)
    this.servers = opened
    this.tell({ certificates: { attempt, worker: index, refusal: null } })
  }

  private tellPorts({ survey, addresses }: PortQuestion): void {
    const ports: string[] = []
    const asked = new Set(addresses.map(({ high, low }) => portKey(high, low, 0)))
    for (let slot = 0; slot < this.connections.slotCount; slot++) {
      const connection = this.connections.at(slot)
      if (connection === null) continue
      const { addressHigh, addressLow, port } = connection
      if (!asked.has(portKey(addressHigh, addressLow, 0))) continue
      ports.push(portKey(addressHigh, addressLow, port))
    }
    this.tell({ survey, ports })
  }

  private tell(report: WorkerReport): void {
    parentPort?.postMessage(report)
  }

  private serve(
    { hostname, port, ipv6Only }: ServerAddress,
    tls: TlsFiles | null,
  ): Server<Connection> {
    return Bun.serve<Connection>({
      hostname,
      port,
      ipv6Only,
      reusePort: true,
      // Set explicitly: it is on by default, and would show the source to strangers.
      development: false,
      idleTimeout: HANDSHAKE_SEC,
      maxRequestBodySize: REQUEST_BODY_BYTES_MAX,
      ...(tls === null ? {} : { tls: serverTls(tls) }),
      fetch: (request, server) => this.upgrader.answer(request, server, this.now),
      error: (error) => this.failedRequests.answer(error),
      websocket: {
        maxPayloadLength: this.data.messageBytesMax,
        backpressureLimit: SOCKET_BACKLOG_BYTES,
        idleTimeout: IDLE_SEC,
        sendPings: false,
        perMessageDeflate: false,
        open: (socket) => this.opened(socket),
        message: (socket, message) => this.received(socket, message),
        ping: (socket) => this.connections.showedLife(socket.data, this.now),
        pong: (socket) => this.connections.showedLife(socket.data, this.now),
        drain: (socket) => this.sender.drained(socket.data),
        close: (socket) => this.closed(socket.data),
      },
    })
  }

  private opened(socket: Socket): void {
    this.counts[socket.data.family + CONNECTIONS_OPENED]++
    socket.data.socket = socket
  }

  private received(socket: Socket, message: string | Uint8Array): void {
    const connection = socket.data
    if (connection.closed) return
    this.connections.showedLife(connection, this.now)
    this.sender.received()
    const { input } = this
    const bytes = typeof message === 'string' ? input.write(message) : take(input, message)
    this.handler.message(connection, input, 0, bytes)
    this.heap.served()
    if (this.data.fault) provokeFault()
  }

  private closed(connection: Connection): void {
    this.counts[connection.family + CONNECTIONS_CLOSED]++
    connection.closed = true
    this.sender.forget(connection)
    if (this.stopping) return
    // In a drain the peers stay, without offers, so that the torrents keep their counts of completed downloads,
    // which the other process gets in the end.
    if (!this.draining) this.handler.leaveAll(connection)
    this.connections.close(connection)
    this.limits.leave(connection.addressHigh, connection.addressLow)
    connection.socket = null
  }

  private setTime(): void {
    readClock()
    this.now = clockSeconds()
    this.handler.setTime(this.now)
    this.signal.setTime(this.now)
    this.requestLimits.setTime(this.now)
    this.keys.setTime(this.now)
    this.reports.setTime(this.now)
  }

  private tick(): void {
    const before = this.now
    this.setTime()
    beat(this.heartbeat)
    this.heap.tend()
    if (this.now !== before) this.housekeeping.tick(this.now)
    publish(this.counts, this.counters, this.data.index * COUNTER_WORDS)
  }
}

/** Some clients send binary messages, and some of those put a byte order mark before the text. */
function take(input: Buffer, message: Uint8Array): number {
  const marked = message[0] === 0xef && message[1] === 0xbb && message[2] === 0xbf
  input.set(marked ? message.subarray(3) : message)
  return message.length - (marked ? 3 : 0)
}
