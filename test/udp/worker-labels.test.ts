// What each worker has done, in the metrics: by its number as messages name it, from 1.
import { expect, test } from 'bun:test'
import { counterSlots } from '../../src/metrics/counters.ts'
import { udpReader } from '../../src/udp/main/reader.ts'
import { udpFigures } from '../../src/udp/main/view.ts'
import { NO_XDP_TOTALS } from '../../src/udp/main/xdp.ts'
import { createLinks } from '../../src/udp/pipeline/links.ts'
import { COUNTER_WORDS, COUNTERS } from '../../src/udp/worker/counters.ts'
import { testBuffers } from '../swarm/harness.ts'

test('requests are reported for each socket worker, all kinds and families together', () => {
  const slots = counterSlots(3, COUNTER_WORDS)
  const words = new Int32Array(slots)
  for (const worker of [0, 1, 2]) {
    for (const [i, name] of COUNTERS.entries()) {
      const isRequest = name.startsWith('requests_')
      words[worker * COUNTER_WORDS + i] = isRequest ? 10 ** worker : 5000
    }
  }
  // The third is a request worker, whose requests have been counted already.
  const reader = udpReader({
    slots,
    socketWorkers: 2,
    swarms: testBuffers(),
    census: null,
    links: createLinks(2, 0),
    receiveDrops: () => 0,
    xdp: () => NO_XDP_TOTALS,
    interval: () => 0,
  })
  const family = udpFigures(reader)
    .families()
    .find(({ name }) => name === 'tracker_udp_worker_requests_total')
  expect(family?.samples).toEqual([
    { labels: { worker: '1' }, value: 6 },
    { labels: { worker: '2' }, value: 60 },
  ])
})
