import { afterEach, expect, test } from 'bun:test'
import { PacketTrain } from '../../load/udp/packet-train.ts'
import { PacketMemory, ReceiveBatch } from '../../src/os/packet-batch.ts'
import { Poll } from '../../src/os/poll.ts'
import { closeSocket, connectUdpSocket, openUdpSocket } from '../../src/os/udp-socket.ts'
import { waitUntil } from '../support/wait.ts'

const SLOTS = 8
const SLOT_BYTES = 64
const LOOPBACK = [127, 0, 0, 1]

const opened: number[] = []
afterEach(() => {
  for (const fd of opened.splice(0)) closeSocket(fd)
})

/** Two sockets that are connected to each other. */
function pair() {
  const sockets = [0, 1].map(() =>
    openUdpSocket({
      family: 4,
      address: LOOPBACK,
      port: 0,
      sharePort: false,
      dualStack: false,
      packetInfo: false,
      receiveBufferBytes: 4_000_000,
    }),
  )
  opened.push(...sockets.map(({ fd }) => fd))
  return sockets.map(({ fd }, i) => {
    connectUdpSocket(fd, { family: 4, address: LOOPBACK, port: sockets[1 - i].port })
    const memory = new PacketMemory(SLOTS, SLOT_BYTES, SLOT_BYTES)
    return {
      fd,
      memory,
      poll: new Poll([fd]),
      batch: new ReceiveBatch(fd, memory),
      train: new PacketTrain(fd, memory, false),
    }
  })
}

type End = ReturnType<typeof pair>[number]

function send({ memory, train }: End, ...packets: Uint8Array[]): void {
  for (const packet of packets) {
    new Uint8Array(memory.answers.buffer).set(packet, memory.end * 4)
    train.queue(packet.length)
  }
  expect(train.flush()).toBe(0)
}

function packet({ batch, memory }: End, slot: number): Buffer {
  const at = slot * memory.slotWords * 4
  return Buffer.from(memory.received.buffer, at, Math.min(batch.length(slot), SLOT_BYTES))
}

test('packets arrive whole and in order, as many as are asked for', () => {
  const [a, b] = pair()
  const packets = Array.from({ length: 6 }, (_, n) => Buffer.alloc(n * 9, n))
  send(a, ...packets)
  expect(b.batch.receive(4)).toBe(4)
  for (let n = 0; n < 4; n++) expect(packet(b, n)).toEqual(packets[n])
  expect(b.batch.receive(SLOTS)).toBe(2)
  for (let n = 0; n < 2; n++) expect(packet(b, n)).toEqual(packets[4 + n])
  expect(b.batch.receive(SLOTS)).toBe(0)
})

test('slots stay as long as they are, whatever came before', () => {
  const [a, b] = pair()
  const small = Buffer.alloc(3, 1)
  const whole = Buffer.alloc(SLOT_BYTES, 2)
  for (const bytes of [whole, small, whole]) {
    send(a, bytes, bytes)
    expect(b.batch.receive(SLOTS)).toBe(2)
    expect([packet(b, 0), packet(b, 1)]).toEqual([bytes, bytes])
  }
})

test('nobody at the other end is no fault of the socket, however often it is told', async () => {
  const [a, b] = pair()
  closeSocket(opened.splice(opened.indexOf(b.fd), 1)[0])
  for (let i = 0; i < 20_000; i++) {
    a.train.queue(1)
    a.train.flush()
    expect(a.batch.receive(SLOTS)).toBe(0)
  }
})

test('a socket that is none is', () => {
  const batch = new ReceiveBatch(-1, new PacketMemory(SLOTS, SLOT_BYTES, SLOT_BYTES))
  expect(() => {
    for (let i = 0; i < 20_000; i++) batch.receive(SLOTS)
  }).toThrow('recvmmsg')
})

// Addresses that native code was given would go stale, if at all, once this loop is compiled.
test('a number goes to and fro 60,000 times, unharmed', async () => {
  const ends = pair()
  ends[0].memory.answers[0] = 1
  ends[0].train.queue(4)
  ends[0].train.flush()
  for (let round = 1; round < 60_000; round++) {
    const end = ends[round & 1]
    let got = end.batch.receive(1)
    if (got === 0) {
      await waitUntil('it arrives', () => {
        end.poll.wait(1)
        got = end.batch.receive(1)
        return got > 0
      })
    }
    if (end.memory.received[0] !== round) throw new Error(`round ${round} is unlike`)
    end.memory.answers[0] = round + 1
    end.train.queue(4)
    if (end.train.flush() !== 0) throw new Error(`round ${round} was not sent`)
  }
})
