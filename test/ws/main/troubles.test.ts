import { expect, test } from 'bun:test'
import { createSourceRows } from '../../../src/peer-addresses/source-watch.ts'
import type { LimitsInForce } from '../../../src/tracker/connection-limit.ts'
import type { Reading } from '../../../src/tracker/statistics-reader.ts'
import { wsTroubles } from '../../../src/ws/main/troubles.ts'
import type { CounterName, WsNames } from '../../../src/ws/worker/counters.ts'

const LIMITS: LimitsInForce = {
  max_torrents: 10,
  max_peers: 20,
  max_connections: 30,
  max_connections_per_ip: 3,
  fewerDescriptors: false,
}

/** What is found after these counts, all in one second. */
function found(counts: Partial<Record<CounterName, number>>, limits = LIMITS) {
  const map = new Map(Object.entries(counts))
  const sources = wsTroubles(
    () => ({ counts: map }) as unknown as Reading<WsNames>,
    () => limits,
    createSourceRows(),
  )
  return sources.flatMap(({ name, find }) => {
    const trouble = find()
    return trouble === null ? [] : [{ name, ...trouble }]
  })
}

test('without losses there is no trouble', () => {
  expect(found({})).toEqual([])
  expect(found({ connections_opened: 5, requests_announce: 7, closed_silent: 3 })).toEqual([])
})

test.each([
  ['refused_connections_full', 'connections_full', 'connections_opened'],
  ['refused_connections_per_address', 'connections_per_address', 'connections_opened'],
  ['rejected_torrents_full', 'torrents_full', 'requests_announce'],
  ['rejected_peers_full', 'peers_full', 'requests_announce'],
] as const)('one of %s is %s, and bad as one of twenty', (counter, name, all) => {
  const few = found({ [counter]: 1, [all]: 1000 })
  expect(few).toMatchObject([{ name, severity: 'attention' }])
  expect(few[0].text).toMatch(
    /^Refused 1 (connection|announce) in the last minute \(0\.1 % of all\)/,
  )
  expect(found({ [counter]: 50, [all]: 950 })).toMatchObject([{ name, severity: 'bad' }])
})

test.each(['offer', 'answer'] as const)(
  'lost %ss are trouble from one of a thousand on',
  (type) => {
    const counter = `dropped_between_workers_${type}` as const
    const name = 'dropped_between_workers'
    expect(found({ [counter]: 1, offers_received: 1001 })).toEqual([])
    expect(found({ [counter]: 1, offers_received: 500, requests_answer: 500 })).toMatchObject([
      { name, severity: 'attention' },
    ])
  },
)

test('limits are named as they are in force, and by what they come from', () => {
  const counts = {
    refused_connections_full: 1,
    refused_connections_per_address: 1,
    rejected_torrents_full: 1,
    rejected_peers_full: 1,
  }
  expect(found(counts).map(({ text }) => text.replace(/^.*\) ?/, ''))).toEqual([
    ': [limits] max_connections = 30 is reached.',
    'from addresses that have 3, [limits] max_connections_per_ip.',
    'for new torrents: [limits] max_torrents = 10 is reached.',
    'for new peers: [limits] max_peers = 20 is reached.',
  ])
  const [{ text, remedy }] = found(counts, { ...LIMITS, fewerDescriptors: true })
  expect(text).toEndWith(': the limit on open files has room for 30.')
  expect(remedy).toContain('LimitNOFILE')
})
