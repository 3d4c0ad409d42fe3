import { UDP_KINDS } from '../../../src/swarm/layout.ts'
import { udpReader } from '../../../src/udp/main/reader.ts'
import { udpFigures } from '../../../src/udp/main/view.ts'
import { NO_XDP_TOTALS } from '../../../src/udp/main/xdp.ts'
import { createLinks } from '../../../src/udp/pipeline/links.ts'
import { COUNTER_WORDS, COUNTERS } from '../../../src/udp/worker/counters.ts'
import { viewContract } from '../../contract/view.ts'

viewContract('aquatic_udp', COUNTERS, COUNTER_WORDS, UDP_KINDS, (slots, swarms) => {
  const reader = udpReader({
    slots,
    socketWorkers: 1,
    swarms,
    census: null,
    links: createLinks(1, 0),
    receiveDrops: () => 0,
    xdp: () => NO_XDP_TOTALS,
    interval: () => 0,
  })
  return udpFigures(reader)
})
