// WebTorrent as a protocol of a tracker: reads the certificate, holds the ports, starts its workers, says what
// can change at runtime. Made by the tracker (tracker/tracker.ts), in the main thread. Owns what its workers
// share beside the swarms.

import { availableParallelism } from 'node:os'
import { MessageChannel } from 'node:worker_threads'
import type { ClientGateData } from '../../client-lists/gate.ts'
import type { SocketAddress } from '../../config/address.ts'
import { listenAddresses } from '../../config/listen.ts'
import { logFor } from '../../log/log.ts'
import { counterSlots } from '../../metrics/counters.ts'
import { OpenDescriptors } from '../../os/descriptors.ts'
import type { Identity } from '../../os/privileges.ts'
import { descriptorLimit } from '../../os/tcp-port.ts'
import type { ProtocolUse } from '../../pressure/ceilings.ts'
import { signals } from '../../process/signals.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import { UpdateSender } from '../../process/updates.ts'
import type { OwnStart, WorkerGroup } from '../../process/workers.ts'
import { pauseTrouble } from '../../requests/pause-settings.ts'
import type { ListUpdate } from '../../requests/swarm-worker.ts'
import { CertificateChange } from '../../tls/certificate-change.ts'
import { reloadProblems } from '../../tls/reload-check.ts'
import { checkTls, tlsForStart } from '../../tls/tls.ts'
import {
  connectionLimit,
  connectionUse,
  type LimitsInForce,
  limitsInForce,
} from '../../tracker/connection-limit.ts'
import { DescriptorGuard, GUARD_DESCRIPTORS } from '../../tracker/descriptor-guard.ts'
import type {
  GuestProtocol,
  Protocol,
  ProtocolPlace,
  ProtocolType,
  TrackerProcess,
} from '../../tracker/protocol.ts'
import { askBehindProxy } from '../../tracker/raw-health-check.ts'
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
import type { WsGuestData } from '../worker/guest.ts'
import { createOtherNodes, type OtherNodesData } from '../worker/other-nodes.ts'
import type { WsWorkerData } from '../worker/serving.ts'
import type { SocketWorkerData } from '../worker/socket-worker.ts'
import type { TlsWorkerData } from '../worker/tls-worker.ts'
import type { WorkerReport, WsUpdate } from '../worker/worker-updates.ts'
import { askForHealth, askForScrape } from './health-check.ts'
import { wsReader } from './reader.ts'
import { LIVE_SETTINGS, workerSettings } from './reload.ts'
import { sharedStart, sharingStart } from './shared-start.ts'
import { hasOwnLoop, openSockets, type Sockets, summaryOf } from './sockets.ts'
import { wsTroubles } from './troubles.ts'
import { wsFigures } from './view.ts'

/** For a drain, and the rest of the stop. */
const DRAIN_MILLISECONDS = (DRAIN_SECONDS + 5) * 1000

/** Descriptors beside connections: the runtime's own, files; */
const OWN_DESCRIPTORS = 32
/** per worker: its epoll, its spare descriptor, its eventfd, its times, and those the runtime opens for a thread. */
const WORKER_DESCRIPTORS = 10
/** Per worker of another protocol that serves it: its eventfd, its times. */
const GUEST_DESCRIPTORS = 2
/** Connections that are answered and closed at once, which the limit does not count. */
const PASSING_DESCRIPTORS = 16

const log = logFor('ws')

export const wsProtocol: ProtocolType<WsConfig> = {
  kinds: WS_KINDS,
  persists: 'counts',
  listens: ({ network }) => ({ settings: network, title: '' }),
  check: ({ network }, remark) => checkTls(network, remark),
  healthQuestion: ({ network, access_keys, network_list, pause }) => {
    if (network.proxy_protocol !== 'off') return askBehindProxy
    // A check has no key, a list may deny this machine, as published ones do, and a silent pause answers no scrape.
    const isSilent = pause.ipv4 === 'silent' || pause.ipv6 === 'silent'
    if (access_keys.mode !== 'off' || network_list.mode === 'deny' || isSilent)
      return (address, most) => askForHealth(address, network.use_tls, most)
    return (address) => askForScrape(address, network.use_tls, network.proxy_header)
  },
  prepare: (config, tell) => {
    const workers = config.socket_workers === 0 ? availableParallelism() : config.socket_workers
    const tls = config.network.use_tls ? tlsForStart(config.network, tell) : null
    const addresses = listenAddresses(config.network).length
    return {
      swarmWorkers: workers,
      descriptors:
        OWN_DESCRIPTORS +
        PASSING_DESCRIPTORS +
        (tls === null ? 0 : GUARD_DESCRIPTORS) +
        workers * (addresses + WORKER_DESCRIPTORS),
      connections: config.limits.max_connections,
      open: (process, place) => {
        const sockets = openSockets(config, workers, tls, process.takesOver)
        return new WsProtocol({ process, place, config, workers, sockets })
      },
    }
  },
  prepareGuest: (config, host) => {
    const workers = host.tls + host.plain
    return {
      swarmWorkers: workers,
      descriptors: workers * GUEST_DESCRIPTORS,
      connections: config.limits.max_connections,
      open: (process, place) => {
        return new WsProtocol({ process, place, config, workers, sockets: { kind: 'guest', host } })
      },
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
  addresses: readonly SocketAddress[]
  readonly figures: ProtocolFigures
  readonly summary: string
  private readonly process: TrackerProcess
  private readonly place: ProtocolPlace
  /** The settings at startup. */
  private readonly config: WsConfig
  private readonly sockets: Sockets
  /** One for each worker that is not told by messages. */
  private readonly updates: UpdateSender<WsUpdate>[] = []
  private readonly workers: WorkerGroup
  private readonly reader: StatisticsReader<WsNames>
  private readonly certificates: CertificateChange
  private inForce: WsConfig
  /** As many as there is memory for. */
  private readonly maxConnections: number
  /** By worker, and then the cluster's thread. */
  private readonly exchange: readonly (ExchangeEnds | null)[]
  /** By worker; null without a cluster. */
  private readonly nodes: readonly OtherNodesData[] | null
  /** Null without TLS: workers of plain connections have their own. */
  private readonly guard: DescriptorGuard | null
  /** The start data common to all workers. */
  private readonly shared: Omit<
    OwnStart<WsWorkerData>,
    'index' | 'exchange' | 'nodes' | 'accessList' | 'accessKeys' | keyof ClientGateData
  >

  constructor({ process, place, config, workers, sockets }: WsParts) {
    const { swarms } = process
    this.process = process
    this.place = place
    this.config = config
    const { network } = config
    this.sockets = sockets
    this.addresses = sockets.kind === 'guest' ? [] : sockets.listening.addresses
    this.summary = summaryOf(sockets, network.use_tls, workers)
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
    const exchangeLimits = {
      messageBytesMax: network.websocket_max_message_size,
      maxOffers: config.protocol.max_offers,
    }
    const wakesByEvent = (worker: number) => hasOwnLoop(sockets, worker)
    const members = { workers, withCluster: process.isClustered, wakesByEvent }
    this.exchange = createExchange(members, exchangeLimits)
    this.nodes = process.isClustered ? createOtherNodes(workers) : null
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
      workers,
      counters,
      maxConnections,
    })
    const ends = this.exchange.at(-1) ?? null
    if (this.nodes !== null && ends !== null) {
      process.share(sharingStart(this.shared, config, ends, this.nodes))
    }
    process.priorDownloads?.onChange((priorDownloads) => this.tell({ priorDownloads }))
    this.guard = sockets.kind === 'tls' ? this.newGuard() : null
    this.figures = wsFigures(this.reader, this.guard)
  }

  get asGuest(): GuestProtocol | null {
    if (this.sockets.kind !== 'guest') return null
    return {
      drainMilliseconds: DRAIN_MILLISECONDS,
      servedAt: (addresses) => {
        this.addresses = addresses
      },
      startFor: (index) => this.startGuest(index),
    }
  }

  get places(): Protocol<WsConfig>['places'] {
    const scheme = this.config.network.use_tls ? 'wss' : 'ws'
    return this.addresses.map((address) => ({ scheme, address }))
  }

  async startWorkers(): Promise<void> {
    if (this.sockets.kind === 'guest') return
    const workers = Array.from({ length: this.shared.workers }, (_, index) => index)
    await Promise.all(workers.map((index) => this.startWorker(index)))
  }

  begin(): void {
    this.reader.start()
    // Its host has the addresses, and the certificates.
    if (this.sockets.kind === 'guest') return
    this.sockets.listening.release()
    this.guard?.start()
    signals.on('SIGUSR1', () => {
      if (this.process.isServing()) this.certificates.begin()
    })
  }

  end(): void {
    this.reader.stop()
    this.guard?.stop()
  }

  use(): ProtocolUse {
    return connectionUse(this.inForce, this.reader.latest.gauges)
  }

  troubles(): readonly TroubleSource[] {
    const troubles = [
      pauseTrouble(() => this.inForce.pause),
      ...wsTroubles(
        () => this.reader.latest,
        () => this.limits(),
        this.shared.sources,
      ),
    ]
    const { guard } = this
    if (guard === null) return troubles
    return [{ name: 'open_files', find: () => guard.trouble() }, ...troubles]
  }

  private newGuard(): DescriptorGuard {
    const limit = descriptorLimit()
    const ports = this.addresses.map(({ port }) => port)
    return new DescriptorGuard({ ports, descriptors: new OpenDescriptors(limit), limit })
  }

  sendList(update: ListUpdate): void {
    this.tell(update)
  }

  configure(config: WsConfig): void {
    this.inForce = config
    const settings = workerSettings(config, this.maxConnections, this.shared.workers)
    this.tell({ settings })
  }

  giveTo(identity: Identity): void {
    const { network, privileges } = this.config
    const problems =
      this.sockets.kind === 'tls' ? reloadProblems(network, privileges, identity) : []
    for (const problem of problems) this.place.tell.warn(problem)
  }

  /** The limits in force. */
  private limits(): LimitsInForce {
    return limitsInForce(this.inForce.limits, this.maxConnections)
  }

  private tell(update: WsUpdate): void {
    for (const worker of this.updates) worker.send(update)
    if (this.sockets.kind === 'tls') this.workers.tell(update)
  }

  private heard(report: WorkerReport): void {
    if ('certificates' in report) this.certificates.answered(report.certificates)
    else writeReport(report, this.inForce.log_addresses, log)
  }

  private startWorker(index: number): Promise<void> {
    const data = { ...this.startOf(index), index }
    const ports = portsOf(data.exchange)
    const { sockets } = this
    if (sockets.kind === 'tls') {
      const { listening, files } = sockets
      const own = { ...data, kind: 'tls' as const, addresses: listening.servers, tls: files }
      return this.workers.start<TlsWorkerData>(own, ports)
    }
    const sender = this.newUpdates()
    const listeners = sockets.kind === 'plain' ? sockets.listening.listeners[index] : []
    const own = { ...data, kind: 'plain' as const, listeners, updates: sender.source }
    return this.workers.start<SocketWorkerData>(own, [...ports, sender.source.port])
  }

  private startGuest(index: number): ReturnType<GuestProtocol['startFor']> {
    if (index >= this.shared.workers) return null
    const sender = this.newUpdates()
    const { port1, port2 } = new MessageChannel()
    port1.on('message', (message) => this.heard(message as WorkerReport))
    port1.unref()
    const own = { ...this.startOf(index), updates: sender.source, toMain: port2 }
    const data: WsGuestData = own
    return { data, ports: [...portsOf(own.exchange), sender.source.port, port2] }
  }

  private newUpdates(): UpdateSender<WsUpdate> {
    const sender = new UpdateSender<WsUpdate>()
    this.updates.push(sender)
    return sender
  }

  private startOf(index: number) {
    const exchange = this.exchange[index]
    const nodes = this.nodes?.[index] ?? null
    const accessList = this.process.accessList()
    const accessKeys = this.process.accessKeys()
    return {
      ...this.shared,
      ...this.process.clientLists(),
      exchange,
      nodes,
      accessList,
      accessKeys,
    }
  }
}

interface WsParts {
  readonly process: TrackerProcess
  readonly place: ProtocolPlace
  readonly config: WsConfig
  readonly workers: number
  readonly sockets: Sockets
}
