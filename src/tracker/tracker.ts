// The life of a tracker in its main thread, as far as it is the same for every protocol: what it reads
// before it serves, the operator's endpoint, giving up rights, what it keeps and writes, reload, stop.
// main.ts of each protocol makes memory and sockets, extends this class by its workers and figures, and
// calls `serve`. Owns what stands beside the workers.
import { AccessListKeeper } from '../access-list/keeper.ts'
import type { AccessListData } from '../access-list/list.ts'
import type { AccessListConfig } from '../access-list/settings.ts'
import type { Census } from '../census/census.ts'
import { addressText, type SocketAddress } from '../config/address.ts'
import type { RunContext } from '../config/cli.ts'
import { prepareRunning } from '../config/output.ts'
import type { ConfigOf, Schema } from '../config/schema.ts'
import { type Log, type LogFormat, type LogLevel, logFor, setLog, writeNotice } from '../log/log.ts'
import { OperationsServer } from '../operations/server.ts'
import type { OperationsConfig } from '../operations/settings.ts'
import { isSurveyWanted, SurveyView } from '../operations/survey-view.ts'
import type { Identity } from '../os/privileges.ts'
import { Folder } from '../persistence/folder.ts'
import { Keeper, type State } from '../persistence/keeper.ts'
import {
  type ScrapeExport,
  type ScrapeExportConfig,
  startScrapeExport,
} from '../persistence/scrape-export.ts'
import type { PersistenceConfig } from '../persistence/settings.ts'
import { ProcessFigures } from '../process/figures.ts'
import { giveUpRights, type PrivilegeConfig } from '../process/privileges.ts'
import { Reloader } from '../process/reloader.ts'
import { ServiceManager } from '../process/service-manager.ts'
import { signals } from '../process/signals.ts'
import { releaseStartCode } from '../process/start-code.ts'
import { type TroubleSource, Troubles } from '../process/troubles.ts'
import { stallTrouble, Workers } from '../process/workers.ts'
import { attachSwarms, type SwarmBuffers, setLimits } from '../swarm/memory.ts'
import type { ReserveLimits } from '../swarm/reserve.ts'
import { Survey } from '../swarm/survey.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { type ProtocolFigures, View } from './view.ts'

/** The settings that every tracker has, as far as its life follows from them. */
export interface CommonConfig {
  readonly log_level: LogLevel
  readonly log_format: LogFormat
  readonly protocol: { readonly count_downloads: boolean }
  readonly statistics: { readonly torrent_peer_histograms: boolean }
  readonly operations: OperationsConfig
  readonly access_list: AccessListConfig
  readonly cleaning: { readonly interval: number }
  readonly privileges: PrivilegeConfig
  readonly limits: ReserveLimits
  readonly persistence: PersistenceConfig
  readonly scrape_export: ScrapeExportConfig
}

type Config<S extends Schema> = ConfigOf<S> & CommonConfig

/** What there is before a tracker's life begins; each protocol adds its own. */
export interface TrackerStart<S extends Schema> {
  /** The file that workers run. */
  readonly entry: URL
  readonly config: Config<S>
  readonly swarms: SwarmBuffers
  /** With the ports that the system chose. */
  readonly listening: { readonly addresses: readonly SocketAddress[] }
  /** Who the process becomes; null when it keeps its rights. */
  readonly identity: Identity | null
  /** Null when nothing is kept over a restart. */
  readonly keeper: Keeper | null
}

/** Reads what was kept over the restart. Nobody may serve from the swarms yet. */
export function openKeeper(
  { persistence, privileges }: Pick<CommonConfig, 'persistence' | 'privileges'>,
  state: State,
  identity: Identity | null,
): Promise<Keeper> {
  return Keeper.open({
    folder: new Folder(persistence.path, privileges, identity),
    state,
    intervalMinutes: persistence.interval_minutes,
    takeOver: persistence.take_over,
    log: logFor('persistence'),
  })
}

export abstract class Tracker<S extends Schema> {
  protected readonly config: Config<S>
  protected readonly workers: Workers
  protected readonly accessList: AccessListKeeper
  /** What goes wrong while it serves; each part adds what it knows of. */
  protected readonly troubles = new Troubles(logFor('trouble'))
  private readonly name: string
  private readonly schema: S
  private readonly log: Log
  private readonly given: TrackerStart<S>
  private readonly service: ServiceManager
  private scrapeExport: ScrapeExport | null = null

  /** `name`: of the executable. */
  constructor(name: string, schema: S, log: Log, start: TrackerStart<S>) {
    const { entry, config, swarms } = start
    this.name = name
    this.schema = schema
    this.log = log
    this.given = start
    this.config = config
    this.workers = new Workers(name, entry, log, (message) => this.heard(message))
    this.service = new ServiceManager(name, this.workers, log)
    const { access_list, privileges } = config
    this.accessList = new AccessListKeeper(access_list, privileges, swarms, log, (list) =>
      this.sendAccessList(list),
    )
    this.troubles.add(stallTrouble(this.workers), this.accessList.troubleSource)
    const { keeper } = start
    if (keeper !== null) this.troubles.add(keeper.troubleSource)
    this.troubles.onChange(([worst]) => {
      this.service.trouble(worst === undefined ? '' : `${worst.severity}: ${worst.text}`)
    })
  }

  protected abstract readonly watch: {
    start(): void
    stop(): void
    configure(config: Config<S>): void
    /** What it sees going wrong. */
    troubles(): readonly TroubleSource[]
  }
  /** Null when clients are not counted. */
  protected abstract readonly census: Census | null

  /** Resolves once all workers serve. */
  protected abstract startWorkers(): Promise<void>
  /** Called once they do. */
  protected abstract workersServe(): void
  protected abstract sendAccessList(list: AccessListData): void
  protected abstract figures(): ProtocolFigures
  /** For the line that tells of the start. */
  protected abstract summary(): string
  /** Whether the setting at `path` can take the value it has in `after` without a restart. */
  protected abstract canApply(path: string, after: Config<S>): boolean
  /** Puts changed settings in force that are the protocol's. */
  protected abstract apply(config: Config<S>, paths: ReadonlySet<string>): void

  /** What a worker says while it serves. */
  protected heard(_message: unknown): void {}

  /** Another process serves in this one's place. */
  protected giveWay(): void {
    this.workers.stop()
  }

  protected becomeOther(identity: Identity): void {
    giveUpRights(this.config.privileges, identity)
  }

  /** Resolves once the tracker serves. */
  async serve(version: string, context: RunContext<S>): Promise<void> {
    const { identity, keeper } = this.given
    prepareRunning()
    await this.accessList.load()
    signals.starting()
    await this.start()
    // Nobody needs what has not begun: the folder of persistence stays as it was found.
    if (signals.mustStop) return this.workers.stop()
    const reloader = this.reloader(context)
    const operations = this.serveOperations(version, () => reloader.settingsText)
    releaseStartCode()
    if (identity !== null) {
      this.becomeOther(identity)
      keeper?.rootChanged()
      this.accessList.rootChanged()
    }
    await this.startKeeper(keeper)
    this.accessList.start()
    this.startExport()
    reloader.start(identity !== null, this.service)
    this.tellStart(version, operations)
    signals.serving(() => this.workers.stop())
  }

  private async startKeeper(keeper: Keeper | null): Promise<void> {
    if (keeper === null) {
      const why = '[persistence] path names no folder'
      signals.on('SIGUSR2', () => this.log.always('info', `nothing is written (SIGUSR2): ${why}`))
      return
    }
    this.workers.beforeExit(() => keeper.finish())
    await keeper.start(() => this.giveWay())
  }

  private tellStart(version: string, operations: string | null): void {
    if (signals.mustStop) return
    const { name } = this
    const { listening } = this.given
    const addresses = listening.addresses.map(addressText).join(', ')
    const state = `listening on ${addresses} (${this.summary()})`
    writeNotice('info', `${name} ${version} ${state}`)
    if (operations !== null) writeNotice('info', `${name} operations at http://${operations}/`)
    this.service.ready(state)
  }

  private async start(): Promise<void> {
    this.workers.onStop(() => signals.stopping())
    this.workers.onStop(() => this.watch.stop())
    this.workers.onStop(() => this.troubles.stop())
    this.workers.onStop(() => this.census?.stop())
    this.workers.onStop(() => this.accessList.stop())
    await this.startWorkers()
    this.workersServe()
    this.watch.start()
    this.troubles.add(...this.watch.troubles())
    this.troubles.start()
    this.census?.start()
  }

  /** Opens the endpoint of [operations] address; returns where it is, null for none. */
  private serveOperations(version: string, settings: () => string): string | null {
    const { operations } = this.config
    if (operations.address === '') return null
    const view = new View({
      name: this.name,
      version,
      settings,
      own: this.figures(),
      workers: this.workers,
      troubles: this.troubles,
      process: new ProcessFigures(),
      census: this.census,
      survey: this.surveyView(),
    })
    const { keeper } = this.given
    const sharing = keeper === null ? 'alone' : keeper.takesOver ? 'beside' : 'first'
    const server = new OperationsServer(operations, view, sharing)
    this.workers.onStop(() => server.stop())
    return addressText(server.address)
  }

  private surveyView(): SurveyView | null {
    if (!isSurveyWanted(this.config)) return null
    const survey = new Survey(this.attachedSwarms())
    survey.start()
    this.workers.onStop(() => survey.stop())
    return new SurveyView(survey, this.config)
  }

  /** Once the process is who it will be. */
  private startExport(): void {
    const rootChanged = this.given.identity !== null
    this.scrapeExport = startScrapeExport(this.config, rootChanged, () => this.attachedSwarms())
    this.workers.onStop(() => this.scrapeExport?.stop())
    if (this.scrapeExport !== null) this.troubles.add(this.scrapeExport.troubleSource)
  }

  private attachedSwarms(): Swarms {
    return attachSwarms(this.given.swarms, this.config.protocol.count_downloads)
  }

  /** Reads the settings again when told to, from the start's command line. */
  private reloader(context: RunContext<S>): Reloader<S> {
    const { config, log } = this
    const rules = {
      schema: this.schema,
      canApply: (path: string, after: ConfigOf<S>) => this.canApply(path, after as Config<S>),
      apply: (after: ConfigOf<S>, paths: ReadonlySet<string>) =>
        this.applyAll(after as Config<S>, paths),
    }
    return new Reloader(config, context, rules, config.privileges, log)
  }

  private applyAll(config: Config<S>, paths: ReadonlySet<string>): void {
    setLog(config.log_level, config.log_format)
    this.watch.configure(config)
    setLimits(this.given.swarms, config.limits.max_torrents, config.limits.max_peers)
    this.given.keeper?.setInterval(config.persistence.interval_minutes)
    this.scrapeExport?.configure(config)
    this.apply(config, paths)
    const lists = ['access_list.mode', 'access_list.path']
    if (lists.some((path) => paths.has(path))) this.accessList.change(config.access_list)
  }
}
