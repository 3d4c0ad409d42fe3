// Shows what a survey of the torrents has found: metrics by number of peers, a table of the largest.
// Made by the trackers' mains, used by their views.
import { gaugeFamily, type LabelledValue, type MetricFamily } from '../metrics/families.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import { type Survey, sizeClassText } from '../swarm/walks/survey.ts'
import type { BreakdownSpec, TextTable } from './view.ts'

const FAMILIES: Readonly<Record<PeerKindName, string>> = {
  ipv4: 'IPv4',
  ipv6: 'IPv6',
  websocket: 'WebSocket',
}

interface SurveySettings {
  readonly statistics: { readonly torrent_peer_histograms: boolean }
  readonly operations: { readonly address: string; readonly show_info_hashes: boolean }
}

/** Whether the main thread will walk through the torrents, so that their owners have to lock them. */
export function isSurveyWanted({ statistics, operations }: SurveySettings): boolean {
  if (operations.address === '') return false
  return statistics.torrent_peer_histograms || operations.show_info_hashes
}

export class SurveyView {
  private readonly survey: Survey
  private readonly showSizes: boolean
  private readonly showInfoHashes: boolean

  constructor(survey: Survey, { statistics, operations }: SurveySettings) {
    this.survey = survey
    this.showSizes = statistics.torrent_peer_histograms
    this.showInfoHashes = operations.show_info_hashes
  }

  /** `prefix`: of the metric's name. */
  families(prefix: string): MetricFamily[] {
    if (!this.showSizes) return []
    const values = Object.entries(this.survey.result.sizes).flatMap(([kind, counts]) =>
      counts.flatMap((count, i): LabelledValue[] => {
        return count === 0 ? [] : [[{ peers: sizeClassText(i), swarm: kind }, count]]
      }),
    )
    return [
      gaugeFamily(
        `${prefix}_torrents_by_peers`,
        'Torrents with so many peers, counted once a minute.',
        values,
      ),
    ]
  }

  breakdowns(prefix: string): BreakdownSpec[] {
    if (!this.showSizes) return []
    const metric = `${prefix}_torrents_by_peers`
    return [{ title: 'Torrents by peers', metric, label: 'peers', nonZero: true }]
  }

  tables(): TextTable[] {
    if (!this.showInfoHashes) return []
    const { largest } = this.survey.result
    const rows = largest.map(({ kind, infoHash, seeders, leechers, completed }) => {
      return [infoHash, FAMILIES[kind], seeders, leechers, completed]
    })
    const head = ['info hash', 'swarm', 'seeders', 'leechers', 'completed']
    return [{ title: 'Largest torrents', head, rows }]
  }
}
