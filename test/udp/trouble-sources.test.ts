import { expect, test } from 'bun:test'
import { defaultsOf } from '../../src/config/schema.ts'
import { distributionOf, histogramCounters } from '../../src/metrics/histogram.ts'
import { createSourceRows } from '../../src/peer-addresses/source-watch.ts'
import type { Reading } from '../../src/tracker/statistics-reader.ts'
import { udpTroubles } from '../../src/udp/main/troubles.ts'
import { NO_XDP_TOTALS } from '../../src/udp/main/xdp.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { BATCH_SIZE_SHAPE, type CounterName, type UdpNames } from '../../src/udp/worker/counters.ts'

type Counts = Partial<Record<CounterName, number>>

/** What is found after these counts, and `packets` that were taken in so many batches, in one second. */
function found(counts: Counts, packets = 0, batches = packets, receiveDrops = 0) {
  const empty = Array(histogramCounters(BATCH_SIZE_SHAPE)).fill(0)
  const batch_size = distributionOf(BATCH_SIZE_SHAPE, [batches, ...empty.slice(2), packets])
  const reading = {
    counts: new Map(Object.entries(counts)),
    histograms: { batch_size },
    totals: { receiveDrops, ...NO_XDP_TOTALS },
  }
  const config = { ...defaultsOf(udpSettings.schema), request_workers: 2 }
  const sources = udpTroubles(
    () => reading as unknown as Reading<UdpNames>,
    () => config,
    createSourceRows(),
  )
  return sources.flatMap(({ name, find }) => {
    const trouble = find()
    return trouble === null ? [] : [{ name, ...trouble }]
  })
}

test('without losses there is no trouble', () => {
  expect(found({})).toEqual([])
  expect(found({ requests_connect_ipv4: 9, rejected_connection_id_ipv4: 9 }, 18)).toEqual([])
})

test('packets that the system dropped are trouble from one of a thousand on', () => {
  expect(found({}, 999, 999, 0)).toEqual([])
  expect(found({}, 1000, 1000, 1)).toEqual([])
  const [few] = found({}, 999, 999, 1)
  expect(few).toMatchObject({ name: 'receive_drops', severity: 'attention' })
  expect(few.text).toBe(
    'The system dropped 1 packet in the last minute (0.1 % of all) before the tracker saw them.',
  )
  expect(few.remedy).toContain('[network] socket_recv_buffer_size (524288)')
  expect(found({}, 950, 950, 50)).toMatchObject([{ severity: 'bad' }])
})

test('workers that find more than half a batch each time are at their limit, which is what drops are for', () => {
  expect(found({}, 128 * 1000, 1000)).toEqual([])
  const [busy, drops] = found({}, 129 * 1000, 1000, 1000)
  expect(busy).toMatchObject({ name: 'workers_busy', severity: 'attention' })
  expect(busy.text).toContain('129 packets')
  expect(drops.remedy).toBe(busy.remedy)
  expect(busy.remedy).toContain('socket_workers (1)')
})

test('a burst of packets is not a worker at its limit', () => {
  expect(found({}, 256 * 999, 999)).toEqual([])
  expect(found({}, 256 * 999, 999, 1000)).toMatchObject([{ name: 'receive_drops' }])
})

test.each([
  ['send_failures', 'responses_announce_ipv6', 'send_failures'],
  ['dropped_requests', 'requests_scrape_ipv4', 'channel_dropped'],
  ['dropped_responses', 'requests_announce_ipv6', 'channel_dropped'],
  ['dropped_scrapes', 'requests_connect_ipv4', 'channel_dropped'],
] as const)('%s of a thousand %s are %s', (counter, all, name) => {
  expect(found({ [counter]: 1, [all]: 1001 })).toEqual([])
  expect(found({ [counter]: 1, [all]: 1000 })).toMatchObject([{ name, severity: 'attention' }])
  expect(found({ [counter]: 50, [all]: 1000 })).toMatchObject([{ name, severity: 'bad' }])
})

test.each(['ipv4', 'ipv6'] as const)(
  'announces of %s that a limit refuses are trouble, each of them',
  (family) => {
    const all = { [`requests_announce_${family}`]: 100_000 }
    for (const name of ['torrents_full', 'peers_full'] as const) {
      const [trouble, ...more] = found({ ...all, [`rejected_${name}_${family}`]: 1 })
      expect(trouble).toMatchObject({ name, severity: 'attention' })
      expect(trouble.text).toContain(`[limits] max_${name.replace('_full', '')} = `)
      expect(more).toEqual([])
    }
  },
)
