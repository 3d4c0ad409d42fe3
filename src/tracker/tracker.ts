// A tracker's life in its main thread: what it reads before it serves, its protocols' workers, the operator's
// endpoint, giving up rights, persistence and export, reload, stop. Called by program.ts with valid settings; a
// protocol's own part is defined in protocol.ts. The main thread serves no clients. Owns the shared memory of
// all protocols.
import {
  Census,
  type CountPeers,
  fromSample,
  fromSwarms,
  type SampledClients,
  sampleClients,
} from '../census/census.ts'
import type { EngineAccess } from '../cluster/access.ts'
import type { NoteData } from '../cluster/note.ts'
import type { SharingStart } from '../cluster/sharing.ts'
import type { Program, RunContext } from '../config/cli.ts'
import { prepareRunning } from '../config/output.ts'
import type { ConfigOf, Schema } from '../config/schema.ts'
import { type Log, type LogAddresses, logFor, setLog, writeNotice } from '../log/log.ts'
import { isSurveyWanted } from '../operations/survey-view.ts'
import { type Token, tokenOf } from '../operations/token.ts'
import type { Identity } from '../os/privileges.ts'
import { releaseStartCode } from '../os/resident-code.ts'
import { createPublicPeers } from '../peer-addresses/peer-addresses.ts'
import type { Persistence } from '../persistence/persistence.ts'
import { type ScrapeExport, startScrapeExport } from '../persistence/scrape-export.ts'
import type { PressureWatch } from '../pressure/watch.ts'
import { FirstValue } from '../process/first-value.ts'
import { giveUpRights } from '../process/privileges.ts'
import { Reloader } from '../process/reloader.ts'
import { ServiceManager } from '../process/service-manager.ts'
import { signals } from '../process/signals.ts'
import { stallTrouble } from '../process/stalls.ts'
import { Troubles } from '../process/troubles.ts'
import { Workers } from '../process/workers.ts'
import { BanLog } from '../source-limits/ban-log.ts'
import { createSourceLimits } from '../source-limits/source-limits.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import { attachSwarms, type SwarmBuffers, setLimits, setPeersPerAddress } from '../swarm/memory.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { ClusterNode } from './cluster.ts'
import { Lists } from './lists.ts'
import { canApply } from './live-settings.ts'
import { listeningText } from './notices.ts'
import { openPages, type Pages } from './pages.ts'
import type { PersistedParts } from './persistence.ts'
import { kindsOf } from './place.ts'
import { watchPressure } from './pressure.ts'
import type { Protocol, ProtocolType, TrackerProcess } from './protocol.ts'
import type { CommonConfig } from './settings.ts'
import { beginTest, isTest } from './tested.ts'

export type TrackerConfig<S extends Schema> = ConfigOf<S> & CommonConfig

export interface TrackerProgram<S extends Schema> extends Program<S> {
  /** Its name in the log. */
  readonly subsystem: string
  /** The prefix of metric names. */
  readonly metricPrefix: string
  /** All protocols that it can serve; if there are several, settings enable them. */
  readonly protocols: readonly ProtocolType<TrackerConfig<S>>[]
  /** It can serve several, so messages name the protocol. */
  readonly several?: boolean
}

/** One run of it. */
export interface TrackerRun<S extends Schema> {
  readonly config: TrackerConfig<S>
  readonly version: string
  /** The file that workers run. */
  readonly entry: URL
  readonly context: RunContext<S>
}

/** Parts made before the tracker. */
export interface TrackerParts {
  /** The user that the process becomes; null if it keeps its rights. */
  readonly identity: Identity | null
  readonly swarms: SwarmBuffers
  readonly persisted: PersistedParts
  readonly kinds: readonly PeerKindName[]
  /** How many threads answer from the swarms. */
  readonly swarmWorkers: number
  /** Null if it is no node of a cluster. */
  readonly cluster: EngineAccess | null
}

export class Tracker<S extends Schema> implements TrackerProcess {
  private readonly name: string
  private readonly config: TrackerConfig<S>
  readonly swarms: SwarmBuffers
  readonly walksThroughSwarms: boolean
  readonly census: Census | null
  readonly sourceLimits = createSourceLimits()
  readonly publicPeers = createPublicPeers()
  private readonly program: TrackerProgram<S>
  private readonly run: TrackerRun<S>
  private readonly parts: TrackerParts
  private readonly log: Log
  private readonly workers: Workers
  private readonly lists: Lists
  /** With which the access list may be edited; null where it may not. */
  private readonly token: Token | null
  /** Troubles at runtime; each part adds its own sources. */
  private readonly troubles = new Troubles(logFor('trouble'))
  private readonly service: ServiceManager
  private readonly banLog: BanLog
  private logAddresses: LogAddresses
  private readonly sampled: SampledClients | null
  private readonly persistence: Persistence | null
  private scrapeExport: ScrapeExport | null = null
  private readonly pressure: PressureWatch
  private pages: Pages | null = null
  private readonly cluster: ClusterNode | null
  private protocols: readonly Protocol<TrackerConfig<S>>[] = []

  constructor(program: TrackerProgram<S>, run: TrackerRun<S>, parts: TrackerParts) {
    const { config, entry } = run
    const { persistence, scrape_export, statistics, cleaning } = config
    this.program = program
    this.run = run
    this.parts = parts
    this.name = program.name
    this.config = config
    this.swarms = parts.swarms
    this.persistence = parts.persisted.persistence
    const isWalkWanted = isSurveyWanted(config) || isTest(run.context)
    const isClustered = parts.cluster !== null
    this.walksThroughSwarms =
      isClustered || persistence.path !== '' || scrape_export.path !== '' || isWalkWanted
    this.log = logFor(program.subsystem)
    this.banLog = new BanLog(this.log)
    this.logAddresses = config.log_addresses
    this.workers = new Workers(program.name, entry, this.log, program.several)
    this.service = new ServiceManager(program.name, this.workers, this.log)
    this.token = tokenOf(config.operations.token_path)
    this.lists = new Lists(config, parts.swarms, this.log, () => this.listReaders(), {
      isEditable: this.token !== null,
      isBeside: this.takesOver,
    })
    const isSampled = statistics.peer_clients && parts.kinds.includes('ipv4')
    this.sampled = isSampled ? sampleClients(cleaning.max_peer_age) : null
    this.census = statistics.peer_clients ? new Census(...this.waysToCount()) : null
    this.pressure = watchPressure(config, parts.swarms, this.sampled, () => this.protocols)
    const { cluster, swarmWorkers } = parts
    this.cluster = cluster && new ClusterNode(cluster, this, config, swarmWorkers)
    this.watchTroubles()
  }

  get takesOver(): boolean {
    return this.persistence?.takesOver === true
  }

  get secret(): Uint8Array {
    return this.parts.persisted.secret
  }

  get priorDownloads(): PersistedParts['counts'] {
    return this.parts.persisted.counts
  }

  get clientSample(): SampledClients['sample'] | null {
    return this.sampled?.sample ?? null
  }

  accessList(): FirstValue<Lists['torrents']['list']> {
    return new FirstValue(this.lists.torrents.list)
  }

  get keyGate(): Lists['keys']['gate'] {
    return this.lists.keys.gate
  }

  accessKeys(): FirstValue<Lists['keys']['keys']> {
    return new FirstValue(this.lists.keys.keys)
  }

  clientLists(): ReturnType<Lists['clientLists']> {
    return this.lists.clientLists()
  }

  newNotes(): NoteData | null {
    return this.cluster?.newNotes() ?? null
  }

  get isClustered(): boolean {
    return this.cluster !== null
  }

  share(sharing: SharingStart): void {
    this.cluster?.share(sharing)
  }

  newBanWriter(): ReturnType<BanLog['newWriter']> {
    return this.banLog.newWriter()
  }

  newWorkers(...options: Parameters<Workers['group']>): ReturnType<Workers['group']> {
    return this.workers.group(...options)
  }

  isServing(): boolean {
    return this.workers.areServing()
  }

  /** Once, before `serve`. */
  open(openAll: (process: TrackerProcess) => readonly Protocol<TrackerConfig<S>>[]): void {
    this.protocols = openAll(this)
    for (const { asGuest = null } of this.protocols) {
      if (asGuest !== null) for (const protocol of this.protocols) protocol.host?.(asGuest)
    }
  }

  /** Resolves once the tracker serves. */
  async serve(): Promise<void> {
    const { persistence } = this
    const { identity } = this.parts
    prepareRunning()
    await this.lists.load()
    signals.starting()
    await this.start()
    // Startup ends here: the persistence folder stays as it was.
    if (signals.mustStop) return this.workers.stop()
    const reloader = this.reloader()
    const pages = this.openPages(() => reloader.settingsText)
    this.pages = pages
    releaseStartCode()
    if (identity !== null) {
      for (const protocol of this.protocols) protocol.giveTo?.(identity)
      giveUpRights(this.config.privileges, identity)
      persistence?.rootChanged()
      this.lists.rootChanged()
    }
    await this.startPersistence(persistence)
    this.lists.start()
    this.cluster?.watchFiles(identity !== null)
    this.startExport()
    pages?.begin()
    reloader.start(identity !== null, this.service)
    this.tellStart(pages?.places ?? [])
    if (isTest(this.run.context)) await this.beginTest()
    signals.serving(() => this.workers.stop())
  }

  /** False if something could not be written. */
  private async finish(): Promise<boolean> {
    // First: a process that takes over reads the history once persistence has handed over.
    await this.pages?.finish()
    return (await this.persistence?.finish()) ?? true
  }

  private async startPersistence(persistence: Persistence | null): Promise<void> {
    this.workers.beforeExit(() => this.finish())
    if (persistence === null) {
      const why = '[persistence] path names no folder'
      signals.on('SIGUSR2', () => this.log.always('info', `nothing is written (SIGUSR2): ${why}`))
      return
    }
    await persistence.start(() => this.workers.handOver())
    for (const protocol of this.protocols) protocol.takenOver?.()
    this.lists.takenOver()
  }

  private tellStart(places: readonly string[]): void {
    if (signals.mustStop) return
    const { name, run } = this
    const state = listeningText(this.protocols)
    writeNotice('info', `${name} ${run.version} ${state}`)
    for (const place of places) writeNotice('info', `${name} ${place}`)
    this.service.ready(state)
  }

  private async start(): Promise<void> {
    const { protocols, workers } = this
    workers.onStop(() => signals.stopping())
    for (const protocol of protocols) workers.onStop(() => protocol.end())
    workers.onStop(() => this.banLog.stop())
    workers.onStop(() => this.troubles.stop())
    workers.onStop(() => this.census?.stop())
    workers.onStop(() => this.pressure.stop())
    workers.onStop(() => this.lists.stop())
    workers.onStop(() => this.cluster?.stop())
    const started = protocols.map((protocol) => protocol.startWorkers())
    // Its thread reads what all those note.
    await Promise.all([...started, this.cluster?.start()])
    for (const protocol of protocols) {
      protocol.begin()
      this.troubles.add(...protocol.troubles())
    }
    this.banLog.start(() => this.logAddresses)
    this.troubles.start()
    this.census?.start()
    this.pressure.start(this.workers.threads())
  }

  private watchTroubles(): void {
    this.troubles.add(stallTrouble(this.workers), ...this.lists.troubleSources)
    this.troubles.add(this.pressure.troubleSource, ...(this.cluster?.troubleSources ?? []))
    if (this.persistence !== null) this.troubles.add(this.persistence.troubleSource)
    this.troubles.onChange(([worst]) => {
      this.service.trouble(worst === undefined ? '' : `${worst.severity}: ${worst.text}`)
    })
  }

  /** One function per form in which peers are stored. */
  private waysToCount(): CountPeers[] {
    const ways: CountPeers[] = []
    if (this.sampled !== null) ways.push(fromSample(this.sampled.reader))
    if (this.parts.kinds.includes('websocket')) ways.push(fromSwarms(this.attachedSwarms()))
    return ways
  }

  private openPages(settings: () => string): Pages | null {
    const { program, parts, persistence } = this
    return openPages({
      name: this.name,
      version: this.run.version,
      prefix: program.metricPrefix,
      kinds: kindsOf(program.protocols),
      config: this.config,
      settings,
      protocols: this.protocols,
      cluster: this.cluster?.figures ?? null,
      swarms: this.swarms,
      attachedSwarms: () => this.attachedSwarms(),
      workers: this.workers,
      troubles: this.troubles,
      pressure: this.pressure,
      census: this.census,
      lists: this.lists,
      token: this.token,
      persistence,
      rootChanges: parts.identity !== null,
    })
  }

  /** For --test: relays in front of the tracker, and commands. */
  private beginTest(): Promise<void> {
    const { program, config, protocols, workers, swarms } = this
    return beginTest(program, config, { protocols, workers, swarms, version: this.run.version })
  }

  /** Called once the process has its final user. */
  private startExport(): void {
    const rootChanged = this.parts.identity !== null
    this.scrapeExport = startScrapeExport(this.config, rootChanged, () => this.attachedSwarms())
    this.workers.onStop(() => this.scrapeExport?.stop())
    if (this.scrapeExport !== null) this.troubles.add(this.scrapeExport.troubleSource)
  }

  private attachedSwarms(): Swarms {
    return attachSwarms(this.swarms, this.config.protocol.count_downloads)
  }

  /** Reads the settings again on request, with the command line of the start. */
  private reloader(): Reloader<S> {
    const { config, log, run } = this
    const own = this.protocols.map(({ liveSettings }) => liveSettings)
    const rules = {
      schema: this.program.settings.schema,
      canApply: (path: string, after: ConfigOf<S>) =>
        canApply(path, config, after as TrackerConfig<S>, own),
      apply: (after: ConfigOf<S>, paths: ReadonlySet<string>) =>
        this.apply(after as TrackerConfig<S>, paths),
    }
    return new Reloader(config, run.context, rules, config.privileges, log)
  }

  private listReaders(): readonly Pick<Protocol<never>, 'sendList'>[] {
    return [...this.protocols, ...(this.cluster === null ? [] : [this.cluster])]
  }

  private apply(config: TrackerConfig<S>, paths: ReadonlySet<string>): void {
    setLog(config.log_level, config.log_format)
    this.logAddresses = config.log_addresses
    setLimits(this.swarms, config.limits.max_torrents, config.limits.max_peers)
    setPeersPerAddress(this.swarms, config.source_limits.peers_per_torrent ?? 0)
    this.pressure.configure(config)
    this.persistence?.setInterval(config.persistence.interval_minutes)
    this.scrapeExport?.configure(config)
    this.pages?.configure(config)
    this.cluster?.configure(config)
    for (const protocol of this.protocols) protocol.configure(config, paths)
    this.lists.configure(config, paths)
  }
}
