import { expect, test } from 'bun:test'
import type { ClientCount } from '../../../src/census/tally.ts'
import {
  type Distribution,
  distributionOf,
  type HistogramShape,
  histogramCounters,
} from '../../../src/metrics/histogram.ts'
import { statisticsText } from '../../../src/ws/main/statistics.ts'
import {
  type CounterName,
  FAMILY_COUNTERS,
  RESPONSE_TIME_SHAPE,
  type StoredCounter,
  TURN_SIZE_SHAPE,
} from '../../../src/ws/worker/counters.ts'

const NOTHING = { torrents: 0, seeders: 0, leechers: 0, contendedLocks: 0, sleptLocks: 0 }
const UNTIL = new Date('2026-11-24T22:45:10Z')

function textOf(
  counts: readonly (readonly [CounterName, number])[],
  clients: readonly ClientCount[] | null = null,
  times: Partial<Distribution> = {},
): string[] {
  const websocket = { torrents: 1234, seeders: 5, leechers: 6, contendedLocks: 9, sleptLocks: 1 }
  const emptyOf = (shape: HistogramShape) =>
    distributionOf(shape, new Array(histogramCounters(shape)).fill(0))
  const response_time = { ...emptyOf(RESPONSE_TIME_SHAPE), ...times }
  const turn_size = { ...emptyOf(TURN_SIZE_SHAPE), sum: 6 }
  const interval = {
    seconds: 10,
    tendsSwarms: true,
    counts: new Map(counts.map(([name, count]) => [storedAs(name), count])),
    histograms: { response_time, turn_size },
    totals: { lockWaits: 3, lockSleeps: 1 },
    gauges: { connections: 77, connectionLimit: 5000, channelFill: 0 },
    swarms: { ipv4: NOTHING, ipv6: NOTHING, websocket },
    clients,
  }
  return statisticsText(interval, UNTIL).split('\n')
}

/** Those of address families are of IPv6. */
function storedAs(name: CounterName): StoredCounter {
  const family = FAMILY_COUNTERS.find((each) => each === name)
  return family === undefined ? (name as StoredCounter) : `${family}_ipv6`
}

test('the statistics are a table by type, what there is now, and what was refused or lost', () => {
  const text = textOf([
    ['requests_announce', 12_340],
    ['responses_announce', 12_300],
    ['offers_received', 50_000],
    ['offers_sent', 40_000],
    ['answers_sent', 9000],
    ['connections_opened', 30],
    ['rejected_json', 100],
    ['closed_backlog', 20],
    ['dropped_between_workers_offer', 4],
    ['dropped_between_workers_answer', 5],
    ['receiver_gone_offer', 6],
    ['receiver_gone_answer', 7],
    ['slow_clients', 8],
    ['dropped_backlog_offer', 9],
    ['dropped_backlog_answer', 10],
  ])
  expect(text).toEqual([
    'statistics of 10.0 s until 2026-11-24T22:45:10.000Z',
    '            announce  scrape  offer  answer  error  messages  bytes',
    'received/s     1,234       0  5,000       0                0      0',
    'sent/s         1,230       0  4,000     900      0         0      0',
    'now: connections 77 of 5,000 (30 opened, 0 closed), torrents 1,234, seeders 5, leechers 6',
    'rejects/s: json 10, closed_backlog 2.0',
    'slow clients 8; not sent to them: offers 9, answers 10; lost between workers: offers 4, answers 5; receiver gone: offers 6, answers 7; waits for another worker 3',
    '',
  ])
})

test('an interval in which nothing was refused says so', () => {
  expect(textOf([])).toContain('rejects/s: none')
})

test('clients are a line of their own where they are counted', () => {
  const count = (client: string, version: string, peers: number) => ({ client, version, peers })
  const clients = [
    count('a', '1.0', 5),
    count('a', '1.1', 1),
    count('b', '', 2),
    count('c', '', 0.04),
  ]
  expect(textOf([], clients)[6]).toBe('clients: a 74.6 %, b 24.9 %, c 0.5 %')
  expect(textOf([], [])[6]).toBe('clients: none so far')
  expect(textOf([]).join('\n')).not.toMatch(/^clients/m)
})

test('how long messages took is a line of its own when there were any', () => {
  const counts = Array.from({ length: RESPONSE_TIME_SHAPE.buckets }, (_, i) => (i === 0 ? 3 : 0))
  expect(textOf([], null, { counts })[6]).toBe(
    'response time p50 0.512 µs, p99 1.01 µs, p99.9 1.02 µs; messages at once 6.0',
  )
})
