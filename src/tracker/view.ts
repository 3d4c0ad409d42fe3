// What a tracker shows its operator: the figures of its protocols (view.ts of each), and those that every
// tracker has: its name, its swarms, the clients of its peers, the survey of torrents, the process. Made for
// the operations endpoint.
import type { Census } from '../census/census.ts'
import { clientBreakdowns, clientFamilies } from '../census/view.ts'
import { gaugeFamily, type MetricFamily } from '../metrics/families.ts'
import type { SurveyView } from '../operations/survey-view.ts'
import type {
  BreakdownSpec,
  ChartSpec,
  ProtocolSummary,
  SwarmSummary,
  TextTable,
  TrackerView,
} from '../operations/view.ts'
import type { PressureWatch } from '../pressure/watch.ts'
import type { ProcessFigures } from '../process/figures.ts'
import type { FoundTrouble, Troubles } from '../process/troubles.ts'
import type { Workers } from '../process/workers.ts'
import { PROCESS_CHARTS } from './charts.ts'
import type { ClusterFigures } from './cluster-figures.ts'
import type { SwarmFigures } from './swarm-figures.ts'

const LEVELS = { attention: 1, bad: 2 } as const

/** The figures that a protocol shows. */
export interface ProtocolFigures {
  /** All current ones, in the order in which they are shown. */
  families(): readonly MetricFamily[]
  readonly charts: readonly ChartSpec[]
  readonly breakdowns: readonly BreakdownSpec[]
  readonly summary: ProtocolSummary
}

export interface ViewParts {
  readonly name: string
  readonly version: string
  /** Effective settings as TOML, without secrets. */
  readonly settings: () => string
  /** The prefix of metric names that belong to no protocol. */
  readonly prefix: string
  readonly protocols: readonly ProtocolFigures[]
  readonly swarms: SwarmFigures
  /** Null or missing if it is no node of a cluster. */
  readonly cluster?: ClusterFigures | null
  readonly pressure: Pick<PressureWatch, 'charts' | 'families'>
  readonly workers: Workers
  readonly troubles: Troubles
  /** How many access keys there are; null where none is asked for. */
  readonly accessKeys: () => number | null
  /** How many info hashes are not as in the list's file; null where none can be edited. */
  readonly accessListEdits: () => number | null
  readonly process: ProcessFigures
  /** Null if it was not requested. */
  readonly census: Census | null
  readonly survey: SurveyView | null
}

export class View implements TrackerView {
  readonly name: string
  readonly version: string
  readonly settings: () => string
  readonly charts: readonly ChartSpec[]
  readonly breakdowns: readonly BreakdownSpec[]
  readonly protocols: readonly ProtocolSummary[]
  readonly swarms: readonly SwarmSummary[]
  private readonly parts: ViewParts

  constructor(parts: ViewParts) {
    const { prefix, protocols, swarms, cluster, pressure, census, survey } = parts
    this.parts = parts
    this.name = parts.name
    this.version = parts.version
    this.settings = parts.settings
    this.charts = [
      ...protocols.flatMap(({ charts }) => charts),
      ...swarms.charts,
      ...(cluster?.charts ?? []),
      ...pressure.charts,
      ...PROCESS_CHARTS,
    ]
    this.protocols = protocols.map(({ summary }) => summary)
    this.swarms = swarms.summaries
    this.breakdowns = [
      ...protocols.flatMap(({ breakdowns }) => breakdowns),
      ...clientBreakdowns(prefix, census !== null),
      ...(survey?.breakdowns(prefix) ?? []),
    ]
  }

  tables(): readonly TextTable[] {
    const { cluster, survey } = this.parts
    return [...(cluster?.tables() ?? []), ...(survey?.tables() ?? [])]
  }

  troubles(): readonly FoundTrouble[] {
    return this.parts.troubles.current()
  }

  isReady(): boolean {
    return this.parts.workers.areServing()
  }

  families(): readonly MetricFamily[] {
    const { prefix, protocols, swarms, cluster, pressure, census, survey, process } = this.parts
    const labels = { name: this.name, version: this.version }
    return [
      gaugeFamily('tracker_build_info', 'Name and version of the tracker; always 1.', [
        [labels, 1],
      ]),
      this.troubleFamily(),
      ...this.keyFamilies(),
      ...this.editFamilies(),
      ...protocols.flatMap((protocol) => protocol.families()),
      ...swarms.families(),
      ...(cluster?.families() ?? []),
      ...pressure.families(),
      ...clientFamilies(prefix, census?.result ?? null),
      ...(survey?.families(prefix) ?? []),
      ...process.families(),
    ]
  }

  private keyFamilies(): MetricFamily[] {
    const count = this.parts.accessKeys()
    if (count === null) return []
    const help = 'Access keys in the list in force, those that have ended too.'
    return [gaugeFamily('tracker_access_keys', help, [[{}, count]])]
  }

  private editFamilies(): MetricFamily[] {
    const count = this.parts.accessListEdits()
    if (count === null) return []
    const help =
      'Info hashes that were added to the access list, or removed, and are not so in its file.'
    return [gaugeFamily('tracker_access_list_edits', help, [[{}, count]])]
  }

  private troubleFamily(): MetricFamily {
    const { troubles } = this.parts
    const levels = new Map(troubles.current().map(({ name, severity }) => [name, LEVELS[severity]]))
    return gaugeFamily(
      'tracker_trouble',
      'How bad each kind of trouble is now: 0 none, 1 attention, 2 bad.',
      troubles.names().map((name) => [{ trouble: name }, levels.get(name) ?? 0]),
    )
  }
}
