// The figures of the swarms, which belong to the process and not to a protocol: torrents, peers, and waits for
// locks, each shown once. Used by view.ts. Owns the totals of counters that wrap.
import { WrappingTotal } from '../metrics/counters.ts'
import {
  counterFamily,
  gaugeFamily,
  type LabelledValue,
  type MetricFamily,
} from '../metrics/families.ts'
import type { ChartSpec, SeriesSpec, SwarmSummary } from '../operations/view.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import { countSwarms } from '../swarm/walks/count.ts'

interface Shown {
  /** Labels of the metrics. */
  readonly labels: Readonly<Record<string, string>>
  /** Title in a chart. */
  readonly title: string
}

type ShownKind = Shown & { readonly kind: PeerKindName }

const BY_ADDRESS: Readonly<Record<PeerKindName, Shown>> = {
  ipv4: { labels: { ip_version: '4' }, title: 'IPv4' },
  ipv6: { labels: { ip_version: '6' }, title: 'IPv6' },
  websocket: { labels: {}, title: 'torrents' },
}

/** Names of the swarms if the process has both kinds: a WebTorrent peer has no IP version. */
const BY_SWARM: Readonly<Record<PeerKindName, Shown>> = {
  ipv4: { labels: { swarm: 'ipv4' }, title: 'IPv4' },
  ipv6: { labels: { swarm: 'ipv6' }, title: 'IPv6' },
  websocket: { labels: { swarm: 'websocket' }, title: 'WebTorrent' },
}

export class SwarmFigures {
  readonly charts: readonly ChartSpec[]
  readonly summaries: readonly SwarmSummary[]
  private readonly swarms: SwarmBuffers
  private readonly prefix: string
  private readonly kinds: readonly ShownKind[]
  private readonly lockWaits = new WrappingTotal()
  private readonly lockSleeps = new WrappingTotal()

  /** `prefix`: of the metrics' names. `known`: kinds that the program can have, with other settings. */
  constructor(swarms: SwarmBuffers, prefix: string, known: readonly PeerKindName[] = swarms.kinds) {
    const isMixed = known.includes('websocket') && known.length > 1
    const shown = isMixed ? BY_SWARM : BY_ADDRESS
    this.swarms = swarms
    this.prefix = prefix
    this.kinds = swarms.kinds.map((kind) => ({ kind, ...shown[kind] }))
    this.charts = [torrentsChart(prefix, this.kinds), peersChart(prefix)]
    this.summaries = this.kinds.map((kind) => summaryOf(prefix, kind))
  }

  families(): readonly MetricFamily[] {
    const { prefix, kinds, lockWaits, lockSleeps } = this
    const swarms = countSwarms(this.swarms)
    const all = Object.values(swarms)
    const waits = all.reduce((sum, { contendedLocks }) => sum + contendedLocks, 0)
    const sleeps = all.reduce((sum, { sleptLocks }) => sum + sleptLocks, 0)
    const torrents = kinds.map(({ kind, labels }): LabelledValue => [labels, swarms[kind].torrents])
    const peers = kinds.flatMap(({ kind, labels }): LabelledValue[] => [
      [{ ...labels, role: 'seeder' }, swarms[kind].seeders],
      [{ ...labels, role: 'leecher' }, swarms[kind].leechers],
    ])
    return [
      counterFamily(
        `${prefix}_lock_waits_total`,
        'Times that a worker waited for another, because both needed the same part of the torrents.',
        [[{}, lockWaits.take(waits)]],
      ),
      counterFamily(
        `${prefix}_lock_sleeps_total`,
        'Waits among these that were so long that the worker slept.',
        [[{}, lockSleeps.take(sleeps)]],
      ),
      gaugeFamily(`${prefix}_torrents`, 'Torrents with at least one peer.', torrents),
      gaugeFamily(`${prefix}_peers`, 'Peers in all torrents.', peers),
    ]
  }
}

function summaryOf(prefix: string, { kind, labels }: ShownKind): SwarmSummary {
  const title = BY_SWARM[kind].title
  const peers = (role: 'seeder' | 'leecher'): SeriesSpec => {
    return {
      title: `${role}s`,
      metric: `${prefix}_peers`,
      labels: { ...labels, role },
      show: 'value',
    }
  }
  return {
    title,
    torrents: { title, metric: `${prefix}_torrents`, labels, show: 'value' },
    seeders: peers('seeder'),
    leechers: peers('leecher'),
  }
}

function torrentsChart(prefix: string, kinds: readonly ShownKind[]): ChartSpec {
  return {
    title: 'Torrents',
    unit: 'count',
    series: kinds.map(({ title, labels }) => {
      return { title, metric: `${prefix}_torrents`, labels, show: 'value' }
    }),
  }
}

function peersChart(prefix: string): ChartSpec {
  const metric = `${prefix}_peers`
  return {
    title: 'Peers',
    unit: 'count',
    series: [
      { title: 'seeders', metric, labels: { role: 'seeder' }, show: 'value' },
      { title: 'leechers', metric, labels: { role: 'leecher' }, show: 'value' },
    ],
  }
}
