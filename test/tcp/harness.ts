// A server of src/tcp with a protocol of lines, and clients of it, all in one thread: a test says when the server has
// its turn, and what second it is. Used by the tests beside it.
//
//  anything ↵  comes back          big N ↵  N bytes           half ↵  nothing, but N bytes of what follows are
//  close ↵     comes back, end     bye ↵    comes back, end, while the peer may still be sending
//  who ↵       whose connection it is

import { addressOf, libc, nativeWords } from '../../src/os/ffi.ts'
import {
  AF_INET,
  F_SETFL,
  O_NONBLOCK,
  SHUT_WR,
  SO_LINGER,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../src/os/kernel.ts'
import { boundPort, check, socketAddress } from '../../src/os/socket.ts'
import { openListener } from '../../src/os/tcp-listener.ts'
import { closeConnection, NativeBytes, receiveBytes, sendBytes } from '../../src/os/tcp-stream.ts'
import { Blocks } from '../../src/tcp/blocks.ts'
import type { Connection, StreamHandler } from '../../src/tcp/connection.ts'
import { ConnectionLimits, createConnectionLimits } from '../../src/tcp/connection-limits.ts'
import type { TcpTimes } from '../../src/tcp/connections.ts'
import { TCP_COUNTER_WORDS, TCP_COUNTERS } from '../../src/tcp/counters.ts'
import { Networks } from '../../src/tcp/networks.ts'
import { Output } from '../../src/tcp/output.ts'
import { ProxyProtocol } from '../../src/tcp/proxy-protocol.ts'
import { TcpServer } from '../../src/tcp/server.ts'
import { type ByteSender, Transfer } from '../../src/tcp/transfer.ts'

const ANSWER_BYTES_MAX = 32768
const REQUEST_BYTES_MAX = 16384
const NEWLINE = 10
const TURNS_MAX = 400

/** A protocol of lines. */
export class Lines implements StreamHandler {
  readonly lasts = false
  readonly answerBytesMax = ANSWER_BYTES_MAX
  readonly requestBytesMax = REQUEST_BYTES_MAX
  /** How many bytes it looked at, over all calls. */
  looked = 0
  private readonly output: Output

  constructor(output: Output) {
    this.output = output
  }

  consume(connection: Connection, input: Uint8Array, from: number, to: number): number {
    const end = input.subarray(from, to).indexOf(NEWLINE, connection.looked)
    this.looked += to - from - connection.looked
    if (end < 0) {
      if (to - from < REQUEST_BYTES_MAX) {
        connection.looked = to - from
        return 0
      }
      this.write('too long')
      connection.closing = true
      connection.lingers = true
      return to - from
    }
    const line = Buffer.from(input.slice(from, from + end)).toString()
    const [word, number = '0'] = line.split(' ')
    if (word === 'close' || word === 'bye') connection.closing = true
    if (word === 'bye') connection.lingers = true
    if (word === 'who') this.write(whose(connection))
    else this.write(word === 'big' ? 'b'.repeat(Number(number)) : line)
    return end + 1
  }

  expired(): void {
    this.write('too slow')
  }

  refused(): void {
    this.write('full')
  }

  drained(): void {}

  ended(): void {}

  private write(text: string): void {
    const { bytes, end } = this.output
    this.output.end = end + new TextEncoder().encodeInto(`${text}\n`, bytes.subarray(end)).written
  }
}

function whose({ ipv4, a0, a1, a2, a3, port }: Connection): string {
  const words = Int32Array.from(ipv4 ? [a0] : [a0, a1, a2, a3])
  return `${Buffer.from(words.buffer).toString('hex')} ${port}`
}

export interface BenchOptions {
  readonly maxConnections?: number
  readonly maxPerAddress?: number
  readonly heldBytesMax?: number
  readonly trusted?: readonly string[]
  /** Connections begin with a header of the PROXY protocol. */
  readonly proxyProtocol?: boolean
  /** Instead of the system's own. */
  readonly sender?: ByteSender
}

export class Bench {
  readonly counts = new Int32Array(TCP_COUNTER_WORDS)
  readonly server: TcpServer
  readonly lines: Lines
  readonly blocks: Blocks
  readonly limits: ConnectionLimits
  readonly limitsTable: SharedArrayBuffer
  readonly port: number
  readonly times: TcpTimes = { first: 10, request: 20, idle: 60, unread: 15 }
  now = 1000
  private readonly clients: Client[] = []
  private stopped = false

  constructor(options: BenchOptions = {}) {
    const { maxConnections = 1000, maxPerAddress = 0, heldBytesMax = 2 ** 24 } = options
    const listener = openListener({ family: 4, address: [127, 0, 0, 1], port: 0, dualStack: false })
    this.port = boundPort(listener)
    const output = new Output(65536)
    this.lines = new Lines(output)
    this.blocks = new Blocks(heldBytesMax)
    this.limitsTable = createConnectionLimits(maxConnections)
    this.limits = new ConnectionLimits(this.limitsTable, maxConnections, maxPerAddress)
    const trusted = new Networks(options.trusted ?? [])
    this.limits.setTrusted(trusted)
    const proxies = new ProxyProtocol(this.lines)
    proxies.setTrusted(trusted)
    this.server = new TcpServer({
      listeners: [listener],
      handler: options.proxyProtocol === true ? proxies : this.lines,
      transfer: new Transfer(output, this.blocks, this.lines, options.sender),
      limits: this.limits,
      times: this.times,
      counts: this.counts,
      countsAt: 0,
    })
    this.server.listen()
  }

  /** Counts that are not 0, by name. */
  counted(): Record<string, number> {
    const names = TCP_COUNTERS.flatMap(({ counters }) => counters.map(({ name }) => name))
    return Object.fromEntries(
      names.map((name, i) => [name, this.counts[i]] as const).filter(([, count]) => count !== 0),
    )
  }

  /** `from`: an address of this machine. */
  connect(from?: string): Client {
    const client = new Client(this.port, from)
    this.clients.push(client)
    return client
  }

  /** The server does what there is to do now. */
  turn(milliseconds = 0): number {
    this.server.wait(milliseconds)
    return this.server.serve(this.now)
  }

  /** It has its turns until `done`. */
  until(what: string, done: () => boolean): void {
    for (let n = 0; n < TURNS_MAX; n++) {
      if (done()) return
      this.turn(10)
    }
    throw new Error(`not true: ${what}; ${JSON.stringify(this.counted())}`)
  }

  /** What a client gets, of so many bytes. */
  answer(client: Client, bytes: number): string {
    const from = client.text.length
    this.until(`${bytes} bytes`, () => client.receive().length - from >= bytes)
    return client.text.slice(from)
  }

  /** Until the server has ended the connection; returns all that came. */
  end(client: Client): string {
    this.until('an end', () => {
      client.receive()
      return client.ended !== null
    })
    return client.text
  }

  close(): void {
    for (const client of this.clients) client.close()
    if (!this.stopped) this.stopListening()
    this.server.close()
  }

  stopListening(): void {
    this.stopped = true
    this.server.stopListening()
  }
}

/** Has a server used, and closed. */
export function withServer(options: BenchOptions, use: (bench: Bench) => void): void {
  const bench = new Bench(options)
  try {
    use(bench)
  } finally {
    bench.close()
  }
}

export async function withServerAsync(
  options: BenchOptions,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const bench = new Bench(options)
  try {
    await use(bench)
  } finally {
    bench.close()
  }
}

export class Client {
  text = ''
  ended: 'end' | 'reset' | null = null
  fd: number
  private readonly memory = new NativeBytes(65536)

  constructor(port: number, from?: string) {
    this.fd = check('socket', libc.socket(AF_INET, SOCK_STREAM, 0))
    if (from !== undefined) {
      const own = socketAddress({ family: 4, address: from.split('.').map(Number), port: 0 })
      check('bind', libc.bind(this.fd, addressOf(own) as never, 16))
    }
    const address = socketAddress({ family: 4, address: [127, 0, 0, 1], port })
    check('connect', libc.connect(this.fd, addressOf(address) as never, 16))
    check('fcntl', libc.fcntl(this.fd, F_SETFL, O_NONBLOCK as never))
  }

  /** Returns how many bytes the system took. */
  send(text: string | Uint8Array): number {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    this.memory.bytes.set(bytes)
    return sendBytes(this.fd, this.memory.address, bytes.length, false)
  }

  /** All that has come so far. */
  receive(): string {
    for (;;) {
      const bytes = receiveBytes(this.fd, this.memory.address, 65536)
      if (bytes <= 0) {
        if (bytes === 0) this.ended ??= 'end'
        if (bytes === -2) this.ended ??= 'reset'
        return this.text
      }
      this.text += Buffer.from(this.memory.bytes.slice(0, bytes)).toString('latin1')
    }
  }

  endSending(): void {
    libc.shutdown(this.fd, SHUT_WR)
  }

  reset(): void {
    const linger = nativeWords(2)
    linger[0] = 1
    libc.setsockopt(this.fd, SOL_SOCKET, SO_LINGER, addressOf(linger) as never, 8)
    this.close()
  }

  close(): void {
    if (this.fd >= 0) closeConnection(this.fd)
    this.fd = -1
  }
}
