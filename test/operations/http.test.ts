import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import {
  type HttpAnswer,
  type HttpRequest,
  HttpServer,
  parseHead,
} from '../../src/operations/http.ts'
import { expectQuick, waitFor, waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const LARGE = 4_000_000

/** A server whose answers a test chooses, and raw connections to it. */
async function serving(
  use: (
    open: (options?: { allowHalfOpen?: boolean }) => Socket,
    asked: HttpRequest[],
  ) => Promise<void>,
  body = 'hello\n',
): Promise<void> {
  const asked: HttpRequest[] = []
  const sockets: Socket[] = []
  const answer = (request: HttpRequest): HttpAnswer => {
    asked.push(request)
    return { status: 200, headers: { 'X-Test': 'yes' }, body }
  }
  const server = new HttpServer({ family: 4, host: '127.0.0.1', port: 0 }, false, answer)
  const open = (options = {}) => {
    const socket = connect({ port: server.port, host: '127.0.0.1', ...options })
    socket.on('error', () => {})
    sockets.push(socket)
    return socket
  }
  try {
    await use(open, asked)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.stop()
  }
}

/** All that comes until the other side closes. */
function replyOf(socket: Socket): Promise<string> {
  let text = ''
  return new Promise((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(text))
    socket.on('end', () => socket.end())
  })
}

const GET = 'GET /a?b HTTP/1.1\r\nHost: localhost\r\n\r\n'

describe('the HTTP server', () => {
  test('answers once and closes, however many requests come', () =>
    serving(async (open, asked) => {
      const socket = open()
      socket.write(GET.repeat(200))
      const reply = await replyOf(socket)
      expect(reply).toMatch(
        /^HTTP\/1\.1 200 OK\r\nX-Test: yes\r\nDate: [^\r]+ GMT\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n$/,
      )
      expect(asked).toEqual([{ method: 'GET', target: '/a?b', host: 'localhost' }])
    }))

  test('takes a head in any pieces, with bare line feeds and empty lines before it', () =>
    serving(async (open, asked) => {
      const socket = open()
      for (const piece of `\r\n\r\nGET / HTTP/1.1\nHost: a\nX: y\n\n`) {
        await new Promise((resolve) => socket.write(piece, resolve))
      }
      expect(await replyOf(socket)).toEndWith('hello\n')
      expect(asked).toEqual([{ method: 'GET', target: '/', host: 'a' }])
    }))

  test('HEAD gets the length and no body', () =>
    serving(async (open) => {
      const socket = open()
      socket.write(GET.replace('GET', 'HEAD'))
      expect(await replyOf(socket)).toMatch(/\r\nContent-Length: 6\r\n.*\r\n\r\n$/s)
    }))

  test('a large answer comes whole, also to a client that has closed its side', () =>
    serving(async (open) => {
      const socket = open({ allowHalfOpen: true })
      socket.end(GET)
      const reply = await replyOf(socket)
      expect(reply.length - reply.indexOf('\r\n\r\n') - 4).toBe(LARGE)
    }, 'x'.repeat(LARGE)))

  test('clients that read nothing cost an answer each, and a bounded number of them', () =>
    serving(async (open, asked) => {
      let closed = 0
      for (let i = 0; i < 200; i++) {
        const socket = open()
        socket.pause()
        socket.on('close', () => closed++)
        socket.write(GET.repeat(100))
        await waitUntil('it has asked', () => asked.length === i + 1)
      }
      const socket = open()
      socket.write(GET)
      expect(await waitFor(replyOf(socket), 60_000)).toEndWith('x')
      await waitUntil('the older ones are closed', () => closed >= 200 - 64)
      expect(asked).toHaveLength(201)
    }, 'x'.repeat(LARGE)))

  test('of too many connections the oldest gives way', () =>
    serving(async (open) => {
      const closed: number[] = []
      for (let i = 0; i < 70; i++) {
        const socket = open()
        socket.on('close', () => closed.push(i))
        await new Promise((resolve) => socket.once('connect', resolve))
      }
      const socket = open()
      socket.write(GET)
      expect(await replyOf(socket)).toEndWith('hello\n')
      await waitUntil('seven are closed', () => closed.length === 7)
      expect(closed.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6])
    }))

  test('a head that does not end is given up', () =>
    serving(async (open, asked) => {
      const socket = open()
      socket.write(GET.slice(0, -2))
      expect(await replyOf(socket)).toBe('')
      expect(asked).toEqual([])
    }))

  test('empty lines without end are refused', () =>
    serving(async (open, asked) => {
      const socket = open()
      socket.write('\r\n'.repeat(10_000))
      expect(await replyOf(socket)).toStartWith('HTTP/1.1 431 ')
      expect(asked).toEqual([])
    }))

  test('a head that is too long is refused', () =>
    serving(async (open, asked) => {
      const socket = open()
      socket.write(`GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'x'.repeat(20_000)}`)
      expect(await replyOf(socket)).toStartWith('HTTP/1.1 431 ')
      expect(asked).toEqual([])
    }))
})

test.each([
  ['GET / HTTP/1.1\r\nHost: a', { method: 'GET', target: '/', host: 'a' }],
  ['GET / HTTP/1.1\r\nhOST:a:80 ', { method: 'GET', target: '/', host: 'a:80' }],
  ['GET / HTTP/1.1\r\nHost:', { method: 'GET', target: '/', host: '' }],
  ['GET / HTTP/1.0', { method: 'GET', target: '/', host: null }],
  ['POST /x HTTP/1.0\r\nHost: b', { method: 'POST', target: '/x', host: 'b' }],
  ['GET / HTTP/1.1', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b', 400],
  ['GET / HTTP/1.0\r\nHost: a\r\nhost: a', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\n folded: x', 400],
  ['GET / HTTP/1.1\r\nHost : a', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nno colon', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nx: \ry', 400],
  ['GET / HTTP/2.0\r\nHost: a', 505],
  ['GET /', 400],
  ['GET  / HTTP/1.1\r\nHost: a', 400],
  ['get / HTTP/1.1\r\nHost: a', 400],
  ['', 400],
])('%j is read', (head, expected) => expect(parseHead(head)).toEqual(expected as never))

test.each([' ', '\t', ' \t'])('a line full of %j is read in no time', async (blank) => {
  const line = `x:${blank.repeat(8000)}y`
  const head = `GET / HTTP/1.1\r\nHost: ${blank.repeat(8000)}a${blank}\r\n`
  await expectQuick(1000, () => {
    expect(parseHead(head + line)).toEqual({ method: 'GET', target: '/', host: 'a' })
    // Nor with a carriage return in it, which does not end a line.
    expect(parseHead(`${head}x:${blank.repeat(8000)}\ry`)).toBe(400)
  })
})
