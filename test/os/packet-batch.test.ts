import { afterEach, describe, expect, test } from 'bun:test'
import {
  closeEnds,
  type End,
  openEnd,
  packetOf,
  portOf,
  pretendFrom,
  queueBytes,
  receiveSome,
  SLOT_BYTES,
  SLOTS,
} from './batch-pair.ts'

const opened: End[] = []

function open(host?: string, packetInfo?: boolean, slots?: number): End {
  const end = openEnd(host, packetInfo, slots)
  opened.push(end)
  return end
}

afterEach(() => closeEnds(...opened.splice(0)))

/** Bytes that tell packet n from others, of a length that n decides. */
function payload(n: number): Buffer {
  return Buffer.alloc(1 + (n % 200), n)
}

describe.each(['127.0.0.1', '::1'])('a batch on %s', (host) => {
  test('receives each packet whole, with its length and source', () => {
    const [server, client] = [open(host), open(host)]
    for (let n = 0; n < 20; n++) {
      pretendFrom(client, n, host, server.port)
      queueBytes(client, n, payload(n))
    }
    expect(client.batch.flush()).toBe(0)
    expect(receiveSome(server, SLOTS)).toBe(20)
    for (let n = 0; n < 20; n++) {
      expect(packetOf(server, n)).toEqual(payload(n))
      expect(portOf(server, n)).toBe(client.port)
    }
  })

  test('receives no more than asked for, and the rest next time', () => {
    const [server, client] = [open(host), open(host)]
    pretendFrom(client, 0, host, server.port)
    for (let n = 0; n < 10; n++) queueBytes(client, 0, payload(n))
    client.batch.flush()
    let next = 0
    for (const max of [3, 1, 64]) {
      const received = receiveSome(server, max)
      expect(received).toBe(Math.min(max, 10 - next))
      for (let i = 0; i < received; i++) {
        expect(packetOf(server, i)).toEqual(payload(next++))
        server.batch.release(i)
      }
    }
    expect(server.batch.receive(SLOTS)).toBe(0)
  })

  test('cuts a packet that is longer than its slot, and leaves its neighbours alone', () => {
    const [server, client] = [open(host, false, 3), open(host)]
    pretendFrom(client, 0, host, server.port)
    const long = Buffer.alloc(SLOT_BYTES, 1)
    // Two answers that lie behind each other go as one packet.
    for (const bytes of [payload(5), Buffer.concat([long, long]), payload(6)]) {
      queueBytes(client, 0, bytes)
    }
    client.batch.flush()
    expect(receiveSome(server, 3)).toBe(3)
    expect(packetOf(server, 0)).toEqual(payload(5))
    expect(server.batch.length(1)).toBe(SLOT_BYTES)
    expect(packetOf(server, 1)).toEqual(long)
    expect(packetOf(server, 2)).toEqual(payload(6))
  })

  test('receives a packet without bytes', () => {
    const [server, client] = [open(host), open(host)]
    pretendFrom(client, 0, host, server.port)
    queueBytes(client, 0, Buffer.alloc(0))
    queueBytes(client, 0, payload(1))
    client.batch.flush()
    expect(receiveSome(server, SLOTS)).toBe(2)
    expect([server.batch.length(0), server.batch.length(1)]).toEqual([0, 2])
  })

  test('sends each answer to where its packet came from', () => {
    const server = open(host)
    const clients = Array.from({ length: 5 }, () => open(host))
    for (const [n, client] of clients.entries()) {
      pretendFrom(client, 0, host, server.port)
      queueBytes(client, 0, payload(n))
      client.batch.flush()
    }
    expect(receiveSome(server, SLOTS)).toBe(5)
    // The answer to packet 2 is left out, the others come in another order.
    for (const n of [4, 0, 3, 1]) queueBytes(server, n, payload(100 + n))
    for (let n = 0; n < 5; n++) server.batch.release(n)
    expect(server.batch.flush()).toBe(0)
    for (const n of [0, 1, 3, 4]) {
      expect(receiveSome(clients[n], SLOTS)).toBe(1)
      expect(packetOf(clients[n], 0)).toEqual(payload(100 + n))
    }
    expect(clients[2].batch.receive(SLOTS)).toBe(0)
  })

  // Port 0 is refused by the system whatever the network looks like.
  test.each([
    ['the first', [0]],
    ['one in the middle', [4]],
    ['the last', [9]],
    ['several', [0, 3, 4, 5, 9]],
    ['all', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('that cannot send %s sends the others, and says how many failed', (_, bad) => {
    const [server, client] = [open(host), open(host)]
    for (let n = 0; n < 10; n++) {
      pretendFrom(server, n, host, bad.includes(n) ? 0 : client.port)
      queueBytes(server, n, payload(n))
    }
    expect(server.batch.flush()).toBe(bad.length)
    const good = Array.from({ length: 10 }, (__, n) => n).filter((n) => !bad.includes(n))
    if (good.length > 0) expect(receiveSome(client, SLOTS)).toBe(good.length)
    for (const [i, n] of good.entries()) expect(packetOf(client, i)).toEqual(payload(n))
    // Nothing is left of it for the next time.
    expect(server.batch.flush()).toBe(0)
    expect(client.batch.receive(SLOTS)).toBe(0)
  })

  test('puts answers behind each other without overlap, each at the start of a quarter line', () => {
    const [server, client] = [open(host), open(host)]
    for (let n = 0; n < SLOTS; n++) {
      pretendFrom(server, n, host, client.port)
      expect(server.memory.end % 4).toBe(0)
      queueBytes(server, n, Buffer.alloc(SLOT_BYTES, n))
    }
    expect(server.memory.end).toBe(server.memory.answers.length)
    expect(server.batch.flush()).toBe(0)
    expect(server.memory.end).toBe(0)
    expect(receiveSome(client, SLOTS)).toBe(SLOTS)
    for (let n = 0; n < SLOTS; n++) expect(packetOf(client, n)).toEqual(Buffer.alloc(SLOT_BYTES, n))
  })

  // Addresses that native code was given would go stale, if at all, once this loop is compiled.
  test('carries a message to and fro 60,000 times, unharmed', () => {
    const [server, client] = [open(host, true), open(host)]
    pretendFrom(client, 0, host, server.port)
    expect(bounce(server, client, 60_000)).toBe(60_000)
  })
})

/** Plays a number between two ends, each adding 1; returns how often it arrived as it was sent. */
function bounce(server: End, client: End, rounds: number): number {
  const ends = [server, client]
  const check = 0x5a5a5a5a
  client.memory.answers.set([0, check])
  client.batch.queue(0, 8)
  client.batch.flush()
  for (let round = 0; round < rounds; round++) {
    const end = ends[round & 1]
    const { batch, memory } = end
    if (receiveSome(end, 1) !== 1 || batch.length(0) !== 8) return round
    if (memory.received[0] !== round || memory.received[1] !== (round ^ check)) return round
    memory.answers[memory.end] = round + 1
    memory.answers[memory.end + 1] = (round + 1) ^ check
    batch.queue(0, 8)
    batch.release(0)
    if (batch.flush() !== 0) return round
  }
  return rounds
}
