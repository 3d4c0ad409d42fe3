// UDP as a protocol of a tracker: opens its sockets, starts its workers, says what can change at runtime. Made
// by the tracker (tracker/tracker.ts), in the main thread. Owns what its workers share beside the swarms.

import { availableParallelism } from 'node:os'
import type { SocketAddress } from '../../config/address.ts'
import { listenAddresses } from '../../config/listen.ts'
import { counted } from '../../config/quantities.ts'
import { logFor } from '../../log/log.ts'
import { counterSlots } from '../../metrics/counters.ts'
import { createSourceRows } from '../../peer-addresses/source-watch.ts'
import type { ProtocolUse } from '../../pressure/ceilings.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import { UpdateSender, type UpdateSource } from '../../process/updates.ts'
import type { OwnStart, WorkerGroup } from '../../process/workers.ts'
import { SILENT } from '../../requests/pause.ts'
import { pauseOf, pauseTrouble } from '../../requests/pause-settings.ts'
import type { ListUpdate } from '../../requests/swarm-worker.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import type {
  Protocol,
  ProtocolPlace,
  ProtocolType,
  TrackerProcess,
} from '../../tracker/protocol.ts'
import type { StatisticsReader } from '../../tracker/statistics-reader.ts'
import type { TrackerProgram } from '../../tracker/tracker.ts'
import type { ProtocolFigures } from '../../tracker/view.ts'
import { createLinks, type Links } from '../pipeline/links.ts'
import type { RequestWorkerData } from '../pipeline/request-worker.ts'
import { type UdpConfig, udpProgram } from '../settings/config.ts'
import { MAX_BATCH_PACKETS } from '../wire/layout.ts'
import type { UdpNames } from '../worker/counters.ts'
import { COUNTER_WORDS } from '../worker/counters.ts'
import type { SocketWorkerData } from '../worker/socket-worker.ts'
import type { UdpUpdate } from '../worker/worker-updates.ts'
import { askForConnectionId } from './health-check.ts'
import { type Listening, openSockets } from './listen.ts'
import { udpReader } from './reader.ts'
import { LIVE_SETTINGS, workerSettings } from './reload.ts'
import { sharedSecretFaults, sharedSecretOf } from './shared-secret.ts'
import { udpTroubles } from './troubles.ts'
import { udpFigures } from './view.ts'
import { NO_XDP_TOTALS, openXdp, type XdpPath } from './xdp.ts'
import { checkPath, queueCounts } from './xdp-cards.ts'

const log = logFor('udp')

/** Three maps, a program and its link. */
const CARD_DESCRIPTORS = 5

const SLEEPLESS = { sleepless: 'udp request' }

/** The number of threads in each role. */
interface WorkerCounts {
  readonly socket: number
  readonly request: number
}

export const udpProtocol: ProtocolType<UdpConfig> = {
  kinds: UDP_KINDS,
  persists: 'swarms',
  listens: ({ network }) => ({ settings: network, title: '' }),
  check: (config) => {
    const path = checkPath(config)
    return { ...path, problems: [...sharedSecretFaults(config.protocol), ...path.problems] }
  },
  healthQuestion: ({ pause }) => {
    const { ipv4, ipv6 } = pauseOf(pause)
    const isSilent = (address: SocketAddress) => (address.family === 4 ? ipv4 : ipv6) === SILENT
    return async (address) => (isSilent(address) ? null : askForConnectionId(address))
  },
  prepare: (config) => {
    const addresses = listenAddresses(config.network).length
    const queues = queueCounts(config)
    const own = queues.length === 0 ? availableParallelism() : Math.max(...queues)
    const socket = config.socket_workers === 0 ? own : config.socket_workers
    const workers = { socket, request: config.request_workers }
    return {
      swarmWorkers: Math.max(workers.socket, workers.request),
      connections: 0,
      descriptors:
        workers.socket * addresses +
        2 * (workers.request + workers.socket) +
        queues.reduce((sum, count) => sum + count + CARD_DESCRIPTORS, 0),
      open: (process, place) => new UdpProtocol(process, place, config, workers),
    }
  },
}

export const udpTracker: TrackerProgram<typeof udpProgram.settings.schema> = {
  ...udpProgram,
  subsystem: 'udp',
  metricPrefix: 'tracker_udp',
  protocols: [udpProtocol],
}

class UdpProtocol implements Protocol<UdpConfig> {
  readonly liveSettings = LIVE_SETTINGS
  readonly addresses: readonly SocketAddress[]
  readonly figures: ProtocolFigures
  private readonly process: TrackerProcess
  private readonly place: ProtocolPlace
  /** The settings at startup. */
  private readonly config: UdpConfig
  private inForce: UdpConfig
  private readonly counts: WorkerCounts
  /** Of the connection ids, if other machines have it too. */
  private readonly sharedSecret: Uint8Array | null
  private readonly listening: Listening
  /** Null where packets come by sockets alone. */
  private readonly xdp: XdpPath | null
  private readonly workers: WorkerGroup
  private readonly reader: StatisticsReader<UdpNames>
  private readonly links: Links
  private readonly counters: SharedArrayBuffer
  private readonly sources = createSourceRows()
  /** To each worker, of either kind; and to the socket workers. */
  private readonly updates: UpdateSender<UdpUpdate>[] = []
  private readonly socketUpdates: UpdateSender<UdpUpdate>[] = []

  constructor(
    process: TrackerProcess,
    place: ProtocolPlace,
    config: UdpConfig,
    counts: WorkerCounts,
  ) {
    this.process = process
    this.place = place
    this.config = config
    this.inForce = config
    this.sharedSecret = sharedSecretOf(config.protocol)
    this.counts = counts
    this.listening = openSockets(config, counts.socket, process.takesOver)
    this.addresses = this.listening.addresses
    for (const warning of this.listening.warnings) place.tell.warn(warning)
    this.xdp = openXdp({
      config,
      addresses: this.listening.addresses,
      workers: counts.socket,
      isBeside: process.takesOver,
      tell: place.tell,
      ownChanged: (ownAddresses) => {
        for (const worker of this.socketUpdates) worker.send({ ownAddresses })
      },
    })
    this.workers = process.newWorkers({ protocol: 'udp' })
    this.links = createLinks(counts.socket, counts.request)
    this.counters = counterSlots(counts.socket + counts.request, COUNTER_WORDS)
    this.reader = udpReader({
      slots: this.counters,
      socketWorkers: counts.socket,
      swarms: process.swarms,
      place,
      census: place.isFirst ? process.census : null,
      links: this.links,
      receiveDrops: this.listening.receiveDrops,
      xdp: () => this.xdp?.read() ?? NO_XDP_TOTALS,
      interval: () => this.inForce.statistics.interval,
    })
    this.figures = udpFigures(this.reader)
  }

  get places(): Protocol<UdpConfig>['places'] {
    return this.addresses.map((address) => ({ scheme: 'udp', address }))
  }

  get summary(): string {
    const { socket, request } = this.counts
    const path = this.xdp === null ? '' : `, ${this.xdp.summary}`
    const sockets = counted(socket, 'socket worker') + path
    return request === 0 ? sockets : `${sockets}, ${counted(request, 'request worker')}`
  }

  async startWorkers(): Promise<void> {
    const { socket, request } = this.counts
    const requests = Array.from({ length: request }, (_, index) => this.requestWorker(index))
    const sockets = Array.from({ length: socket }, (_, index) => this.socketWorker(index))
    await Promise.all([
      ...requests.map((data) => this.workers.start<RequestWorkerData>(data, [data.updates.port])),
      ...sockets.map((data) =>
        this.workers.start<SocketWorkerData>(data, [data.updates.port], () => {
          this.listening.close(data.index)
          this.xdp?.close(data.index)
        }),
      ),
    ])
  }

  begin(): void {
    this.listening.begin()
    this.xdp?.begin()
    this.reader.start()
  }

  end(): void {
    this.reader.stop()
    this.xdp?.end()
  }

  use(): ProtocolUse {
    const { totals, histograms } = this.reader.latest
    return {
      announceInterval: this.inForce.protocol.peer_announce_interval,
      ...(this.config.handlers.channel_recv_timeout_microseconds === 0 && SLEEPLESS),
      packets: { lost: totals.receiveDrops, received: histograms.batch_size.sum },
    }
  }

  troubles(): readonly TroubleSource[] {
    const troubles = udpTroubles(
      () => this.reader.latest,
      () => this.inForce,
      this.sources,
    )
    const path = { name: 'packet_path', find: () => this.xdp?.trouble() ?? null }
    return [pauseTrouble(() => this.inForce.pause), path, ...troubles]
  }

  sendList(update: ListUpdate): void {
    // Other lists concern who checks requests.
    const isOfSwarms = update.accessList !== undefined || update.accessEdited !== undefined
    const workers = isOfSwarms ? this.updates : this.socketUpdates
    for (const worker of workers) worker.send(update)
  }

  configure(config: UdpConfig, paths: ReadonlySet<string>): void {
    this.inForce = config
    for (const worker of this.updates) worker.send({ settings: workerSettings(config) })
    this.xdp?.configure(config)
    const { socket_recv_buffer_size } = config.network
    // A worker that has stopped has closed its sockets.
    if (paths.has('network.socket_recv_buffer_size') && this.process.isServing()) {
      const warnings = this.listening.setReceiveBuffers(socket_recv_buffer_size)
      for (const warning of warnings) log.always('warn', warning)
    }
  }

  private updateSource(role: 'socket' | 'request'): UpdateSource {
    const sender = new UpdateSender<UdpUpdate>()
    this.updates.push(sender)
    if (role === 'socket') this.socketUpdates.push(sender)
    return sender.source
  }

  private socketWorker(index: number): OwnStart<SocketWorkerData> {
    return {
      ...this.common('socket'),
      role: 'socket',
      keyGate: this.process.keyGate,
      accessKeys: this.process.accessKeys(),
      ...this.process.clientLists(),
      index,
      workers: this.counts.socket,
      links: this.counts.request === 0 ? null : this.links.socketWorkers[index],
      sockets: this.listening.sockets[index],
      queues: this.xdp?.queuesOf(index) ?? [],
      ownAddresses: this.xdp?.own ?? new Int32Array(0),
      batchPackets: Math.min(this.config.network.poll_event_capacity, MAX_BATCH_PACKETS),
      secret: this.sharedSecret ?? this.process.secret,
      isSecretShared: this.sharedSecret !== null,
    }
  }

  private requestWorker(index: number): OwnStart<RequestWorkerData> {
    const { handlers } = this.config
    return {
      ...this.common('request'),
      role: 'request',
      index,
      workers: this.counts.request,
      links: this.links.requestWorkers[index],
      maxRequests: handlers.max_requests_per_iter,
      waitMicroseconds: handlers.channel_recv_timeout_microseconds,
      alone: !this.process.walksThroughSwarms && !this.place.sharesSwarms,
      countersSlot: this.counts.socket + index,
    }
  }

  /** What a worker of either kind starts with. */
  private common(role: 'socket' | 'request') {
    const { process, place } = this
    const answers = role === 'request' || this.counts.request === 0
    return {
      swarms: process.swarms,
      tendsSwarms: place.tendsSwarms,
      sharesSwarms: place.sharesSwarms,
      countDownloads: this.config.protocol.count_downloads,
      ...workerSettings(this.config),
      limits: process.sourceLimits,
      publicPeers: process.publicPeers,
      sources: this.sources,
      bans: process.newBanWriter(),
      notes: answers ? process.newNotes() : null,
      clients: process.clientSample,
      accessList: process.accessList(),
      updates: this.updateSource(role),
      counters: this.counters,
    }
  }
}
