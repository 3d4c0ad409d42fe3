// The engine over NATS against a real nats-server: what arrives, and what happens when the server is killed, stopped, slow, or no
// such server.
import { describe, expect, test } from 'bun:test'
import { createServer, type Server, type Socket } from 'node:net'
import { ENGINE_TIMES } from '../../src/cluster/nats.ts'
import { STOP_MILLISECONDS } from '../../src/process/workers.ts'
import { WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { waitUntil } from '../support/wait.ts'
import { arrives, bytesOf, flood, QUICK, withNodes } from './nats-node.ts'

const MIB = 1_048_576

describe.skipIf(WHY_NO_NATS !== '')(`with a real server${WHY_NO_NATS}`, () => {
  test('bytes of every value arrive unchanged, in order, and not at who sent them', () =>
    withNats('', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        const b = await open(server.address)
        for (const node of [a, b]) node.listen('test.log.*')
        const sizes = new Set<number>()
        b.engine.subscribe('test.log.*', (bytes) => {
          // The caller's copy is one, with a buffer of its own.
          const copy = bytes.slice()
          sizes.add(copy.length - copy.buffer.byteLength)
        })
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'first')
        b.received.length = 0
        const all = Uint8Array.from({ length: 65_536 }, (_, i) => (i * 31 + (i >> 8)) & 255)
        const text = Buffer.from(all).toString('latin1')
        // The caller may change its buffer at once, and it may be shared memory.
        const shared = new Uint8Array(new SharedArrayBuffer(all.length))
        for (let i = 0; i < 50; i++) {
          shared.set(all)
          shared[0] = i
          expect(a.engine.publish('test.log.a', shared)).toBe(true)
          shared.fill(0)
        }
        await waitUntil('all have arrived', () => b.received.length >= 50)
        const sent = Array.from(
          { length: 50 },
          (_, i) => `test.log.a ${String.fromCharCode(i)}${text.slice(1)}`,
        )
        expect(b.received.filter((each) => each !== 'test.log.a first')).toEqual(sent)
        expect(a.received).toEqual([])
        await waitUntil('the other subscription has received', () => sizes.size > 0)
        expect([...sizes]).toEqual([0])
      }),
    ))

  test('a subscription made before the connection and one made after it both hold', () =>
    withNats('', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        const b = await open(server.address)
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        b.engine.subscribe('test.to.b.*', (_, from) => b.received.push(from))
        await arrives(a, b, 'x')
        await waitUntil('the second holds', () => {
          a.engine.publish('test.to.b.a', bytesOf('y'))
          return b.received.includes('test.to.b.a')
        })
      }),
    ))

  test('killed and back: it is reported, nothing is taken meanwhile, and subscriptions hold', () =>
    withNats('', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        const b = await open(server.address)
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'before')
        await server.kill()
        await a.reports(/^down: /)
        await waitUntil('both know', () => !a.engine.isConnected() && !b.engine.isConnected())
        expect(a.engine.publish('test.log.a', bytesOf('lost'))).toBe(false)
        await a.reports(/^down: connection refused/)
        await server.run()
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'after')
        expect(b.received.join()).not.toContain('lost')
      }),
    ))

  test('killed at once again and again, it is found each time', () =>
    withNats('', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        for (let i = 0; i < 8; i++) {
          await a.connected()
          await server.kill()
          await waitUntil('it is noticed', () => !a.engine.isConnected())
          await server.run()
        }
        await a.connected()
      }),
    ))

  test('of several servers the first that answers is taken, also after one has ended', () =>
    withNats('', (first) =>
      withNats('', (second) =>
        withNodes(async (open) => {
          const a = await open([first.address, second.address])
          await a.reports(new RegExp(`^up: connected to ${first.address}`))
          await first.kill()
          await a.reports(new RegExp(`^up: connected to ${second.address}`))
          await first.run()
          a.statuses.length = 0
          await second.kill()
          await a.reports(new RegExp(`^up: connected to ${first.address}`))
        }),
      ),
    ))

  test('a server that stops reading: little is buffered, the connection is given up, and a new one works', () =>
    withNats('', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address, {}, { ...QUICK, connectMs: 500 })
        const b = await open(server.address)
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'before')
        server.signal('SIGSTOP')
        const message = new Uint8Array(MIB / 2)
        let taken = 0
        while (a.engine.publish('test.log.a', message)) taken += message.length
        expect(taken).toBeLessThanOrEqual(16 * MIB)
        expect(taken).toBeGreaterThan(8 * MIB)
        await a.reports(/^down: the server does not answer/)
        expect(a.engine.publish('test.log.a', message)).toBe(false)
        await a.reports(/^down: timeout/)
        server.signal('SIGCONT')
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'after')
      }),
    ))

  test('a receiver that is too slow is cut off by the server, says why, and is back', () =>
    withNats('max_pending: 1048576, write_deadline: "300ms"', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        const b = await open(server.address)
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'before')
        b.statuses.length = 0
        // This thread reads nothing while another process sends more than the system and the server buffer.
        flood(server.port, 'test.log.a', 32)
        await server.waitForLog(/Slow Consumer/)
        await b.reports(/^down: /)
        await b.connected()
        await arrives(a, b, 'after')
      }),
    ))

  test('what is larger than the server takes is refused here', () =>
    withNats('max_payload: 4096', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        const b = await open(server.address)
        b.listen('test.log.*')
        const refused: string[] = []
        a.engine.onRefusal((reason) => refused.push(reason))
        await Promise.all([a.connected(), b.connected()])
        expect(refused.join()).toContain('its max_payload is 4096')
        expect(a.engine.publish('test.log.a', new Uint8Array(4097))).toBe(false)
        await arrives(a, b, 'x')
        expect(a.engine.isConnected()).toBe(true)
      }),
    ))

  test('closed, it has sent what was published, and is gone at once', () =>
    withNats('', (server) =>
      withNodes(async (open) => {
        const a = await open(server.address)
        const b = await open(server.address)
        b.listen('test.log.*')
        await Promise.all([a.connected(), b.connected()])
        await arrives(a, b, 'x')
        a.engine.publish('test.log.a', bytesOf('last'))
        await a.engine.close()
        await waitUntil('the last arrives', () => b.received.includes('test.log.a last'))
        expect(a.engine.publish('test.log.a', bytesOf('later'))).toBe(false)
        expect(a.engine.isConnected()).toBe(false)
        expect(a.statuses.at(-1)).toBe('down: closed')
        expect(a.statuses).toHaveLength(2)
      }),
    ))
})

describe('what is no NATS server', () => {
  test('a first server that is not there yet is found when it comes', () =>
    withNodes(async (open) => {
      const node = await open('127.0.0.1:1')
      await node.reports(/^down: connection refused/)
      expect(node.engine.publish('test.log.a', bytesOf('x'))).toBe(false)
    }))

  test('a name without an address is reported', () =>
    withNodes(async (open) => {
      const node = await open('nowhere.invalid:4222')
      await node.reports(/^down: .*nowhere\.invalid/)
    }))

  for (const [what, says] of [
    ['says nothing', ''],
    ['speaks another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['sends nonsense', 'INFO {"max_payload":\r\n'],
    ['sends bytes without end', '\u0000'.repeat(200_000)],
  ] as const) {
    test(`who ${what} is left, and asked again, with one connection at a time`, async () => {
      let connections = 0
      let open = 0
      const { server, port } = await listening((socket) => {
        connections++
        open++
        socket.on('error', () => {})
        socket.on('close', () => open--)
        socket.write(says)
        socket.resume()
      })
      await withNodes(async (openNode) => {
        const node = await openNode(`127.0.0.1:${port}`, {}, { ...QUICK, connectMs: 200 })
        await node.reports(/^down: /)
        await waitUntil('it is asked again', () => connections >= 6)
        await waitUntil('earlier connections are gone', () => open <= 1)
        expect(node.engine.isConnected()).toBe(false)
      })
      server.close()
    })
  }

  test('one that becomes a liar after the greeting is left', async () => {
    let connections = 0
    const { server, port } = await listening((socket) => {
      connections++
      socket.on('error', () => {})
      socket.write('INFO {"server_id":"X","version":"2.9.0","proto":1,"max_payload":1048576}\r\n')
      socket.once('data', () => socket.write('PONG\r\n'))
      setTimeout(() => socket.write('MSG test.log.b 1 99999999999\r\nMSG nonsense\r\n+-?\r\n'), 50)
    })
    await withNodes(async (open) => {
      const node = await open(`127.0.0.1:${port}`)
      await node.reports(/^up: /)
      await node.reports(/^down: the server sent what is not the protocol of NATS/)
      await waitUntil('it is asked again', () => connections >= 2)
    })
    server.close()
  })
})

function listening(serve: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer(serve)
    server.listen(0, '127.0.0.1', () => {
      resolve({ server, port: (server.address() as { port: number }).port })
    })
  })
}

test('closing takes less time than a worker has to stop, also if the server stands still', () => {
  expect(2 * ENGINE_TIMES.closeMs).toBeLessThan(STOP_MILLISECONDS)
})
