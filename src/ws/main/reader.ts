// The figures that the tracker reads from WebTorrent's workers once a second, in addition to those of every
// protocol: the number of connections, how full the channels between workers are. Made by main.ts.
import type { Census } from '../../census/census.ts'
import { ringFill } from '../../channel/ring.ts'
import { totalOf } from '../../metrics/counter-list.ts'
import type { SwarmBuffers } from '../../swarm/memory.ts'
import { type ReaderPlace, StatisticsReader } from '../../tracker/statistics-reader.ts'
import { WS_KINDS } from '../settings/config-checks.ts'
import { HISTOGRAMS, STORED_COUNTERS, type WsNames } from '../worker/counters.ts'
import { statisticsFigures, statisticsText } from './statistics.ts'

export interface WsSources {
  readonly slots: SharedArrayBuffer
  readonly workers: number
  readonly swarms: SwarmBuffers
  readonly census: Census | null
  /** Between workers. */
  readonly rings: readonly SharedArrayBuffer[]
  readonly connectionLimit: () => number
  readonly place?: ReaderPlace
  readonly interval: () => number
}

export function wsReader(sources: WsSources): StatisticsReader<WsNames> {
  const { rings, connectionLimit, ...shared } = sources
  return new StatisticsReader<WsNames>({
    ...shared,
    kinds: WS_KINDS,
    counters: STORED_COUNTERS,
    histograms: HISTOGRAMS,
    asked: ['received_messages_ipv4', 'received_messages_ipv6'],
    totals: () => ({}),
    gauges: (counts) => ({
      connections: totalOf(counts, 'connections_opened') - totalOf(counts, 'connections_closed'),
      connectionLimit: connectionLimit(),
      channelFill: Math.max(0, ...rings.map(ringFill)),
    }),
    text: statisticsText,
    figures: statisticsFigures,
  })
}
