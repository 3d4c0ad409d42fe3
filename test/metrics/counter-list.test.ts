import { expect, test } from 'bun:test'
import {
  CounterList,
  counter,
  labelled,
  named,
  totalOf,
  untold,
} from '../../src/metrics/counter-list.ts'
import { counterTables, lostChart } from '../../src/tracker/charts.ts'

const LIST = new CounterList(
  [
    labelled('requests', 'type', 'Requests.', ['announce', 'scrape'], { table: 'Requests' }),
    untold('closed'),
  ],
  [
    counter('bans', 'Bans.', { lost: 'banned' }),
    named('dropped', 'what', 'Dropped.', { requests: 'lost_requests' }),
  ],
)

test('counters lie in memory by address family, then those without one', () => {
  expect(LIST.stored).toEqual([
    'requests_announce_ipv4',
    'requests_scrape_ipv4',
    'closed_ipv4',
    'requests_announce_ipv6',
    'requests_scrape_ipv6',
    'closed_ipv6',
    'bans',
    'lost_requests',
  ])
  expect(LIST.ofMetric('requests')).toEqual(['requests_announce', 'requests_scrape'])
})

test('each metric has a sample for every value of its labels; an untold counter has none', () => {
  const counts = new Map([
    ['requests_scrape_ipv6', 3],
    ['lost_requests', 4],
    ['closed_ipv4', 5],
  ])
  const families = LIST.families('x', counts).map((family) => {
    return [family.name, family.help, family.samples]
  })
  expect(families).toEqual([
    [
      'x_requests_total',
      'Requests.',
      [
        { labels: { type: 'announce', ip_version: '4' }, value: 0 },
        { labels: { type: 'announce', ip_version: '6' }, value: 0 },
        { labels: { type: 'scrape', ip_version: '4' }, value: 0 },
        { labels: { type: 'scrape', ip_version: '6' }, value: 3 },
      ],
    ],
    ['x_bans_total', 'Bans.', [{ labels: {}, value: 0 }]],
    ['x_dropped_total', 'Dropped.', [{ labels: { what: 'requests' }, value: 4 }]],
  ])
  expect(totalOf(counts, 'requests_scrape', 'lost_requests', 'bans')).toBe(7)
})

test('the page shows a metric where its declaration says', () => {
  expect(counterTables(LIST, 'x', 'x_workers_total')).toEqual([
    { title: 'Requests', metric: 'x_requests_total', label: 'type', nonZero: false },
    { title: 'Workers', metric: 'x_workers_total', label: 'worker', nonZero: false },
  ])
  const { series } = lostChart(LIST, 'x')
  expect(series).toEqual([{ title: 'banned', metric: 'x_bans_total', show: 'rate' }])
})
