// The UDP tracker: reserves memory, opens sockets, starts workers; the rest of its life is that of every
// tracker (tracker/tracker.ts). Called by bin/aquatic_udp.ts with valid settings. Runs in the main thread,
// which serves no packets: it owns the shared memory and hands it to the workers.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { AccessListData } from '../access-list/list.ts'
import { type Census, type SampledClients, sampleClients } from '../census/census.ts'
import type { RunContext } from '../config/cli.ts'
import { counted } from '../config/quantities.ts'
import { logFor, setLog, writeNotice } from '../log/log.ts'
import { counterSlots } from '../metrics/counters.ts'
import { isSurveyWanted } from '../operations/survey-view.ts'
import type { Identity } from '../os/privileges.ts'
import type { Keeper } from '../persistence/keeper.ts'
import { SwarmState } from '../persistence/swarm-state.ts'
import { identityFor } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'
import { UpdateSender, type UpdateSource } from '../process/updates.ts'
import { faultAskedOf, newHeartbeat } from '../process/workers.ts'
import { UDP_KINDS } from '../swarm/layout.ts'
import { attachSwarms, type SwarmBuffers, setPeersPerAddress } from '../swarm/memory.ts'
import { reserveSwarms } from '../swarm/reserve.ts'
import { openKeeper, Tracker, type TrackerStart } from '../tracker/tracker.ts'
import type { ProtocolFigures } from '../tracker/view.ts'
import { createBanRings } from './ban-log.ts'
import { type UdpConfig, udpSettings } from './config.ts'
import { SECRET_BYTES } from './connection-id.ts'
import { COUNTER_WORDS } from './counters.ts'
import { MAX_BATCH_PACKETS } from './layout.ts'
import { createLinks, type Links } from './links.ts'
import { type Listening, openSockets } from './listen.ts'
import type { WorkerNews } from './news.ts'
import { canApply, workerSettings } from './reload.ts'
import type { RequestWorkerData } from './request-worker.ts'
import type { SocketWorkerData } from './socket-worker.ts'
import { createSourceLimits, sourceRates } from './source-limit-settings.ts'
import { udpFigures } from './view.ts'
import { Watch } from './watch.ts'

const NAME = 'aquatic_udp'
const log = logFor('udp')

/** How many threads there are of each role. */
interface WorkerCounts {
  readonly socket: number
  readonly request: number
}

export async function runUdpTracker(
  config: UdpConfig,
  version: string,
  entry: URL,
  context: RunContext<typeof udpSettings.schema>,
): Promise<void> {
  signals.opening()
  setLog(config.log_level, config.log_format)
  const workers = {
    socket: config.socket_workers === 0 ? availableParallelism() : config.socket_workers,
    request: config.request_workers,
  }
  const identity = identityFor(config.privileges)
  const swarms = reserveSwarms(config.limits, Math.max(workers.socket, workers.request), UDP_KINDS)
  // Before the snapshot is read: it holds for that too.
  setPeersPerAddress(swarms, config.source_limits.peers_per_torrent)
  const { keeper, secret } = await keep(config, swarms, identity)
  const listening = openSockets(config, workers.socket, keeper?.takesOver === true)
  for (const warning of listening.warnings) writeNotice('warn', `${NAME}: warning: ${warning}`)
  const start = { config, entry, swarms, identity, keeper, listening, workers, secret }
  await new UdpTracker(start).serve(version, context)
}

/** Reads what was kept over the restart; the keeper is null when nothing is. */
async function keep(
  config: UdpConfig,
  buffers: SwarmBuffers,
  identity: Identity | null,
): Promise<{ keeper: Keeper | null; secret: Uint8Array }> {
  const secret = randomBytes(SECRET_BYTES)
  if (config.persistence.path === '') return { keeper: null, secret }
  const { count_downloads } = config.protocol
  const swarms = attachSwarms(buffers, count_downloads)
  const state = new SwarmState(swarms, config.cleaning.max_peer_age, count_downloads, secret)
  return { keeper: await openKeeper(config, state, identity), secret: state.secret }
}

interface UdpStart extends TrackerStart<typeof udpSettings.schema> {
  readonly listening: Listening
  readonly workers: WorkerCounts
  readonly secret: Uint8Array
}

class UdpTracker extends Tracker<typeof udpSettings.schema> {
  protected readonly watch: Watch
  private readonly own: UdpStart
  private readonly links: Links
  private readonly counters: SharedArrayBuffer
  private readonly limits = createSourceLimits()
  /** Of the socket workers, then of the request workers, as with counters. */
  private readonly bans: readonly SharedArrayBuffer[]
  private readonly clients: SampledClients | null
  /** To each worker, of either kind. */
  private readonly news: UpdateSender<WorkerNews>[] = []

  constructor(start: UdpStart) {
    const { config, swarms, listening, workers } = start
    super(NAME, udpSettings.schema, log, start)
    this.own = start
    this.links = createLinks(workers.socket, workers.request)
    this.counters = counterSlots(workers.socket + workers.request, COUNTER_WORDS)
    const { max_peer_age } = config.cleaning
    this.clients = config.statistics.peer_clients ? sampleClients(max_peer_age) : null
    const sockets = listening.sockets.flat().map(({ fd }) => fd)
    this.bans = createBanRings(workers.socket + workers.request)
    this.watch = new Watch(
      config,
      workers.socket,
      this.counters,
      swarms,
      sockets,
      this.links,
      this.bans,
      log,
      this.census,
    )
  }

  protected get census(): Census | null {
    return this.clients?.census ?? null
  }

  protected async startWorkers(): Promise<void> {
    const { socket, request } = this.own.workers
    const requests = Array.from({ length: request }, (_, index) => this.requestWorker(index))
    const sockets = Array.from({ length: socket }, (_, index) => this.socketWorker(index))
    await Promise.all([
      ...requests.map((data) => this.workers.start(data, [data.updates.port])),
      ...sockets.map((data) =>
        this.workers.start(data, [data.updates.port], () => this.own.listening.close(data.index)),
      ),
    ])
  }

  protected workersServe(): void {
    this.own.listening.begin()
  }

  protected sendAccessList(accessList: AccessListData): void {
    for (const worker of this.news) worker.send({ accessList })
  }

  protected figures(): ProtocolFigures {
    return udpFigures(this.watch)
  }

  protected summary(): string {
    const { socket, request } = this.own.workers
    const sockets = counted(socket, 'socket worker')
    return request === 0 ? sockets : `${sockets}, ${counted(request, 'request worker')}`
  }

  protected canApply(path: string, after: UdpConfig): boolean {
    return canApply(this.config, path, after)
  }

  protected apply(config: UdpConfig, paths: ReadonlySet<string>): void {
    this.clients?.reader.setMaxAge(config.cleaning.max_peer_age)
    setPeersPerAddress(this.own.swarms, config.source_limits.peers_per_torrent)
    for (const worker of this.news) worker.send({ settings: workerSettings(config) })
    const { socket_recv_buffer_size } = config.network
    // The sockets of a worker that has stopped are closed.
    if (paths.has('network.socket_recv_buffer_size') && this.workers.areServing()) {
      const warnings = this.own.listening.setReceiveBuffers(socket_recv_buffer_size)
      for (const warning of warnings) log.always('warn', warning)
    }
  }

  private newsSource(): UpdateSource {
    const sender = new UpdateSender<WorkerNews>()
    this.news.push(sender)
    return sender.source
  }

  private socketWorker(index: number): SocketWorkerData {
    const { protocol, network } = this.config
    return {
      role: 'socket',
      index,
      state: this.workers.state,
      heartbeat: newHeartbeat(),
      workers: this.own.workers.socket,
      links: this.own.workers.request === 0 ? null : this.links.socketWorkers[index],
      sockets: this.own.listening.sockets[index],
      batchPackets: Math.min(network.poll_event_capacity, MAX_BATCH_PACKETS),
      swarms: this.own.swarms,
      countDownloads: protocol.count_downloads,
      ...workerSettings(this.config),
      secret: this.own.secret,
      limits: this.limits,
      bans: this.bans[index],
      clients: this.clients?.sample ?? null,
      accessList: this.accessList.list,
      updates: this.newsSource(),
      counters: this.counters,
      fault: faultAskedOf('socket', index),
    }
  }

  private requestWorker(index: number): RequestWorkerData {
    const { handlers, persistence, scrape_export } = this.config
    const { protocol, cleaning, source_limits } = this.config
    return {
      role: 'request',
      index,
      state: this.workers.state,
      heartbeat: newHeartbeat(),
      workers: this.own.workers.request,
      links: this.links.requestWorkers[index],
      limits: this.limits,
      rates: sourceRates(source_limits),
      bans: this.bans[this.own.workers.socket + index],
      clients: this.clients?.sample ?? null,
      maxRequests: handlers.max_requests_per_iter,
      waitMicroseconds: handlers.channel_recv_timeout_microseconds,
      swarms: this.own.swarms,
      // The keeper, the export and the survey walk the tables in the main thread: then their owners lock them.
      alone: persistence.path === '' && scrape_export.path === '' && !isSurveyWanted(this.config),
      countDownloads: protocol.count_downloads,
      announceInterval: protocol.peer_announce_interval,
      intervalJitter: protocol.interval_jitter,
      cleaningInterval: cleaning.interval,
      maxPeerAge: cleaning.max_peer_age,
      accessList: this.accessList.list,
      updates: this.newsSource(),
      counters: this.counters,
      countersSlot: this.own.workers.socket + index,
      fault: faultAskedOf('request', index),
    }
  }
}
