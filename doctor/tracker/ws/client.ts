// A WebSocket (RFC 6455) to a WebTorrent tracker, frame by frame, with limits on all that comes. Used by the WebTorrent probes and
// checks. Owns its connection until close().
import { createHash, randomBytes } from 'node:crypto'
import { must, mustBe, shown, Unmet } from '../check.ts'
import type { Patience } from '../deadline.ts'
import { authority, type Endpoint } from '../endpoint.ts'
import { Connection, type Head } from '../http/connection.ts'

export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** The largest useful message has an offer of some kilobytes. */
const PAYLOAD_BYTES_MAX = 1_000_000
/** Nobody who speaks the protocol sends more between two messages of ours. */
const FRAMES_MAX = 1000

export interface Frame {
  readonly opcode: number
  readonly final: boolean
  readonly payload: Buffer
}

/** A message of the tracker. */
export type Message = Readonly<Record<string, unknown>>

export interface Handshake {
  readonly target?: string
  /** Replaces or adds; '' leaves one out. */
  readonly fields?: Readonly<Record<string, string>>
}

export interface FrameForm {
  readonly final?: boolean
  readonly masked?: boolean
  /** The bits of the first byte that RFC 6455 reserves. */
  readonly reserved?: number
}

export function frameOf(opcode: number, payload: Buffer, form: FrameForm = {}): Buffer {
  const { final = true, masked = true, reserved = 0 } = form
  const size = payload.length
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10)
  head[0] = (final ? 0x80 : 0) | reserved | opcode
  head[1] = (masked ? 0x80 : 0) | (size < 126 ? size : size < 65_536 ? 126 : 127)
  if (head.length === 4) head.writeUInt16BE(size, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(size), 2)
  if (!masked) return Buffer.concat([head, payload])
  const mask = randomBytes(4)
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3])])
}

/** The head of the answer to a handshake, and the connection it came on. */
export async function shakeHands(
  endpoint: Endpoint,
  patience: Patience,
  { target = endpoint.url.target, fields = {} }: Handshake = {},
): Promise<{ readonly connection: Connection; readonly head: Head; readonly key: string }> {
  const key = randomBytes(16).toString('base64')
  const all = {
    Host: authority(endpoint.url),
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...fields,
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === '' ? [] : [`${name}: ${value}\r\n`],
  )
  const connection = await Connection.open(endpoint, patience)
  connection.send(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const head = await connection.head()
  if (head !== undefined) return { connection, head, key }
  connection.close()
  throw new Unmet('the handshake gets no answer')
}

interface Announced {
  readonly hash: string
  readonly peerId: string
}

export class WsClient {
  readonly head: Head
  private readonly connection: Connection
  private readonly live = new Map<string, Announced>()
  private readonly kept: Message[] = []
  private closeCode: number | null = null

  static async open(
    endpoint: Endpoint,
    patience: Patience,
    handshake: Handshake = {},
  ): Promise<WsClient> {
    const { connection, head, key } = await shakeHands(endpoint, patience, handshake)
    const client = new WsClient(connection, head)
    try {
      mustBe('the status of the handshake', head.status, 101)
      const accept = createHash('sha1')
        .update(key + GUID)
        .digest('base64')
      mustBe('Sec-WebSocket-Accept', head.fields.get('sec-websocket-accept'), accept)
      return client
    } catch (error) {
      connection.close()
      throw error
    }
  }

  private constructor(connection: Connection, head: Head) {
    this.connection = connection
    this.head = head
  }

  send(message: object | string): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    this.note(message)
    this.sendFrame(TEXT, Buffer.from(text))
  }

  sendFrame(opcode: number, payload: Buffer, form: FrameForm = {}): void {
    this.connection.send(frameOf(opcode, payload, form))
  }

  /** The next message; Unmet if none comes. */
  async next(): Promise<Message> {
    const message = this.kept.shift() ?? (await this.read())
    if (message !== undefined) return message
    throw new Unmet(
      this.hasEnded
        ? `the tracker closes the connection (${this.closeCode ?? 1006})`
        : 'no message comes',
    )
  }

  /** The next response to a message, which offers and answers of others may precede; those are kept. */
  async ask(message: object | string): Promise<Message> {
    this.send(message)
    const others: Message[] = []
    for (let i = 0; i < FRAMES_MAX; i++) {
      const next = await this.next()
      if (!('offer' in next || 'answer' in next)) {
        this.kept.unshift(...others)
        return next
      }
      others.push(next)
    }
    throw new Unmet('no response, but offers without end')
  }

  /** Everything that comes until nothing more does. */
  async quiet(): Promise<Message[]> {
    const messages = this.kept.splice(0)
    for (let i = 0; i < FRAMES_MAX; i++) {
      const message = await this.read(true)
      if (message === undefined) return messages
      messages.push(message)
    }
    throw new Unmet('messages without end')
  }

  /** The next frame, whatever it is; undefined at the end of the connection, or of time. */
  async frame(isQuiet = false): Promise<Frame | undefined> {
    const start = await this.connection.some(2, isQuiet)
    if (start === undefined) return undefined
    must((start[0] & 0x70) === 0, `a frame has reserved bits: ${start[0]}`)
    must((start[1] & 0x80) === 0, 'a frame of the tracker is masked')
    const short = start[1] & 0x7f
    const head = await this.connection.exactly(short < 126 ? 2 : short === 126 ? 4 : 10)
    const size =
      short < 126 ? short : short === 126 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2))
    must(size <= PAYLOAD_BYTES_MAX, `a frame announces ${size} bytes`)
    return {
      opcode: head[0] & 15,
      final: head[0] >= 0x80,
      payload: Buffer.from(await this.connection.exactly(size)),
    }
  }

  /** How the tracker ends the connection: its code, 1006 without a close frame; null if it stays open. */
  async ended(): Promise<number | null> {
    for (let i = 0; i < FRAMES_MAX; i++) {
      const frame = await this.frame()
      if (frame === undefined) return this.closeCode ?? (this.hasEnded ? 1006 : null)
      if (frame.opcode === CLOSE) return this.closed(frame)
    }
    return null
  }

  get hasEnded(): boolean {
    return this.closeCode !== null || this.connection.hasEnded
  }

  /** Leaves as a client does: stops its peers, and says that it goes. */
  close(): void {
    if (!this.hasEnded) {
      for (const { hash, peerId } of this.live.values()) {
        this.sendFrame(
          TEXT,
          Buffer.from(
            JSON.stringify({
              action: 'announce',
              info_hash: hash,
              peer_id: peerId,
              event: 'stopped',
            }),
          ),
        )
      }
      this.sendFrame(CLOSE, Buffer.from([3, 232]))
    }
    this.connection.end()
  }

  /** Vanishes without a word. */
  vanish(): void {
    this.connection.close()
  }

  /** The next message, pings answered; undefined at the end of the connection, or of time. */
  private async read(isQuiet = false): Promise<Message | undefined> {
    const parts: Buffer[] = []
    for (let i = 0; i < FRAMES_MAX; i++) {
      const frame = await this.frame(isQuiet && parts.length === 0)
      if (frame === undefined) return undefined
      const { opcode, final, payload } = frame
      if (opcode === PING) this.sendFrame(PONG, payload)
      else if (opcode === CLOSE) {
        this.closed(frame)
        return undefined
      } else if (opcode <= BINARY) {
        parts.push(payload)
        if (final) return messageIn(Buffer.concat(parts))
      }
    }
    throw new Unmet('frames without end')
  }

  private closed({ payload }: Frame): number {
    this.closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0)
    return this.closeCode
  }

  private note(message: object | string): void {
    const { info_hash: hash, peer_id: peerId, event, answer } = message as Record<string, unknown>
    if (typeof hash !== 'string' || typeof peerId !== 'string' || answer !== undefined) return
    const key = `${hash} ${peerId}`
    if (event === 'stopped') this.live.delete(key)
    else this.live.set(key, { hash, peerId })
  }
}

function messageIn(bytes: Buffer): Message {
  try {
    const message = JSON.parse(bytes.toString('utf8'))
    if (typeof message === 'object' && message !== null && !Array.isArray(message)) return message
  } catch {
    // Told below, as what is JSON but no object.
  }
  throw new Unmet(`a message is no JSON object: ${shown(bytes.toString('utf8', 0, 100))}`)
}
