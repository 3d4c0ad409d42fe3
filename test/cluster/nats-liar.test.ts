// A NATS server that lies: whatever it sends, a node of a cluster neither ends nor fills its memory. No real server is needed.
import { expect, test } from 'bun:test'
import { createServer, type Socket } from 'node:net'
import { randomWords } from '../support/random.ts'
import { waitUntil } from '../support/wait.ts'
import { QUICK, withNodes } from './nats-node.ts'

/** Connections, each with a conversation of its own. More of them: AQUATIC_TEST_CLUSTER_LIES. */
const LIES = Number(process.env.AQUATIC_TEST_CLUSTER_LIES ?? 60)
const FIRST = Number(process.env.AQUATIC_TEST_CLUSTER_FIRST ?? 1)

const GREETING = 'INFO {"server_id":"X","version":"2.9.0","proto":1,"max_payload":1048576}\r\n'
const LINES = [
  GREETING,
  'PONG\r\n',
  'PING\r\n',
  '+OK\r\n',
  '-ERR \'Permissions Violation for Publish to "test.log.a"\'\r\n',
  "-ERR 'Stale Connection'\r\n",
  '-ERR\r\n',
  'MSG test.log.b 1 4\r\naqc\u0001\r\n',
  'MSG test.log.b 1 0\r\n\r\n',
  'MSG test.log.b 9 _INBOX.1 2\r\nab\r\n',
  'HMSG test.log.b 1 12 14\r\nNATS/1.0\r\n\r\nab\r\n',
  'INFO {}\r\n',
  'INFO null\r\n',
  'INFO 7\r\n',
  'INFO []\r\n',
  'INFO {"max_payload":"x","ldm":true,"connect_urls":[7,null,{}]}\r\n',
  'INFO {"connect_urls":"127.0.0.1:1","version":7,"nonce":5}\r\n',
  'MSG  1 1\r\nx\r\n',
  'MSG test.log.b 1 -5\r\nx\r\n',
  'HMSG test.log.b 1 5 2\r\nhello\r\n',
  'HMSG test.log.b 1 4 4\r\nxxxx\r\n',
]

/** What one connection says: a greeting as it should be or not, then lines, some of them with bytes changed. */
function conversation(seed: number): Buffer[] {
  const word = randomWords(seed * 104_729)
  const chunks: Buffer[] = []
  const lie = (line: string): Buffer => {
    const bytes = Buffer.from(line, 'latin1')
    for (let i = word() % 4; i > 0; i--) bytes[word() % bytes.length] = word()
    return bytes
  }
  chunks.push(word() % 4 === 0 ? lie(LINES[word() % LINES.length]) : Buffer.from(GREETING))
  if (word() % 4 !== 0) chunks.push(Buffer.from('PONG\r\n'))
  for (let i = word() % 12; i > 0; i--) {
    const line = LINES[word() % LINES.length]
    chunks.push(word() % 3 === 0 ? lie(line) : Buffer.from(line, 'latin1'))
  }
  return chunks
}

async function withLiar(
  serve: (socket: Socket, connection: number) => void,
  use: (port: number, connections: () => number) => Promise<void>,
): Promise<void> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serve(socket, connections++)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use((server.address() as { port: number }).port, () => connections)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

test(`whatever it says, another connection follows (${LIES} conversations)`, () =>
  withLiar(
    (socket, connection) => {
      socket.resume()
      const chunks = conversation(FIRST + connection)
      const next = (): void => {
        const chunk = chunks.shift()
        if (chunk === undefined) socket.end()
        else socket.write(chunk, () => setImmediate(next))
      }
      next()
    },
    (port, connections) =>
      withNodes(async (open) => {
        const times = { ...QUICK, connectMs: 200, watchMs: 20, retryMs: 1, retryMaxMs: 2 }
        const node = await open(`127.0.0.1:${port}`, {}, times)
        node.listen('test.log.*')
        await waitUntil('all lies are told', () => connections() > LIES)
        expect(node.statuses.length).toBeGreaterThan(2)
      }),
  ))

/** Calls back when a connection has subscribed. */
function subscribed(socket: Socket, then: () => void): void {
  let said = ''
  const read = (bytes: Buffer): void => {
    said += bytes.toString('latin1')
    if (!said.includes('\nSUB ')) return
    socket.off('data', read)
    socket.resume()
    then()
  }
  socket.on('data', read)
}

/** The greeting and the answer to the first PING, then the same without end. */
const ENDLESS: readonly [string, string, string, RegExp][] = [
  ['a line without an end', "-ERR '", 'a'.repeat(65_536), /not the protocol/],
  ['a greeting without an end', 'INFO {"a":"', 'a'.repeat(65_536), /not the protocol/],
  ['PINGs', '', 'PING\r\n'.repeat(10_000), /more lines than it has reason to/],
  ['greetings', '', GREETING.repeat(1000), /more lines than it has reason to/],
  ['complaints', '', "-ERR 'x'\r\n".repeat(5000), /more lines than it has reason to/],
  ['a payload after its end', 'MSG test.log.b 1 4\r\nabcd', 'x'.repeat(65_536), /not the protocol/],
  [
    'a length beyond all limits',
    'MSG test.log.b 1 67108865\r\n',
    'x'.repeat(65_536),
    /not the protocol/,
  ],
  // It reads nothing, and confirms all that it might have read.
  ['answers nobody asked for', '', 'PONG\r\n'.repeat(10_000), /more lines than it has reason to/],
]

test.each(ENDLESS)('%s is given up before it fills the memory', (_, first, again, reason) => {
  let sent = 0
  const part = Buffer.from(again)
  const serve = (socket: Socket): void => {
    socket.write(`${GREETING}PONG\r\n`)
    const next = (): void => {
      sent += part.length
      if (!socket.destroyed) socket.write(part, next)
    }
    subscribed(socket, () => socket.write(first, next))
  }
  return withLiar(serve, (port) =>
    withNodes(async (open) => {
      // It answers no PING, and would be given up for that.
      const node = await open(`127.0.0.1:${port}`, {}, { ...QUICK, watchMs: 60_000 })
      node.listen('test.log.*')
      await node.reports(/^up: /)
      await node.reports(new RegExp(`^down: .*${reason.source}`))
      // What the system holds on its way counts too.
      expect(sent).toBeLessThan(64 * 1_048_576)
    }),
  )
})

test('a first line without an end is given up at once', () => {
  const serve = (socket: Socket): void => {
    const next = (): void => {
      if (!socket.destroyed) socket.write('INFO {}'.padEnd(65_536, ' '), next)
    }
    next()
  }
  return withLiar(serve, (port) =>
    withNodes(async (open) => {
      const node = await open(`127.0.0.1:${port}`, {}, { ...QUICK, connectMs: 60_000 })
      await node.reports(/^down: the server sent what is not the protocol of NATS/)
    }),
  )
})

test('what is longer than any message of a node is read past, and counted', () => {
  const long = `MSG test.log.b 1 2000000\r\n${'x'.repeat(2_000_000)}\r\n`
  const serve = (socket: Socket): void => {
    socket.write(`${GREETING}PONG\r\n`)
    subscribed(socket, () => socket.write(`${long}MSG test.log.b 1 3\r\nabc\r\n`))
  }
  return withLiar(serve, (port) =>
    withNodes(async (open) => {
      const node = await open(`127.0.0.1:${port}`, {}, { ...QUICK, watchMs: 60_000 })
      node.listen('test.log.*')
      await waitUntil('the short one has come', () => node.received.length > 0)
      expect([node.received, node.engine.tooLong]).toEqual([['test.log.b abc'], 1])
    }),
  )
})
