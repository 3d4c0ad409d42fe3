// A queue of a network card as a source of packets: frames in, frames out, by a queue that the test plays itself. With
// the same handler as for sockets behind it.
import { beforeEach, describe, expect, test } from 'bun:test'
import { Request } from '../../../src/udp/wire/request.ts'
import {
  SEND_FAILURES,
  XDP_NO_FRAME,
  XDP_PACKETS,
  XDP_REFUSED_CHECKSUM,
  XDP_REFUSED_LENGTH,
} from '../../../src/udp/worker/counters.ts'
import { serveBatch } from '../../../src/udp/worker/receive.ts'
import { type FrameQueue, XdpSource } from '../../../src/udp/worker/xdp-source.ts'
import { CHUNK_BYTES } from '../../../src/xdp/layout.ts'
import { buildFrame, readFrame } from '../../support/frames.ts'
import {
  announceRequest,
  connectRequest,
  readAnnounce,
  readConnect,
} from '../../support/packets.ts'
import { UdpHarness } from '../harness.ts'

const MOST = 8
const RECEIVED_AT = 258

/** A card's queue with so many frames to send; what is sent stays in `sent`, and its frame is gone. */
class PlayedQueue implements FrameQueue {
  readonly words = new Int32Array(((2 * MOST + 1) * CHUNK_BYTES) / 4)
  readonly addresses = new Int32Array(MOST)
  readonly lengths = new Int32Array(MOST)
  readonly spare = 2 * MOST * CHUNK_BYTES
  readonly sent: Buffer[] = []
  free: number[]
  recycled = 0
  flushed = 0
  stalled = false
  private readonly bytes = Buffer.from(this.words.buffer)
  private waiting: readonly Buffer[] = []

  constructor(frames: number) {
    this.free = Array.from({ length: frames }, (_, i) => (MOST + i) * CHUNK_BYTES)
  }

  arrive(frames: readonly Buffer[]): void {
    this.waiting = frames
  }

  receive(max: number): number {
    const frames = this.waiting.slice(0, max)
    this.waiting = this.waiting.slice(max)
    for (const [i, frame] of frames.entries()) {
      this.addresses[i] = i * CHUNK_BYTES + RECEIVED_AT
      this.lengths[i] = frame.length
      this.bytes.set(frame, this.addresses[i])
    }
    return frames.length
  }

  recycle(): void {
    this.recycled++
  }

  takeFrame(): number {
    return this.free.pop() ?? -1
  }

  returnFrame(chunk: number): void {
    this.free.push(chunk)
  }

  send(address: number, bytes: number): void {
    this.sent.push(Buffer.from(this.bytes.subarray(address, address + bytes)))
  }

  flush(): void {
    this.flushed++
  }

  isStalled(): boolean {
    return this.stalled
  }
}

const IPV4 = { from: '10.0.0.7', to: '10.0.0.1' }
const IPV6 = { from: '2001:db8::7', to: '2001:db8::1' }

function frameOf({ from, to }: typeof IPV4, port: number, payload: Buffer): Buffer {
  return buildFrame({ from: { host: from, port }, to: { host: to, port: 3000 }, payload })
}

let harness: UdpHarness
beforeEach(() => {
  harness = new UdpHarness({ requestWorkers: 0 })
})

function serve(queue: PlayedQueue, frames: readonly Buffer[]) {
  const { handler } = harness
  const source = new XdpSource(queue, MOST, handler.counts)
  queue.arrive(frames)
  return serveBatch(source, handler, new Request(), MOST)
}

describe.each([
  ['IPv4', IPV4, 4],
  ['IPv6', IPV6, 6],
] as const)('%s', (_, ends, family) => {
  test('each request of a batch is answered to its sender', () => {
    const queue = new PlayedQueue(MOST)
    const ports = [1, 2000, 65535]
    expect(
      serve(
        queue,
        ports.map((port) => frameOf(ends, port, connectRequest(port))),
      ),
    ).toBe(3)
    const answers = queue.sent.map((frame) => readFrame(frame))
    expect(answers.map(({ to }) => to)).toEqual(ports.map((port) => ({ host: ends.from, port })))
    expect(answers.map(({ from }) => from)).toEqual(
      ports.map(() => ({ host: ends.to, port: 3000 })),
    )
    const transactions = answers.map(({ payload }) => readConnect(Buffer.from(payload)).transaction)
    expect(transactions).toEqual(ports)
    expect([queue.recycled, queue.flushed]).toEqual([1, 1])
  })

  test('an announce gets peers', () => {
    const queue = new PlayedQueue(MOST)
    const { connectionId } = answered(queue, frameOf(ends, 5, connectRequest()))
    for (const port of [1001, 1002]) {
      serve(queue, [frameOf(ends, 5, announceRequest(connectionId, { port }))])
    }
    const last = readFrame(queue.sent.at(-1) ?? Buffer.alloc(0))
    expect(readAnnounce(Buffer.from(last.payload), family).peers).toHaveLength(1)
  })
})

function answered(queue: PlayedQueue, frame: Buffer) {
  serve(queue, [frame])
  return readConnect(Buffer.from(readFrame(queue.sent.at(-1) ?? Buffer.alloc(0)).payload))
}

test('both families in one batch do not mix', () => {
  const queue = new PlayedQueue(MOST)
  const frames = [IPV4, IPV6, IPV6, IPV4].map((ends, i) => frameOf(ends, i + 1, connectRequest(i)))
  serve(queue, frames)
  const hosts = queue.sent.map((frame) => readFrame(frame).to.host)
  expect(hosts).toEqual([IPV4, IPV6, IPV6, IPV4].map(({ from }) => from))
})

test('bad frames are counted, and their frames go back with the others', () => {
  const queue = new PlayedQueue(MOST)
  const good = frameOf(IPV4, 7, connectRequest(7))
  const bad = Buffer.from(good)
  bad[bad.length - 1] ^= 1
  expect(serve(queue, [bad, good.subarray(0, 20), good])).toBe(1)
  expect(queue.sent).toHaveLength(1)
  const { counts } = harness.handler
  const counted = [XDP_PACKETS, XDP_REFUSED_CHECKSUM, XDP_REFUSED_LENGTH].map((at) => counts[at])
  expect(counted).toEqual([3, 1, 1])
  expect(serve(queue, [bad])).toBe(0)
  expect(queue.recycled).toBe(2)
})

test('without a free frame requests are handled, and their answers counted as lost', () => {
  const queue = new PlayedQueue(1)
  const frames = [1, 2, 3].map((port) => frameOf(IPV4, port, connectRequest(port)))
  expect(serve(queue, frames)).toBe(3)
  expect(queue.sent.map((frame) => readFrame(frame).to.port)).toEqual([1])
  const { counts } = harness.handler
  expect([counts[XDP_NO_FRAME], counts[SEND_FAILURES]]).toEqual([2, 2])
})

test('a frame that was taken for an answer that there is not is used again', () => {
  const queue = new PlayedQueue(2)
  const silent = frameOf(IPV4, 1, Buffer.alloc(98))
  for (let i = 0; i < 10; i++) serve(queue, [silent, silent])
  expect(queue.free).toHaveLength(2)
  serve(queue, [silent, frameOf(IPV4, 2, connectRequest())])
  expect(queue.sent).toHaveLength(1)
})

test('what a card did not take is offered to it again although nothing arrives', () => {
  const queue = new PlayedQueue(1)
  serve(queue, [])
  expect(queue.flushed).toBe(0)
  queue.stalled = true
  serve(queue, [])
  expect(queue.flushed).toBe(1)
})
