// Why announces are refused: each reason is counted where it belongs, and told.
import { expect, test } from 'bun:test'
import {
  byNotKept,
  byStatus,
  countersByNotKept,
  countersByStatus,
  countersByVerdict,
} from '../../src/requests/refusals.ts'
import {
  BANNED,
  TOO_MANY,
  TOO_MANY_OF_NETWORK,
  TOO_MANY_SUSTAINED,
} from '../../src/source-limits/source-limits.ts'
import * as status from '../../src/swarm/status.ts'

/** What is answered as usual. */
const NOT_KEPT = ['CROWDED', 'PRIVATE_ADDRESS', 'RESERVED_ADDRESS', 'TURNED_AWAY']
const ANSWERED = ['ANNOUNCED', 'HELD', ...NOT_KEPT]

test('each status of an announce is answered, or has a reason of its own', () => {
  const statuses = Object.entries(status).filter(([name]) => !ANSWERED.includes(name))
  const texts = byStatus(({ text }) => text)
  expect(Object.keys(texts).map(Number)).toEqual(
    statuses.map(([, value]) => value).sort((a, b) => a - b),
  )
  expect(new Set(Object.values(texts)).size).toBe(statuses.length)
})

test('a protocol counts each reason under its name', () => {
  const names = ['other', ...byStatus(({ counter }) => counter as string).filter(Boolean)]
  const places = countersByStatus(names.toReversed())
  byStatus(({ status, counter }) => expect(names.toReversed()[places[status]]).toBe(counter))
})

test('what is answered although the peer is not kept has a warning and a counter', () => {
  const statuses = Object.entries(status).filter(([name]) => NOT_KEPT.includes(name))
  const texts = byNotKept(({ text }) => text)
  expect(Object.keys(texts).map(Number)).toEqual(statuses.map(([, value]) => value as number))
  const names = byNotKept(({ counter }) => counter as string).filter(Boolean)
  const places = countersByNotKept(names.toReversed())
  byNotKept(({ status, counter }) => expect(names.toReversed()[places[status]]).toBe(counter))
})

test('what the limits of sources say is counted too', () => {
  const verdicts = [TOO_MANY, BANNED, TOO_MANY_SUSTAINED, TOO_MANY_OF_NETWORK]
  const names = ['request_rate', 'banned', 'sustained_rate', 'network_rate']
  const places = countersByVerdict(names.map((name) => `rejected_${name}`))
  expect(verdicts.map((verdict) => names[places[verdict]])).toEqual(names)
})

test('a protocol that has not counted a reason does not start', () => {
  const names = byStatus(({ counter }) => counter as string)
  expect(() => countersByStatus(names.filter((name) => name !== 'rejected_peers_full'))).toThrow(
    'no counter rejected_peers_full',
  )
})
