// Why announces are refused: each reason is counted where it belongs, and told.
import { expect, test } from 'bun:test'
import { byStatus, countersByStatus } from '../../src/requests/refusals.ts'
import * as status from '../../src/swarm/status.ts'

/** What is answered as usual. */
const ANSWERED = ['ANNOUNCED', 'HELD', 'CROWDED']

test('each status of an announce is answered, or has a reason of its own', () => {
  const statuses = Object.entries(status).filter(([name]) => !ANSWERED.includes(name))
  const texts = byStatus(({ text }) => text)
  expect(Object.keys(texts).map(Number)).toEqual(statuses.map(([, value]) => value).sort())
  expect(new Set(Object.values(texts)).size).toBe(statuses.length)
})

test('a protocol counts each reason under its name', () => {
  const names = ['other', ...byStatus(({ counter }) => counter as string).filter(Boolean)]
  const places = countersByStatus(names.toReversed())
  byStatus(({ status, counter }) => expect(names.toReversed()[places[status]]).toBe(counter))
})

test('a protocol that has not counted a reason does not start', () => {
  const names = byStatus(({ counter }) => counter as string)
  expect(() => countersByStatus(names.filter((name) => name !== 'rejected_peers_full'))).toThrow(
    'a refusal is not counted',
  )
})
