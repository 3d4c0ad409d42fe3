// Connections over TLS as their worker has them; the executable with TLS is tested in test/http/https.test.ts.
import { afterAll, expect, test } from 'bun:test'
import { boundPort } from '../../src/os/socket.ts'
import { openBound, releaseTcpPort } from '../../src/os/tcp-port.ts'
import { Blocks } from '../../src/tcp/blocks.ts'
import type { StreamHandler } from '../../src/tcp/connection.ts'
import { ConnectionLimits, createConnectionLimits } from '../../src/tcp/connection-limits.ts'
import { ACCEPTED, TCP_COUNTER_WORDS } from '../../src/tcp/counters.ts'
import { Output } from '../../src/tcp/output.ts'
import { TlsServer, TlsSockets } from '../../src/tcp/tls-server.ts'
import { Transfer } from '../../src/tcp/transfer.ts'
import { Certificates } from '../support/certificates.ts'
import { waitUntil } from '../support/wait.ts'

const CONNECTIONS_MAX = 10
/** Of a machine that has been up for a while. */
const NOW = 100_000
const TIMES = { first: 10, request: 20, idle: 60, unread: 15 }
const LOCALHOST = { family: 4, address: [127, 0, 0, 1], port: 0, dualStack: false } as const

const certificates = new Certificates()
certificates.make('server', 'ec')
afterAll(() => certificates.remove())

/** Takes everything, answers nothing. */
const silent: StreamHandler = {
  lasts: false,
  answerBytesMax: 100,
  requestBytesMax: 100,
  consume: (_connection, _input, from, to) => to - from,
  expired: () => {},
  refused: () => {},
  drained: () => {},
  ended: () => {},
}

function startServer(counts: Int32Array): { server: TlsServer; port: number } {
  const held = openBound(LOCALHOST, true)
  const port = boundPort(held.fd)
  const output = new Output(1000)
  const sockets = new TlsSockets(output)
  const server = new TlsServer({
    handler: silent,
    transfer: new Transfer(output, new Blocks(2 ** 20), silent, sockets),
    sockets,
    limits: new ConnectionLimits(createConnectionLimits(CONNECTIONS_MAX), CONNECTIONS_MAX, 0),
    times: TIMES,
    counts,
    countsAt: 0,
    addresses: [{ hostname: '127.0.0.1', port, ipv6Only: false }],
    before: () => NOW,
    after: () => {},
  })
  const [cert, key] = [certificates.read('server.pem'), certificates.read('server-key.pem')]
  server.listen({ cert, key, others: [] })
  releaseTcpPort(held)
  return { server, port }
}

test('a connection before the first tick has as much time as any other', async () => {
  const counts = new Int32Array(TCP_COUNTER_WORDS)
  const { server, port } = startServer(counts)
  const client = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data: () => {} } })
  await waitUntil('accepted', () => counts[ACCEPTED] === 1)
  server.tick(NOW)
  expect(server.count).toBe(1)
  server.tick(NOW + TIMES.first + 1)
  expect(server.count).toBe(0)
  client.end()
  server.stopListening()
  server.close()
})
