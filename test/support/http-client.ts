// Connections to an HTTP tracker, byte by byte where a test wants that. Used by the tests of HTTP.
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { type HttpAnswer, readAnswer } from './http-answer.ts'
import type { Endpoint } from './tracker.ts'
import { waitFor } from './wait.ts'

const ANSWER_MS = 60_000

export interface AnnounceParts {
  readonly infoHash?: string
  readonly port?: number
  readonly left?: number
  readonly event?: string | undefined
}

/** The target of an announce. */
export function announceTarget(parts: AnnounceParts = {}): string {
  const { infoHash = 'h'.repeat(20), port = 6881, left = 1, event } = parts
  const more = event === undefined ? '' : `&event=${event}`
  return `/announce?info_hash=${infoHash}&peer_id=-XX0001-${'p'.repeat(12)}&port=${port}&left=${left}${more}`
}

export function requestText(target: string, fields = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: tracker\r\n${fields}\r\n`
}

/** Where a tracker listens; `path`: of a Unix socket. */
export type Place = Endpoint | { readonly path: string }

export class HttpConnection {
  /** All that has come and was not taken. */
  bytes = Buffer.alloc(0)
  private readonly socket: Socket
  private isEnded = false
  private wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    const end = () => {
      this.isEnded = true
      this.wake()
    }
    socket.on('data', (data: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, data])
      this.wake()
    })
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  /** Resolves once it is connected. */
  static async open(at: Place): Promise<HttpConnection> {
    const socket = connect('path' in at ? { path: at.path } : { ...at, noDelay: true })
    const connection = new HttpConnection(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return connection
  }

  /** The same with TLS; resolves after the handshake. */
  static async openTls(at: Endpoint, more: ConnectionOptions = {}): Promise<HttpConnection> {
    const socket = connectTls({ ...at, rejectUnauthorized: false, ...more })
    socket.setNoDelay(true)
    const connection = new HttpConnection(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    return connection
  }

  get hasEnded(): boolean {
    return this.isEnded
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  /** The next answer, whole; throws when the connection ends before. */
  async answer(): Promise<HttpAnswer> {
    await this.until('an answer', () => this.answerBytes() >= 0)
    const length = this.answerBytes()
    const answer = readAnswer(this.bytes.subarray(0, length))
    this.bytes = this.bytes.subarray(length)
    return answer
  }

  ask(target: string, fields = ''): Promise<HttpAnswer> {
    this.send(requestText(target, fields))
    return this.answer()
  }

  /** Resolves when the tracker has ended the connection. */
  async ended(): Promise<void> {
    await this.until('an end', () => this.isEnded)
  }

  /** No more will come from here. */
  endSending(): void {
    this.socket.end()
  }

  /** What comes waits in the system, until it is full. */
  stopReading(): void {
    this.socket.pause()
  }

  close(): void {
    this.socket.destroy()
  }

  /** Ends the connection by a reset. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** −1 while it is not all there. */
  private answerBytes(): number {
    const text = this.bytes.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    const [, length] = /\r\nContent-Length: (\d+)\r\n/.exec(text.slice(0, head + 2)) ?? []
    const end = head + 4 + Number(length)
    return head < 0 || this.bytes.length < end ? -1 : end
  }

  private async until(what: string, done: () => boolean): Promise<void> {
    const deadline = performance.now() + ANSWER_MS
    while (!done()) {
      const left = deadline - performance.now()
      if (left <= 0 || this.isEnded) throw new Error(`no ${what}: ${this.bytes.toString()}`)
      const news = new Promise<void>((resolve) => {
        this.wake = resolve
      })
      await waitFor(news, left)
    }
  }
}

/** One request on a connection of its own, which ends with the answer. */
export async function askOnce(at: Place, target: string): Promise<HttpAnswer> {
  const connection = await HttpConnection.open(at)
  try {
    return await connection.ask(target, 'Connection: close\r\n')
  } finally {
    connection.close()
  }
}

/** The same with TLS. */
export async function askOnceTls(at: Endpoint, target: string): Promise<HttpAnswer> {
  const connection = await HttpConnection.openTls(at)
  try {
    return await connection.ask(target, 'Connection: close\r\n')
  } finally {
    connection.close()
  }
}
