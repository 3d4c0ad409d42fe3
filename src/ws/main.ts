// The WebTorrent tracker: reads the certificate, reserves memory, holds the ports, starts workers; the
// rest of its life is that of every tracker (tracker/tracker.ts). Called by bin/aquatic_ws.ts with valid
// settings. Runs in the main thread, which serves no connections.
import { randomFillSync } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { AccessListData } from '../access-list/list.ts'
import { Census, fromSwarms } from '../census/census.ts'
import { type RunContext, StartError } from '../config/cli.ts'
import { counted } from '../config/quantities.ts'
import { type LogAddresses, logFor, setLog, writeNotice } from '../log/log.ts'
import { counterSlots } from '../metrics/counters.ts'
import { OpenDescriptors } from '../os/descriptors.ts'
import type { Identity } from '../os/privileges.ts'
import { descriptorLimit, giveListeners } from '../os/tcp-port.ts'
import { CountState } from '../persistence/count-state.ts'
import type { Keeper } from '../persistence/keeper.ts'
import { identityFor } from '../process/privileges.ts'
import { signals } from '../process/signals.ts'
import { faultAskedOf, newHeartbeat } from '../process/workers.ts'
import { createConnectionStates } from '../swarm/connections.ts'
import { NOTHING_KEPT } from '../swarm/kept-counts.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import { reserveSwarms } from '../swarm/reserve.ts'
import { openKeeper, Tracker, type TrackerStart } from '../tracker/tracker.ts'
import type { ProtocolFigures } from '../tracker/view.ts'
import { CertificateChange } from './certificate-change.ts'
import { type WorkerReport, writeReport } from './client-reports.ts'
import { type WsConfig, wsSettings } from './config.ts'
import { WS_KINDS } from './config-checks.ts'
import { createConnectionLimits } from './connection-limits.ts'
import { COUNTER_WORDS } from './counters.ts'
import { DRAIN_SECONDS } from './drain.ts'
import type { ExchangeEnds } from './exchange.ts'
import { createExchange, portsOf } from './exchange-rings.ts'
import { findAddresses, type Listening } from './listen.ts'
import {
  GUARD_DESCRIPTORS,
  type GuardRules,
  ListenerGuard,
  type PortQuestion,
} from './listener-guard.ts'
import { canApply, workerSettings } from './reload.ts'
import { reloadProblems } from './reload-check.ts'
import { createRequestLimits } from './request-limits.ts'
import type { SocketWorkerData } from './socket-worker.ts'
import { readTlsFiles, type TlsFiles, tlsWarnings } from './tls.ts'
import { TlsError } from './tls-file.ts'
import { wsFigures } from './view.ts'
import { Watch } from './watch.ts'

/** For a drain, and what comes after. */
const DRAIN_MILLISECONDS = (DRAIN_SECONDS + 5) * 1000

/** Descriptors beside connections: the runtime's own, listening sockets, files; */
const OWN_DESCRIPTORS = 32
/** connections on their way to a handshake, or to being refused. */
const HANDSHAKE_DESCRIPTORS = 48
const OTHER_DESCRIPTORS = OWN_DESCRIPTORS + GUARD_DESCRIPTORS + HANDSHAKE_DESCRIPTORS

const NAME = 'aquatic_ws'
const log = logFor('ws')

export async function runWsTracker(
  config: WsConfig,
  version: string,
  entry: URL,
  context: RunContext<typeof wsSettings.schema>,
): Promise<void> {
  signals.opening()
  setLog(config.log_level, config.log_format)
  const workers = config.socket_workers === 0 ? availableParallelism() : config.socket_workers
  const identity = identityFor(config.privileges)
  const tls = config.network.use_tls ? tlsForStart(config) : null
  const swarms = reserveSwarms(config.limits, workers, WS_KINDS)
  const { keeper, counts } = await keep(config, swarms, identity)
  const listening = findAddresses(config.network, keeper?.takesOver === true)
  const start = { config, entry, swarms, identity, keeper, counts, listening, workers, tls }
  await new WsTracker(start).serve(version, context)
}

function tlsForStart({ network }: WsConfig): TlsFiles {
  try {
    const files = readTlsFiles(network, (text) => writeNotice('info', `${NAME}: ${text}`))
    for (const text of tlsWarnings(files)) writeNotice('warn', `aquatic_ws: warning: ${text}`)
    return files
  } catch (error) {
    if (error instanceof TlsError) throw new StartError(error.message)
    throw error
  }
}

/** Reads what was kept over the restart; both are null when nothing is. */
async function keep(
  config: WsConfig,
  buffers: SwarmBuffers,
  identity: Identity | null,
): Promise<{ keeper: Keeper | null; counts: CountState | null }> {
  if (config.persistence.path === '') return { keeper: null, counts: null }
  const { count_downloads } = config.protocol
  const swarms = attachSwarms(buffers, count_downloads)
  const counts = new CountState(swarms, count_downloads, config.limits.max_torrents)
  return { keeper: await openKeeper(config, counts, identity), counts }
}

/** As many as the settings allow, and the system: connections beyond its limit would fail one by one. */
function connectionLimit({ limits }: WsConfig): number {
  const allowed = descriptorLimit() - OTHER_DESCRIPTORS
  if (allowed >= limits.max_connections) return limits.max_connections
  const possible = Math.max(1, allowed)
  writeNotice(
    'warn',
    `${NAME}: warning: at most ${counted(possible, 'connection')} instead of [limits] max_connections = ` +
      `${limits.max_connections}: raise the system's limit on open files (ulimit -n, LimitNOFILE)`,
  )
  return possible
}

interface WsStart extends TrackerStart<typeof wsSettings.schema> {
  readonly listening: Listening
  readonly workers: number
  readonly tls: TlsFiles | null
  /** What the keeper keeps, if there is one. */
  readonly counts: CountState | null
}

class WsTracker extends Tracker<typeof wsSettings.schema> {
  protected readonly watch: Watch
  protected readonly census: Census | null
  private readonly own: WsStart
  private readonly certificates: CertificateChange
  private logAddresses: LogAddresses
  private readonly exchange: readonly (ExchangeEnds | null)[]
  private readonly guard: ListenerGuard
  private readonly shared: Omit<
    SocketWorkerData,
    'index' | 'heartbeat' | 'exchange' | 'accessList' | 'fault'
  >

  constructor(start: WsStart) {
    const { config, swarms, listening, tls, workers, counts } = start
    super(NAME, wsSettings.schema, log, start)
    this.own = start
    this.logAddresses = config.log_addresses
    this.certificates = new CertificateChange(config.network, workers, log, (certificates) =>
      this.workers.tell({ certificates }),
    )
    const counters = counterSlots(workers, COUNTER_WORDS)
    const maxConnections = connectionLimit(config)
    const [key0, key1] = randomFillSync(new Int32Array(2))
    this.census = config.statistics.peer_clients
      ? new Census(fromSwarms(attachSwarms(swarms, config.protocol.count_downloads)))
      : null
    this.exchange = createExchange(workers, {
      messageBytesMax: config.network.websocket_max_message_size,
      maxOffers: config.protocol.max_offers,
    })
    this.watch = new Watch(
      config,
      workers,
      maxConnections,
      counters,
      swarms,
      this.exchange.flatMap((ends) => ends?.inRings ?? []),
      this.census,
    )
    counts?.onChange((keptCounts) => this.workers.tell({ keptCounts }))
    this.shared = {
      role: 'socket',
      state: this.workers.state,
      workers,
      addresses: listening.servers,
      tls,
      swarms,
      keptCounts: counts?.kept ?? NOTHING_KEPT,
      connections: createConnectionStates(workers, maxConnections),
      limits: createConnectionLimits(maxConnections),
      requestLimits: createRequestLimits(),
      counters,
      signalKeys: { key0, key1 },
      messageBytesMax: config.network.websocket_max_message_size,
      countDownloads: config.protocol.count_downloads,
      ...workerSettings(config, maxConnections, workers),
    }
    this.guard = this.newGuard(this.shared)
  }

  protected async startWorkers(): Promise<void> {
    await Promise.all(this.exchange.map((exchange, index) => this.startWorker(index, exchange)))
  }

  protected workersServe(): void {
    this.own.listening.release()
    this.guard.start()
    this.troubles.add(...this.guard.troubles())
    this.workers.onStop(() => this.guard.stop())
    signals.on('SIGUSR1', () => {
      // One that stops has closed its ports: it must not open them again, beside the one that has its place.
      if (this.workers.areServing() && this.certificates.begin()) this.guard.suspend()
    })
  }

  private newGuard(rules: GuardRules): ListenerGuard {
    const limit = descriptorLimit()
    const options = {
      ports: this.own.listening.servers.map(({ port }) => port),
      descriptors: new OpenDescriptors(limit),
      limit,
      workers: this.shared.workers,
      connections: () => this.watch.read().connections,
      ask: (portQuestion: PortQuestion) => this.workers.tell({ portQuestion }),
    }
    return new ListenerGuard(options, rules)
  }

  protected sendAccessList(accessList: AccessListData): void {
    this.workers.tell({ accessList })
  }

  protected figures(): ProtocolFigures {
    return wsFigures(this.watch, this.guard)
  }

  protected summary(): string {
    const { tls, workers } = this.own
    const count = counted(workers, 'socket worker')
    return `${tls === null ? 'ws' : 'wss'}, ${count}`
  }

  protected canApply(path: string, after: WsConfig): boolean {
    return canApply(this.config, path, after)
  }

  protected override heard(message: unknown): void {
    const report = message as WorkerReport
    if ('certificates' in report) {
      if (this.certificates.answered(report.certificates)) this.guard.listenersChanged()
    } else if ('ports' in report) this.guard.answered(report)
    else writeReport(report, this.logAddresses, log)
  }

  protected apply(config: WsConfig): void {
    this.logAddresses = config.log_addresses
    const { maxConnections, workers } = this.shared
    const settings = workerSettings(config, maxConnections, workers)
    this.guard.configure(settings)
    this.workers.tell({ settings })
  }

  /** Clients go to the other process as their connections end. */
  protected override giveWay(): void {
    this.workers.drain(DRAIN_MILLISECONDS)
  }

  /** With the sockets: only their owner can open the port again for new certificates. */
  protected override becomeOther(identity: Identity): void {
    const { config } = this
    const ports = this.own.listening.servers.map(({ port }) => port)
    const problems = config.network.use_tls ? reloadProblems(config, ports, identity) : []
    for (const problem of problems) writeNotice('warn', `${NAME}: warning: ${problem}`)
    giveListeners(ports, identity)
    super.becomeOther(identity)
  }

  private startWorker(index: number, exchange: ExchangeEnds | null): Promise<void> {
    const heartbeat = newHeartbeat()
    const fault = faultAskedOf('socket', index)
    return this.workers.start(
      { ...this.shared, index, heartbeat, exchange, accessList: this.accessList.list, fault },
      portsOf(exchange),
    )
  }
}
