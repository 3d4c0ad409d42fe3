// RFC 6455 over real connections: which handshakes are taken and how the others are answered, and the codes with which
// connections end.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { replyTo, UPGRADE } from '../support/malformed-http.ts'
import { listenOn, Tracker, WS_EXECUTABLE } from '../support/tracker.ts'
import { waitFor } from '../support/wait.ts'
import {
  frame,
  OPCODE_BINARY,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_TEXT,
  openSocket,
  WsClient,
} from '../support/ws-client.ts'
import { announce, newHash } from './messages.ts'

const OPCODE_CLOSE = 8

let tracker: Tracker
beforeAll(async () => {
  tracker = new Tracker({ executable: WS_EXECUTABLE, settings: listenOn('127.0.0.1:0') })
  await tracker.waitForStart()
})
afterAll(() => tracker.discard())

const request = (fields: string, line = 'GET / HTTP/1.1') => `${line}\r\nHost: a\r\n${fields}\r\n`

describe('a handshake is taken', () => {
  test.each([
    ['as browsers send it', UPGRADE.replace('Upgrade\r\n', 'keep-alive, Upgrade\r\n')],
    [
      'with names of fields in any case',
      UPGRADE.replace(/^[^:]+(?=:)/gm, (name) => name.toUpperCase()),
    ],
    [
      'with values in any case',
      UPGRADE.replace('websocket', 'WebSocket').replace(': Upgrade', ': uPGRADE'),
    ],
    ['with several protocols', UPGRADE.replace(': websocket', ': h2c, websocket/13 , x')],
    ['with fields twice', `Upgrade: h2c\r\nConnection: x\r\n${UPGRADE}`],
    ['with spaces and tabs around values', UPGRADE.replace(/: (.*)\r/g, ':\t  $1 \t\r')],
    [
      'with extensions, which it declines',
      `${UPGRADE}Sec-WebSocket-Extensions: permessage-deflate\r\n`,
    ],
  ])('%s', async (_, fields) => {
    const reply = (await replyTo(tracker.at(), request(fields)))?.toString() ?? ''
    expect(reply).toStartWith('HTTP/1.1 101 ')
    // Of the example in the RFC.
    expect(reply).toContain('\r\nSec-WebSocket-Accept: ')
    if (fields.includes('dGhlIHNhbXBsZSBub25jZQ==')) {
      expect(reply).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n')
    }
    expect(reply).not.toContain('Sec-WebSocket-Extensions')
    expect(reply).not.toContain('Sec-WebSocket-Protocol')
  })
})

describe('a handshake is refused', () => {
  const without = (name: string) => UPGRADE.replace(new RegExp(`^${name}:.*\r\n`, 'm'), '')
  test.each([
    ['without a key', request(without('Sec-WebSocket-Key')), 400],
    ['with two keys', request(`${UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`), 400],
    [
      'with a key of 15 bytes',
      request(UPGRADE.replace('dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25j')),
      400,
    ],
    ['without Connection', request(without('Connection')), 400],
    ['without a version', request(without('Sec-WebSocket-Version')), 400],
    ['of another version', request(UPGRADE.replace('13', '8')), 426],
    ['as POST', request(UPGRADE, 'POST / HTTP/1.1'), 400],
    ['as HEAD', request(UPGRADE, 'HEAD / HTTP/1.1'), 400],
    ['of HTTP/1.0', request(UPGRADE, 'GET / HTTP/1.0'), 400],
    ['with a body', `${request(`${UPGRADE}Content-Length: 5\r\n`)}hello`, 400],
    [
      'with a body of two lengths',
      request(`${UPGRADE}Content-Length: 5\r\nContent-Length: 6\r\n`),
      400,
    ],
    ['with a folded line', request(`${UPGRADE}X: a\r\n b\r\n`), 400],
  ])('%s', async (_, head, status) => {
    const reply = (await replyTo(tracker.at(), head))?.toString() ?? ''
    expect(reply).toStartWith(`HTTP/1.1 ${status} `)
    if (status === 426) expect(reply).toContain('\r\nSec-WebSocket-Version: 13\r\n')
  })
})

// Browsers end a connection for which they offered some and got none.
describe('of the sub-protocols that a client offers, it takes', () => {
  test.each([
    ['the first', 'a, b', 'a'],
    [
      'the first of several fields',
      ' one.two/3\t\r\nSec-WebSocket-Protocol: b'.replace('/3', ''),
      'one.two',
    ],
    ['a long one', 'x'.repeat(64), 'x'.repeat(64)],
    ['none that is too long', 'x'.repeat(65), undefined],
    ['none that is not a token', 'a b', undefined],
    ['none that is quoted', '"a"', undefined],
    ['none where there is none', ' ', undefined],
  ])('%s', async (_, offered, taken) => {
    const fields = `${UPGRADE}Sec-WebSocket-Protocol: ${offered}\r\n`
    const reply = (await replyTo(tracker.at(), request(fields)))?.toString() ?? ''
    expect(reply).toStartWith('HTTP/1.1 101 ')
    expect(/\r\nSec-WebSocket-Protocol: ([^\r]*)\r\n/.exec(reply)?.[1]).toBe(taken)
  })

  test('for its own connection only', async () => {
    const { host, port } = tracker.at()
    const offers = new WebSocket(`ws://${host}:${port}/`, ['webtorrent', 'other'])
    await new Promise((resolve, reject) => {
      offers.onopen = resolve
      offers.onerror = reject
    })
    expect(offers.protocol).toBe('webtorrent')
    offers.close()
    const client = await WsClient.connect(tracker.at())
    expect(client.head).not.toContain('Sec-WebSocket-Protocol')
    client.destroy()
  })
})

test('what follows the head at once is frames, not a request', async () => {
  const socket = openSocket(tracker.at())
  let received = ''
  const { promise, resolve } = Promise.withResolvers<true>()
  socket.on('data', (data) => {
    received += data.toString('latin1')
    if (received.includes('Invalid action')) resolve(true)
  })
  socket.write(
    Buffer.concat([Buffer.from(request(UPGRADE)), frame(OPCODE_TEXT, Buffer.from('{}'))]),
  )
  expect(await waitFor(promise, 60_000)).toBe(true)
  socket.destroy()
  const smuggled = await replyTo(
    tracker.at(),
    `${request(UPGRADE)}GET /health HTTP/1.1\r\nHost: a\r\n\r\n`,
  )
  expect(smuggled?.toString()).not.toContain('200 OK')
})

describe('a connection ends with', () => {
  const close = (...bytes: number[]) => frame(OPCODE_CLOSE, Uint8Array.from(bytes))
  test.each([
    ['the code of the client', close(3, 232), 1000],
    ['a code of an application', close(15, 160, 0x62, 0x79, 0x65), 4000],
    ['1002 for a code that nobody may send', close(3, 237), 1002],
    ['1002 for half a code', close(3), 1002],
    ['1007 for a reason that is not UTF-8', close(3, 232, 0xff), 1007],
    [
      '1007 for a text that is not UTF-8',
      frame(OPCODE_TEXT, Uint8Array.of(0x7b, 0xc0, 0x80)),
      1007,
    ],
    ['1002 for a ping in two frames', frame(OPCODE_PING, Uint8Array.of(1), false), 1002],
    ['1002 for a ping of 126 bytes', frame(OPCODE_PING, new Uint8Array(126)), 1002],
    ['1002 for a length that could be shorter', Buffer.from([0x81, 0xfe, 0, 5, 0, 0, 0, 0]), 1002],
    [
      '1002 for a length of 64 bits that could be shorter',
      Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255]),
      1002,
    ],
    [
      '1002 for a second message within the first',
      Buffer.concat([
        frame(OPCODE_TEXT, Uint8Array.of(1), false),
        frame(OPCODE_BINARY, Uint8Array.of(1)),
      ]),
      1002,
    ],
  ])('%s', async (_, bytes, code) => {
    const client = await WsClient.connect(tracker.at())
    client.socket.write(bytes)
    expect((await waitFor(client.closed, 60_000))?.code).toBe(code)
  })

  test('1007 for a text whose last character is cut off over fragments', async () => {
    const client = await WsClient.connect(tracker.at())
    client.sendFrame(OPCODE_TEXT, Uint8Array.of(0x22, 0xe4), false)
    client.sendFrame(OPCODE_CONTINUATION, Uint8Array.of(0xb8), true)
    expect((await waitFor(client.closed, 60_000))?.code).toBe(1007)
  })
})

test('what was asked before a close frame is answered before it', async () => {
  const client = await WsClient.connect(tracker.at())
  const hash = newHash()
  client.send(announce(hash, 1))
  client.socket.write(frame(OPCODE_CLOSE, Uint8Array.of(3, 232)))
  expect(await client.next()).toMatchObject({ info_hash: hash })
  expect((await waitFor(client.closed, 60_000))?.code).toBe(1000)
})
