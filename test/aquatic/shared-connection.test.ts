// One connection of a port that HTTP and WebTorrent share: requests before a handshake, messages behind it, and heads that
// somebody between client and tracker might read otherwise.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { HttpConnection, requestText } from '../support/http-client.ts'
import { UPGRADE } from '../support/malformed-http.ts'
import { waitUntil } from '../support/wait.ts'
import { openSocket } from '../support/ws-client.ts'
import { allOf, bytesOf, FRAMES, HANDSHAKE, withShared } from './shared-port.ts'

setDefaultTimeout(180_000)

describe('one connection', () => {
  test('has a request, then a handshake, then messages', () =>
    withShared({}, async (at) => {
      const connection = await HttpConnection.open(at)
      expect((await connection.ask('/health')).status).toBe(200)
      connection.send(HANDSHAKE)
      await waitUntil('it is accepted', () => connection.bytes.includes('101 Switching'))
      connection.send(FRAMES)
      await waitUntil('it is answered', () => connection.bytes.includes('"action":"scrape"'))
      connection.close()
    }))

  test('may have them all in one piece, and at every cut', () =>
    withShared({}, async (at) => {
      const request = requestText('/health')
      const all = bytesOf(request, request, HANDSHAKE, FRAMES)
      const told = await allOf(at, all)
      expect(told.match(/HTTP\/1\.1 \d+|"action":"\w+"/g)).toEqual([
        'HTTP/1.1 200',
        'HTTP/1.1 200',
        'HTTP/1.1 101',
        '"action":"scrape"',
      ])
      expect(told.endsWith('\u0088\u0002\u0003\u00e8')).toBe(true)
      const cuts = Array.from({ length: all.length - 1 }, (_, i) => i + 1)
      const cut = async (i: number) => {
        const socket = openSocket(at)
        const parts: (string | Buffer)[] = []
        const end = new Promise((resolve) => socket.on('close', resolve))
        socket.on('error', () => {})
        socket.on('data', (part) => parts.push(part))
        socket.write(all.subarray(0, i), () => socket.write(all.subarray(i)))
        await end
        return bytesOf(...parts).toString('latin1')
      }
      const date = (text: string) => text.replaceAll(/Date: [^\r]*/g, '')
      const answers = await Promise.all(cuts.map(cut))
      expect([...new Set(answers.map(date))]).toEqual([date(told)])
    }))

  // As one who stands between a client and the tracker might read them otherwise.
  test.each([
    ['a body', `${UPGRADE}Content-Length: 27\r\n`],
    ['a body in chunks', `${UPGRADE}Transfer-Encoding: chunked\r\n`],
    ['both', `${UPGRADE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`],
    ['two lengths', `${UPGRADE}Content-Length: 0\r\nContent-Length: 27\r\n`],
    ['a length with a sign', `${UPGRADE}Content-Length: +0\r\n`],
    ['a blank before the colon', `${UPGRADE}Content-Length : 0\r\n`],
    ['a folded field', `${UPGRADE}X: a\r\n b\r\n`],
    ['two keys', `${UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`],
    ['another version', UPGRADE.replace('Version: 13', 'Version: 12')],
    ['no Connection: upgrade', UPGRADE.replace('Connection: Upgrade', 'Connection: close')],
  ])('ends with a handshake that has %s', (_, fields) =>
    withShared({}, async (at) => {
      const behind = requestText('/health')
      const told = await allOf(at, `GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${behind}${behind}`)
      expect(told).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(told.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    }),
  )

  test.each([
    ['POST', 'POST / HTTP/1.1'],
    ['HTTP/1.0', 'GET / HTTP/1.0'],
  ])('does not become a WebSocket by %s', (_, line) =>
    withShared({}, async (at) => {
      const told = await allOf(at, `${line}\r\nHost: a\r\n${UPGRADE}\r\n${requestText('/health')}`)
      expect(told).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(told.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    }),
  )

  test('has no handshake behind a request that ends it', () =>
    withShared({}, async (at) => {
      const told = await allOf(at, requestText('/health', 'Connection: close\r\n') + HANDSHAKE)
      expect(told.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    }))
})
