import { expect, test } from 'bun:test'
import { httpTroubles } from '../../../src/http/main/troubles.ts'
import type { CounterName, HttpNames } from '../../../src/http/worker/counters.ts'
import { createSourceRows } from '../../../src/peer-addresses/source-watch.ts'
import type { Reading } from '../../../src/tracker/statistics-reader.ts'

const LIMITS = {
  max_torrents: 10,
  max_peers: 20,
  max_connections: 30,
  max_connections_per_ip: 3,
  fewerDescriptors: false,
}

/** What is found after these counts, all in one second. */
function found(counts: Partial<Record<CounterName, number>>) {
  const map = new Map(Object.entries(counts))
  const sources = httpTroubles(
    () => ({ counts: map }) as unknown as Reading<HttpNames>,
    () => LIMITS,
    createSourceRows(),
  )
  return sources.flatMap(({ name, find }) => {
    const trouble = find()
    return trouble === null ? [] : [{ name, ...trouble }]
  })
}

test.each([
  ['rejected_proxy_header_missing', 'without [network] proxy_header'],
  ['rejected_proxy_header_not_understood', 'with no address in [network] proxy_header'],
] as const)('%s is told', (counter, text) => {
  const few = found({ [counter]: 1, requests_announce_ipv4: 999 })
  expect(few).toMatchObject([{ name: counter.slice('rejected_'.length), severity: 'attention' }])
  expect(few[0].text).toContain(text)
  expect(found({ [counter]: 1, requests_announce_ipv4: 1 })).toMatchObject([{ severity: 'bad' }])
  expect(found({ requests_announce_ipv4: 1000 })).toEqual([])
})

test('used-up memory is reported', () => {
  const few = found({ closed_memory: 1, accepted: 999 })
  expect(few).toMatchObject([{ name: 'held_memory', severity: 'attention' }])
  expect(few[0].text).toContain('incomplete requests')
  expect(found({ closed_memory: 1, accepted: 10 })).toMatchObject([{ severity: 'bad' }])
})
