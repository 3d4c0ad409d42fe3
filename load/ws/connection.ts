// One WebSocket connection to the tracker, over TCP or TLS: handshake, messages out and in.
// Used by worker.ts for each simulated client, and by first-contact.ts. Owns its socket.
//
// A client of our own, in place of the runtime's WebSocket: see the figures in docs/benchmarks/ and
// frames.ts. Its messages are collected and written in one piece; what the system does not take at
// once waits in order, and `isBacklogged` tells the sender to hold back.
import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'bun'
import { orEnd } from '../or-end.ts'
import {
  Incoming,
  type MessageHandler,
  OPCODE_CLOSE,
  OPCODE_PING,
  type Outgoing,
} from './frames.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** No tracker's answer to a handshake is longer. */
const RESPONSE_BYTES_MAX = 8192
/** An answer to a scrape of some thousand torrents. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
const CONTROL_BYTES_MAX = 125
const HEADER_END = '\r\n\r\n'

export interface Target {
  readonly hostname: string
  readonly port: number
  readonly tls: boolean
  /** Path and query of the request. */
  readonly path: string
  /** An address of this machine to connect from, '' = the system's choice. */
  readonly localAddress: string
}

export interface ConnectionEvents {
  opened(): void
  message(text: string): void
  /** Everything in one delivery of the network has been passed on: the time to flush. */
  settled(bytes: number): void
  /** Called once; `why` is null for an orderly close. */
  closed(why: string | null): void
}

export class Connection implements MessageHandler {
  isOpen = false
  private readonly target: Target
  private readonly events: ConnectionEvents
  private readonly outgoing: Outgoing
  private readonly incoming = new Incoming(MESSAGE_BYTES_MAX)
  private readonly key = randomBytes(16).toString('base64')
  private socket: Socket | null = null
  private response = ''
  private waiting: Buffer[] = []
  private ended = false
  private leaving = false

  /** `outgoing` may be shared by all connections of a thread: it is empty between two flushes. */
  constructor(target: Target, outgoing: Outgoing, events: ConnectionEvents) {
    this.target = target
    this.outgoing = outgoing
    this.events = events
  }

  connect(): void {
    const { hostname, port, tls, localAddress } = this.target
    const connecting = Bun.connect({
      hostname,
      port,
      // A tracker under test may well have a self-signed certificate.
      tls: tls ? { rejectUnauthorized: false, serverName: hostname } : false,
      ...(localAddress === '' ? {} : { localAddress }),
      socket: {
        open: (socket) => orEnd(() => this.connected(socket)),
        handshake: () => orEnd(() => this.askForUpgrade()),
        data: (_, chunk) => orEnd(() => this.received(chunk)),
        drain: () => orEnd(() => this.drain()),
        close: () => this.end('the connection was closed'),
        error: (_, error) => this.end(error.message),
        connectError: (_, error) => this.end(error.message),
      },
    })
    connecting.catch((error: Error) => this.end(error.message))
  }

  get isBacklogged(): boolean {
    return this.waiting.length > 0
  }

  /** Sends all that was put into `outgoing`. */
  flush(): void {
    const { outgoing } = this
    const { end } = outgoing
    outgoing.end = 0
    if (end === 0 || this.ended) return
    if (this.waiting.length > 0) {
      this.waiting.push(Buffer.from(outgoing.bytes.subarray(0, end)))
      return
    }
    const sent = this.write(outgoing.bytes, 0, end)
    if (sent < end) this.waiting.push(Buffer.from(outgoing.bytes.subarray(sent, end)))
  }

  /** Closes it as a client that leaves does. */
  close(): void {
    this.leaving = true
    if (this.isOpen) {
      this.outgoing.addControl(OPCODE_CLOSE, Buffer.from([1000 >> 8, 1000 & 255]))
      this.flush()
    }
    this.socket?.end()
  }

  private connected(socket: Socket): void {
    this.socket = socket
    // As browsers do: with Nagle's algorithm, requests wait for a tracker's delayed acknowledgements.
    socket.setNoDelay(true)
    if (!this.target.tls) this.askForUpgrade()
  }

  private askForUpgrade(): void {
    const { hostname, port, path } = this.target
    const host = hostname.includes(':') ? `[${hostname}]` : hostname
    this.socket?.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${this.key}${HEADER_END}`,
    )
  }

  private received(chunk: Buffer): void {
    if (this.ended) return
    if (this.isOpen) this.take(chunk)
    else this.handshake(chunk)
  }

  private handshake(chunk: Buffer): void {
    this.response += chunk.toString('latin1')
    const end = this.response.indexOf(HEADER_END)
    if (end === -1) {
      if (this.response.length > RESPONSE_BYTES_MAX) this.fail('no HTTP response came')
      return
    }
    const fault = responseFault(this.response.slice(0, end), this.key)
    if (fault !== null) {
      this.fail(fault)
      return
    }
    const rest = Buffer.from(this.response.slice(end + HEADER_END.length), 'latin1')
    this.response = ''
    this.isOpen = true
    this.events.opened()
    this.take(rest)
  }

  private take(chunk: Buffer): void {
    this.incoming.take(chunk, this)
    this.events.settled(chunk.length)
  }

  message(text: string): void {
    if (!this.ended) this.events.message(text)
  }

  control(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE_PING && payload.length <= CONTROL_BYTES_MAX) {
      this.outgoing.addControl(OPCODE_PING + 1, payload)
      this.flush()
    }
    if (opcode === OPCODE_CLOSE) this.fail(closeText(payload))
  }

  broken(why: string): void {
    this.fail(`the tracker sent ${why}`)
  }

  private fail(why: string): void {
    // In this order: ending the socket may call back at once.
    this.end(why)
    this.socket?.end()
  }

  private end(why: string): void {
    if (this.ended) return
    this.ended = true
    this.isOpen = false
    this.waiting = []
    this.events.closed(this.leaving ? null : why)
  }

  private drain(): void {
    while (this.waiting.length > 0) {
      const [next] = this.waiting
      const sent = this.write(next, 0, next.length)
      if (sent < next.length) {
        this.waiting[0] = next.subarray(sent)
        return
      }
      this.waiting.shift()
    }
  }

  private write(bytes: Buffer, from: number, to: number): number {
    return Math.max(0, this.socket?.write(bytes, from, to - from) ?? 0)
  }
}

function responseFault(head: string, key: string): string | null {
  const [status, ...lines] = head.split('\r\n')
  if (!/^HTTP\/1\.1 101\b/.test(status)) return `the handshake was answered with «${status}»`
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  const found = lines.map((line) => /^sec-websocket-accept:\s*(\S+)$/i.exec(line)?.[1])
  return found.includes(accept) ? null : 'the handshake was answered with a wrong key'
}

function closeText(payload: Buffer): string {
  if (payload.length < 2) return 'the tracker closed the connection'
  const reason = payload.length > 2 ? `: ${payload.toString('utf8', 2)}` : ''
  return `the tracker closed the connection (${payload.readUInt16BE(0)}${reason})`
}
