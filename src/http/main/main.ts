// HTTP as a protocol of a tracker: opens its sockets, starts its workers, says what can change while they serve.
// Made by the tracker (tracker/tracker.ts) of bin/aquatic_http.ts, in the main thread. Owns what its workers share
// beside the swarms.
import { availableParallelism } from 'node:os'
import type { AccessListData } from '../../access-list/list.ts'
import type { SocketAddress } from '../../config/address.ts'
import { listenAddresses } from '../../config/listen.ts'
import { counted } from '../../config/quantities.ts'
import { counterSlots } from '../../metrics/counters.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import { UpdateSender, type UpdateSource } from '../../process/updates.ts'
import type { OwnStart, WorkerGroup } from '../../process/workers.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import { ConnectionLimits, createConnectionLimits } from '../../tcp/connection-limits.ts'
import {
  connectionLimit,
  type LimitsInForce,
  limitsInForce,
} from '../../tracker/connection-limit.ts'
import type {
  Protocol,
  ProtocolPlace,
  ProtocolType,
  TrackerProcess,
} from '../../tracker/protocol.ts'
import type { StatisticsReader } from '../../tracker/statistics-reader.ts'
import type { TrackerProgram } from '../../tracker/tracker.ts'
import type { ProtocolFigures } from '../../tracker/view.ts'
import { type HttpConfig, httpProgram } from '../settings/config.ts'
import { COUNTER_WORDS, type HttpNames } from '../worker/counters.ts'
import type { SocketWorkerData } from '../worker/socket-worker.ts'
import type { HttpUpdate } from '../worker/worker-updates.ts'
import { askForHealth } from './health-check.ts'
import { type Listening, openListeners } from './listen.ts'
import { httpReader } from './reader.ts'
import { LIVE_SETTINGS, workerSettings } from './reload.ts'
import { httpTroubles } from './troubles.ts'
import { httpFigures } from './view.ts'

/** Descriptors beside connections: the runtime's own, files; */
const OWN_DESCRIPTORS = 32
/** of each worker: its epoll, its spare one, and what the runtime opens for a thread. */
const WORKER_DESCRIPTORS = 8
/** Connections that are answered and end without counting. */
const PASSING_DESCRIPTORS = 16

export const httpProtocol: ProtocolType<HttpConfig> = {
  kinds: UDP_KINDS,
  kept: 'swarms',
  listens: ({ network }) => ({ settings: network, title: '' }),
  check: () => ({ problems: [], warnings: [] }),
  healthQuestion: () => askForHealth,
  prepare: (config) => {
    const addresses = listenAddresses(config.network).length
    const workers = config.socket_workers === 0 ? availableParallelism() : config.socket_workers
    const descriptors =
      OWN_DESCRIPTORS + PASSING_DESCRIPTORS + workers * (addresses + WORKER_DESCRIPTORS)
    return {
      swarmWorkers: workers,
      descriptors,
      connections: config.limits.max_connections,
      open: (process, place) => new HttpProtocol({ process, place, config, workers }),
    }
  },
}

export const httpTracker: TrackerProgram<typeof httpProgram.settings.schema> = {
  ...httpProgram,
  subsystem: 'http',
  metricPrefix: 'tracker_http',
  protocols: [httpProtocol],
}

interface HttpParts {
  readonly process: TrackerProcess
  readonly place: ProtocolPlace
  /** As of the start. */
  readonly config: HttpConfig
  readonly workers: number
}

class HttpProtocol implements Protocol<HttpConfig> {
  readonly liveSettings = LIVE_SETTINGS
  readonly addresses: readonly SocketAddress[]
  readonly figures: ProtocolFigures
  readonly summary: string
  private readonly parts: HttpParts
  private inForce: HttpConfig
  private readonly listening: Listening
  private readonly workers: WorkerGroup
  private readonly reader: StatisticsReader<HttpNames>
  private readonly counters: SharedArrayBuffer
  /** As many as there is memory for. */
  private readonly maxConnections: number
  private readonly connectionLimits: SharedArrayBuffer
  /** To each worker. */
  private readonly updates: UpdateSender<HttpUpdate>[] = []

  constructor(parts: HttpParts) {
    const { process, place, config, workers } = parts
    this.parts = parts
    this.inForce = config
    this.listening = openListeners(config.network, workers, process.takesOver)
    this.addresses = this.listening.addresses
    this.summary = counted(workers, 'socket worker')
    this.workers = process.newWorkers({ protocol: 'http' })
    this.counters = counterSlots(workers, COUNTER_WORDS)
    this.maxConnections = connectionLimit(config.limits, place)
    this.connectionLimits = createConnectionLimits(this.maxConnections)
    const connections = new ConnectionLimits(this.connectionLimits, this.maxConnections, 0)
    this.reader = httpReader({
      slots: this.counters,
      workers,
      swarms: process.swarms,
      place,
      census: place.isFirst ? process.census : null,
      connections: () => connections.total(),
      connectionLimit: () => this.limits().max_connections,
      interval: () => this.inForce.statistics.interval,
    })
    this.figures = httpFigures(this.reader)
  }

  async startWorkers(): Promise<void> {
    const workers = Array.from({ length: this.parts.workers }, (_, index) => this.worker(index))
    await Promise.all(
      workers.map((data) => this.workers.start<SocketWorkerData>(data, [data.updates.port])),
    )
  }

  begin(): void {
    this.listening.release()
    this.reader.start()
  }

  end(): void {
    this.reader.stop()
  }

  troubles(): readonly TroubleSource[] {
    return httpTroubles(
      () => this.reader.latest,
      () => this.limits(),
    )
  }

  sendAccessList(accessList: AccessListData): void {
    for (const worker of this.updates) worker.send({ accessList })
  }

  configure(config: HttpConfig): void {
    this.inForce = config
    const settings = workerSettings(config, this.maxConnections)
    for (const worker of this.updates) worker.send({ settings })
  }

  /** Those in force. */
  private limits(): LimitsInForce {
    return limitsInForce(this.inForce.limits, this.maxConnections)
  }

  private updateSource(): UpdateSource {
    const sender = new UpdateSender<HttpUpdate>()
    this.updates.push(sender)
    return sender.source
  }

  private worker(index: number): OwnStart<SocketWorkerData> {
    const { process, place, config, workers } = this.parts
    return {
      role: 'socket',
      index,
      workers,
      listeners: this.listening.listeners[index],
      swarms: process.swarms,
      tendsSwarms: place.tendsSwarms,
      sharesSwarms: place.sharesSwarms,
      countDownloads: config.protocol.count_downloads,
      connectionLimits: this.connectionLimits,
      limits: process.sourceLimits,
      bans: process.newBanWriter(),
      clients: process.clientSample,
      ...workerSettings(config, this.maxConnections),
      accessList: process.accessList(),
      updates: this.updateSource(),
      counters: this.counters,
    }
  }
}
