// How a worker's connections end when another process serves in its place.
import { expect, test } from 'bun:test'
import { ConnectionStates, createConnectionStates } from '../../../src/swarm/connections.ts'
import { type Connection, Connections, type Socket } from '../../../src/ws/worker/connection.ts'
import { Drain } from '../../../src/ws/worker/drain.ts'

const SLOTS = 12_001

function drain(
  count: number,
  workers: number,
  onClose: (connections: Connections) => void = () => {},
) {
  const states = new ConnectionStates(createConnectionStates(1, SLOTS))
  const connections = new Connections(0, states, 30)
  const open = (): Connection => {
    const connection = connections.open(0, 1, 0)
    connection.socket = {} as Socket
    return connection
  }
  const opened = Array.from({ length: count }, open)
  const ends: number[] = []
  const close = (slot: number) => {
    const connection = connections.at(slot)
    if (connection === null) throw new Error('no connection there')
    connection.closed = true
    ends.push(performance.now())
    onClose(connections)
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  new Drain(connections, workers, close).start(resolve)
  return { opened, open, ends, done: promise }
}

test('all are closed, each once, also one that came meanwhile', async () => {
  let late: Connection | null = null
  const drained = drain(120, 1, () => {
    late ??= drained.open()
  })
  drained.opened[7].closed = true
  drained.opened[9].socket = null
  await drained.done
  expect(drained.ends).toHaveLength(119)
  expect(drained.opened.filter(({ closed }) => !closed)).toEqual([drained.opened[9]])
  expect((late as Connection | null)?.closed).toBe(true)
})

test('a thousand a second of all workers together, more where it would take too long', async () => {
  // In a step of 50 milliseconds a quarter of 1,000 a second is 13, and 12,000 in 20 seconds are 30.
  const [few, many] = [drain(26, 4), drain(12_000, 4)]
  await few.done
  expect(few.ends).toHaveLength(26)
  expect(few.ends[12] - few.ends[0]).toBeLessThan(few.ends[13] - few.ends[12])
  expect(many.ends.length).toBeGreaterThanOrEqual(60)
  for (const connection of many.opened) connection.closed = true
  await many.done
})

test('without any it is done at once', async () => {
  const { ends, done } = drain(0, 1)
  await done
  expect(ends).toEqual([])
})
