// Where the frames of a queue are, through floods, full rings, refused frames, and cards that send late, out of order,
// or not at all: the real queue and packet source, with a kernel of our own at the other ends of the rings. A frame that
// is in two places is written to by two, and one that is nowhere is missed for as long as the tracker runs.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { addressOf, permanentWords } from '../../src/os/ffi.ts'
import { XDP_RING_NEED_WAKEUP } from '../../src/os/kernel.ts'
import { COUNTER_WORDS, XDP_NO_FRAME, XDP_PACKETS } from '../../src/udp/worker/counters.ts'
import { XdpSource } from '../../src/udp/worker/xdp-source.ts'
import { CHUNK_BYTES, memoryBytes, SEND_BYTES_AT } from '../../src/xdp/layout.ts'
import { XdpQueue } from '../../src/xdp/queue.ts'
import { ConsumerRing, ProducerRing } from '../../src/xdp/ring.ts'
import { buildFrame, readFrame } from '../support/frames.ts'
import { randomWords } from '../support/random.ts'
import { bytesOf, RING } from './stress-worker.ts'

setDefaultTimeout(120_000)

const FRAMES = 64
const BATCH = 16
const TURNS = 20_000

/** A ring in memory of ours, for both ends. */
function ringOf(entryWords: number) {
  const bytes = bytesOf(FRAMES, entryWords)
  const words = permanentWords(bytes / 4)
  return { words, place: { ...RING, address: addressOf(words), bytes } }
}

/** Does what the kernel does with a queue, and knows where all frames are that it has. */
class Kernel {
  readonly queue: XdpQueue
  /** Chunks to receive into, and those that were sent but not reported. */
  readonly empty: number[] = []
  readonly underway: number[] = []
  sent = 0
  private readonly bytes: Buffer
  private readonly fill: ConsumerRing
  private readonly completion: ProducerRing
  private readonly received: ProducerRing
  private readonly sending: ConsumerRing
  private readonly sendingFlags: Int32Array

  constructor() {
    const memory = permanentWords(memoryBytes(FRAMES) / 4)
    this.bytes = Buffer.from(memory.buffer)
    const [fill, completion, receive, send] = [2, 2, 4, 4].map(ringOf)
    this.fill = new ConsumerRing(RING, FRAMES, 2, fill.words)
    this.completion = new ProducerRing(RING, FRAMES, 2, completion.words)
    this.received = new ProducerRing(RING, FRAMES, 4, receive.words)
    this.sending = new ConsumerRing(RING, FRAMES, 4, send.words)
    this.sendingFlags = send.words
    this.queue = new XdpQueue(
      {
        // A call for the card does nothing.
        fd: -1,
        memory: { address: addressOf(memory), bytes: memory.byteLength },
        fill: fill.place,
        completion: completion.place,
        receive: receive.place,
        send: send.place,
        frames: FRAMES,
      },
      BATCH,
    )
  }

  takeEmpty(): void {
    for (let left = this.fill.available(FRAMES); left > 0; left--) {
      this.empty.push(this.fill.words[this.fill.read()])
    }
    this.fill.release()
  }

  /** Up to `count` frames, as far as there are empty ones; a driver puts one up to three bytes off. */
  deliver(count: number, frameOf: () => Buffer, off: () => number): number {
    let delivered = 0
    for (; delivered < count && this.empty.length > 0; delivered++) {
      const chunk = this.empty.splice(off() % this.empty.length, 1)[0]
      const frame = frameOf()
      const at = chunk + 258 + off()
      this.bytes.set(frame, at)
      const place = this.received.take()
      this.received.words[place] = at
      this.received.words[place + 2] = frame.length
    }
    this.received.publish()
    expect(this.received.waiting()).toBeLessThanOrEqual(FRAMES)
    return delivered
  }

  /** Takes up to `count` frames from the send ring: each must be a whole answer. */
  transmit(count: number): void {
    for (let left = this.sending.available(count); left > 0; left--) {
      const place = this.sending.read()
      const [address, , length] = this.sending.words.subarray(place, place + 3)
      expect(address % CHUNK_BYTES).toBe(SEND_BYTES_AT)
      readFrame(this.bytes.subarray(address, address + length))
      this.underway.push(address)
      this.sent++
    }
    this.sending.release()
  }

  /** Reports up to `count` frames as sent, in any order. */
  complete(count: number, random: () => number): void {
    for (let left = Math.min(count, this.underway.length); left > 0; left--) {
      const [address] = this.underway.splice(random() % this.underway.length, 1)
      this.completion.words[this.completion.take()] = address
    }
    this.completion.publish()
    expect(this.completion.waiting()).toBeLessThanOrEqual(FRAMES)
  }

  wantsCalls(does: boolean): void {
    Atomics.store(this.sendingFlags, RING.flags >> 2, does ? XDP_RING_NEED_WAKEUP : 0)
  }

  /** Once nothing waits any more, all frames are here or free: which. */
  allFrames(): { received: number[]; free: number[] } {
    this.takeEmpty()
    this.transmit(FRAMES)
    this.complete(FRAMES, () => 0)
    const free: number[] = []
    for (let chunk = this.queue.takeFrame(); chunk >= 0; chunk = this.queue.takeFrame()) {
      free.push(chunk)
      if (free.length > 2 * FRAMES) break
    }
    for (const chunk of free.toReversed()) this.queue.returnFrame(chunk)
    return { received: this.empty.toSorted(byNumber), free: free.toSorted(byNumber) }
  }
}

const byNumber = (a: number, b: number) => a - b
const chunks = (from: number) => Array.from({ length: FRAMES }, (_, i) => (from + i) * CHUNK_BYTES)
const ALL = { received: chunks(0), free: chunks(FRAMES) }

const GOOD = [
  { from: { host: '10.0.0.7', port: 6881 }, to: { host: '10.0.0.1', port: 3000 } },
  { from: { host: '2001:db8::7', port: 6881 }, to: { host: '2001:db8::1', port: 3000 } },
].map((ends) => buildFrame({ ...ends, payload: Buffer.from('a request of 22 bytes.') }))
const REFUSED = [
  Buffer.alloc(60),
  GOOD[0].subarray(0, 20),
  ...GOOD.map((frame) => Buffer.from(frame).fill(7, frame.length - 1)),
]

/** A worker's turn: some packets get an answer, some none after all, some none at all. */
function turn(source: XdpSource, random: () => number): void {
  const count = source.receive(1 + (random() % BATCH))
  for (let i = 0; i < count; i++) {
    const what = random() % 4
    if (what === 0) continue
    source.out.fill(random(), source.answerWord(i), source.answerWord(i) + 4)
    if (what > 1) source.queue(i, 16)
  }
  source.flush()
}

interface Weather {
  /** Frames delivered per turn, at most, and how many of them are refused, in percent. */
  readonly delivers: number
  readonly refused: number
  /** Frames that the card sends and reports per turn, at most. */
  readonly transmits: number
  readonly completes: number
  readonly wantsCalls?: boolean
}

const STORMS: Record<string, Weather> = {
  'a flood that fills all rings': { delivers: 64, refused: 0, transmits: 32, completes: 32 },
  'nothing but refused frames': { delivers: 64, refused: 100, transmits: 8, completes: 8 },
  'a card that sends less than is asked': { delivers: 32, refused: 20, transmits: 3, completes: 3 },
  'a card that reports late': { delivers: 32, refused: 20, transmits: 32, completes: 2 },
  'a card that refuses to send': {
    delivers: 32,
    refused: 20,
    transmits: 0,
    completes: 0,
    wantsCalls: true,
  },
}

describe('every frame is in one place', () => {
  test.each(Object.entries(STORMS))('after %s', (_, weather) => {
    const { kernel, counts } = storm([weather])
    expect(kernel.allFrames()).toEqual(ALL)
    expect(counts[XDP_PACKETS]).toBeGreaterThan(TURNS)
    // The storm was one: frames to send ran out where it should be so.
    if (weather.transmits < 8 && weather.refused < 100) {
      expect(counts[XDP_NO_FRAME]).toBeGreaterThan(TURNS / 10)
    }
    if (weather.transmits > 0) expect(kernel.sent > FRAMES).toBe(weather.refused < 100)
  })

  test('through all of these in turn, with the link down and up', () => {
    const { kernel } = storm(Object.values(STORMS), 20)
    expect(kernel.allFrames()).toEqual(ALL)
    expect(kernel.sent).toBeGreaterThan(TURNS)
  })
})

function storm(weathers: readonly Weather[], changes = 1) {
  const random = randomWords(11)
  const kernel = new Kernel()
  const counts = new Int32Array(COUNTER_WORDS)
  const source = new XdpSource(kernel.queue, BATCH, counts)
  for (let n = 0; n < TURNS; n++) {
    const weather = weathers[Math.floor((n * changes * weathers.length) / TURNS) % weathers.length]
    kernel.wantsCalls(weather.wantsCalls === true)
    const frameOf = () => {
      const list = random() % 100 < weather.refused ? REFUSED : GOOD
      return list[random() % list.length]
    }
    kernel.takeEmpty()
    kernel.deliver(random() % (weather.delivers + 1), frameOf, () => random() % 4)
    turn(source, random)
    kernel.transmit(random() % (weather.transmits + 1))
    kernel.complete(random() % (weather.completes + 1), random)
  }
  // Whatever still waits in the receive ring.
  while (kernel.queue.ready() > 0) turn(source, random)
  return { kernel, counts }
}
