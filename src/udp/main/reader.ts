// The figures that the tracker reads from UDP's workers once a second, in addition to those of every protocol:
// packets that the system dropped, how full channels are. Made by main.ts.
import type { Census } from '../../census/census.ts'
import { ringFill } from '../../channel/ring.ts'
import { WrappingTotal } from '../../metrics/counters.ts'
import { UDP_KINDS } from '../../swarm/layout.ts'
import type { SwarmBuffers } from '../../swarm/memory.ts'
import { type ReaderPlace, StatisticsReader } from '../../tracker/statistics-reader.ts'
import type { Links, SocketLinks } from '../pipeline/links.ts'
import { COUNTERS, HISTOGRAMS, type UdpNames } from '../worker/counters.ts'
import { statisticsFigures, statisticsText } from './statistics.ts'
import type { XdpTotals } from './xdp.ts'

export interface UdpSources {
  readonly slots: SharedArrayBuffer
  readonly socketWorkers: number
  readonly swarms: SwarmBuffers
  readonly census: Census | null
  readonly links: Links
  /** At all sockets since they were opened: a sum of counters that wrap. */
  readonly receiveDrops: () => number
  readonly xdp: () => XdpTotals
  readonly place?: ReaderPlace
  readonly interval: () => number
}

export function udpReader(sources: UdpSources): StatisticsReader<UdpNames> {
  const { socketWorkers, links, receiveDrops, xdp, ...shared } = sources
  const drops = new WrappingTotal()
  const fill = (rings: (links: SocketLinks) => readonly SharedArrayBuffer[]) =>
    Math.max(0, ...links.socketWorkers.flatMap(rings).map(ringFill))
  return new StatisticsReader<UdpNames>({
    ...shared,
    kinds: UDP_KINDS,
    counters: COUNTERS,
    histograms: HISTOGRAMS,
    workers: socketWorkers,
    asked: COUNTERS.filter((name) => name.startsWith('requests_')),
    totals: () => ({ receiveDrops: drops.take(receiveDrops()), ...xdp() }),
    gauges: () => ({
      requestFill: fill(({ requests }) => requests),
      responseFill: fill(({ responses }) => responses),
    }),
    text: statisticsText,
    figures: statisticsFigures,
  })
}
