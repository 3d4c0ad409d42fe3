import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { TcpTransport } from '../../../load/http/tcp-transport.ts'
import { SocketName } from '../../../src/os/tcp-client.ts'
import { waitUntil } from '../../support/wait.ts'

const BYTES = 8 * 2 ** 20
const AGAIN_BYTES = 300_000
const LOOPBACK = { family: 4, address: [127, 0, 0, 1] } as const

test('data that the system does not accept at once arrives whole and in order', async () => {
  const hash = createHash('sha256')
  let arrived = 0
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data: (socket, bytes) => {
        hash.update(bytes)
        arrived += bytes.length
        if (arrived === BYTES + AGAIN_BYTES) socket.end('enough')
      },
    },
  })
  const events: string[] = []
  let answer = ''
  const target = {
    to: new SocketName({ ...LOOPBACK, port: server.port }),
    from: [new SocketName({ ...LOOPBACK, port: 0 })],
    isLoopback: true,
    pipelines: true,
  }
  const transport = new TcpTransport(1, BYTES, target, {
    opened: () => events.push('opened'),
    received: (_, bytes, from, to) => {
      answer += Buffer.from(bytes.subarray(from, to)).toString()
    },
    ended: () => events.push('ended'),
  })
  const { output } = transport
  for (let i = 0; i < BYTES; i++) output[i] = (i * 2654435761) >>> 24
  const expected = createHash('sha256')
    .update(output)
    .update(output.subarray(0, AGAIN_BYTES))
    .digest('hex')
  expect(transport.connect(0, 0, BYTES)).toBe(true)
  // Behind the first, of which a part waits.
  transport.send(0, AGAIN_BYTES)
  output.fill(0)
  await waitUntil('all has arrived', () => {
    transport.turn(0, 0)
    return events.includes('ended')
  })
  transport.shutDown()
  server.stop(true)
  expect(arrived).toBe(BYTES + AGAIN_BYTES)
  expect(hash.digest('hex')).toBe(expected)
  expect(answer).toBe('enough')
  expect(events).toEqual(['opened', 'ended'])
})

test('a connection that is not accepted fails, and is never open', async () => {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => {} } })
  const { port } = server
  server.stop(true)
  const events: string[] = []
  const target = {
    to: new SocketName({ ...LOOPBACK, port }),
    from: [null],
    isLoopback: true,
    pipelines: false,
  }
  const transport = new TcpTransport(1, 100, target, {
    opened: () => events.push('opened'),
    received: () => events.push('received'),
    ended: () => events.push('ended'),
  })
  // Over loopback it may fail at once.
  if (!transport.connect(0, 0, 100)) events.push('ended')
  await waitUntil('it has failed', () => {
    transport.turn(0, 0)
    return events.length > 0
  })
  expect(events).toEqual(['ended'])
  transport.shutDown()
})
