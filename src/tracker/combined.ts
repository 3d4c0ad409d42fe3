// A tracker with several protocols: each sees its settings, its place among the others and its figures as in
// its own tracker, while its messages use the names of the combined settings. Used by src/aquatic/. Owns
// nothing.
import { type CheckFindings, StartError } from '../config/cli.ts'
import type { Lens } from '../config/combine.ts'
import type { Schema } from '../config/schema.ts'
import type { Identity } from '../os/privileges.ts'
import { HEALTH_CHECK } from '../process/health-check.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { PreparedPage } from '../public-page/prepared.ts'
import { TEST, testSettings } from '../test-mode/settings.ts'
import { combineSettings, isEnabled, type ProtocolSettings } from './combined-settings.ts'
import { type LiveSettings, PROCESS_LIVE } from './live-settings.ts'
import type {
  GuestProtocol,
  HostWorkers,
  Notices,
  Protocol,
  ProtocolListening,
  ProtocolPlan,
  ProtocolType,
} from './protocol.ts'
import type { CommonConfig } from './settings.ts'
import type { OwnConfig } from './sharing.ts'
import { fileFlags, settingsOfFiles } from './single-files.ts'
import type { TrackerConfig, TrackerProgram } from './tracker.ts'
import type { ProtocolFigures } from './view.ts'

type CombinedConfig = TrackerConfig<Schema>

/** A protocol that can be served together with others. */
export interface Member extends ProtocolSettings {
  readonly type: ProtocolType<never>
}

export interface CombinedProgram {
  readonly name: string
  readonly description: string
  /** Shared sections with another text for several protocols. */
  readonly sections: Schema
  /** Of shared settings, by path, and of shared sections, where several protocols need other words. */
  readonly explanations: Readonly<Record<string, string>>
  readonly members: readonly Member[]
}

export function combinedTracker(program: CombinedProgram): TrackerProgram<Schema> {
  const { name, description, members } = program
  const { settings, lenses, configs } = combineSettings(members, program)
  return {
    name,
    description,
    settings,
    flags: [...fileFlags(members), HEALTH_CHECK, TEST],
    base: (flags, reached) => {
      const files = settingsOfFiles(members, lenses, flags, reached)
      if (!flags.has(TEST.name)) return files
      const { values } = testSettings(members.map(({ name: member }) => member))
      return { ...files, values: new Map([...values, ...files.values]) }
    },
    subsystem: 'tracker',
    metricPrefix: 'tracker',
    several: true,
    protocols: members.map((member, i) => {
      const host = members.findIndex(({ name }) => name === member.guestOf?.host)
      const workers = (config: CombinedConfig) => hostWorkers(members[host], configs[host], config)
      return new TypeWithin(member, { lens: lenses[i], own: configs[i], workers })
    }),
  }
}

function hostWorkers(host: Member, own: OwnConfig, config: CombinedConfig): HostWorkers {
  const type = host.type as ProtocolType<object>
  if (type.hostWorkers === undefined) throw new Error(`${host.name} serves no other protocol`)
  return type.hostWorkers(own.served(config))
}

interface MemberParts {
  readonly lens: Lens
  readonly own: OwnConfig
  /** Of its host, where it is a guest. */
  readonly workers: (config: CombinedConfig) => HostWorkers
}

class TypeWithin implements ProtocolType<CombinedConfig> {
  readonly kinds: ProtocolType<never>['kinds']
  readonly persists: ProtocolType<never>['persists']
  private readonly names: { readonly name: string; readonly title: string }
  private readonly type: ProtocolType<object>
  private readonly lens: Lens
  private readonly own: OwnConfig
  private readonly workers: MemberParts['workers']

  constructor(member: Member, { lens, own, workers }: MemberParts) {
    this.kinds = member.type.kinds
    this.persists = member.type.persists
    this.names = { name: member.name, title: member.title }
    // Only the protocol knows the type of its settings; the lens gives it those of its own schema.
    this.type = member.type as ProtocolType<object>
    this.lens = lens
    this.own = own
    this.workers = workers
  }

  isEnabled(config: CombinedConfig): boolean {
    return isEnabled(config, this.names.name)
  }

  listens(config: CombinedConfig): ProtocolListening {
    const { settings } = this.type.listens(this.own.served(config))
    return { settings, title: this.lens.text('[network] address') }
  }

  check(config: CombinedConfig, remark: (text: string) => void): CheckFindings {
    const { lens } = this
    const { problems, warnings } = this.type.check(this.own.checked(config), (text) =>
      remark(lens.text(text)),
    )
    return {
      problems: problems.map((text) => lens.text(text)),
      warnings: warnings.map((text) => lens.text(text)),
    }
  }

  healthQuestion(config: CombinedConfig): ReturnType<ProtocolType<object>['healthQuestion']> {
    return this.type.healthQuestion(this.own.served(config))
  }

  prepare(config: CombinedConfig, tell: Notices): ProtocolPlan<CombinedConfig> {
    const { lens, own, type, names } = this
    const noticesWithin = {
      info: (text: string) => tell.info(lens.text(text)),
      warn: (text: string) => tell.warn(lens.text(text)),
    }
    const plan = named(lens, () => {
      const served = own.served(config)
      return own.isGuest(config) && type.prepareGuest !== undefined
        ? type.prepareGuest(served, this.workers(config))
        : type.prepare(served, noticesWithin)
    })
    return {
      ...plan,
      open: (process, place) => {
        const within = { ...place, ...names, tell: noticesWithin }
        const protocol = named(lens, () => plan.open(process, within))
        return new ProtocolWithin(protocol, { lens, config: own }, names)
      },
    }
  }
}

/** Makes StartErrors name settings as in the combined schema. */
function named<T>(lens: Lens, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof StartError ? new StartError(lens.text(error.message)) : error
  }
}

class ProtocolWithin implements Protocol<CombinedConfig> {
  readonly title: string
  readonly liveSettings: LiveSettings<CombinedConfig>
  readonly figures: ProtocolFigures
  readonly name: string
  private readonly own: Protocol<object>
  private readonly lens: Lens
  private readonly config: OwnConfig

  constructor(
    own: Protocol<object>,
    { lens, config }: { readonly lens: Lens; readonly config: OwnConfig },
    names: { title: string; name: string },
  ) {
    this.own = own
    this.config = config
    this.lens = lens
    this.title = names.title
    this.name = names.name
    this.liveSettings = liveWithin(own.liveSettings, lens)
    this.figures = figuresWithin(own.figures, names.title)
  }

  get addresses(): Protocol<object>['addresses'] {
    return this.own.addresses
  }

  get places(): Protocol<object>['places'] {
    return this.own.places
  }

  get socketPaths(): readonly string[] {
    return this.own.socketPaths ?? []
  }

  get summary(): string {
    return this.own.summary
  }

  get asGuest(): GuestProtocol | null {
    return this.own.asGuest ?? null
  }

  host(guest: GuestProtocol): void {
    this.own.host?.(guest)
  }

  startWorkers(): Promise<void> {
    return this.own.startWorkers()
  }

  begin(): void {
    this.own.begin()
  }

  end(): void {
    this.own.end()
  }

  use(): ReturnType<Protocol<object>['use']> {
    return this.own.use()
  }

  troubles(): readonly TroubleSource[] {
    const { lens, name, title } = this
    return this.own.troubles().map((source) => ({
      name: `${name}_${source.name}`,
      find: () => {
        const trouble = source.find()
        if (trouble === null) return null
        const { text, remedy } = trouble
        return { ...trouble, text: `${title}: ${lens.text(text)}`, remedy: lens.text(remedy) }
      },
    }))
  }

  sendList(update: Parameters<Protocol<object>['sendList']>[0]): void {
    this.own.sendList(update)
  }

  showPage(page: PreparedPage): void {
    this.own.showPage?.(page)
  }

  configure(config: CombinedConfig, paths: ReadonlySet<string>): void {
    const inner = [...paths].map((path) => this.lens.inner(path))
    const known = inner.filter((path) => path !== undefined)
    this.own.configure(this.config.served(config), new Set(known))
  }

  giveTo(identity: Identity): void {
    this.own.giveTo?.(identity)
  }

  takenOver(): void {
    this.own.takenOver?.()
  }
}

/** The settings that could change in a process with only this protocol. */
function liveWithin(own: LiveSettings<object>, lens: Lens): LiveSettings<CombinedConfig> {
  const all = [...(PROCESS_LIVE as LiveSettings<object & CommonConfig>), ...own]
  return new Map(
    all.flatMap(([path, rule]) => {
      const outer = lens.outer(path)
      if (outer === undefined) return []
      const within = (start: CombinedConfig, after: CombinedConfig) =>
        rule(lens.config(start) as never, lens.config(after) as never)
      return [[outer, within] as const]
    }),
  )
}

function figuresWithin(figures: ProtocolFigures, title: string): ProtocolFigures {
  const titled = <T extends { readonly title: string }>(each: T): T => {
    return { ...each, title: `${title}: ${each.title}` }
  }
  return {
    families: () => figures.families(),
    charts: figures.charts.map(titled),
    breakdowns: figures.breakdowns.map(titled),
    summary: figures.summary,
  }
}
