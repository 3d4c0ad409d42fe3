import { defaultsOf } from '../../src/config/schema.ts'
import { logFor } from '../../src/log/log.ts'
import { createSwarmMemory } from '../../src/swarm/memory.ts'
import { udpSettings } from '../../src/udp/config.ts'
import { COUNTER_WORDS, COUNTERS } from '../../src/udp/counters.ts'
import { createLinks } from '../../src/udp/links.ts'
import { udpFigures } from '../../src/udp/view.ts'
import { Watch } from '../../src/udp/watch.ts'
import { viewContract } from '../contract/view.ts'

viewContract('aquatic_udp', COUNTERS, COUNTER_WORDS, (slots) => {
  const swarms = createSwarmMemory({ maxTorrents: 100, maxPeers: 100, workers: 1 })
  const config = defaultsOf(udpSettings.schema)
  const log = logFor('test')
  return udpFigures(new Watch(config, 1, slots, swarms, [], createLinks(1, 0), [], log, null))
})
