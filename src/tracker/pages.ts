// What a tracker shows over HTTP from its main thread: the operator's endpoint and the public page, and the history
// that both have charts of. Made by tracker.ts once the workers serve, before the process gives up its rights. Owns
// the servers, the history, and the survey of torrents.
import type { Census } from '../census/census.ts'
import { addressText } from '../config/address.ts'
import type { Figures, History } from '../history/history.ts'
import { HistoryKeeper } from '../history/keeper.ts'
import { historyPath } from '../history/settings.ts'
import { logFor } from '../log/log.ts'
import type { Snapshot } from '../metrics/families.ts'
import { EditRoute } from '../operations/edit-route.ts'
import type { PortSharing } from '../operations/open-server.ts'
import { seriesValue } from '../operations/sampler.ts'
import { OperationsServer } from '../operations/server.ts'
import { isSurveyWanted, SurveyView } from '../operations/survey-view.ts'
import type { Token } from '../operations/token.ts'
import type { SeriesSpec } from '../operations/view.ts'
import { nowMilliseconds } from '../os/clock.ts'
import type { Persistence } from '../persistence/persistence.ts'
import type { PressureWatch } from '../pressure/watch.ts'
import { ProcessFigures } from '../process/figures.ts'
import type { Troubles } from '../process/troubles.ts'
import type { Workers } from '../process/workers.ts'
import { PublicPage } from '../public-page/public-page.ts'
import { isPageOn } from '../public-page/settings.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { Survey } from '../swarm/walks/survey.ts'
import { PROCESS_CHARTS } from './charts.ts'
import type { ClusterFigures } from './cluster-figures.ts'
import type { Lists } from './lists.ts'
import type { Protocol } from './protocol.ts'
import type { CommonConfig } from './settings.ts'
import { SwarmFigures } from './swarm-figures.ts'
import { View } from './view.ts'

const HISTORY_SUFFIX = 'history'
const MEMORY = PROCESS_CHARTS[0].series

export interface PagesParts {
  readonly name: string
  readonly version: string
  /** The prefix of metric names that belong to no protocol. */
  readonly prefix: string
  /** All kinds of peers that the program can have. */
  readonly kinds: readonly PeerKindName[]
  /** The settings at startup. */
  readonly config: CommonConfig
  /** The settings in force, as the page shows them. */
  readonly settings: () => string
  readonly protocols: readonly Protocol<never>[]
  readonly swarms: SwarmBuffers
  readonly attachedSwarms: () => Swarms
  readonly workers: Workers
  readonly troubles: Troubles
  readonly pressure: PressureWatch
  readonly census: Census | null
  readonly lists: Lists
  readonly cluster: ClusterFigures | null
  /** With which the access list may be edited; null where it may not. */
  readonly token: Token | null
  readonly persistence: Persistence | null
  /** The process is about to become another user, below another root directory. */
  readonly rootChanges: boolean
}

/** Null if nothing is to be shown. Throws StartError where an address cannot be opened. */
export function openPages(parts: PagesParts): Pages | null {
  const { operations, public_page } = parts.config
  return operations.address === '' && !isPageOn(public_page) ? null : new Pages(parts)
}

export class Pages {
  /** Lines for the person who starts the tracker: what is where. */
  readonly places: readonly string[]
  private readonly parts: PagesParts
  private readonly view: View
  private readonly keeper: HistoryKeeper
  private readonly publicPage: PublicPage | null
  private now: Snapshot
  private before: Snapshot

  constructor(parts: PagesParts) {
    const { config, workers, troubles } = parts
    this.parts = parts
    this.view = this.newView()
    this.now = this.snapshot()
    this.before = this.now
    this.keeper = new HistoryKeeper({
      path: () => this.historyPath(),
      figures: () => this.figures(),
      isServing: () => workers.areServing(),
      ticked: () => this.publicPage?.prepare(),
      log: logFor('history'),
    })
    troubles.add(this.keeper.troubleSource)
    workers.onStop(() => this.keeper.stop())
    const operations = config.operations.address === '' ? null : this.openOperations()
    this.publicPage = isPageOn(config.public_page) ? this.openPublic() : null
    const address = this.publicPage?.address ?? null
    this.places = [
      ...(operations === null ? [] : [`operations at http://${operations}/`]),
      ...(address === null ? [] : [`public page at http://${addressText(address)}/`]),
    ]
  }

  /** No other process uses the file of the history any more. */
  begin(): void {
    this.keeper.begin()
  }

  configure({ public_page }: CommonConfig): void {
    this.publicPage?.configure(public_page)
  }

  /** What is to be done before the process ends. */
  finish(): Promise<void> {
    return this.keeper.finish()
  }

  private historyPath(): string | null {
    const { config, persistence, rootChanges } = this.parts
    return historyPath(config, rootChanges) ?? persistence?.pathOf(HISTORY_SUFFIX) ?? null
  }

  private newView(): View {
    const { lists, protocols, swarms, prefix } = this.parts
    return new View({
      ...this.parts,
      swarms: new SwarmFigures(swarms, prefix, this.parts.kinds),
      protocols: protocols.map(({ figures }) => figures),
      accessKeys: () => lists.keys.count,
      accessListEdits: () => lists.torrents.editCount,
      process: new ProcessFigures(),
      survey: this.surveyView(),
    })
  }

  private surveyView(): SurveyView | null {
    const { config, attachedSwarms, workers } = this.parts
    if (!isSurveyWanted(config)) return null
    const survey = new Survey(attachedSwarms())
    survey.start()
    workers.onStop(() => survey.stop())
    return new SurveyView(survey, config)
  }

  private openOperations(): string {
    const { config, workers, token, lists } = this.parts
    const edits =
      token === null
        ? null
        : new EditRoute(token, lists.torrents, (text) => logFor('operations').warn(text))
    const server = new OperationsServer(config.operations, this.view, {
      sharing: this.sharing,
      edits,
      history: () => this.keeper.history,
    })
    workers.onStop(() => server.stop())
    return addressText(server.address)
  }

  private openPublic(): PublicPage {
    const { config, lists, workers, protocols } = this.parts
    const isOnHttp = config.public_page.on_http_port === true
    const page = new PublicPage({
      config: config.public_page,
      view: this.view,
      history: (): History => this.keeper.history,
      snapshots: () => ({ now: this.now, before: this.before }),
      places: protocols.flatMap(({ places }) => places),
      needsKey: () => lists.keys.count !== null,
      publish: (prepared) => {
        if (isOnHttp) for (const protocol of protocols) protocol.showPage?.(prepared)
      },
      sharing: this.sharing,
    })
    workers.onStop(() => page.stop())
    return page
  }

  private get sharing(): PortSharing {
    const { persistence } = this.parts
    if (persistence === null) return 'alone'
    return persistence.takesOver ? 'beside' : 'first'
  }

  private snapshot(): Snapshot {
    return { at: nowMilliseconds(), families: this.view.families() }
  }

  /** For the history. */
  private figures(): Figures {
    this.before = this.now
    this.now = this.snapshot()
    const sum = (specs: readonly SeriesSpec[]) =>
      specs.reduce((all, spec) => all + seriesValue(spec, this.now, this.before), 0)
    const { protocols, swarms } = this.view
    return {
      requests: sum(protocols.flatMap(({ requests }) => requests)),
      lost: sum(protocols.flatMap(({ lost }) => lost)),
      torrents: sum(swarms.map(({ torrents }) => torrents)),
      peers: sum(swarms.flatMap(({ seeders, leechers }) => [seeders, leechers])),
      memory: sum(MEMORY),
    }
  }
}
