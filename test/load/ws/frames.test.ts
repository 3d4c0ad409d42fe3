import { describe, expect, test } from 'bun:test'
import { Incoming, type MessageHandler, OPCODE_CLOSE, Outgoing } from '../../../load/ws/frames.ts'

const MESSAGE_BYTES_MAX = 100_000

class Taken implements MessageHandler {
  readonly messages: string[] = []
  readonly controls: [number, string][] = []
  fault = ''
  message(text: string): void {
    this.messages.push(text)
  }
  control(opcode: number, payload: Buffer): void {
    this.controls.push([opcode, payload.toString()])
  }
  broken(why: string): void {
    this.fault = why
  }
}

/** As a server sends it: without mask, with the shortest length. */
function frame(first: number, payload: Buffer): Buffer {
  const size = payload.length
  const head =
    size < 126
      ? Buffer.from([first, size])
      : size < 65536
        ? Buffer.from([first, 126, size >> 8, size & 255])
        : Buffer.from([
            first,
            127,
            0,
            0,
            0,
            0,
            size >>> 24,
            (size >> 16) & 255,
            (size >> 8) & 255,
            size & 255,
          ])
  return Buffer.concat([head, payload])
}

function take(...chunks: Buffer[]): Taken {
  const taken = new Taken()
  const incoming = new Incoming(MESSAGE_BYTES_MAX)
  for (const chunk of chunks) incoming.take(chunk, taken)
  return taken
}

// Lengths around those where the header changes, and characters of one to four bytes.
const TEXTS = [0, 1, 125, 126, 127, 65535, 65536, 70_000].map((size) => 'x'.repeat(size))
const MESSAGES = [...TEXTS, 'é'.repeat(62), 'é'.repeat(63), '€😀"\\\u0000']

describe('messages of a server', () => {
  test('are taken at every length', () => {
    for (const text of MESSAGES) {
      expect(take(frame(0x81, Buffer.from(text))).messages).toEqual([text])
    }
  })

  test('are taken in whatever pieces they come', () => {
    const texts = ['a', 'é'.repeat(100), 'x'.repeat(300), '']
    const all = Buffer.concat(texts.map((text) => frame(0x81, Buffer.from(text))))
    for (let size = 1; size < all.length; size += size < 10 ? 1 : 37) {
      const chunks: Buffer[] = []
      for (let at = 0; at < all.length; at += size) {
        chunks.push(Buffer.from(all.subarray(at, at + size)))
      }
      expect(take(...chunks).messages).toEqual(texts)
    }
  })

  test('are put together from fragments, cut inside of a character, with a ping between', () => {
    const bytes = Buffer.from('one €')
    const fragments = [frame(0x01, bytes.subarray(0, 5)), frame(0x89, Buffer.from('ping'))]
    const taken = take(...fragments, frame(0x80, bytes.subarray(5)))
    expect(taken.messages).toEqual(['one €'])
    expect(taken.controls).toEqual([[9, 'ping']])
  })

  test.each([
    ['a masked one', Buffer.from([0x81, 0x80, 0, 0, 0, 0]), 'a masked frame from a server'],
    ['a compressed one', frame(0xc1, Buffer.from('x')), 'reserved bits'],
    ['a binary one', frame(0x82, Buffer.from('x')), 'a binary message'],
    [
      'a huge one',
      Buffer.from([0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0]),
      'a frame of 1099511627776 bytes',
    ],
  ])('%s ends the connection', (_, bytes, why) => {
    expect(take(bytes).fault).toContain(why)
  })
})

describe('messages to a server', () => {
  /** What Bun's own server makes of them. */
  async function received(write: (outgoing: Outgoing) => void): Promise<string[]> {
    const outgoing = new Outgoing(1_000_000)
    write(outgoing)
    const end = Promise.withResolvers<void>()
    const texts: string[] = []
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response()),
      websocket: {
        message: (_, text) => void texts.push(String(text)),
        close: () => end.resolve(),
      },
    })
    const request =
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
    outgoing.addControl(OPCODE_CLOSE, Buffer.from([3, 232]))
    let rest = Buffer.from(outgoing.bytes.subarray(0, outgoing.end))
    const write1 = (socket: Bun.Socket) => {
      rest = rest.subarray(Math.max(0, socket.write(rest)))
    }
    await Bun.connect({
      hostname: '127.0.0.1',
      port: Number(server.port),
      socket: {
        open: (socket) => void socket.write(request),
        data: write1,
        drain: write1,
      },
    })
    await end.promise
    await server.stop(true)
    return texts
  }

  test('arrive at every length', async () => {
    const texts = await received((outgoing) => {
      for (const text of MESSAGES) {
        expect(outgoing.hasRoom(text.length)).toBe(true)
        outgoing.addText(text)
      }
    })
    expect(texts).toEqual(MESSAGES)
  })

  test('are refused before they would not fit', () => {
    const outgoing = new Outgoing(1000)
    const longest = Array.from({ length: 1000 }, (_, i) => i).findLast((n) => outgoing.hasRoom(n))
    outgoing.addText('€'.repeat(Number(longest)))
    expect(outgoing.end).toBeLessThanOrEqual(1000)
    expect(outgoing.hasRoom(0)).toBe(false)
  })
})
