import { afterEach, describe, expect, test } from 'bun:test'
import { PacketTrain } from '../../../load/udp/packet-train.ts'
import { PacketBatch, PacketMemory } from '../../../src/os/packet-batch.ts'
import { closeSocket, connectUdpSocket, openUdpSocket } from '../../../src/os/udp-socket.ts'

const SLOTS = 256
const BYTES_MAX = 1472

const opened: number[] = []
afterEach(() => {
  for (const fd of opened.splice(0)) closeSocket(fd)
})

function socketOn(family: 4 | 6) {
  const address = family === 4 ? [127, 0, 0, 1] : [...Array(15).fill(0), 1]
  const socket = openUdpSocket({
    family,
    address,
    port: 0,
    sharePort: false,
    dualStack: false,
    packetInfo: false,
    receiveBufferBytes: 4_000_000,
  })
  opened.push(socket.fd)
  return { ...socket, address }
}

/** Sends packets of these sizes, each filled with its number, and returns what arrives. */
function sent(sizes: readonly number[], together: boolean, family: 4 | 6 = 4): string[] {
  const receiver = socketOn(family)
  const sender = socketOn(family)
  connectUdpSocket(sender.fd, { family, address: receiver.address, port: receiver.port })
  const memory = new PacketMemory(SLOTS, BYTES_MAX + 8, BYTES_MAX)
  const train = new PacketTrain(sender.fd, memory, together)
  const bytes = new Uint8Array(memory.answers.buffer)
  for (const [i, size] of sizes.entries()) {
    bytes.fill(i & 255, memory.end * 4, memory.end * 4 + size)
    train.queue(size)
  }
  expect(train.flush()).toBe(0)
  const into = new PacketMemory(SLOTS, BYTES_MAX + 8, BYTES_MAX)
  const batch = new PacketBatch(receiver.fd, into, false)
  const arrived: string[] = []
  const count = batch.receive(SLOTS)
  const received = new Uint8Array(into.received.buffer)
  for (let i = 0; i < count; i++) {
    const at = i * into.slotWords * 4
    const packet = received.subarray(at, at + batch.length(i))
    expect(new Set(packet).size).toBeLessThanOrEqual(1)
    arrived.push(`${packet[0] ?? '-'}×${packet.length}`)
  }
  return arrived
}

function expected(sizes: readonly number[]): string[] {
  return sizes.map((size, i) => `${size === 0 ? '-' : i & 255}×${size}`)
}

describe.each([true, false])('packets, sent together: %p,', (together) => {
  test.each([
    ['of one size, more than a message holds', Array(200).fill(98)],
    ['of the largest size', Array(100).fill(BYTES_MAX)],
    ['of two sizes', [...Array(70).fill(16), ...Array(70).fill(98)]],
    ['of sizes that change each time', Array.from({ length: 100 }, (_, i) => 1 + ((i * 37) % 300))],
    ['of nothing', [0, 0, 0]],
    ['of odd sizes', Array(65).fill(33)],
    ['alone', [98]],
  ])('%s arrive as they were queued', (_, sizes) => {
    expect(sent(sizes, together)).toEqual(expected(sizes))
  })

  test('arrive over IPv6', () => {
    const sizes = Array(100).fill(98)
    expect(sent(sizes, together, 6)).toEqual(expected(sizes))
  })
})

test('packets to a port without a listener are not counted as sent once the system knows', () => {
  const receiver = socketOn(4)
  const sender = socketOn(4)
  connectUdpSocket(sender.fd, { family: 4, address: receiver.address, port: receiver.port })
  closeSocket(opened.splice(opened.indexOf(receiver.fd), 1)[0])
  const memory = new PacketMemory(8, 64, 64)
  const train = new PacketTrain(sender.fd, memory, true)
  let failed = 0
  for (let i = 0; i < 10; i++) {
    train.queue(16)
    failed += train.flush()
  }
  expect(failed).toBeGreaterThan(0)
  expect(failed).toBeLessThanOrEqual(10)
})
