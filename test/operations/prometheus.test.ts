import { expect, test } from 'bun:test'
import { prometheusText } from '../../src/operations/prometheus.ts'
import { FakeView } from './fake-view.ts'

test('families are written as Prometheus reads them', () => {
  const view = new FakeView()
  view.requests = 5
  view.torrents = 7
  view.fast = 10
  const lines = prometheusText(view.families()).split('\n')
  expect(lines.slice(0, 12)).toEqual([
    '# HELP test_total Requests\\nby "type" \\\\.',
    '# TYPE test_total counter',
    'test_total{type="good"} 5',
    'test_total{type="bad \\"\\\\\\n"} 0',
    '# HELP test_torrents Torrents.',
    '# TYPE test_torrents gauge',
    'test_torrents 7',
    '# HELP test_seconds Time.',
    '# TYPE test_seconds histogram',
    'test_seconds_bucket{le="0.000001024"} 0',
    'test_seconds_bucket{le="0.000002048"} 10',
    'test_seconds_bucket{le="0.000004096"} 10',
  ])
  expect(lines.slice(-4)).toEqual([
    'test_seconds_bucket{le="+Inf"} 10',
    'test_seconds_sum 0.000011',
    'test_seconds_count 10',
    '',
  ])
})
