// WebTorrent as a protocol of a tracker: reads the certificate, holds the ports, starts its workers, says what
// can change at runtime. Made by the tracker (tracker/tracker.ts), in the main thread. Owns what its workers
// share beside the swarms.

import { randomFillSync } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { AccessKeys } from '../../access-keys/gate.ts'
import type { AccessListData } from '../../access-list/list.ts'
import type { SocketAddress } from '../../config/address.ts'
import { counted } from '../../config/quantities.ts'
import { logFor } from '../../log/log.ts'
import { counterSlots } from '../../metrics/counters.ts'
import { OpenDescriptors } from '../../os/descriptors.ts'
import type { Identity } from '../../os/privileges.ts'
import { descriptorLimit, giveListeners } from '../../os/tcp-port.ts'
import { signals } from '../../process/signals.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import type { OwnStart, WorkerGroup } from '../../process/workers.ts'
import { createConnectionStates } from '../../swarm/connections.ts'
import { NO_PRIOR_DOWNLOADS } from '../../swarm/prior-downloads.ts'
import { createConnectionLimits } from '../../tcp/connection-limits.ts'
import { CertificateChange } from '../../tls/certificate-change.ts'
import { reloadProblems } from '../../tls/reload-check.ts'
import { checkTls, type TlsFiles, tlsForStart } from '../../tls/tls.ts'
import {
  connectionLimit,
  type LimitsInForce,
  limitsInForce,
} from '../../tracker/connection-limit.ts'
import { GUARD_DESCRIPTORS } from '../../tracker/descriptor-guard.ts'
import type {
  Protocol,
  ProtocolPlace,
  ProtocolType,
  TrackerProcess,
} from '../../tracker/protocol.ts'
import type { StatisticsReader } from '../../tracker/statistics-reader.ts'
import type { TrackerProgram } from '../../tracker/tracker.ts'
import type { ProtocolFigures } from '../../tracker/view.ts'
import type { WsConfig } from '../settings/config.ts'
import { WS_KINDS } from '../settings/config-checks.ts'
import { wsProgram } from '../settings/program.ts'
import { writeReport } from '../worker/client-reports.ts'
import type { WsNames } from '../worker/counters.ts'
import { COUNTER_WORDS } from '../worker/counters.ts'
import { DRAIN_SECONDS } from '../worker/drain.ts'
import type { ExchangeEnds } from '../worker/exchange.ts'
import { createExchange, portsOf } from '../worker/exchange-rings.ts'
import { createRequestLimits } from '../worker/request-limits.ts'
import type { SocketWorkerData } from '../worker/socket-worker.ts'
import type { PortQuestion, WorkerReport, WsUpdate } from '../worker/worker-updates.ts'
import { askForHealth, askForScrape } from './health-check.ts'
import { findAddresses, type Listening } from './listen.ts'
import { type GuardRules, ListenerGuard } from './listener-guard.ts'
import { wsReader } from './reader.ts'
import { LIVE_SETTINGS, workerSettings } from './reload.ts'
import { wsTroubles } from './troubles.ts'
import { wsFigures } from './view.ts'

/** For a drain, and the rest of the stop. */
const DRAIN_MILLISECONDS = (DRAIN_SECONDS + 5) * 1000

/** Descriptors beside connections: the runtime's own, listening sockets, files; */
const OWN_DESCRIPTORS = 32
/** connections on their way to a handshake, or to being refused. */
const HANDSHAKE_DESCRIPTORS = 48
const OTHER_DESCRIPTORS = OWN_DESCRIPTORS + GUARD_DESCRIPTORS + HANDSHAKE_DESCRIPTORS

const log = logFor('ws')

export const wsProtocol: ProtocolType<WsConfig> = {
  kinds: WS_KINDS,
  persists: 'counts',
  listens: ({ network }) => ({ settings: network, title: '' }),
  check: ({ network }, remark) => checkTls(network, remark),
  healthQuestion: ({ network, access_keys }) => {
    // A check has no key.
    if (access_keys.mode !== 'off')
      return (address, most) => askForHealth(address, network.use_tls, most)
    return (address) => askForScrape(address, network.use_tls, network.proxy_header)
  },
  prepare: (config, tell) => {
    const workers = config.socket_workers === 0 ? availableParallelism() : config.socket_workers
    const tls = config.network.use_tls ? tlsForStart(config.network, tell) : null
    return {
      swarmWorkers: workers,
      descriptors: OTHER_DESCRIPTORS,
      connections: config.limits.max_connections,
      open: (process, place) => new WsProtocol({ process, place, config, workers, tls }),
    }
  },
}

export const wsTracker: TrackerProgram<typeof wsProgram.settings.schema> = {
  ...wsProgram,
  subsystem: 'ws',
  metricPrefix: 'tracker_ws',
  protocols: [wsProtocol],
}

class WsProtocol implements Protocol<WsConfig> {
  readonly liveSettings = LIVE_SETTINGS
  readonly addresses: readonly SocketAddress[]
  readonly figures: ProtocolFigures
  readonly summary: string
  private readonly process: TrackerProcess
  private readonly place: ProtocolPlace
  /** The settings at startup. */
  private readonly config: WsConfig
  private readonly listening: Listening
  private readonly workers: WorkerGroup
  private readonly reader: StatisticsReader<WsNames>
  private readonly certificates: CertificateChange
  private inForce: WsConfig
  /** As many as there is memory for. */
  private readonly maxConnections: number
  private readonly exchange: readonly (ExchangeEnds | null)[]
  private readonly guard: ListenerGuard
  /** The start data common to all workers. */
  private readonly shared: Omit<
    OwnStart<SocketWorkerData>,
    'index' | 'exchange' | 'accessList' | 'accessKeys'
  >

  constructor({ process, place, config, workers, tls }: WsParts) {
    const { swarms } = process
    this.process = process
    this.place = place
    this.config = config
    this.listening = findAddresses(config.network, process.takesOver)
    this.addresses = this.listening.addresses
    this.summary = `${tls === null ? 'ws' : 'wss'}, ${counted(workers, 'socket worker')}`
    this.inForce = config
    this.workers = process.newWorkers({
      protocol: 'ws',
      heard: (message) => this.heard(message as WorkerReport),
      drainMilliseconds: DRAIN_MILLISECONDS,
    })
    this.certificates = new CertificateChange(config.network, workers, log, (certificates) =>
      this.tell({ certificates }),
    )
    const counters = counterSlots(workers, COUNTER_WORDS)
    const maxConnections = connectionLimit(config.limits, place)
    this.exchange = createExchange(workers, {
      messageBytesMax: config.network.websocket_max_message_size,
      maxOffers: config.protocol.max_offers,
    })
    this.maxConnections = maxConnections
    this.reader = wsReader({
      slots: counters,
      workers,
      swarms,
      place,
      census: place.isFirst ? process.census : null,
      rings: this.exchange.flatMap((ends) => ends?.inRings ?? []),
      connectionLimit: () => this.limits().max_connections,
      interval: () => this.inForce.statistics.interval,
    })
    this.shared = sharedStart({
      process,
      config,
      listening: this.listening,
      workers,
      tls,
      counters,
      maxConnections,
    })
    process.priorDownloads?.onChange((priorDownloads) => this.tell({ priorDownloads }))
    this.guard = this.newGuard(this.shared)
    this.figures = wsFigures(this.reader, this.guard)
  }

  async startWorkers(): Promise<void> {
    await Promise.all(this.exchange.map((exchange, index) => this.startWorker(index, exchange)))
  }

  begin(): void {
    this.listening.release()
    this.guard.start()
    this.reader.start()
    signals.on('SIGUSR1', () => {
      // A stopping tracker has closed its ports, and must not open them again beside its successor.
      if (this.process.isServing() && this.certificates.begin()) this.guard.suspend()
    })
  }

  end(): void {
    this.reader.stop()
    this.guard.stop()
  }

  troubles(): readonly TroubleSource[] {
    const troubles = wsTroubles(
      () => this.reader.latest,
      () => this.limits(),
    )
    return [...this.guard.troubles(), ...troubles]
  }

  private newGuard(rules: GuardRules): ListenerGuard {
    const limit = descriptorLimit()
    const options = {
      ports: this.listening.servers.map(({ port }) => port),
      descriptors: new OpenDescriptors(limit),
      limit,
      workers: this.shared.workers,
      connections: () => this.reader.read().gauges.connections,
      ask: (portQuestion: PortQuestion) => this.tell({ portQuestion }),
    }
    return new ListenerGuard(options, rules)
  }

  sendAccessList(accessList: AccessListData): void {
    this.tell({ accessList })
  }

  sendAccessKeys(accessKeys: AccessKeys): void {
    this.tell({ accessKeys })
  }

  configure(config: WsConfig): void {
    this.inForce = config
    const settings = workerSettings(config, this.maxConnections, this.shared.workers)
    this.guard.configure(settings)
    this.tell({ settings })
  }

  /** Includes the sockets: only their owner can open the port again for new certificates. */
  giveTo(identity: Identity): void {
    const { config } = this
    const ports = this.listening.servers.map(({ port }) => port)
    const problems = config.network.use_tls
      ? reloadProblems(config.network, config.privileges, ports, identity)
      : []
    for (const problem of problems) this.place.tell.warn(problem)
    giveListeners(ports, identity)
  }

  /** The limits in force. */
  private limits(): LimitsInForce {
    return limitsInForce(this.inForce.limits, this.maxConnections)
  }

  private tell(message: WsUpdate): void {
    this.workers.tell(message)
  }

  private heard(report: WorkerReport): void {
    if ('certificates' in report) {
      if (this.certificates.answered(report.certificates)) this.guard.listenersChanged()
    } else if ('ports' in report) this.guard.answered(report)
    else writeReport(report, this.inForce.log_addresses, log)
  }

  private startWorker(index: number, exchange: ExchangeEnds | null): Promise<void> {
    const accessList = this.process.accessList()
    const accessKeys = this.process.accessKeys()
    const data = { ...this.shared, index, exchange, accessList, accessKeys }
    return this.workers.start<SocketWorkerData>(data, portsOf(exchange))
  }
}

interface WsParts {
  readonly process: TrackerProcess
  readonly place: ProtocolPlace
  readonly config: WsConfig
  readonly workers: number
  readonly tls: TlsFiles | null
}

interface SharedParts {
  readonly process: TrackerProcess
  readonly config: WsConfig
  readonly listening: Listening
  readonly workers: number
  readonly tls: TlsFiles | null
  readonly counters: SharedArrayBuffer
  readonly maxConnections: number
}

function sharedStart(parts: SharedParts) {
  const { process, config, listening, workers, tls, counters, maxConnections } = parts
  const { swarms, priorDownloads } = process
  const [key0, key1] = randomFillSync(new Int32Array(2))
  return {
    role: 'socket',
    workers,
    addresses: listening.servers,
    tls,
    swarms,
    priorDownloads: priorDownloads?.prior ?? NO_PRIOR_DOWNLOADS,
    connections: createConnectionStates(workers, maxConnections),
    limits: createConnectionLimits(maxConnections),
    requestLimits: createRequestLimits(),
    keyGate: process.keyGate,
    counters,
    signalKeys: { key0, key1 },
    messageBytesMax: config.network.websocket_max_message_size,
    countDownloads: config.protocol.count_downloads,
    ...workerSettings(config, maxConnections, workers),
  }
}
