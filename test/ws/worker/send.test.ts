// What waits for clients that read slowly, on sockets that take as much as a test says.
import { describe, expect, test } from 'bun:test'
import { ConnectionStates, createConnectionStates } from '../../../src/swarm/connections.ts'
import { addressKey } from '../../../src/tcp/client-address.ts'
import { type ClientReport, ClientReports } from '../../../src/ws/worker/client-reports.ts'
import { type Connection, Connections } from '../../../src/ws/worker/connection.ts'
import {
  CLOSED_BACKLOG,
  CLOSED_BACKLOG_TOTAL,
  COUNTER_COUNT,
  SENT_BYTES,
  SENT_MESSAGES,
  SLOW_CLIENTS,
} from '../../../src/ws/worker/counters.ts'
import { FLUSH_BYTES, Sender } from '../../../src/ws/worker/send.ts'
import { FrameSocket } from './frame-socket.ts'

const PER_CONNECTION = 100_000
const RELAYED = PER_CONNECTION / 4
const IN_ALL = 1_000_000
const KILOBYTE = 'k'.repeat(1000)

/** Sends texts. */
class TextSender extends Sender {
  send(connection: Connection, text: string): void {
    const at = this.openAnswer(connection, Buffer.byteLength(text))
    if (at >= 0) this.commit(at + Buffer.from(this.bytes.buffer).write(text, at))
  }

  relay(connection: Connection, text: string): boolean {
    const at = this.openRelay(connection, Buffer.byteLength(text))
    if (at >= 0) this.commit(at + Buffer.from(this.bytes.buffer).write(text, at))
    return at >= 0
  }
}

function makeSender(inAll = IN_ALL) {
  const states = new ConnectionStates(createConnectionStates(1, 100))
  const connections = new Connections(0, states, 30)
  const counts = new Int32Array(COUNTER_COUNT)
  const reported: ClientReport[] = []
  const reports = new ClientReports(true, (report) => reported.push(report))
  const sender = new TextSender(
    connections,
    { perConnection: PER_CONNECTION, inAll },
    counts,
    reports,
  )
  const open = (room = Number.POSITIVE_INFINITY, address = '203.0.113.7') => {
    const { high, low } = addressKey(address)
    const connection = connections.open(high, low, 0)
    const socket = new FrameSocket(sender, room)
    connection.socket = socket
    return { connection, socket }
  }
  return { sender, counts, reported, states, open }
}

const turnEnd = () => new Promise<void>((resolve) => setImmediate(resolve))

/** One that has taken nothing of a first message, and has a backlog since. */
async function makeSlow({ sender, open }: ReturnType<typeof makeSender>, address?: string) {
  const client = open(0, address)
  sender.send(client.connection, 'x')
  await turnEnd()
  expect(client.connection.backlog).toBe(true)
  return client
}

test('the messages of a turn go out in one flush, in order', async () => {
  const { sender, counts, open } = makeSender()
  const { connection, socket } = open()
  for (let i = 0; i < 10; i++) sender.send(connection, `message ${i}`)
  expect(socket.writes).toBe(0)
  await turnEnd()
  expect(socket.writes).toBe(1)
  expect(socket.texts).toEqual(Array.from({ length: 10 }, (_, i) => `message ${i}`))
  expect(counts[SENT_MESSAGES]).toBe(10)
  expect(counts[SENT_BYTES]).toBe(90)
})

test('bytes are counted, of characters with several too, sent or kept by the runtime', async () => {
  const { sender, counts, open } = makeSender()
  const [fast, slow] = [open(), open(0)]
  for (const { connection } of [fast, slow]) sender.send(connection, 'k\u00ff\u4e2d\ud83c\udf4a')
  await turnEnd()
  expect(counts[SENT_BYTES]).toBe(2 * (1 + 2 + 3 + 4))
})

test('what waits behind a backlog is bounded in bytes', async () => {
  const made = makeSender()
  const { connection, socket } = await makeSlow(made)
  const message = '\u4e2d'.repeat(1000)
  for (let i = 0; i < PER_CONNECTION / 3000; i++) made.sender.send(connection, message)
  expect(socket.terminated).toBe(PER_CONNECTION % 3000 !== 0)
  made.sender.send(connection, message)
  expect(socket.terminated).toBe(true)
  const other = await makeSlow(made)
  let relayed = 0
  while (made.sender.relay(other.connection, message)) relayed++
  expect(relayed).toBe(Math.floor(PER_CONNECTION / 4 / 3000))
})

test('a turn with very many messages for one client is flushed before it ends', () => {
  const { sender, open } = makeSender()
  const { connection, socket } = open()
  for (let i = 0; i < 5000; i++) {
    sender.send(connection, KILOBYTE)
    expect(connection.outboxLength).toBeLessThanOrEqual(FLUSH_BYTES)
  }
  expect(socket.texts.length).toBeGreaterThan(4900)
})

describe('a client that does not read', () => {
  test('is closed when its own answers pass the bound, within the turn', async () => {
    const made = makeSender()
    const { sender, counts, reported } = made
    const { connection, socket } = await makeSlow(made, '203.0.113.200')
    for (let i = 0; i < PER_CONNECTION / 1000; i++) sender.send(connection, KILOBYTE)
    expect(socket.terminated).toBe(false)
    sender.send(connection, KILOBYTE)
    expect(socket.terminated).toBe(true)
    expect(connection).toMatchObject({ closed: true, outbox: 0, outboxLength: 0 })
    expect(counts[CLOSED_BACKLOG]).toBe(1)
    expect(counts[CLOSED_BACKLOG_TOTAL]).toBe(0)
    expect(reported).toEqual([{ event: 'backlog', ...addressKey('203.0.113.200') }])
    sender.send(connection, KILOBYTE)
    expect(sender.relay(connection, KILOBYTE)).toBe(false)
    expect(connection.outbox).toBe(0)
  })

  test('is closed within a turn in which it never had a backlog before', () => {
    const { sender, open } = makeSender()
    const { connection, socket } = open(0)
    const most = (FLUSH_BYTES + PER_CONNECTION) / 1000 + 2
    for (let i = 0; i < most; i++) sender.send(connection, KILOBYTE)
    expect(socket.terminated).toBe(true)
  })

  test('loses what others send beyond a quarter of the bound, and not its connection', async () => {
    const made = makeSender()
    const { sender } = made
    const { connection, socket } = await makeSlow(made)
    let relayed = 0
    for (let i = 0; i < 1000; i++) if (sender.relay(connection, KILOBYTE)) relayed++
    expect(relayed).toBe(RELAYED / 1000)
    expect(socket.terminated).toBe(false)
    // Its own answers have all of their bound beside that.
    for (let i = 0; i < PER_CONNECTION / 1000; i++) sender.send(connection, KILOBYTE)
    expect(socket.terminated).toBe(false)
    socket.buffered = 0
    socket.room = Number.POSITIVE_INFINITY
    sender.drained(connection)
    expect(socket.texts).toHaveLength(1 + relayed + PER_CONNECTION / 1000)
    expect(connection).toMatchObject({ backlog: false, outboxLength: 0, relayedLength: 0 })
    expect(sender.relay(connection, KILOBYTE)).toBe(true)
  })

  test('gets no offers until it has read what waits', async () => {
    const made = makeSender()
    const { sender, states, counts } = made
    const { connection, socket } = await makeSlow(made)
    const takes = () => states.takesOffers(connection.id, connection.generation)
    expect(takes()).toBe(false)
    expect(counts[SLOW_CLIENTS]).toBe(1)
    sender.drained(connection)
    expect(takes()).toBe(false)
    socket.buffered = 0
    sender.drained(connection)
    expect(takes()).toBe(true)
  })
})

describe('many clients that do not read', () => {
  test('are closed at the bound for all, those with most first', async () => {
    const made = makeSender()
    const { sender, counts, reported } = made
    const [small, ...large] = await Promise.all(Array.from({ length: 16 }, () => makeSlow(made)))
    sender.send(small.connection, KILOBYTE)
    const waiting = () =>
      [small, ...large]
        .filter(({ connection }) => !connection.closed)
        .reduce((sum, { connection }) => sum + connection.outboxLength + connection.buffered, 0)
    for (let i = 0; i < 95; i++) {
      for (const { connection } of large) {
        sender.send(connection, KILOBYTE)
        expect(waiting()).toBeLessThanOrEqual(IN_ALL)
      }
    }
    expect(small.socket.terminated).toBe(false)
    expect(counts[CLOSED_BACKLOG]).toBe(0)
    expect(counts[CLOSED_BACKLOG_TOTAL]).toBeGreaterThan(0)
    expect(large.filter(({ socket }) => socket.terminated)).toHaveLength(
      counts[CLOSED_BACKLOG_TOTAL],
    )
    expect(new Set(reported.map(({ event }) => event))).toEqual(new Set(['backlogTotal'] as const))
  })

  test('are closed no further than it needs', async () => {
    const made = makeSender()
    const { sender, counts } = made
    const clients = await Promise.all(Array.from({ length: 20 }, () => makeSlow(made)))
    for (let i = 0; counts[CLOSED_BACKLOG_TOTAL] === 0; i++) {
      sender.send(clients[i % clients.length].connection, KILOBYTE)
    }
    const open = clients.filter(({ connection }) => !connection.closed)
    const left = open.reduce((sum, { connection: c }) => sum + c.outboxLength + c.buffered, 0)
    expect(left).toBeLessThan(IN_ALL)
    expect(open.length).toBeGreaterThan(10)
  })

  test('do not count any more once they are gone, or have read', async () => {
    const made = makeSender()
    const { sender } = made
    for (let round = 0; round < 10; round++) {
      const clients = await Promise.all(Array.from({ length: 5 }, () => makeSlow(made)))
      for (const { connection } of clients) {
        for (let i = 0; i < 90; i++) sender.send(connection, KILOBYTE)
      }
      for (const [i, { connection, socket }] of clients.entries()) {
        expect(socket.terminated).toBe(false)
        socket.buffered = 0
        socket.room = Number.POSITIVE_INFINITY
        if (i % 2 === 0) sender.drained(connection)
        else sender.forget(connection)
      }
    }
  })

  test('do not cost those who read their connections', async () => {
    const made = makeSender()
    const { sender, open } = made
    const slow = await Promise.all(Array.from({ length: 9 }, () => makeSlow(made)))
    const reading = Array.from({ length: 20 }, () => open())
    for (const { connection } of slow) {
      for (let i = 0; i < 95; i++) sender.send(connection, KILOBYTE)
    }
    // More than the rest of the bound, but none of it has to wait.
    for (const { connection } of reading) {
      for (let i = 0; i < 60; i++) sender.send(connection, KILOBYTE)
    }
    await turnEnd()
    for (const { socket } of [...slow, ...reading]) expect(socket.terminated).toBe(false)
    for (const { socket } of reading) expect(socket.texts).toHaveLength(60)
  })
})
