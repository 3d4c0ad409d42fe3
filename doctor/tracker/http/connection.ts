// A connection to an HTTP tracker, byte by byte, with limits on all that comes. Used by the HTTP probes and checks, and for the
// handshake of WebTorrent. Owns its socket until close().
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { shown, Unmet } from '../check.ts'
import { type Patience, within } from '../deadline.ts'
import { type Endpoint, usesTls } from '../endpoint.ts'

const HEAD_BYTES_MAX = 32_768
/** The largest useful answer, a scrape of 255, has 20 KB. */
const BODY_BYTES_MAX = 1_000_000

export interface Head {
  readonly version: string
  readonly status: number
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>
  readonly text: string
}

export interface Response extends Head {
  readonly body: Buffer
  /** How its end was told. */
  readonly framing: 'length' | 'chunked' | 'close' | 'none'
}

export class Connection {
  readonly socket: Socket
  private readonly patience: Patience
  private bytes = Buffer.alloc(0)
  private isEnded = false
  private isTooMuch = false
  private wake: () => void = () => {}

  static async open(
    endpoint: Endpoint,
    patience: Patience,
    tls?: ConnectionOptions,
  ): Promise<Connection> {
    const { url, address: host } = endpoint
    const at = { host, port: url.port }
    // What is wrong with the certificate is a finding of its own.
    const secure = {
      ...at,
      rejectUnauthorized: false,
      ...(isIP(url.host) ? {} : { servername: url.host }),
      ...tls,
    }
    const socket = usesTls(url) || tls !== undefined ? connectTls(secure) : connect(at)
    socket.setNoDelay(true)
    const connection = new Connection(socket, patience)
    const opened = new Promise<string>((resolve) => {
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => resolve(''))
      socket.once('error', (error) => resolve(error.message))
      socket.once('close', () => resolve('it was closed'))
    })
    const failure =
      (await within(opened, patience.answerMs)) ?? `not done in ${patience.answerMs} ms`
    if (failure === '') return connection
    socket.destroy()
    throw new Unmet(`no connection: ${failure}`)
  }

  private constructor(socket: Socket, patience: Patience) {
    this.socket = socket
    this.patience = patience
    const end = () => {
      this.isEnded = true
      this.wake()
    }
    socket.on('data', (data: Buffer) => {
      if (this.bytes.length + data.length > HEAD_BYTES_MAX + BODY_BYTES_MAX) {
        this.isTooMuch = true
        socket.destroy()
      } else this.bytes = Buffer.concat([this.bytes, data])
      this.wake()
    })
    for (const event of ['end', 'close', 'error']) socket.on(event, end)
  }

  get tls(): TLSSocket | null {
    return 'encrypted' in this.socket ? (this.socket as TLSSocket) : null
  }

  send(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
  }

  /** What was sent still leaves. */
  end(): void {
    this.socket.end()
    this.socket.setTimeout(this.patience.silenceMs, () => this.socket.destroy())
  }

  close(): void {
    this.socket.destroy()
  }

  /** The next response; undefined if the connection ends, or time does, before its first byte. */
  async response(isHead = false): Promise<Response | undefined> {
    const head = await this.head()
    if (head === undefined) return undefined
    if (isHead || head.status < 200 || head.status === 204 || head.status === 304) {
      return { ...head, body: Buffer.alloc(0), framing: 'none' }
    }
    if (/chunked/i.test(head.fields.get('transfer-encoding') ?? '')) {
      return { ...head, body: await this.chunks(), framing: 'chunked' }
    }
    const length = head.fields.get('content-length')
    if (length === undefined) return { ...head, body: await this.rest(), framing: 'close' }
    if (!/^\d{1,9}$/.test(length)) throw new Unmet(`Content-Length is ${shown(length)}`)
    return { ...head, body: await this.exactly(Number(length)), framing: 'length' }
  }

  async head(): Promise<Head | undefined> {
    const end = () => this.bytes.indexOf('\r\n\r\n')
    await this.until(() => end() >= 0 || this.bytes.length > HEAD_BYTES_MAX)
    if (this.bytes.length === 0) return undefined
    if (end() < 0) throw new Unmet(`the head of a response has no end: ${printed(this.bytes)}`)
    const text = this.take(end() + 4).toString('latin1')
    const [, version, status] = /^HTTP\/(\d\.\d) (\d{3})(?: [^\r\n]*)?\r\n/.exec(text) ?? []
    if (version === undefined) throw new Unmet(`no status line: ${printed(Buffer.from(text))}`)
    return { version, status: Number(status), fields: fieldsOf(text), text }
  }

  /** What comes until the connection ends, or time does. */
  async rest(): Promise<Buffer> {
    await this.until(() => false)
    return this.take(this.bytes.length)
  }

  /** Whether the tracker ends the connection, having sent nothing more. */
  async ends(): Promise<boolean> {
    await this.until(() => this.bytes.length > 0)
    return this.isEnded && this.bytes.length === 0
  }

  /** Waits for the next bytes, as many as that at least, without taking them; undefined if the connection ends, or time does. */
  async some(count: number, isQuiet = false): Promise<Buffer | undefined> {
    await this.until(
      () => this.bytes.length >= count,
      isQuiet ? this.patience.silenceMs : this.patience.answerMs,
    )
    return this.bytes.length >= count ? this.bytes : undefined
  }

  get hasEnded(): boolean {
    return this.isEnded
  }

  take(count: number): Buffer {
    const taken = this.bytes.subarray(0, count)
    this.bytes = this.bytes.subarray(count)
    return taken
  }

  async exactly(count: number): Promise<Buffer> {
    if (count > BODY_BYTES_MAX) throw new Unmet(`a body of ${count} bytes is announced`)
    await this.until(() => this.bytes.length >= count)
    if (this.bytes.length < count) {
      throw new Unmet(`${this.bytes.length} bytes come of the ${count} that were announced`)
    }
    return this.take(count)
  }

  private async chunks(): Promise<Buffer> {
    const parts: Buffer[] = []
    let total = 0
    for (;;) {
      const line = await this.line()
      const size = Number.parseInt(/^[\da-f]{1,7}/i.exec(line)?.[0] ?? 'x', 16)
      if (Number.isNaN(size)) throw new Unmet(`a chunk begins with ${shown(line)}`)
      total += size
      if (total > BODY_BYTES_MAX) throw new Unmet(`a body has more than ${BODY_BYTES_MAX} bytes`)
      parts.push((await this.exactly(size + 2)).subarray(0, size))
      if (size === 0) return Buffer.concat(parts)
    }
  }

  private async line(): Promise<string> {
    const end = () => this.bytes.indexOf('\r\n')
    await this.until(() => end() >= 0 || this.bytes.length > HEAD_BYTES_MAX)
    if (end() < 0) throw new Unmet('a chunk is cut off')
    return this.take(end() + 2).toString('latin1')
  }

  private async until(done: () => boolean, waitMs = this.patience.answerMs): Promise<void> {
    const deadline = performance.now() + waitMs
    while (!done() && !this.isEnded) {
      const left = deadline - performance.now()
      if (left <= 0) return
      const news = new Promise<void>((resolve) => {
        this.wake = resolve
      })
      await within(news, left)
    }
    if (this.isTooMuch) throw new Unmet(`a response has more than ${BODY_BYTES_MAX} bytes`)
  }
}

function fieldsOf(head: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return fields
}

function printed(bytes: Buffer): string {
  return shown(bytes.toString('latin1', 0, 60))
}
