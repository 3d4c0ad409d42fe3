// The UDP tracker's life: reserve memory, open sockets, start workers, give up rights, watch, stop.
// Called by bin/aquatic_udp.ts with valid settings. Runs in the main thread, which serves no packets:
// it owns the shared memory, hands it to the workers, and ends the process when one of them dies.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { AccessListKeeper } from '../access-list/keeper.ts'
import { type SampledClients, sampleClients } from '../census/census.ts'
import { addressText } from '../config/address.ts'
import { type RunContext, StartError } from '../config/cli.ts'
import { prepareRunning } from '../config/output.ts'
import { logFor, setLog, writeNotice } from '../log/log.ts'
import { counterSlots } from '../metrics/counters.ts'
import { OperationsServer, type PortSharing } from '../operations/server.ts'
import { isSurveyWanted, SurveyView } from '../operations/survey-view.ts'
import type { Identity } from '../os/privileges.ts'
import { Folder } from '../persistence/folder.ts'
import { Keeper } from '../persistence/keeper.ts'
import { type ScrapeExport, startScrapeExport } from '../persistence/scrape-export.ts'
import { SwarmState } from '../persistence/swarm-state.ts'
import { ProcessFigures } from '../process/figures.ts'
import { giveUpRights, identityFor } from '../process/privileges.ts'
import { Reloader } from '../process/reloader.ts'
import { ServiceManager } from '../process/service-manager.ts'
import { releaseStartCode } from '../process/start-code.ts'
import { UpdateSender, type UpdateSource } from '../process/updates.ts'
import { faultAskedOf, newHeartbeat, Workers } from '../process/workers.ts'
import { UDP_KINDS } from '../swarm/layout.ts'
import { attachSwarms, type SwarmBuffers, setLimits } from '../swarm/memory.ts'
import { reserveSwarms } from '../swarm/reserve.ts'
import { Survey } from '../swarm/survey.ts'
import { View } from '../tracker/view.ts'
import { type UdpConfig, udpSettings } from './config.ts'
import { SECRET_BYTES } from './connection-id.ts'
import { COUNTER_WORDS } from './counters.ts'
import { MAX_BATCH_PACKETS } from './layout.ts'
import { createLinks, type Links, PAIRS_MAX } from './links.ts'
import { type Listening, openSockets } from './listen.ts'
import type { WorkerNews } from './news.ts'
import { canApply, workerSettings } from './reload.ts'
import type { RequestWorkerData } from './request-worker.ts'
import type { SocketWorkerData } from './socket-worker.ts'
import { createSourceLimits, sourceRates } from './source-limit-settings.ts'
import { udpFigures } from './view.ts'
import { Watch } from './watch.ts'

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
  setLog(config.log_level, config.log_format)
  const workers = {
    socket: config.socket_workers === 0 ? availableParallelism() : config.socket_workers,
    request: config.request_workers,
  }
  if (workers.socket * workers.request > PAIRS_MAX) {
    throw new StartError(
      `socket_workers = ${workers.socket} and request_workers = ${workers.request} make more than ` +
        `${PAIRS_MAX} pairs, each of which needs channels: lower them`,
    )
  }
  const identity = identityFor(config.privileges)
  const swarms = reserveSwarms(config.limits, Math.max(workers.socket, workers.request), UDP_KINDS)
  const { keeper, secret } = await keep(config, swarms, identity)
  const listening = openSockets(config, workers.socket, keeper?.takesOver === true)
  for (const warning of listening.warnings) {
    writeNotice('warn', `aquatic_udp: warning: ${warning}`)
  }
  const tracker = new Tracker(config, workers, swarms, listening, entry, secret, keeper)
  prepareRunning()
  await tracker.accessList.load()
  await tracker.start()
  listening.begin()
  const sharing = keeper === null ? 'alone' : keeper.takesOver ? 'beside' : 'first'
  const reloader = tracker.reloader(context)
  const settings = () => reloader.settingsText
  const operations = tracker.serveOperations(version, settings, sharing)
  releaseStartCode()
  giveUpRights(config.privileges, identity)
  if (identity !== null) {
    keeper?.rootChanged()
    tracker.accessList.rootChanged()
  }
  await keeper?.start(() => tracker.stop())
  tracker.accessList.start()
  tracker.startExport(identity !== null)
  reloader.start(identity !== null, tracker.service)
  const addresses = listening.addresses.map(addressText).join(', ')
  const state = `listening on ${addresses} (${workersText(workers)})`
  writeNotice('info', `aquatic_udp ${version} ${state}`)
  if (operations !== null) {
    writeNotice('info', `aquatic_udp operations at http://${operations}/`)
  }
  tracker.service.ready(state)
}

function workersText({ socket, request }: WorkerCounts): string {
  const text = (count: number, role: string) => `${count} ${role} worker${count === 1 ? '' : 's'}`
  const sockets = text(socket, 'socket')
  return request === 0 ? sockets : `${sockets}, ${text(request, 'request')}`
}

/** Reads what was kept over the restart; the keeper is null when nothing is. */
async function keep(
  { persistence, privileges, cleaning, protocol }: UdpConfig,
  buffers: SwarmBuffers,
  identity: Identity | null,
): Promise<{ keeper: Keeper | null; secret: Uint8Array }> {
  if (persistence.path === '') return { keeper: null, secret: randomBytes(SECRET_BYTES) }
  const { count_downloads } = protocol
  const swarms = attachSwarms(buffers, count_downloads)
  const state = new SwarmState(swarms, cleaning.max_peer_age, count_downloads)
  const keeper = await Keeper.open({
    folder: new Folder(persistence.path, privileges, identity),
    state,
    intervalMinutes: persistence.interval_minutes,
    takeOver: persistence.take_over,
    log: logFor('persistence'),
  })
  return { keeper, secret: state.secret }
}

class Tracker {
  readonly service: ServiceManager
  readonly accessList: AccessListKeeper
  private readonly config: UdpConfig
  private readonly listening: Listening
  private readonly swarms: SwarmBuffers
  private readonly workerCounts: WorkerCounts
  private readonly links: Links
  private readonly workers: Workers
  private readonly counters: SharedArrayBuffer
  private readonly keeper: Keeper | null
  private readonly limits = createSourceLimits()
  private readonly secret: Uint8Array
  private readonly clients: SampledClients | null
  private readonly watch: Watch
  private scrapeExport: ScrapeExport | null = null
  /** To each worker, of either kind. */
  private readonly news: UpdateSender<WorkerNews>[] = []

  constructor(
    config: UdpConfig,
    workerCounts: WorkerCounts,
    swarms: SwarmBuffers,
    listening: Listening,
    entry: URL,
    secret: Uint8Array,
    keeper: Keeper | null,
  ) {
    this.config = config
    this.workerCounts = workerCounts
    this.swarms = swarms
    this.listening = listening
    this.links = createLinks(workerCounts.socket, workerCounts.request)
    this.workers = new Workers('aquatic_udp', entry, log)
    this.service = new ServiceManager('aquatic_udp', this.workers, log)
    this.keeper = keeper
    this.secret = secret
    if (keeper !== null) this.workers.beforeExit(() => keeper.finish())
    const { access_list, privileges } = config
    this.accessList = new AccessListKeeper(access_list, privileges, swarms, log, (accessList) => {
      for (const worker of this.news) worker.send({ accessList })
    })
    this.counters = counterSlots(workerCounts.socket + workerCounts.request, COUNTER_WORDS)
    const sockets = listening.sockets.flat().map(({ fd }) => fd)
    this.clients = config.statistics.peer_clients
      ? sampleClients(config.cleaning.max_peer_age)
      : null
    this.watch = new Watch(
      config,
      workerCounts.socket,
      this.counters,
      swarms,
      sockets,
      this.links,
      log,
      this.clients?.census ?? null,
    )
  }

  /** Returns once all workers serve. */
  async start(): Promise<void> {
    this.workers.stopOnSignals()
    this.workers.onStop(() => this.watch.stop())
    this.workers.onStop(() => this.clients?.census.stop())
    this.workers.onStop(() => this.accessList.stop())
    const { socket, request } = this.workerCounts
    const data = [
      ...Array.from({ length: request }, (_, index) => this.requestWorker(index)),
      ...Array.from({ length: socket }, (_, index) => this.socketWorker(index)),
    ]
    await Promise.all(data.map((each) => this.workers.start(each, [each.updates.port])))
    this.watch.start()
    this.clients?.census.start()
  }

  stop(): void {
    this.workers.stop()
  }

  /** `rootChanged`: paths begin at the new root directory. */
  startExport(rootChanged: boolean): void {
    const { count_downloads } = this.config.protocol
    const swarms = () => attachSwarms(this.swarms, count_downloads)
    this.scrapeExport = startScrapeExport(this.config, rootChanged, swarms)
    this.workers.onStop(() => this.scrapeExport?.stop())
  }

  /** Opens the endpoint of [operations] address; returns where it is, null for none. */
  serveOperations(version: string, settings: () => string, sharing: PortSharing): string | null {
    const { address } = this.config.operations
    if (address === '') return null
    const view = new View({
      name: 'aquatic_udp',
      version,
      settings,
      own: udpFigures(this.watch),
      workers: this.workers,
      process: new ProcessFigures(),
      census: this.clients?.census ?? null,
      survey: this.surveyView(),
    })
    const server = new OperationsServer(address, view, sharing)
    this.workers.onStop(() => server.stop())
    return addressText(server.address)
  }

  private surveyView(): SurveyView | null {
    const { config } = this
    if (!isSurveyWanted(config)) return null
    const survey = new Survey(attachSwarms(this.swarms, config.protocol.count_downloads))
    survey.start()
    this.workers.onStop(() => survey.stop())
    return new SurveyView(survey, config)
  }

  /** Reads the settings again when told to, from the start's command line. */
  reloader(context: RunContext<typeof udpSettings.schema>): Reloader<typeof udpSettings.schema> {
    const { config } = this
    const rules = {
      schema: udpSettings.schema,
      canApply: (path: string, after: UdpConfig) => canApply(config, path, after),
      apply: (after: UdpConfig, paths: ReadonlySet<string>) => this.apply(after, paths),
    }
    return new Reloader(config, context, rules, config.privileges, log)
  }

  private apply(config: UdpConfig, paths: ReadonlySet<string>): void {
    setLog(config.log_level, config.log_format)
    this.watch.configure(config)
    this.clients?.reader.setMaxAge(config.cleaning.max_peer_age)
    setLimits(this.swarms, config.limits.max_torrents, config.limits.max_peers)
    for (const worker of this.news) worker.send({ settings: workerSettings(config) })
    this.keeper?.setInterval(config.persistence.interval_minutes)
    this.scrapeExport?.configure(config)
    const { socket_recv_buffer_size } = config.network
    // A worker that stops closes its sockets.
    if (paths.has('network.socket_recv_buffer_size') && this.workers.areServing()) {
      const warnings = this.listening.setReceiveBuffers(socket_recv_buffer_size)
      for (const warning of warnings) log.warn(warning)
    }
    const lists = ['access_list.mode', 'access_list.path']
    if (lists.some((path) => paths.has(path))) this.accessList.change(config.access_list)
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
      workers: this.workerCounts.socket,
      links: this.workerCounts.request === 0 ? null : this.links.socketWorkers[index],
      sockets: this.listening.sockets[index],
      batchPackets: Math.min(network.poll_event_capacity, MAX_BATCH_PACKETS),
      swarms: this.swarms,
      countDownloads: protocol.count_downloads,
      ...workerSettings(this.config),
      secret: this.secret,
      limits: this.limits,
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
      workers: this.workerCounts.request,
      links: this.links.requestWorkers[index],
      limits: this.limits,
      rates: sourceRates(source_limits),
      clients: this.clients?.sample ?? null,
      maxRequests: handlers.max_requests_per_iter,
      waitMicroseconds: handlers.channel_recv_timeout_microseconds,
      swarms: this.swarms,
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
      countersSlot: this.workerCounts.socket + index,
      fault: faultAskedOf('request', index),
    }
  }
}
