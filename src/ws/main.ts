// The WebTorrent tracker's life: certificate, memory, ports, workers, rights, signals, stop. Called
// by bin/aquatic_ws.ts with valid settings. Runs in the main thread, which serves no connections.
import { randomFillSync } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { AccessListKeeper } from '../access-list/keeper.ts'
import { Census, fromSwarms } from '../census/census.ts'
import { addressText } from '../config/address.ts'
import { type RunContext, StartError } from '../config/cli.ts'
import { prepareRunning } from '../config/output.ts'
import { logFor, setLog, writeNotice } from '../log/log.ts'
import { counterSlots, slotWords } from '../metrics/counters.ts'
import { OperationsServer, type PortSharing } from '../operations/server.ts'
import { isSurveyWanted, SurveyView } from '../operations/survey-view.ts'
import type { Identity } from '../os/privileges.ts'
import { descriptorLimit, giveListeners } from '../os/tcp-port.ts'
import { CountState } from '../persistence/count-state.ts'
import { Folder } from '../persistence/folder.ts'
import { Keeper } from '../persistence/keeper.ts'
import { type ScrapeExport, startScrapeExport } from '../persistence/scrape-export.ts'
import { ProcessFigures } from '../process/figures.ts'
import { giveUpRights, identityFor } from '../process/privileges.ts'
import { Reloader } from '../process/reloader.ts'
import { ServiceManager } from '../process/service-manager.ts'
import { releaseStartCode } from '../process/start-code.ts'
import { faultAskedOf, newHeartbeat, Workers } from '../process/workers.ts'
import { createConnectionStates } from '../swarm/connections.ts'
import { NOTHING_KEPT } from '../swarm/kept-counts.ts'
import { attachSwarms, type SwarmBuffers, setLimits } from '../swarm/memory.ts'
import { reserveSwarms } from '../swarm/reserve.ts'
import { Survey } from '../swarm/survey.ts'
import { View } from '../tracker/view.ts'
import { type WsConfig, wsSettings } from './config.ts'
import { WS_KINDS } from './config-checks.ts'
import { createConnectionLimits } from './connection-limits.ts'
import { COUNTERS } from './counters.ts'
import { DRAIN_SECONDS } from './drain.ts'
import type { ExchangeEnds } from './exchange.ts'
import { createExchange, portsOf } from './exchange-rings.ts'
import { findAddresses, type Listening } from './listen.ts'
import { canApply, workerSettings } from './reload.ts'
import { reloadProblems } from './reload-check.ts'
import type { SocketWorkerData } from './socket-worker.ts'
import { readTlsFiles, TlsError, type TlsFiles } from './tls.ts'
import { wsFigures } from './view.ts'
import { Watch } from './watch.ts'

/** For a drain, and what comes after. */
const DRAIN_MILLISECONDS = (DRAIN_SECONDS + 5) * 1000

/** Descriptors beside connections: the runtime's own, listening sockets, files. */
const OTHER_DESCRIPTORS = 64

const log = logFor('ws')

export async function runWsTracker(
  config: WsConfig,
  version: string,
  entry: URL,
  context: RunContext<typeof wsSettings.schema>,
): Promise<void> {
  setLog(config.log_level, config.log_format)
  const workers = config.socket_workers === 0 ? availableParallelism() : config.socket_workers
  const identity = identityFor(config.privileges)
  const tls = config.network.use_tls ? tlsForStart(config) : null
  const swarms = reserveSwarms(config.limits, workers, WS_KINDS)
  const kept = await keep(config, swarms, identity)
  const takesOver = kept?.keeper.takesOver === true
  const listening = findAddresses(config.network, takesOver)
  const tracker = new Tracker(config, workers, swarms, listening, tls, entry, kept)
  prepareRunning()
  await tracker.accessList.load()
  await tracker.start()
  const reloader = tracker.reloader(context)
  const sharing = kept === null ? 'alone' : takesOver ? 'beside' : 'first'
  const operations = tracker.serveOperations(version, () => reloader.settingsText, sharing)
  listening.release()
  releaseStartCode()
  if (identity !== null) {
    giveAll(config, listening, identity)
    tracker.accessList.rootChanged()
    kept?.keeper.rootChanged()
  }
  await kept?.keeper.start(() => tracker.giveWay())
  tracker.accessList.start()
  tracker.startExport(identity !== null)
  reloader.start(identity !== null, tracker.service)
  const addresses = listening.addresses.map(addressText).join(', ')
  const count = workers === 1 ? '1 socket worker' : `${workers} socket workers`
  const scheme = tls === null ? 'ws' : 'wss'
  const state = `listening on ${addresses} (${scheme}, ${count})`
  writeNotice('info', `aquatic_ws ${version} ${state}`)
  if (operations !== null) {
    writeNotice('info', `aquatic_ws operations at http://${operations}/`)
  }
  tracker.service.ready(state)
}

function tlsForStart({ network }: WsConfig): TlsFiles {
  try {
    return readTlsFiles(network)
  } catch (error) {
    if (error instanceof TlsError) throw new StartError(error.message)
    throw error
  }
}

/** What is kept over a restart, and who does it. */
interface Kept {
  readonly keeper: Keeper
  readonly state: CountState
}

/** Reads what was kept over the restart; null when nothing is. */
async function keep(
  { persistence, privileges, protocol, limits }: WsConfig,
  buffers: SwarmBuffers,
  identity: Identity | null,
): Promise<Kept | null> {
  if (persistence.path === '') return null
  const { count_downloads } = protocol
  const swarms = attachSwarms(buffers, count_downloads)
  const state = new CountState(swarms, count_downloads, limits.max_torrents)
  const keeper = await Keeper.open({
    folder: new Folder(persistence.path, privileges, identity),
    state,
    intervalMinutes: persistence.interval_minutes,
    takeOver: persistence.take_over,
    log: logFor('persistence'),
  })
  return { keeper, state }
}

/** As many as the settings allow, and the system: connections beyond its limit would fail one by one. */
function connectionLimit({ limits }: WsConfig): number {
  const allowed = descriptorLimit() - OTHER_DESCRIPTORS
  if (allowed >= limits.max_connections) return limits.max_connections
  const possible = Math.max(1, allowed)
  writeNotice(
    'warn',
    `aquatic_ws: warning: at most ${possible} connections instead of [limits] max_connections = ` +
      `${limits.max_connections}: raise the system's limit on open files (ulimit -n, LimitNOFILE)`,
  )
  return possible
}

/** Becomes another user, with the sockets: only their owner can open the port again for new certificates. */
function giveAll(config: WsConfig, listening: Listening, identity: Identity): void {
  const ports = listening.servers.map(({ port }) => port)
  const problems = config.network.use_tls ? reloadProblems(config, ports, identity) : []
  for (const problem of problems) writeNotice('warn', `aquatic_ws: warning: ${problem}`)
  giveListeners(ports, identity)
  giveUpRights(config.privileges, identity)
}

class Tracker {
  readonly service: ServiceManager
  readonly accessList: AccessListKeeper
  private readonly config: WsConfig
  private readonly workerCount: number
  private readonly workers: Workers
  private readonly shared: Omit<
    SocketWorkerData,
    'index' | 'heartbeat' | 'exchange' | 'accessList' | 'fault'
  >
  private readonly census: Census | null
  private readonly watch: Watch
  private readonly keeper: Keeper | null
  private scrapeExport: ScrapeExport | null = null

  constructor(
    config: WsConfig,
    workerCount: number,
    swarms: SwarmBuffers,
    listening: Listening,
    tls: TlsFiles | null,
    entry: URL,
    kept: Kept | null,
  ) {
    this.config = config
    this.workerCount = workerCount
    this.workers = new Workers('aquatic_ws', entry, log)
    this.service = new ServiceManager('aquatic_ws', this.workers, log)
    const counters = counterSlots(workerCount, COUNTERS.length)
    const maxConnections = connectionLimit(config)
    const [key0, key1] = randomFillSync(new Int32Array(2))
    this.census = config.statistics.peer_clients
      ? new Census(fromSwarms(attachSwarms(swarms, config.protocol.count_downloads)))
      : null
    this.watch = new Watch(config, workerCount, maxConnections, counters, swarms, log, this.census)
    const { access_list, privileges } = config
    this.accessList = new AccessListKeeper(access_list, privileges, swarms, log, (accessList) => {
      this.workers.tell({ accessList })
    })
    this.keeper = kept?.keeper ?? null
    if (kept !== null) {
      this.workers.beforeExit(() => kept.keeper.finish())
      kept.state.onChange((keptCounts) => this.workers.tell({ keptCounts }))
    }
    this.shared = {
      role: 'socket',
      state: this.workers.state,
      workers: workerCount,
      addresses: listening.servers,
      tls,
      swarms,
      keptCounts: kept?.state.kept ?? NOTHING_KEPT,
      connections: createConnectionStates(workerCount, maxConnections),
      limits: createConnectionLimits(maxConnections),
      counters,
      counterWords: slotWords(COUNTERS.length),
      signalKeys: { key0, key1 },
      messageBytesMax: config.network.websocket_max_message_size,
      countDownloads: config.protocol.count_downloads,
      ...workerSettings(config, maxConnections),
    }
  }

  /** Returns once all workers serve. */
  async start(): Promise<void> {
    this.workers.stopOnSignals()
    this.workers.onStop(() => this.watch.stop())
    this.workers.onStop(() => this.census?.stop())
    this.workers.onStop(() => this.accessList.stop())
    const { messageBytesMax, requests } = this.shared
    const limits = { messageBytesMax, maxOffers: requests.maxOffers }
    const ends = createExchange(this.workerCount, limits)
    await Promise.all(ends.map((exchange, index) => this.startWorker(index, exchange)))
    this.watch.start()
    this.census?.start()
    process.on('SIGUSR1', () => this.reloadCertificate())
  }

  /** Another process serves in this one's place: clients go there as their connections end. */
  giveWay(): void {
    this.workers.drain(DRAIN_MILLISECONDS)
  }

  /** `rootChanged`: paths begin at the new root directory. */
  startExport(rootChanged: boolean): void {
    const swarms = () => attachSwarms(this.shared.swarms, this.config.protocol.count_downloads)
    this.scrapeExport = startScrapeExport(this.config, rootChanged, swarms)
    this.workers.onStop(() => this.scrapeExport?.stop())
  }

  /** Opens the endpoint of [operations] address; returns where it is, null for none. */
  serveOperations(version: string, settings: () => string, sharing: PortSharing): string | null {
    const { address } = this.config.operations
    if (address === '') return null
    const view = new View({
      name: 'aquatic_ws',
      version,
      settings,
      own: wsFigures(this.watch),
      workers: this.workers,
      process: new ProcessFigures(),
      census: this.census,
      survey: this.surveyView(),
    })
    const server = new OperationsServer(address, view, sharing)
    this.workers.onStop(() => server.stop())
    return addressText(server.address)
  }

  private surveyView(): SurveyView | null {
    const { config } = this
    if (!isSurveyWanted(config)) return null
    const survey = new Survey(attachSwarms(this.shared.swarms, config.protocol.count_downloads))
    survey.start()
    this.workers.onStop(() => survey.stop())
    return new SurveyView(survey, config)
  }

  /** Reads the settings again when told to, from the start's command line. */
  reloader(context: RunContext<typeof wsSettings.schema>): Reloader<typeof wsSettings.schema> {
    const { config } = this
    const rules = {
      schema: wsSettings.schema,
      canApply: (path: string, after: WsConfig) => canApply(config, path, after),
      apply: (after: WsConfig, paths: ReadonlySet<string>) => this.apply(after, paths),
    }
    return new Reloader(config, context, rules, config.privileges, log)
  }

  private apply(config: WsConfig, paths: ReadonlySet<string>): void {
    setLog(config.log_level, config.log_format)
    this.watch.configure(config)
    setLimits(this.shared.swarms, config.limits.max_torrents, config.limits.max_peers)
    this.workers.tell({ settings: workerSettings(config, this.shared.maxConnections) })
    this.keeper?.setInterval(config.persistence.interval_minutes)
    this.scrapeExport?.configure(config)
    const lists = ['access_list.mode', 'access_list.path']
    if (lists.some((path) => paths.has(path))) this.accessList.change(config.access_list)
  }

  private startWorker(index: number, exchange: ExchangeEnds | null): Promise<void> {
    const heartbeat = newHeartbeat()
    const fault = faultAskedOf('socket', index)
    return this.workers.start(
      { ...this.shared, index, heartbeat, exchange, accessList: this.accessList.list, fault },
      portsOf(exchange),
    )
  }

  private reloadCertificate(): void {
    const { network } = this.config
    if (!network.use_tls) return
    try {
      this.workers.tell({ tls: readTlsFiles(network) })
      log.info('new connections get the certificate as it is now')
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      log.error(`the certificate stays as it was: ${error.message}`)
    }
  }
}
