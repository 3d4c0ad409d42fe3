import { defaultsOf } from '../../src/config/schema.ts'
import { logFor } from '../../src/log/log.ts'
import { UDP_KINDS } from '../../src/swarm/layout.ts'
import { udpSettings } from '../../src/udp/config.ts'
import { COUNTER_WORDS, COUNTERS } from '../../src/udp/counters.ts'
import { createLinks } from '../../src/udp/links.ts'
import { udpFigures } from '../../src/udp/view.ts'
import { Watch } from '../../src/udp/watch.ts'
import { viewContract } from '../contract/view.ts'

viewContract('aquatic_udp', COUNTERS, COUNTER_WORDS, UDP_KINDS, (slots, swarms) => {
  const config = defaultsOf(udpSettings.schema)
  const log = logFor('test')
  return udpFigures(new Watch(config, 1, slots, swarms, [], createLinks(1, 0), [], log, null))
})
