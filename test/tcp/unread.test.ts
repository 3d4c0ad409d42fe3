// Answers that clients do not read, or slowly.
import { expect, test } from 'bun:test'
import { sendBytes } from '../../src/os/tcp-stream.ts'
import type { ByteSender } from '../../src/tcp/transfer.ts'
import { withServer } from './harness.ts'

test('a client that does not read gets all once it does, and holds nobody up', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    const count = 200
    for (let i = 0; i < count; i++) client.send('big 30000\n')
    for (let i = 0; i < 50; i++) bench.turn(1)
    expect(bench.server.waiting).toBe(1)
    const other = bench.connect()
    other.send('close\n')
    bench.until('the other is served', () => other.receive() === 'close\n')
    bench.until('all of it', () => client.receive().length === count * 30_001)
    expect(bench.server.waiting).toBe(0)
  })
})

test('a client that never reads is closed, with a reset', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    for (let i = 0; i < 200; i++) client.send('big 30000\n')
    for (let i = 0; i < 50; i++) bench.turn(1)
    expect(bench.server.count).toBe(1)
    bench.now += bench.times.unread
    bench.turn()
    expect(bench.server.count).toBe(1)
    bench.now += 1
    bench.turn()
    expect(bench.counted().closed_unread_timeout).toBe(1)
    bench.end(client)
    expect(client.ended).toBe('reset')
  })
})

test('a client that reads a byte at a time has no more time for an answer than one that reads nothing', () => {
  // The system takes as much of an answer as the client has read.
  const sender: ByteSender = {
    send: ({ fd }, address, _, more) => sendBytes(fd, address, 1, more),
  }
  withServer({ sender }, (bench) => {
    const client = bench.connect()
    client.send('big 30000\n')
    bench.until('it is not taken', () => bench.server.waiting === 1)
    const start = bench.now
    while (bench.server.count > 0 && bench.now < start + bench.times.unread * 10) {
      bench.now++
      bench.turn(10)
      client.receive()
    }
    // A byte came with each second but the last.
    expect(bench.now - start).toBe(bench.times.unread + 1)
    expect(client.text.length).toBeGreaterThanOrEqual(bench.times.unread)
    expect(bench.counted().closed_unread_timeout).toBe(1)
  })
})

test('the next answer has its own time', () => {
  const sender: ByteSender = {
    send: ({ fd }, address, bytes, more) => sendBytes(fd, address, Math.min(bytes, 4000), more),
  }
  withServer({ sender }, (bench) => {
    const client = bench.connect()
    for (let i = 0; i < 3; i++) {
      client.send('big 30000\n')
      for (let wait = 0; client.receive().length < 30_001 * (i + 1); wait++) {
        if (wait > 100) throw new Error('no answer')
        bench.now++
        bench.turn(10)
      }
    }
    expect(bench.counted()).toEqual({ accepted: 1 })
  })
})

test('a slow reader is not', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    const count = 200
    for (let i = 0; i < count; i++) client.send('big 30000\n')
    for (let i = 0; i < 50; i++) bench.turn(1)
    while (client.text.length < count * 30_001) {
      bench.now += bench.times.unread
      client.receive()
      for (let i = 0; i < 4; i++) bench.turn(1)
    }
    expect(bench.counted()).toEqual({ accepted: 1 })
  })
})
