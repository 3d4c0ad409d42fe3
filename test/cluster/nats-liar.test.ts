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

test('a line without an end is given up before it fills the memory', () => {
  let sent = 0
  const part = Buffer.alloc(65_536, 0x61)
  const serve = (socket: Socket): void => {
    socket.write(`${GREETING}PONG\r\n-ERR '`)
    const next = (): void => {
      sent += part.length
      if (!socket.destroyed) socket.write(part, next)
    }
    socket.once('data', next)
    socket.resume()
  }
  return withLiar(serve, (port) =>
    withNodes(async (open) => {
      // It answers no PING, and would be given up for that.
      const node = await open(`127.0.0.1:${port}`, {}, { ...QUICK, watchMs: 60_000 }, 1_048_576)
      await node.reports(/^up: /)
      await node.reports(/^down: the server sent what is not the protocol of NATS/)
      // What the system holds on its way counts too.
      expect(sent).toBeLessThan(64 * 1_048_576)
    }),
  )
})
