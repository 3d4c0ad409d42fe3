import { expect, test } from 'bun:test'
import { bucketEnd, distributionOf, type HistogramShape } from '../../../src/metrics/histogram.ts'
import { statisticsText } from '../../../src/udp/main/statistics.ts'
import { NO_XDP_TOTALS } from '../../../src/udp/main/xdp.ts'
import {
  BATCH_SIZE_SHAPE,
  type CounterName,
  RESPONSE_TIME_SHAPE,
} from '../../../src/udp/worker/counters.ts'
import { statisticsIn } from '../../support/statistics.ts'

const NOTHING = { torrents: 0, seeders: 0, leechers: 0, contendedLocks: 0, sleptLocks: 0 }
const UNTIL = new Date('2026-11-24T22:45:10Z')

/** So many values in the bucket that ends at `end`. */
function all(shape: HistogramShape, end: number, count: number) {
  const counters = Array.from({ length: shape.buckets }, (_, bucket) =>
    bucketEnd(shape, bucket) === end ? count : 0,
  )
  return distributionOf(shape, [...counters, (end * count) / 2 ** shape.sumShift])
}

function intervalOf(counts: readonly (readonly [CounterName, number])[], packets: number) {
  return {
    seconds: 10,
    tendsSwarms: true,
    counts: new Map(counts),
    histograms: {
      response_time: all(RESPONSE_TIME_SHAPE, 20480, packets),
      batch_size: all(BATCH_SIZE_SHAPE, 2, packets / 2),
    },
    clients: null,
    totals: { lockWaits: 3, lockSleeps: 0, receiveDrops: 1, ...NO_XDP_TOTALS },
    gauges: { requestFill: 0, responseFill: 0 },
    swarms: {
      ipv4: { ...NOTHING, torrents: 1234 },
      ipv6: { ...NOTHING, seeders: 5 },
      websocket: NOTHING,
    },
  }
}

test('the statistics are a table by type and family, rejects by reason, and what explains loss', () => {
  const text = statisticsText(
    intervalOf(
      [
        ['requests_announce_ipv4', 123_456],
        ['responses_announce_ipv4', 123_000],
        ['responses_error_ipv6', 50],
        ['received_bytes_ipv6', 9800],
        ['rejected_action_ipv4', 100],
        ['rejected_action_ipv6', 150],
        ['send_failures', 2],
      ],
      1000,
    ),
    UNTIL,
  )
  expect(text.split('\n')).toEqual([
    'statistics of 10.0 s until 2026-11-24T22:45:10.000Z',
    '                  connect  announce  scrape  error  bytes  torrents  seeders  leechers',
    'IPv4 requests/s         0    12,346       0             0',
    'IPv4 responses/s        0    12,300       0      0      0     1,234        0         0',
    'IPv6 requests/s         0         0       0           980',
    'IPv6 responses/s        0         0       0    5.0      0         0        5         0',
    'rejects/s: action 25',
    'response time p50 18.4 µs, p99 20.4 µs, p99.9 20.5 µs; packets per batch 2.0; ' +
      'receive drops 1, send failures 2, waits for another worker 3',
    '',
  ])
})

test('an interval without packets has no response time', () => {
  const text = statisticsText(intervalOf([], 0), UNTIL)
  expect(text).toContain(
    'rejects/s: none\nreceive drops 1, send failures 0, waits for another worker 3\n',
  )
})

test('locks that were slept for, and what happened in the channels, are told when there was any', () => {
  const given = intervalOf([['dropped_requests', 7]], 0)
  const interval = { ...given, totals: { ...given.totals, lockSleeps: 2 } }
  expect(statisticsText(interval, UNTIL)).toContain(
    'channels: dropped requests 7, dropped responses 0, dropped scrapes 0, ring waits 0, ' +
      'wakes 0; receive drops 1, send failures 0, waits for another worker 3 (2 long)\n',
  )
})

test('what came past the kernel is told when anything did', () => {
  const given = intervalOf(
    [
      ['xdp_packets', 500],
      ['xdp_refused_length', 3],
      ['xdp_refused_source', 4],
      ['xdp_no_frame', 5],
    ],
    0,
  )
  const totals = {
    xdpRingFull: 10,
    xdpFillEmpty: 20,
    xdpDropped: 30,
    xdpPassedOthers: 400,
    xdpPassedForms: 8,
  }
  const text = statisticsText({ ...given, totals: { ...given.totals, ...totals } }, UNTIL)
  expect(text).toContain(
    'XDP: frames 500, refused 7, lost 60, no frame for 5 responses, ' +
      'left to the kernel 408 (8 perhaps ours); receive drops 1, send failures 0',
  )
})

test('tests read the same figures as in the table', () => {
  const text = statisticsText(
    intervalOf(
      [
        ['requests_announce_ipv4', 123_450],
        ['requests_announce_ipv6', 10],
        ['responses_error_ipv6', 50],
        ['sent_bytes_ipv6', 50],
        ['rejected_action_ipv4', 12_000],
      ],
      8,
    ),
    UNTIL,
  )
  expect(statisticsIn(`before\n${text}after`)).toEqual([
    {
      connect: 0,
      announce: 12_346,
      scrape: 0,
      in: 0,
      responses: 5,
      out: 5,
      torrents: 1234,
      seeders: 5,
      leechers: 0,
      rejected_action: 1200,
      send_failures: 0,
    },
  ])
})
