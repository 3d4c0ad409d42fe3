// Messages that are begun and never ended take no room from those of others.
import { beforeEach, expect, test } from 'bun:test'
import { NativeBytes } from '../../../src/os/tcp-stream.ts'
import type { Connection as TcpConnection } from '../../../src/tcp/connection.ts'
import type { Connection } from '../../../src/ws/worker/connection.ts'
import { CLOSED_UNFINISHED_MESSAGE, COUNTER_COUNT } from '../../../src/ws/worker/counters.ts'
import { MESSAGE_SECONDS, MessageParts } from '../../../src/ws/worker/message-parts.ts'
import { CLOSES, STAYS, WsSocket } from '../../../src/ws/worker/ws-socket.ts'
import { randomWords } from '../../support/random.ts'

// One chunk for each size of block, and as many again.
const ROOM = 2 ** 22
const source = new NativeBytes(ROOM * 2)
for (let i = 0; i < source.bytes.length; i++) source.bytes[i] = (i * 7 + (i >> 8)) & 255

let counts: Int32Array
let parts: MessageParts
let ended: WsSocket[]
beforeEach(() => {
  counts = new Int32Array(COUNTER_COUNT)
  parts = new MessageParts(counts, ROOM)
  ended = []
})

function newSocket(): WsSocket {
  const owner = { write: () => true, endLater: (socket: WsSocket) => void ended.push(socket) }
  return new WsSocket(null as unknown as TcpConnection, null as unknown as Connection, owner)
}

const stored = (socket: WsSocket): Buffer => {
  const copy = new NativeBytes(ROOM)
  socket.parts?.copyTo(copy.address)
  return Buffer.from(copy.bytes.subarray(0, socket.parts?.bytes ?? 0))
}

test('without room the oldest message gives way, and the new one is stored as a whole', () => {
  const others = Array.from({ length: 400 }, newSocket)
  for (const each of others) expect(parts.add(each, source.address, 60_000)).toBe(true)
  const socket = newSocket()
  for (let at = 0; at < 60_000; at += 1500) {
    expect(parts.add(socket, source.address + at, 1500)).toBe(true)
  }
  expect(stored(socket).equals(source.bytes.subarray(0, 60_000))).toBe(true)
  expect(ended).toEqual(others.slice(0, ended.length))
  expect(ended.length).toBeGreaterThan(300)
  expect(ended.length).toBeLessThan(400)
  expect(counts[CLOSED_UNFINISHED_MESSAGE]).toBe(ended.length)
  expect(new Set(ended.map(({ ending, closeCode }) => `${ending} ${closeCode}`))).toEqual(
    new Set([`${CLOSES} 1008`]),
  )
  expect(socket.ending).toBe(STAYS)
})

test('a message longer than all room takes nothing from younger ones', () => {
  const [old, young] = [newSocket(), newSocket()]
  parts.add(old, source.address, 10)
  parts.add(young, source.address, 10)
  expect(parts.add(old, source.address, ROOM * 2)).toBe(false)
  expect(ended).toEqual([])
  parts.drop(old)
  expect(parts.add(young, source.address, ROOM / 2)).toBe(true)
})

test('a message has half a minute from its first byte, however many come meanwhile', () => {
  const [slow, late] = [newSocket(), newSocket()]
  for (let now = 100; now <= 100 + MESSAGE_SECONDS; now++) {
    parts.setTime(now)
    parts.add(slow, source.address, 1)
    if (now === 110) parts.add(late, source.address, 1)
    parts.expire()
  }
  expect(ended).toEqual([])
  parts.setTime(101 + MESSAGE_SECONDS)
  parts.expire()
  expect(ended).toEqual([slow])
  parts.drop(late)
  parts.setTime(999)
  parts.expire()
  expect(ended).toEqual([slow])
})

test('whoever goes in whatever order, the others are as they were', () => {
  const random = randomWords(5)
  const sockets = Array.from({ length: 20 }, newSocket)
  const order: WsSocket[] = []
  for (let round = 0; round < 3000; round++) {
    const socket = sockets[random() % sockets.length]
    if (random() % 2 === 0) {
      if (socket.parts === null) order.push(socket)
      parts.add(socket, source.address, 1 + (random() % 300))
    } else {
      if (socket.parts !== null) order.splice(order.indexOf(socket), 1)
      parts.drop(socket)
    }
  }
  parts.setTime(1000)
  parts.expire()
  expect(ended).toEqual(order)
})
