// A WebSocket client that can do everything wrong: frames are made here, byte by byte. Used by the
// tests of aquatic_ws. Answers pings unless told not to. Owns its socket until it is closed.
import { createConnection, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Endpoint } from './tracker.ts'
import { waitFor } from './wait.ts'

const REPLY_MS = 60_000

export const OPCODE_CONTINUATION = 0
export const OPCODE_TEXT = 1
export const OPCODE_BINARY = 2
const OPCODE_CLOSE = 8
export const OPCODE_PING = 9
const OPCODE_PONG = 10

export interface ConnectOptions {
  readonly tls?: boolean
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly localAddress?: string
  readonly answersPings?: boolean
}

export interface Message {
  readonly action?: string
  readonly info_hash?: string
  readonly peer_id?: string
  readonly offer_id?: string
  readonly offer?: { type: string; sdp: string }
  readonly answer?: { type: string; sdp: string }
  readonly complete?: number
  readonly incomplete?: number
  readonly interval?: number
  readonly files?: Record<string, { complete: number; incomplete: number; downloaded: number }>
  readonly 'failure reason'?: string
  readonly 'warning message'?: string
}

/** A handshake that was refused. */
export class Refused extends Error {
  readonly status: number
  readonly head: string

  constructor(head: string) {
    super(head.split('\r\n')[0])
    this.head = head
    this.status = Number(head.split(' ')[1])
  }
}

/** A raw connection, TLS included. */
export function openSocket({ host, port }: Endpoint, options: ConnectOptions = {}): Socket {
  const { tls = false, localAddress } = options
  const where = { host, port, ...(localAddress === undefined ? {} : { localAddress }) }
  const socket = tls ? connectTls({ ...where, rejectUnauthorized: false }) : createConnection(where)
  socket.setNoDelay(true)
  return socket
}

function handshake(endpoint: Endpoint, options: ConnectOptions = {}): string {
  const { path = '/', headers = {} } = options
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return (
    `GET ${path} HTTP/1.1\r\nHost: ${endpoint.host}:${endpoint.port}\r\nUpgrade: websocket\r\n` +
    'Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
    `Sec-WebSocket-Version: 13\r\n${lines.join('')}\r\n`
  )
}

/** A frame as clients send them. */
export function frame(opcode: number, payload: Uint8Array, final = true): Buffer {
  const size = payload.length
  const head = size < 126 ? [size] : size < 65536 ? [126, size >> 8, size & 255] : longSize(size)
  const mask = [0x12, 0x34, 0x56, 0x78]
  head[0] |= 0x80
  const masked = payload.map((byte, i) => byte ^ mask[i & 3])
  return Buffer.from([(final ? 0x80 : 0) | opcode, ...head, ...mask, ...masked])
}

function longSize(size: number): number[] {
  return [127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255]
}

export class WsClient {
  readonly socket: Socket
  /** The head of the answer to the handshake. */
  readonly head: string
  /** Resolves when the connection has ended, with the code of the close frame (1006: there was none). */
  readonly closed: Promise<{ code: number; reason: string }>
  private readonly answersPings: boolean
  private bytes: Buffer = Buffer.alloc(0)
  private readonly texts: string[] = []
  private wake: () => void = () => {}
  private closeFrame = { code: 1006, reason: '' }
  private ended = false
  pings = 0
  /** Every frame that came: its first byte and its payload. */
  onFrame: (first: number, payload: Buffer) => void = () => {}

  static async connect(endpoint: Endpoint, options: ConnectOptions = {}): Promise<WsClient> {
    const socket = openSocket(endpoint, options)
    socket.write(handshake(endpoint, options))
    const head = await waitFor(readHead(socket), REPLY_MS)
    if (head === undefined) throw new Error('no answer to the handshake')
    if (!head.startsWith('HTTP/1.1 101 ')) {
      socket.destroy()
      throw new Refused(head)
    }
    return new WsClient(socket, head, options.answersPings ?? true)
  }

  private constructor(socket: Socket, head: string, answersPings: boolean) {
    this.socket = socket
    this.head = head
    this.answersPings = answersPings
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.ended = true
        this.wake()
        resolve(this.closeFrame)
      })
    })
  }

  send(message: unknown): void {
    this.sendText(typeof message === 'string' ? message : JSON.stringify(message))
  }

  sendText(text: string): void {
    this.sendFrame(OPCODE_TEXT, new TextEncoder().encode(text))
  }

  sendFrame(opcode: number, payload: Uint8Array, final = true): void {
    this.socket.write(frame(opcode, payload, final))
  }

  /** The next message. */
  async next(): Promise<Message> {
    return JSON.parse(await this.nextText())
  }

  async nextText(): Promise<string> {
    const deadline = performance.now() + REPLY_MS
    while (this.texts.length === 0) {
      const left = deadline - performance.now()
      if (this.ended) throw new Error(`closed with ${this.closeFrame.code}: no further message`)
      if (left <= 0) throw new Error('no further message')
      const news = new Promise<void>((resolve) => {
        this.wake = resolve
      })
      await waitFor(news, left)
    }
    return this.texts.shift() as string
  }

  /** Sends a message; the next one to come is taken for its answer. */
  ask(message: unknown): Promise<Message> {
    this.send(message)
    return this.next()
  }

  /** Everything that has come so far, and nothing that this connection has caused is still to come. */
  async settled(): Promise<Message[]> {
    const marker = '~marker~~~~~~~~~~~~~'
    const before: Message[] = []
    this.send({ action: 'scrape', info_hash: marker })
    for (;;) {
      const message = await this.next()
      if (message.files?.[marker] !== undefined) return before
      before.push(message)
    }
  }

  /** Ends it as clients do. */
  async close(code = 1000): Promise<void> {
    this.sendFrame(OPCODE_CLOSE, Uint8Array.of(code >> 8, code & 255))
    await waitFor(this.closed, REPLY_MS)
    this.socket.destroy()
  }

  /** Ends it without a close frame. */
  destroy(): void {
    this.socket.destroy()
  }

  private receive(chunk: Buffer): void {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk])
    while (this.takeFrame());
    this.wake()
  }

  private takeFrame(): boolean {
    const { bytes } = this
    if (bytes.length < 2) return false
    const short = bytes[1] & 127
    const headSize = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < headSize) return false
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6)
    if (bytes.length < headSize + size) return false
    const payload = bytes.subarray(headSize, headSize + size)
    this.onFrame(bytes[0], payload)
    this.take(bytes[0] & 15, payload)
    this.bytes = bytes.subarray(headSize + size)
    return true
  }

  private take(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE_TEXT) this.texts.push(payload.toString())
    else if (opcode === OPCODE_PING) {
      this.pings++
      if (this.answersPings) this.sendFrame(OPCODE_PONG, payload)
    } else if (opcode === OPCODE_CLOSE) {
      const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0)
      this.closeFrame = { code, reason: payload.subarray(2).toString() }
      this.socket.end()
    }
  }
}

/** Reads up to the empty line; what follows is put back. */
function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', onData)
      socket.off('error', reject)
      const rest = Buffer.from(text.slice(end + 4), 'latin1')
      if (rest.length > 0) socket.unshift(rest)
      resolve(text.slice(0, end + 4))
    }
    socket.on('data', onData)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed during the handshake')))
  })
}
