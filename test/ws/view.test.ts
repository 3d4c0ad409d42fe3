import { defaultsOf } from '../../src/config/schema.ts'
import { wsSettings } from '../../src/ws/config.ts'
import { COUNTER_WORDS, STORED_COUNTERS } from '../../src/ws/counters.ts'
import { wsFigures } from '../../src/ws/view.ts'
import { Watch } from '../../src/ws/watch.ts'
import { viewContract } from '../contract/view.ts'

const CONNECTIONS_MAX = 1000

viewContract('aquatic_ws', STORED_COUNTERS, COUNTER_WORDS, ['websocket'], (slots, swarms) => {
  const watch = new Watch(
    defaultsOf(wsSettings.schema),
    1,
    CONNECTIONS_MAX,
    slots,
    swarms,
    [],
    null,
  )
  return wsFigures(watch, { isResting: false, rests: 0, closed: 0 })
})
