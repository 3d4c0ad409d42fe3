import { wsReader } from '../../../src/ws/main/reader.ts'
import { wsFigures } from '../../../src/ws/main/view.ts'
import { COUNTER_WORDS, STORED_COUNTERS } from '../../../src/ws/worker/counters.ts'
import { viewContract } from '../../contract/view.ts'

const CONNECTIONS_MAX = 1000

viewContract('aquatic_ws', STORED_COUNTERS, COUNTER_WORDS, ['websocket'], (slots, swarms) => {
  const reader = wsReader({
    slots,
    workers: 1,
    swarms,
    census: null,
    rings: [],
    connectionLimit: () => CONNECTIONS_MAX,
    interval: () => 0,
  })
  return wsFigures(reader, { isPaused: false, pauses: 0 })
})
