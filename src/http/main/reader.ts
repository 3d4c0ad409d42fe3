// The figures that the tracker reads from HTTP's workers once a second: those of every protocol, and the number of
// connections. Created by main.ts.
import type { Census } from '../../census/census.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import type { SwarmBuffers } from '../../swarm/memory.ts'
import { type ReaderPlace, StatisticsReader } from '../../tracker/statistics-reader.ts'
import { COUNTERS, HISTOGRAMS, type HttpNames } from '../worker/counters.ts'
import { statisticsFigures, statisticsText } from './statistics.ts'

export interface HttpSources {
  readonly slots: SharedArrayBuffer
  readonly workers: number
  readonly swarms: SwarmBuffers
  readonly census: Census | null
  /** The current number of connections that count toward the limit, */
  readonly connections: () => number
  /** and their limit. */
  readonly connectionLimit: () => number
  readonly place?: ReaderPlace
  readonly interval: () => number
}

export function httpReader(sources: HttpSources): StatisticsReader<HttpNames> {
  const { connections, connectionLimit, ...shared } = sources
  return new StatisticsReader<HttpNames>({
    ...shared,
    kinds: UDP_KINDS,
    counters: COUNTERS,
    histograms: HISTOGRAMS,
    asked: COUNTERS.filter((name) => name.startsWith('requests_')),
    totals: () => ({}),
    gauges: () => ({ connections: connections(), connectionLimit: connectionLimit() }),
    text: statisticsText,
    figures: statisticsFigures,
  })
}
