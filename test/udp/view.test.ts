import { defaultsOf } from '../../src/config/schema.ts'
import { logFor } from '../../src/log/log.ts'
import { ProcessFigures } from '../../src/process/figures.ts'
import { Workers } from '../../src/process/workers.ts'
import { createSwarmMemory } from '../../src/swarm/memory.ts'
import { udpSettings } from '../../src/udp/config.ts'
import { COUNTER_WORDS, COUNTERS } from '../../src/udp/counters.ts'
import { createLinks } from '../../src/udp/links.ts'
import { UdpView } from '../../src/udp/view.ts'
import { Watch } from '../../src/udp/watch.ts'
import { viewContract } from '../contract/view.ts'

const log = logFor('test')

viewContract('aquatic_udp', COUNTERS, COUNTER_WORDS, (slots) => {
  const swarms = createSwarmMemory({ maxTorrents: 100, maxPeers: 100, workers: 1 })
  const config = defaultsOf(udpSettings.schema)
  const watch = new Watch(config, 1, slots, swarms, [], createLinks(1, 0), log, null)
  const workers = new Workers('test', new URL('file:///none'), log)
  return new UdpView('1', watch, workers, new ProcessFigures(), () => '', null)
})
