// HTTP as a protocol of a tracker: opens its sockets, starts its workers, says what can change at runtime. Created
// by the tracker (tracker/tracker.ts), in the main thread. Owns what its workers share besides the swarms.
import { availableParallelism } from 'node:os'
import { addressText, type SocketAddress } from '../../config/address.ts'
import { listenAddresses } from '../../config/listen.ts'
import { counted } from '../../config/quantities.ts'
import { counterSlots } from '../../metrics/counters.ts'
import type { Identity } from '../../os/privileges.ts'
import { createSourceRows } from '../../peer-addresses/source-watch.ts'
import type { ProtocolUse } from '../../pressure/ceilings.ts'
import { forgetFirsts } from '../../process/first-value.ts'
import { pathBelow } from '../../process/privileges.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import { UpdateSender } from '../../process/updates.ts'
import type { OwnStart, WorkerGroup } from '../../process/workers.ts'
import type { PreparedPage } from '../../public-page/prepared.ts'
import { pauseTrouble } from '../../requests/pause-settings.ts'
import type { ListUpdate } from '../../requests/swarm-worker.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import { ConnectionLimits, createConnectionLimits } from '../../tcp/connection-limits.ts'
import { prepareAcme } from '../../tls/acme.ts'
import { acmeDomains } from '../../tls/acme-settings.ts'
import { checkTls, type TlsFiles, tlsForStart } from '../../tls/tls.ts'
import {
  connectionLimit,
  connectionUse,
  type LimitsInForce,
  limitsInForce,
} from '../../tracker/connection-limit.ts'
import { GUARD_DESCRIPTORS } from '../../tracker/descriptor-guard.ts'
import type {
  GuestProtocol,
  HostWorkers,
  Protocol,
  ProtocolPlace,
  ProtocolType,
  TrackerProcess,
} from '../../tracker/protocol.ts'
import { askAtSocket, askBehindProxy } from '../../tracker/raw-health-check.ts'
import type { StatisticsReader } from '../../tracker/statistics-reader.ts'
import { type Listening, openListeners } from '../../tracker/tcp-listeners.ts'
import type { TrackerProgram } from '../../tracker/tracker.ts'
import type { ProtocolFigures } from '../../tracker/view.ts'
import { type HttpConfig, httpProgram, networkWithAcme } from '../settings/config.ts'
import { allListening, plainListening, redirectTarget } from '../settings/plain.ts'
import { COUNTER_WORDS, type HttpNames } from '../worker/counters.ts'
import type { HttpWorkerData } from '../worker/serving.ts'
import type { SocketWorkerData } from '../worker/socket-worker.ts'
import type { HttpUpdate } from '../worker/worker-updates.ts'
import { askForHealth } from './health-check.ts'
import { Https } from './https.ts'
import { httpReader } from './reader.ts'
import { LIVE_SETTINGS, workerSettings } from './reload.ts'
import { httpTroubles } from './troubles.ts'
import { UnixSocket, unixSocketFaults } from './unix-socket.ts'
import { httpFigures } from './view.ts'

/** Descriptors besides those of connections: the runtime's own, files; */
const OWN_DESCRIPTORS = 32
/** per worker: its epoll, its spare descriptor, its times, and those the runtime opens for a thread. */
const WORKER_DESCRIPTORS = 9
/** Connections that are answered and closed at once, which the limit does not count. */
const PASSING_DESCRIPTORS = 16

const NO_GUEST = { data: null, ports: [] }

export const httpProtocol: ProtocolType<HttpConfig> = {
  kinds: UDP_KINDS,
  persists: 'swarms',
  listens: ({ network }) => ({ settings: allListening(network), title: '' }),
  // The files of [acme] need not exist yet.
  check: ({ network }, remark) => {
    const { problems, warnings } = checkTls(network, remark)
    return { problems: [...problems, ...unixSocketFaults(network)], warnings }
  },
  healthQuestion: ({ network }) => {
    if (network.proxy_protocol !== 'off') return askBehindProxy
    return (address, milliseconds, path) => {
      return path === undefined
        ? askForHealth(address, milliseconds, usesTls(network, address))
        : askAtSocket(path)
    }
  },
  hostWorkers: ({ network, socket_workers }) => {
    const { plain, tls } = workersFor(network, socket_workers)
    // Browsers do not follow a redirect when they ask for WebSocket.
    return { tls, plain: network.use_tls && redirectTarget(network) !== '' ? 0 : plain }
  },
  prepare: (given, tell) => {
    const config = { ...given, network: networkWithAcme(given) }
    const { network, socket_workers } = config
    if (acmeDomains(config.acme).length > 0) prepareAcme(config.acme)
    const hasSocket = network.unix_socket !== ''
    const addresses = listenAddresses(allListening(network)).length + (hasSocket ? 1 : 0)
    const tls = network.use_tls ? tlsForStart(network, tell) : null
    const workers = workersFor(network, socket_workers)
    const all = workers.plain + workers.tls
    const descriptors =
      OWN_DESCRIPTORS +
      PASSING_DESCRIPTORS +
      (tls === null ? 0 : GUARD_DESCRIPTORS) +
      all * (addresses + WORKER_DESCRIPTORS)
    return {
      swarmWorkers: all,
      descriptors,
      connections: config.limits.max_connections,
      open: (process, place) => new HttpProtocol({ process, place, config, workers, tls }),
    }
  },
}

export const httpTracker: TrackerProgram<typeof httpProgram.settings.schema> = {
  ...httpProgram,
  subsystem: 'http',
  metricPrefix: 'tracker_http',
  protocols: [httpProtocol],
}

function workersFor(network: HttpConfig['network'], socketWorkers: number): HostWorkers {
  const perKind = socketWorkers === 0 ? availableParallelism() : socketWorkers
  const { use_tls, unix_socket } = network
  const hasPlain = !use_tls || plainListening(network) !== null || unix_socket !== ''
  return { plain: hasPlain ? perKind : 0, tls: use_tls ? perKind : 0 }
}

interface HttpParts {
  readonly process: TrackerProcess
  readonly place: ProtocolPlace
  /** The settings at startup. */
  readonly config: HttpConfig
  /** The number of workers of each kind. */
  readonly workers: HostWorkers
  /** Null without HTTPS. */
  readonly tls: TlsFiles | null
}

/** `address`: the one the health check connects to, which for a wildcard in the settings is this machine's. */
function usesTls(network: HttpConfig['network'], { host, port }: SocketAddress): boolean {
  const plain = plainListening(network)
  const isPlain = (item: SocketAddress) =>
    item.port === port && [host, '0.0.0.0', '::'].includes(item.host)
  return network.use_tls && !(plain !== null && listenAddresses(plain).some(isPlain))
}

class HttpProtocol implements Protocol<HttpConfig> {
  readonly liveSettings = LIVE_SETTINGS
  readonly addresses: readonly SocketAddress[]
  readonly socketPaths: readonly string[]
  readonly figures: ProtocolFigures
  readonly summary: string
  private readonly parts: HttpParts
  private inForce: HttpConfig
  /** The sockets for plain HTTP; null if there are none. */
  private readonly listening: Listening | null
  private readonly https: Https | null
  private readonly unixSocket: UnixSocket | null
  private readonly workers: WorkerGroup
  /** Another protocol that its workers serve; null if there is none. */
  private guest: GuestProtocol | null = null
  private readonly reader: StatisticsReader<HttpNames>
  private readonly counters: SharedArrayBuffer
  private readonly sources = createSourceRows()
  /** The number that memory has been set up for. */
  private readonly maxConnections: number
  private readonly connectionLimits: SharedArrayBuffer
  /** One for each worker. */
  private readonly updates: UpdateSender<HttpUpdate>[] = []

  constructor(parts: HttpParts) {
    const { process, place, config, workers, tls } = parts
    this.parts = parts
    this.inForce = config
    const { plain } = workers
    this.https = tls === null ? null : new Https({ process, config, workers: workers.tls, tls })
    const settings = tls === null ? config.network : plainListening(config.network)
    this.listening =
      settings === null || listenAddresses(settings).length === 0
        ? null
        : openListeners(settings, plain, process.takesOver)
    const { unix_socket } = config.network
    this.unixSocket = unix_socket === '' ? null : new UnixSocket(config.network, process.takesOver)
    this.socketPaths = unix_socket === '' ? [] : [unix_socket]
    this.addresses = [...(this.https?.addresses ?? []), ...(this.listening?.addresses ?? [])]
    this.summary = summaryOf(parts, this.listening)
    this.workers = process.newWorkers({ protocol: 'http' })
    this.counters = counterSlots(workers.tls + plain, COUNTER_WORDS)
    this.maxConnections = connectionLimit(config.limits, place)
    this.connectionLimits = createConnectionLimits(this.maxConnections)
    const connections = new ConnectionLimits(this.connectionLimits, this.maxConnections, 0)
    this.reader = httpReader({
      slots: this.counters,
      workers: workers.tls + plain,
      swarms: process.swarms,
      place,
      census: place.isFirst ? process.census : null,
      connections: () => connections.total(),
      connectionLimit: () => this.limits().max_connections,
      interval: () => this.inForce.statistics.interval,
    })
    this.figures = httpFigures(this.reader)
  }

  host(guest: GuestProtocol): void {
    this.guest = guest
    const { network } = this.parts.config
    const redirects = redirectTarget(network) !== '' && this.https !== null
    guest.servedAt(redirects ? (this.https?.addresses ?? []) : this.addresses)
    this.workers.drainMilliseconds = guest.drainMilliseconds
    this.https?.drainFor(guest.drainMilliseconds)
  }

  /** Without those where clients are sent elsewhere. */
  get places(): Protocol<HttpConfig>['places'] {
    const secure = this.https?.addresses ?? []
    const redirects = secure.length > 0 && redirectTarget(this.parts.config.network) !== ''
    const plain = redirects ? [] : (this.listening?.addresses ?? [])
    return [
      ...secure.map((address) => ({ scheme: 'https' as const, address })),
      ...plain.map((address) => ({ scheme: 'http' as const, address })),
    ]
  }

  async startWorkers(): Promise<void> {
    const { plain, tls } = this.parts.workers
    // HTTPS workers come first. A worker's index is also that of its counters and tables.
    const secure = Array.from({ length: tls }, (_, index) => this.startSecure(index))
    const socket = Array.from({ length: plain }, (_, i) =>
      this.startPlain(tls + i, [
        ...(this.listening?.listeners[i] ?? []),
        ...(this.unixSocket === null ? [] : [this.unixSocket.newListener()]),
      ]),
    )
    await Promise.all([...secure, ...socket])
  }

  begin(): void {
    this.listening?.release()
    this.unixSocket?.publish()
    this.https?.begin()
    this.reader.start()
  }

  end(): void {
    this.reader.stop()
    this.unixSocket?.remove()
    this.https?.end()
  }

  use(): ProtocolUse {
    return connectionUse(this.inForce, this.reader.latest.gauges)
  }

  troubles(): readonly TroubleSource[] {
    const troubles = httpTroubles(
      () => this.reader.latest,
      () => this.limits(),
      this.sources,
    )
    const paused = pauseTrouble(() => this.pauseInUse())
    return [paused, ...troubles, ...(this.https?.troubles() ?? [])]
  }

  /** Without what is set for a scheme that nothing here serves. */
  private pauseInUse(): Partial<HttpConfig['pause']> {
    const { http, https, ...pause } = this.inForce.pause
    const { plain, tls } = this.parts.workers
    return { ...pause, ...(plain > 0 ? { http } : {}), ...(tls > 0 ? { https } : {}) }
  }

  sendList(update: ListUpdate): void {
    this.tell(update)
  }

  showPage(page: PreparedPage): void {
    this.tell({ page })
  }

  configure(config: HttpConfig): void {
    this.inForce = config
    this.tell({ settings: workerSettings(config, this.maxConnections) })
  }

  giveTo(identity: Identity): void {
    const { chroot_path } = this.parts.config.privileges
    this.unixSocket?.giveTo(identity, (path) => pathBelow(chroot_path, path))
    for (const problem of this.https?.giveTo(identity) ?? []) this.parts.place.tell.warn(problem)
  }

  takenOver(): void {
    this.unixSocket?.forgetOther()
  }

  private tell(update: HttpUpdate): void {
    for (const worker of this.updates) worker.send(update)
    this.https?.tell(update)
  }

  /** The limits in force. */
  private limits(): LimitsInForce {
    return limitsInForce(this.inForce.limits, this.maxConnections)
  }

  private async startSecure(index: number): Promise<void> {
    const guest = this.guest?.startFor(index) ?? NO_GUEST
    const data = { ...this.worker(index), guest: guest.data }
    const serves = this.https?.startWorker(data, guest.ports)
    forgetFirsts(guest.data ?? {})
    await serves
  }

  private startPlain(index: number, listeners: readonly number[]): Promise<void> {
    const { network } = this.parts.config
    const sender = new UpdateSender<HttpUpdate>()
    this.updates.push(sender)
    const guest = this.guest?.startFor(index) ?? NO_GUEST
    const data = {
      ...this.worker(index),
      guest: guest.data,
      role: 'socket' as const,
      listeners,
      redirectTo: network.use_tls ? redirectTarget(network) : '',
      challengeFolder: network.acme_webroot,
      updates: sender.source,
    }
    const serves = this.workers.start<SocketWorkerData>(data, [sender.source.port, ...guest.ports])
    forgetFirsts(guest.data ?? {})
    return serves
  }

  private worker(index: number): Omit<OwnStart<HttpWorkerData>, 'guest'> {
    const { process, place, config, workers } = this.parts
    return {
      role: '',
      index,
      workers: workers.plain + workers.tls,
      swarms: process.swarms,
      tendsSwarms: place.tendsSwarms,
      sharesSwarms: place.sharesSwarms,
      countDownloads: config.protocol.count_downloads,
      connectionLimits: this.connectionLimits,
      limits: process.sourceLimits,
      publicPeers: process.publicPeers,
      sources: this.sources,
      bans: process.newBanWriter(),
      notes: process.newNotes(),
      clients: process.clientSample,
      ...workerSettings(config, this.maxConnections),
      accessList: process.accessList(),
      keyGate: process.keyGate,
      accessKeys: process.accessKeys(),
      ...process.clientLists(),
      counters: this.counters,
    }
  }
}

function summaryOf({ workers, config, tls }: HttpParts, listening: Listening | null): string {
  const plain = counted(workers.plain, 'socket worker')
  if (tls === null) return plain
  const https = `https, ${counted(workers.tls, 'socket worker')}`
  if (listening === null) return https
  const what = config.network.plain_requests === 'redirect' ? 'redirected' : 'served'
  const where = listening.addresses.map(addressText).join(', ')
  return `${https}; http ${what} on ${where}, ${plain}`
}
