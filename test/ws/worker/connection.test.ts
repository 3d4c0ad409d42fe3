// What a worker remembers of its connections: slots, their peers, the offers they were sent.
import { expect, test } from 'bun:test'
import { ConnectionStates, createConnectionStates } from '../../../src/swarm/connections.ts'
import { Connections, OUTBOX_OFFERS_MAX } from '../../../src/ws/worker/connection.ts'
import { Memberships } from '../../../src/ws/worker/memberships.ts'
import { PENDING_OFFERS_MAX, PendingOffers, taken } from '../../../src/ws/worker/pending-offers.ts'

function makeConnections(worker = 0) {
  const states = new ConnectionStates(createConnectionStates(worker + 1, 100))
  return { states, connections: new Connections(worker, states, 30) }
}

test('a slot that is used again has another name', () => {
  const { states, connections } = makeConnections(1)
  const first = connections.open(0, 1, 0)
  expect(states.lives(first.id, first.generation)).toBe(true)
  connections.close(first)
  expect(states.lives(first.id, first.generation)).toBe(false)
  const second = connections.open(0, 1, 0)
  expect(second.id).toBe(first.id)
  expect(second.generation).not.toBe(first.generation)
  expect(states.lives(first.id, first.generation)).toBe(false)
  expect(connections.find(first.slot, first.generation)).toBeNull()
  expect(connections.find(second.slot, second.generation)).toBe(second)
})

test('slots are used again oldest first', () => {
  const { connections } = makeConnections()
  const opened = Array.from({ length: 4 }, () => connections.open(0, 1, 0))
  for (const connection of [opened[2], opened[0], opened[3]]) connections.close(connection)
  const slots = Array.from({ length: 4 }, () => connections.open(0, 1, 0).slot)
  expect(slots).toEqual([2, 0, 3, 4])
  expect(connections.count).toBe(5)
})

test('a connection takes offers unless it has a backlog, a full queue, or too many unanswered', () => {
  const { states, connections } = makeConnections()
  const connection = connections.open(0, 1, 0)
  const takes = () => {
    connections.publish(connection)
    return states.takesOffers(connection.id, connection.generation)
  }
  expect(takes()).toBe(true)
  connection.backlog = true
  expect(takes()).toBe(false)
  connection.backlog = false
  connection.outbox = OUTBOX_OFFERS_MAX
  expect(takes()).toBe(false)
  connection.outbox--
  expect(takes()).toBe(true)
  connection.pendingOffers = new PendingOffers(0)
  for (let key = 0; key < PENDING_OFFERS_MAX; key++) connection.pendingOffers.add(key, 0, 1, 1)
  expect(takes()).toBe(false)
  connection.pendingOffers.take(5, 0)
  expect(takes()).toBe(true)
  connection.missedPing = true
  expect(takes()).toBe(false)
  expect(states.lives(connection.id, connection.generation)).toBe(false)
})

test('an offer is remembered for one to two rotations, and is good for one answer', () => {
  const pending = new PendingOffers(0)
  const connection = (255 << 24) | 5
  pending.add(-1, 2 ** 31 - 1, connection, 65_535)
  pending.add(7, 0, 3, 0)
  expect(pending.take(8, 0)).toBe(false)
  expect(pending.take(-1, 2 ** 31 - 1)).toBe(true)
  expect(taken).toEqual({ connection, generation: 65_535 })
  expect(pending.take(-1, 2 ** 31 - 1)).toBe(false)
  expect(pending.rotate()).toBe(false)
  pending.add(9, 0, 4, 1)
  expect(pending.take(7, 0)).toBe(true)
  expect(taken).toEqual({ connection: 3, generation: 0 })
  expect(pending.rotate()).toBe(false)
  expect(pending.rotate()).toBe(true)
  expect(pending.take(9, 0)).toBe(false)
})

test('memberships are what was added and not removed, each once', () => {
  const memberships = new Memberships()
  const ids = (n: number) => Int32Array.from({ length: 5 }, (_, i) => (i < 4 ? 1 : n))
  for (let n = 0; n < 50; n++) memberships.add(ids(n % 10), 0, ids(n), 0)
  memberships.add(ids(3), 0, ids(13), 0)
  expect(memberships.count).toBe(50)
  for (let n = 0; n < 50; n += 2) memberships.remove(ids(n % 10), 0, ids(n), 0)
  memberships.remove(ids(1), 0, ids(2), 0)
  expect(memberships.count).toBe(25)
  for (let n = 0; n < 50; n++) {
    expect(memberships.find(ids(n % 10), 0, ids(n), 0) >= 0).toBe(n % 2 === 1)
  }
})
