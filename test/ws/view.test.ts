import { defaultsOf } from '../../src/config/schema.ts'
import { createSwarmMemory } from '../../src/swarm/memory.ts'
import { wsSettings } from '../../src/ws/config.ts'
import { COUNTER_WORDS, COUNTERS } from '../../src/ws/counters.ts'
import { wsFigures } from '../../src/ws/view.ts'
import { Watch } from '../../src/ws/watch.ts'
import { viewContract } from '../contract/view.ts'

const CONNECTIONS_MAX = 1000

viewContract('aquatic_ws', COUNTERS, COUNTER_WORDS, (slots) => {
  const limits = { maxTorrents: 100, maxPeers: 100, workers: 1, kinds: ['websocket'] as const }
  const watch = new Watch(
    defaultsOf(wsSettings.schema),
    1,
    CONNECTIONS_MAX,
    slots,
    createSwarmMemory(limits),
    [],
    null,
  )
  return wsFigures(watch)
})
