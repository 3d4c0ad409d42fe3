// The server over TLS in this thread, with the protocol of lines of harness.ts: what a test of the whole tracker cannot
// make happen at will.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect, type TLSSocket } from 'node:tls'
import { Blocks } from '../../src/tcp/blocks.ts'
import { ConnectionLimits, createConnectionLimits } from '../../src/tcp/connection-limits.ts'
import { TCP_COUNTER_WORDS, TCP_COUNTERS } from '../../src/tcp/counters.ts'
import { Output } from '../../src/tcp/output.ts'
import { TlsServer, TlsSockets } from '../../src/tcp/tls-server.ts'
import { type ByteSender, RECEIVE_BYTES, Transfer } from '../../src/tcp/transfer.ts'
import { Certificates } from '../support/certificates.ts'
import { waitUntil } from '../support/wait.ts'
import { Lines } from './harness.ts'

const files = new Certificates()
beforeAll(() => files.make('ec', 'ec'))
afterAll(() => files.remove())

const START = 1000
const LINGER_SECONDS = 2
const UNREAD_SECONDS = 15

/** A server whose runtime says that it can send when a test wants it. */
class SlowServer extends TlsServer {
  drain(): void {
    const connection = this.unread.first
    if (connection !== null) this.writeOn(connection)
  }
}

class Bench {
  readonly counts = new Int32Array(TCP_COUNTER_WORDS)
  readonly limits = new ConnectionLimits(createConnectionLimits(100), 100, 0)
  readonly server: SlowServer
  readonly port: number
  now = START

  /** `bytesMax`: the most of an answer that the runtime takes at once. */
  constructor(bytesMax: number) {
    // Free a moment ago.
    const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    this.port = probe.port
    probe.stop()
    const output = new Output(65536)
    const lines = new Lines(output)
    const sockets = new TlsSockets(output)
    const sender: ByteSender = {
      send: (connection, address, bytes) =>
        sockets.send(connection, address, Math.min(bytes, bytesMax)),
    }
    this.server = new SlowServer({
      handler: lines,
      transfer: new Transfer(output, new Blocks(2 ** 24), lines, sender),
      limits: this.limits,
      times: { first: 10, request: 20, idle: 60, unread: UNREAD_SECONDS },
      counts: this.counts,
      countsAt: 0,
      sockets,
      addresses: [{ hostname: '127.0.0.1', port: this.port, ipv6Only: false }],
      before: () => this.now,
      after: () => {},
    })
    this.server.listen({ cert: files.read('ec.pem'), key: files.read('ec-key.pem'), others: [] })
  }

  counted(): Record<string, number> {
    const names = TCP_COUNTERS.flatMap(({ counters }) => counters.map(({ name }) => name))
    return Object.fromEntries(
      names.map((name, i) => [name, this.counts[i]] as const).filter(([, count]) => count !== 0),
    )
  }

  tick(now: number): void {
    this.now = now
    this.server.tick(now)
  }

  async connect(): Promise<Client> {
    const socket = connect({ port: this.port, host: '127.0.0.1', rejectUnauthorized: false })
    const client = new Client(socket)
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    return client
  }
}

class Client {
  text = ''
  ended = false
  readonly socket: TLSSocket

  constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (data: Buffer) => {
      this.text += data.toString('latin1')
    })
    socket.on('close', () => {
      this.ended = true
    })
    socket.on('error', () => {})
  }
}

async function withServer(
  use: (bench: Bench) => Promise<void>,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<void> {
  const bench = new Bench(bytesMax)
  try {
    await use(bench)
  } finally {
    bench.server.stopListening()
    bench.server.close()
  }
}

test('each wait has its time, and its end is counted once', () =>
  withServer(async (bench) => {
    const [first, slow, idle] = [
      await bench.connect(),
      await bench.connect(),
      await bench.connect(),
    ]
    slow.socket.write('sl')
    idle.socket.write('idle\n')
    await waitUntil('both have come', () => bench.server.waiting === 1 && idle.text !== '')
    bench.tick(START + 11)
    await waitUntil('the first', () => first.ended)
    bench.tick(START + 21)
    await waitUntil('the slow one', () => slow.ended)
    expect(slow.text).toBe('too slow\n')
    bench.tick(START + 61)
    await waitUntil('the idle one', () => idle.ended && bench.server.count === 0)
    expect(bench.counted()).toEqual({
      accepted: 3,
      handshakes_full: 3,
      closed_first_timeout: 1,
      closed_request_timeout: 1,
      closed_idle_timeout: 1,
    })
    expect(bench.limits.total()).toBe(0)
  }))

test('a client that never shows its end is cut off, counted once', () =>
  withServer(async (bench) => {
    // Does not react to the end that it is shown.
    const child = Bun.spawn(
      ['openssl', 's_client', '-quiet', '-connect', `127.0.0.1:${bench.port}`],
      { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' },
    )
    child.stdin.write('one\n')
    await child.stdin.flush()
    await waitUntil(
      'it is here',
      () => bench.counted().handshakes_full === 1 && bench.server.waiting === 0,
    )
    child.kill('SIGSTOP')
    bench.tick(START + 61)
    expect(bench.server.count).toBe(1)
    expect(bench.counted().closed_idle_timeout).toBe(1)
    expect(bench.server.count).toBe(1)
    bench.tick(START + 61 + LINGER_SECONDS + 1)
    expect(bench.server.count).toBe(0)
    expect(bench.limits.total()).toBe(0)
    expect(bench.counted()).toEqual({ accepted: 1, handshakes_full: 1, closed_idle_timeout: 1 })
    child.kill('SIGKILL')
    await child.exited
  }))

test('answers wait for a client that does not read; one that then sends more than a block is closed', () =>
  withServer(async (bench) => {
    const client = await bench.connect()
    client.socket.pause()
    client.socket.write('big 30000\n'.repeat(400))
    await waitUntil('the system takes no more', () => bench.server.waiting === 1)
    const before = client.text.length
    client.socket.resume()
    await waitUntil('all of it', () => client.text.length - before >= 400 * 30_001)
    expect(client.text.replaceAll('b', '').replaceAll('\n', '')).toBe('')
    const greedy = await bench.connect()
    greedy.socket.pause()
    greedy.socket.write('big 30000\n'.repeat(2000))
    greedy.socket.write('x'.repeat(2 * RECEIVE_BYTES))
    await waitUntil('it is closed', () => bench.counted().closed_overrun === 1)
    expect(bench.limits.total()).toBe(1)
    client.socket.destroy()
  }))

test('a client that reads a byte at a time has no more time for an answer than one that reads nothing', () =>
  withServer(async (bench) => {
    const client = await bench.connect()
    client.socket.write('big 30000\n')
    await waitUntil('it is not taken', () => bench.server.waiting === 1)
    for (let second = 1; second <= UNREAD_SECONDS; second++) {
      bench.tick(START + second)
      bench.server.drain()
    }
    expect(bench.server.waiting).toBe(1)
    await waitUntil('bytes have come', () => client.text.length > UNREAD_SECONDS)
    bench.tick(START + UNREAD_SECONDS + 1)
    expect(bench.counted().closed_unread_timeout).toBe(1)
    await waitUntil('the end', () => client.ended)
    expect(bench.server.count).toBe(0)
  }, 1))
