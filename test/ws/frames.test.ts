// Frames, however they are cut, and whatever they are: read as a model reads them that has all bytes at once.
import { describe, expect, test } from 'bun:test'
import { randomWords } from '../support/random.ts'
import { FrameBench, naiveEvents } from './frame-bench.ts'

const ROUNDS = Number(process.env.AQUATIC_FRAME_ROUNDS ?? 10_000)

interface Frame {
  readonly opcode: number
  readonly payload: Uint8Array
  readonly final?: boolean
  readonly mask?: readonly number[]
}

function encode({ opcode, payload, final = true, mask = [0x12, 0xf4, 0x56, 0x78] }: Frame): Buffer {
  const { length } = payload
  const head =
    length < 126
      ? [length]
      : length < 65536
        ? [126, length >> 8, length & 255]
        : [127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]
  head[0] |= 0x80
  const masked = payload.map((byte, i) => byte ^ mask[i & 3])
  return Buffer.from([(final ? 0x80 : 0) | opcode, ...head, ...mask, ...masked])
}

const text = (value: string) => new TextEncoder().encode(value)

const bench = new FrameBench()

/** Events of a stream in pieces, without answers to pings. */
function eventsOf(stream: Uint8Array, cuts: readonly number[]): string[] {
  bench.begin()
  let from = 0
  for (const cut of [...cuts, stream.length]) {
    bench.take(stream.subarray(from, cut))
    from = cut
  }
  return bench.events.filter((event) => !event.startsWith('sent'))
}

const STREAM = Buffer.concat([
  encode({ opcode: 1, payload: text('{"a":"\u00e9\u4e2d\ud83d\ude00"}') }),
  encode({ opcode: 1, payload: text('{'), final: false }),
  encode({ opcode: 9, payload: text('in between') }),
  encode({ opcode: 0, payload: new Uint8Array(0), final: false }),
  encode({ opcode: 0, payload: text('\u4e2d').subarray(0, 2), final: false }),
  encode({ opcode: 10, payload: new Uint8Array(0) }),
  encode({ opcode: 0, payload: text('\u4e2d').subarray(2) }),
  encode({ opcode: 2, payload: Uint8Array.of(0xff, 0xfe, 0) }),
  encode({ opcode: 1, payload: text('x'.repeat(500)) }),
  encode({ opcode: 1, payload: new Uint8Array(0) }),
  encode({ opcode: 8, payload: Uint8Array.of(3, 232) }),
])

test('a stream cut at any byte is the same stream', () => {
  const expected = naiveEvents(STREAM)
  expect(expected.filter((event) => event.startsWith('message'))).toHaveLength(5)
  expect(expected.filter((event) => event === 'life')).toHaveLength(2)
  expect(expected.at(-1)).toBe('closed')
  for (let cut = 0; cut <= STREAM.length; cut++) expect(eventsOf(STREAM, [cut])).toEqual(expected)
  const each = Array.from({ length: STREAM.length }, (_, i) => i)
  expect(eventsOf(STREAM, each)).toEqual(expected)
})

test('masks come off whatever the alignment of a payload and the mask', () => {
  for (let length = 0; length < 20; length++) {
    for (let before = 0; before < 8; before++) {
      const payload = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255)
      const stream = Buffer.concat([
        encode({ opcode: 10, payload: new Uint8Array(before) }),
        encode({ opcode: 2, payload, mask: [0x80, 0xff, 0x01, 0xa5] }),
      ])
      expect(eventsOf(stream, [])).toEqual([
        'life',
        `message ${Buffer.from(payload).toString('hex')}`,
      ])
    }
  }
})

describe('a ping', () => {
  test('is answered with what it had, in the order of messages', () => {
    bench.begin()
    bench.take(encode({ opcode: 9, payload: text('abc') }))
    expect(bench.events).toEqual(['life', `sent 8a ${Buffer.from('abc').toString('hex')}`])
  })
})

/** Valid frames mostly, some messages in several, and mistakes. */
function randomStream(random: () => number): Buffer {
  const frames: Buffer[] = []
  const count = 1 + (random() % 6)
  let inMessage = false
  for (let i = 0; i < count; i++) {
    const control = random() % 4 === 0
    const final = control || random() % 3 > 0
    const opcode = control ? 8 + (random() % 3) : inMessage ? 0 : 1 + (random() % 2)
    if (!control) inMessage = !final
    const sizes = [random() % 4, random() % 126, 126 + (random() % 20), random() % 700]
    const length = control ? random() % 20 : sizes[random() % 4]
    const isPlain = random() % 2 === 0
    const payload = Uint8Array.from({ length }, () =>
      isPlain ? 0x20 + (random() % 90) : random() & 255,
    )
    if (opcode === 8 && length >= 2) payload.set([3, 232 + (random() % 3)])
    const mask = Array.from({ length: 4 }, () => random() & 255)
    frames.push(encode({ opcode, payload, final, mask }))
  }
  return Buffer.concat(frames)
}

test('mutated streams in random pieces are read as the model reads them', () => {
  const random = randomWords(7)
  for (let round = 0; round < ROUNDS; round++) {
    const stream = randomStream(random)
    for (let n = random() % 4; n > 0; n--) stream[random() % stream.length] = random() & 255
    const cuts = Array.from({ length: random() % 4 }, () => random() % stream.length).sort(
      (a, b) => a - b,
    )
    const found = eventsOf(stream, cuts)
    const expected = naiveEvents(stream)
    if (found.join() !== expected.join()) {
      expect({ round, stream: stream.toString('hex'), cuts, found }).toEqual({
        round,
        stream: stream.toString('hex'),
        cuts,
        found: expected,
      })
    }
  }
})
