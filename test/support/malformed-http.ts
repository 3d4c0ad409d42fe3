// HTTP as strangers send it: heads that are wrong in one way each, or random. Used by the tests of every
// HTTP server of a tracker.
import { randomWords } from './random.ts'
import type { Endpoint } from './tracker.ts'
import { waitFor } from './wait.ts'
import { openSocket } from './ws-client.ts'

const REPLY_MS = 60_000

/** The headers of a handshake. */
export const UPGRADE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** All end with what a server takes for the end of a head, or with its refusal before. */
export const MALFORMED_HEADS: readonly string[] = [
  ...[
    '[',
    '[::1',
    '[g]',
    '',
    ' ',
    'a b',
    '\u00ff',
    'a:99999999',
    '://',
    '?',
    '#',
    '%',
    '@',
    '\\',
  ].map((host) => `GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  'GET /health HTTP/1.1\r\n\r\n',
  'GET /health HTTP/1.1\r\nHost: a\r\nHost: [\r\n\r\n',
  'GET /health HTTP/1.0\r\n\r\n',
  'GET /health HTTP/2.0\r\nHost: a\r\n\r\n',
  'GET /health\r\n\r\n',
  'GET\r\n\r\n',
  'FETCH / HTTP/1.1\r\nHost: a\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
  ...[
    'http://[',
    '//[',
    'http://a:99999999/health',
    '/%zz%00',
    '/\u00ff',
    '/../..',
    '*',
    'health',
  ].map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
  ...['X\r\n', ': x\r\n', 'X: \u0001\r\n', ' X: y\r\n', `X: ${'y'.repeat(20_000)}\r\n`].map(
    (line) => `GET /health HTTP/1.1\r\nHost: a\r\n${line}\r\n`,
  ),
  `GET /health HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(300)}\r\n`,
  `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'GET / HTTP/1.1\nHost: a\n\n',
  '\r\n\r\n\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc',
  'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nOrigin: [\r\nCookie: =; a\r\nX-Forwarded-For: [\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n',
  `GET / HTTP/1.1\r\nHost: [\r\n${UPGRADE}\r\n`,
  `GET / HTTP/1.1\r\nHost: a\r\nOrigin: [\r\nX-Forwarded-For: [,\r\n${UPGRADE}\r\n`,
  `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE.replace('13', '99')}\r\n`,
  `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE.replace(/Key: .*/, 'Key: [')}\r\n`,
  `POST / HTTP/1.1\r\nHost: a\r\n${UPGRADE}Content-Length: 100\r\n\r\n`,
]

const PIECES = [
  ...[
    'GET ',
    'POST ',
    'HEAD ',
    '/',
    '/health',
    'http://',
    ' HTTP/1.1',
    ' HTTP/1.0',
    '\r\n',
    '\r\n\r\n',
  ],
  ...[
    'Host: ',
    'Upgrade: ',
    'websocket',
    'Origin: ',
    'Connection: ',
    'X-Forwarded-For: ',
    'Expect: ',
  ],
  ...[
    '[',
    ']',
    ':',
    ',',
    '"',
    '%',
    '?',
    '#',
    '\u0000',
    '\u00ff',
    ' ',
    '\t',
    'a',
    '127.0.0.1',
    '99999',
  ],
]

export function randomHeads(count: number, seed: number): string[] {
  const random = randomWords(seed)
  const pick = () => PIECES[random() % PIECES.length]
  return Array.from({ length: count }, () => {
    const middle = Array.from({ length: random() % 20 }, pick).join('')
    // Most begin as a request does, or no random one would get past the first line.
    const start = random() % 10 < 7 ? 'GET / HTTP/1.1\r\nHost: a\r\n' : ''
    return `${start}${middle}\r\n\r\n`
  })
}

/** What is sent back, up to the first pause or the end; undefined when nothing happens at all. */
export async function replyTo(
  endpoint: Endpoint,
  head: string,
  options: { localAddress?: string } = {},
): Promise<Buffer | undefined> {
  const socket = openSocket(endpoint, options)
  const reply = new Promise<Buffer>((resolve) => {
    socket.on('error', () => {})
    socket.on('data', resolve)
    socket.on('close', () => resolve(Buffer.alloc(0)))
  })
  socket.write(head, 'latin1')
  try {
    return await waitFor(reply, REPLY_MS)
  } finally {
    socket.destroy()
  }
}
