import { expect, test } from 'bun:test'
import type { CounterName } from '../../src/ws/counters.ts'
import { statisticsText } from '../../src/ws/statistics.ts'

const UNTIL = new Date('2026-11-24T22:45:10Z')

function textOf(counts: readonly (readonly [CounterName, number])[]): string[] {
  const swarms = { torrents: 1234, seeders: 5, leechers: 6, contendedLocks: 9, sleptLocks: 1 }
  const interval = { seconds: 10, counts: new Map(counts), lockWaits: 3, connections: 77, swarms }
  return statisticsText(interval, UNTIL).split('\n')
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
    ['dropped_between_workers', 4],
  ])
  expect(text).toEqual([
    'statistics of 10.0 s until 2026-11-24T22:45:10.000Z',
    '            announce  scrape  offer  answer  error  messages  bytes',
    'received/s     1,234       0  5,000       0                0      0',
    'sent/s         1,230       0  4,000     900      0         0      0',
    'now: connections 77 (30 opened, 0 closed), torrents 1,234, seeders 5, leechers 6',
    'rejects/s: json 10, closed_backlog 2.0',
    'messages lost between workers 4, lock waits 3',
    '',
  ])
})

test('an interval in which nothing was refused says so', () => {
  expect(textOf([])).toContain('rejects/s: none')
})
