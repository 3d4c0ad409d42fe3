// What a WebSocket server has to do with frames, as a list of cases: the sections 1 to 7, 9, 10 and 12 of Autobahn's
// test suite, with its numbers, as far as they concern a tracker, which answers a message instead of sending it
// back. Used by frames.test.ts, with every case sent at once, frame by frame, and octet by octet.
import {
  OPCODE_BINARY,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_TEXT,
} from '../../support/ws-client.ts'
import { INVALID, VALID } from './utf8.ts'

const CLOSE = 8
const PONG = 10
/** The default of websocket_max_message_size. */
const MESSAGE_BYTES_MAX = 65536
const NORMAL = 1000
/** A close frame without a code, which is answered with one (RFC 6455, section 5.5.1). */
const NO_CODE = 1005
const PROTOCOL = 1002
const NOT_UTF8 = 1007
const TOO_BIG = 1009

export interface Frame {
  readonly opcode: number
  readonly payload?: Uint8Array
  readonly final?: boolean
  /** The three reserved bits. */
  readonly reserved?: number
  /** Other bytes than those of the fields above. */
  readonly raw?: Uint8Array
}

export interface FrameCase {
  readonly name: string
  readonly frames: readonly Frame[]
  /** What comes back before the close frame: one answer per message, and pongs with their payload. */
  readonly events: readonly string[]
  /**
   * The code of the server's close frame: of its own accord where the frames do not begin the closing, which the client
   * otherwise does with code 1000 once all events have come.
   */
  readonly close: number
}

export const ANSWER = 'answer'

const encoder = new TextEncoder()

function bytes(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? encoder.encode(text) : text
}

function text(payload: string | Uint8Array, more: Partial<Frame> = {}): Frame {
  return { opcode: OPCODE_TEXT, payload: bytes(payload), ...more }
}

function next(payload: string | Uint8Array, final: boolean): Frame {
  return { opcode: OPCODE_CONTINUATION, payload: bytes(payload), final }
}

function ping(payload: string | Uint8Array = '', more: Partial<Frame> = {}): Frame {
  return { opcode: OPCODE_PING, payload: bytes(payload), ...more }
}

function pong(payload: string | Uint8Array = '', more: Partial<Frame> = {}): Frame {
  return { opcode: PONG, payload: bytes(payload), ...more }
}

function close(code: number, reason: string | Uint8Array = ''): Frame {
  return {
    opcode: CLOSE,
    payload: Buffer.concat([Buffer.from([code >> 8, code & 255]), bytes(reason)]),
  }
}

export function pongEvent(payload: string | Uint8Array = ''): string {
  return `pong ${Buffer.from(bytes(payload)).toString('hex')}`
}

/** A message in frames of `size` bytes. */
function inFrames(payload: Uint8Array, size: number): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < payload.length; at += size) {
    const opcode = at === 0 ? OPCODE_TEXT : OPCODE_CONTINUATION
    const final = at + size >= payload.length
    frames.push({ opcode, payload: payload.subarray(at, at + size), final })
  }
  return frames
}

const answered = { events: [ANSWER], close: NORMAL }
const failed = { events: [], close: PROTOCOL }
const failedAfterOne = { events: [ANSWER], close: PROTOCOL }
const HELLO = text('Hello, world!')

function framing(): FrameCase[] {
  const sizes = [0, 125, 126, 127, 128, 65535, 65536]
  return sizes.flatMap((size, i) => {
    const payload = new Uint8Array(size).fill(0x2a)
    return [
      { name: `1.1.${i + 1} text of ${size} bytes`, frames: [text(payload)], ...answered },
      {
        name: `1.2.${i + 1} binary of ${size} bytes`,
        frames: [{ opcode: OPCODE_BINARY, payload }],
        ...answered,
      },
    ]
  })
}

function pings(): FrameCase[] {
  const binary = Uint8Array.of(0, 255, 254, 253, 252, 251, 0, 255)
  const longest = new Uint8Array(125).fill(254)
  const ten = Array.from({ length: 10 }, (_, i) => `payload-${i}`)
  const ponged = (name: string, payload: string | Uint8Array): FrameCase => {
    return { name, frames: [ping(payload)], events: [pongEvent(payload)], close: NORMAL }
  }
  return [
    ponged('2.1 a ping without payload', ''),
    ponged('2.2 a ping with a text', 'Hello, world!'),
    ponged('2.3 a ping with bytes that are no text', binary),
    ponged('2.4 a ping of 125 bytes', longest),
    { name: '2.5 a ping of 126 bytes', frames: [ping(new Uint8Array(126).fill(254))], ...failed },
    { name: '2.7 a pong that nobody asked for', frames: [pong(), HELLO], ...answered },
    { name: '2.8 the same with payload', frames: [pong('unsolicited'), HELLO], ...answered },
    {
      name: '2.9 such a pong, then a ping',
      frames: [pong('unsolicited'), ping('ping payload')],
      events: [pongEvent('ping payload')],
      close: NORMAL,
    },
    {
      name: '2.10 ten pings',
      frames: ten.map((payload) => ping(payload)),
      events: ten.map((payload) => pongEvent(payload)),
      close: NORMAL,
    },
  ]
}

function reserved(): FrameCase[] {
  const bits = [1, 2, 3, 4, 5, 6].map((reserved) => ({
    name: `3.${reserved} reserved bits ${reserved} in a text`,
    frames: [HELLO, text('Hello, world!', { reserved }), ping()],
    ...failedAfterOne,
  }))
  const control = [
    { name: '3.7 reserved bits in a close frame', frames: [{ ...close(1000), reserved: 7 }] },
    { name: '3.8 reserved bits in a ping', frames: [ping('', { reserved: 4 })] },
    {
      name: '3.9 a reserved bit in a continuation',
      frames: [text('frag', { final: false }), { ...next('ment', true), reserved: 4 }],
    },
  ]
  const opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
    {
      name: `4 opcode ${opcode}`,
      frames: [HELLO, { opcode }, ping()],
      ...failedAfterOne,
    },
    {
      name: `4 opcode ${opcode} with payload`,
      frames: [HELLO, { opcode, payload: bytes('reserved') }, ping()],
      ...failedAfterOne,
    },
  ])
  return [...bits, ...control.map((each) => ({ ...each, ...failed })), ...opcodes]
}

function fragments(): FrameCase[] {
  const two = [text('fragment1', { final: false }), next('fragment2', true)]
  return [
    {
      name: '5.1 a ping in two',
      frames: [ping('fragment1', { final: false }), next('2', true)],
      ...failed,
    },
    {
      name: '5.2 a pong in two',
      frames: [pong('fragment1', { final: false }), next('2', true)],
      ...failed,
    },
    { name: '5.3 a text in two', frames: two, ...answered },
    {
      name: '5.6 a ping between two fragments',
      frames: [two[0], ping('between'), two[1]],
      events: [pongEvent('between'), ANSWER],
      close: NORMAL,
    },
    {
      name: '5.9 a last continuation of nothing',
      frames: [next('nothing', true), HELLO],
      ...failed,
    },
    { name: '5.12 a continuation of nothing', frames: [next('nothing', false), HELLO], ...failed },
    {
      name: '5.15 a continuation of nothing after a message',
      frames: [...two, next('fragment3', false), text('fragment4')],
      ...failedAfterOne,
    },
    {
      name: '5.16 a continuation of nothing, then a message',
      frames: [next('1', false), ...two],
      ...failed,
    },
    { name: '5.18 a second text within a message', frames: [two[0], text('fragment2')], ...failed },
    {
      name: '5.18 binary within a text',
      frames: [two[0], { opcode: OPCODE_BINARY, payload: bytes('2') }],
      ...failed,
    },
    {
      name: '5.19 five fragments with two pings',
      frames: [
        text('fragment1', { final: false }),
        next('fragment2', false),
        ping('pongme 1!'),
        next('fragment3', false),
        next('fragment4', false),
        ping('pongme 2!'),
        next('fragment5', true),
      ],
      events: [pongEvent('pongme 1!'), pongEvent('pongme 2!'), ANSWER],
      close: NORMAL,
    },
  ]
}

function utf8(): FrameCase[] {
  const empty = [text('', { final: false }), next('', false), next('', true)]
  const middle = [text('', { final: false }), next('middle frame payload', false), next('', true)]
  const sample = bytes('Hello-µ@ßöäüàá-UTF-8!!')
  const bothWays = (payload: Uint8Array) => {
    return payload.length === 1 ? [[text(payload)]] : [[text(payload)], inFrames(payload, 1)]
  }
  const valid = VALID.flatMap(bothWays)
  const invalid = INVALID.flatMap(bothWays)
  const named = (frames: readonly Frame[]) => {
    const whole = Buffer.concat(frames.map(({ payload }) => payload ?? new Uint8Array()))
    return `${whole.toString('hex')} in ${frames.length === 1 ? 'one frame' : 'frames of a byte'}`
  }
  return [
    { name: '6.1.2 three empty fragments', frames: empty, ...answered },
    { name: '6.1.3 first and last fragment empty', frames: middle, ...answered },
    { name: '6.2.2 in two at a character', frames: inFrames(sample, 15), ...answered },
    { name: '6.2.3 in fragments of a byte', frames: inFrames(sample, 1), ...answered },
    ...valid.map((frames) => ({ name: `6 valid ${named(frames)}`, frames, ...answered })),
    ...invalid.map((frames) => {
      return { name: `6 invalid ${named(frames)}`, frames, events: [], close: NOT_UTF8 }
    }),
  ]
}

function closing(): FrameCase[] {
  const closed = { events: [], close: NORMAL }
  const valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
  const invalid = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
  const notText = Uint8Array.of(0xce, 0xba, 0xed, 0xa0, 0x80, 0x65)
  const half = text('fragment1', { final: false })
  return [
    { name: '7.1.1 a message, then a close', frames: [HELLO, close(1000)], ...answered },
    { name: '7.1.2 two close frames', frames: [close(1000), close(1000)], ...closed },
    { name: '7.1.3 a ping after the close', frames: [close(1000), ping()], ...closed },
    { name: '7.1.4 a message after the close', frames: [close(1000), HELLO], ...closed },
    {
      name: '7.1.5 a close within a message',
      frames: [half, close(1000), next('fragment2', true)],
      ...closed,
    },
    { name: '7.3.1 a close without code', frames: [{ opcode: CLOSE }], ...closed, close: NO_CODE },
    { name: '7.3.2 of one byte', frames: [{ opcode: CLOSE, payload: bytes('a') }], ...failed },
    { name: '7.3.4 with a reason', frames: [close(1000, 'Hello World!')], ...closed },
    { name: '7.3.5 with the longest reason', frames: [close(1000, '*'.repeat(123))], ...closed },
    { name: '7.3.6 with a longer one', frames: [close(1000, '*'.repeat(124))], ...failed },
    { name: '7.3 in two', frames: [{ ...close(1000), final: false }, next('', true)], ...failed },
    {
      name: '7.5.1 with a reason that is no text',
      frames: [close(1000, notText)],
      events: [],
      close: NOT_UTF8,
    },
    ...valid.map((code) => {
      return { name: `7.7 with code ${code}`, frames: [close(code)], events: [], close: code }
    }),
    ...invalid.map((code) => ({ name: `7.9 with code ${code}`, frames: [close(code)], ...failed })),
  ]
}

function sizes(): FrameCase[] {
  const most = new Uint8Array(MESSAGE_BYTES_MAX).fill(0x2a)
  const more = new Uint8Array(MESSAGE_BYTES_MAX + 1).fill(0x2a)
  const tooBig = { events: [], close: TOO_BIG }
  return [
    { name: '9.1 more than a message may have', frames: [text(more)], ...tooBig },
    { name: '9.3 the same in fragments', frames: inFrames(more, 4096), ...tooBig },
    { name: '9.3 in fragments of 64 bytes', frames: inFrames(more, 64), ...tooBig },
    {
      name: '9.3 the longest message, in fragments of 64 bytes',
      frames: inFrames(most, 64),
      ...answered,
    },
    {
      name: '10.1.1 the longest message, in fragments of 1,300',
      frames: inFrames(most, 1300),
      ...answered,
    },
    {
      name: '12 a compressed message, which was not agreed on',
      frames: [text(Uint8Array.of(0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00), { reserved: 4 })],
      ...failed,
    },
  ]
}

/** Frames whose first bytes say what a client must not say. */
function heads(): FrameCase[] {
  const raw = (name: string, hex: string, close: number): FrameCase => {
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    return { name, frames: [{ opcode: OPCODE_TEXT, raw: bytes }, ping()], events: [], close }
  }
  return [
    raw('a text without a mask', '81 02 7b 7d', PROTOCOL),
    raw('a ping without a mask', '89 00', PROTOCOL),
    raw('a close without a mask', '88 02 03 e8', PROTOCOL),
    raw('5 bytes, their length in two', '81 fe 00 05 00000000 48656c6c6f', PROTOCOL),
    raw('125 bytes, their length in two', `81 fe 00 7d 00000000 ${'2a'.repeat(125)}`, PROTOCOL),
    raw(
      '5 bytes, their length in eight',
      `81 ff ${'00'.repeat(7)} 05 00000000 48656c6c6f`,
      PROTOCOL,
    ),
    raw('65,535 bytes, their length in eight', '81 ff 00 00 00 00 00 00 ff ff 00000000', PROTOCOL),
    raw('a length with the highest bit', '81 ff 80 00 00 00 00 01 00 00 00000000', PROTOCOL),
    raw('65,537 bytes', '81 ff 00 00 00 00 00 01 00 01 00000000', TOO_BIG),
    raw('4 GB and a byte', '81 ff 00 00 00 01 00 00 00 01 00000000', TOO_BIG),
    raw('the most that can be said', '81 ff 7f ff ff ff ff ff ff ff 00000000', TOO_BIG),
    raw('a close of 65,535 bytes', '88 fe ff ff 00000000', PROTOCOL),
  ]
}

export function frameCases(): FrameCase[] {
  return [
    ...framing(),
    ...pings(),
    ...reserved(),
    ...fragments(),
    ...utf8(),
    ...closing(),
    ...sizes(),
    ...heads(),
  ]
}
