// The library's connection to a NATS server, with what it lacks against a server that lies (server-lines.ts): limits, and
// no byte from the network in an exception that it would print. Made by nats.ts for each connection. Owns the socket.
import type { TLSSocket } from 'node:tls'
import type { NodeTransport as LibraryTransport } from '@nats-io/transport-node/lib/node_transport.js'
import { nowMilliseconds } from '../os/clock.ts'
import { NOT_NATS, ServerLines } from './server-lines.ts'

const TLS_REQUIRED = 'the server requires TLS: set [cluster] use_tls = true'
const SPOKE_BEFORE_TLS = 'the server, or somebody on the way, spoke on before TLS began'
/** The first line, of a server that nothing is known of yet. */
const GREETING_BYTES_MAX = 65_536
const LINE_FEED = 10

type ServerInfo = Awaited<ReturnType<LibraryTransport['peekInfo']>>

export interface TransportOptions {
  readonly usesTls: boolean
  /** Not taken by the system yet. */
  readonly unwrittenBytesMax: number
  /** Called with what has come: it was garbage once it had been read, also what nobody hears of. */
  readonly received: (bytes: number, tooLong: number) => void
}

/** The library is loaded late, so its class is given. */
export function transportClass(Library: typeof LibraryTransport, options: TransportOptions) {
  const { usesTls, unwrittenBytesMax, received } = options
  return class extends Library {
    /** The library's own keeps the socket of an attempt that took too long. */
    override async close(error?: Error): Promise<void> {
      await super.close(error)
      this.discard()
    }

    /** The library's own puts all that has come together again with each packet, whatever it is. */
    override peekInfo(): Promise<ServerInfo> {
      return new Promise((resolve, reject) => {
        const { socket } = this
        let greeting = Buffer.alloc(0)
        const fail = (error?: Error) =>
          reject(error ?? new Error('the server closed the connection'))
        socket.on('error', fail)
        socket.on('close', () => fail())
        socket.on('data', (bytes: Buffer) => {
          greeting = Buffer.concat([greeting, bytes])
          const end = greeting.indexOf(LINE_FEED)
          if (end < 0 && greeting.length <= GREETING_BYTES_MAX) return
          socket.removeAllListeners()
          const info = end < 0 ? null : readInfo(greeting.subarray(0, end + 1))
          if (info === null) return fail(new Error(NOT_NATS))
          if (usesTls && greeting.length > end + 1) return fail(new Error(SPOKE_BEFORE_TLS))
          this.yields.push(greeting)
          resolve(info)
        })
      })
    }

    /** The library reads no more after what it cannot parse, prints it, and would leave the connection as it is. */
    override async *[Symbol.asyncIterator]() {
      const lines = new ServerLines(nowMilliseconds)
      try {
        for await (const bytes of super.iterate()) {
          const { tooLong } = lines
          yield* lines.take(bytes)
          received(bytes.length, lines.tooLong - tooLong)
          const unwritten = this.socket?.writableLength ?? 0
          if (lines.fault !== '' || unwritten > unwrittenBytesMax) return
        }
      } finally {
        void this.close(new Error(lines.fault || NOT_NATS))
      }
    }

    /** Only asked for: the library's own would trust any authority of the web. */
    override async startTLS(): Promise<TLSSocket> {
      if (!usesTls) throw new Error(TLS_REQUIRED)
      return super.startTLS()
    }
  }
}

function readInfo(line: Buffer): ServerInfo | null {
  const lines = new ServerLines(nowMilliseconds)
  const text = line.toString('latin1')
  if (!text.startsWith('INFO ') || lines.take(line).length === 0 || lines.fault !== '') return null
  return JSON.parse(line.toString('utf8', 5)) as ServerInfo
}
