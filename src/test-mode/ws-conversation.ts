// One WebTorrent connection between a client and the tracker, with the faults that a test asks for. After the handshake
// both directions are cut into frames, so that whole messages are lost, and a failure never lands inside another message.
// Made by session.ts for each connection of its relay.
import type { Conversation, Ends } from './tcp-relay.ts'

const HEAD_END = '\r\n\r\n'
/** More than the tracker accepts in a message: it says what is wrong. */
const WAITING_BYTES_MAX = 4_194_304

const OPCODE_MASK = 15
const OPCODE_TEXT = 1
const OPCODE_CONTROL = 8
const FIN = 128
const MASKED = 128
const LENGTH_MASK = 127
const LENGTH_16 = 126
const LENGTH_64 = 127
const MASK_BYTES = 4

const NOTHING = Buffer.alloc(0)

interface Frame {
  readonly bytes: Buffer
  readonly opcode: number
  readonly isLast: boolean
  readonly payload: Buffer
}

/** One direction: bytes in, a head and then frames out. */
class Direction {
  private waiting = NOTHING
  private isHead = true
  private isRaw = false
  private readonly pass: (bytes: Buffer) => void
  private readonly take: (frame: Frame) => void

  constructor(pass: (bytes: Buffer) => void, take: (frame: Frame) => void) {
    this.pass = pass
    this.take = take
  }

  add(bytes: Buffer): void {
    this.waiting = Buffer.concat([this.waiting, bytes])
    if (this.isHead) this.takeHead()
    while (!this.isHead && !this.isRaw) {
      const frame = firstFrame(this.waiting)
      if (frame === null) break
      this.waiting = this.waiting.subarray(frame.bytes.length)
      this.take(frame)
    }
    if (this.waiting.length > WAITING_BYTES_MAX) this.isRaw = true
    if (this.isRaw) this.flush()
  }

  /** Passes on what is incomplete. */
  flush(): void {
    const { waiting } = this
    this.waiting = NOTHING
    if (waiting.length > 0) this.pass(waiting)
  }

  private takeHead(): void {
    const end = this.waiting.indexOf(HEAD_END)
    if (end < 0) return
    const head = this.waiting.subarray(0, end + HEAD_END.length)
    const text = head.toString('latin1')
    this.waiting = this.waiting.subarray(head.length)
    this.isHead = false
    // A plain request, or the answer to one: nothing of it is a frame.
    const isRequest = text.startsWith('GET ')
    this.isRaw = isRequest
      ? !/^upgrade:\s*websocket/im.test(text)
      : !text.startsWith('HTTP/1.1 101')
    this.pass(head)
  }
}

export class WsConversation implements Conversation {
  private readonly ends: Ends
  private readonly client: Direction
  private readonly tracker: Direction
  /** Of the message under way from the client and from the tracker. */
  private isLost = false
  private isAnswerLost = false
  private error: string | null = null
  private pieces: Buffer[] = []

  constructor(ends: Ends) {
    this.ends = ends
    const toTracker = (bytes: Buffer) => this.later(() => ends.toTracker(bytes))
    this.client = new Direction(toTracker, (frame) => this.clientFrame(frame))
    this.tracker = new Direction(
      (bytes) => ends.toClient(bytes),
      (frame) => this.trackerFrame(frame),
    )
  }

  fromClient(bytes: Buffer): void {
    this.client.add(bytes)
  }

  fromTracker(bytes: Buffer): void {
    this.tracker.add(bytes)
  }

  clientEnds(): void {
    this.client.flush()
    this.later(() => this.ends.endTracker())
  }

  private clientFrame(frame: Frame): void {
    const { source } = this.ends
    if (frame.opcode < OPCODE_CONTROL) {
      if (frame.opcode !== 0) {
        this.isLost = source.loses()
        this.error = source.faults.error
        this.pieces = []
      }
      if (this.isLost) return
      if (this.error !== null) {
        this.pieces.push(frame.payload)
        if (frame.isLast) this.fail(Buffer.concat(this.pieces), this.error)
        return
      }
    }
    this.later(() => this.ends.toTracker(frame.bytes))
  }

  private trackerFrame(frame: Frame): void {
    if (frame.opcode < OPCODE_CONTROL) {
      if (frame.opcode !== 0) this.isAnswerLost = this.ends.source.loses()
      if (this.isAnswerLost) return
    }
    this.ends.toClient(frame.bytes)
  }

  private fail(message: Buffer, reason: string): void {
    const failure = wsFailure(message, reason)
    if (failure !== null) this.later(() => this.ends.toClient(failure))
  }

  private later(act: () => void): void {
    const { delayMs } = this.ends.source.faults
    if (delayMs === 0) act()
    else setTimeout(act, delayMs)
  }
}

/** The frame with a failure for an announce or a scrape; null for what gets no answer, such as an answer to an offer. */
export function wsFailure(message: Buffer, reason: string): Buffer | null {
  let asked: Record<string, unknown>
  try {
    asked = JSON.parse(message.toString()) as Record<string, unknown>
  } catch {
    return null
  }
  const { action, info_hash } = asked
  if ((action !== 'announce' && action !== 'scrape') || 'answer' in asked) return null
  return textFrame(JSON.stringify({ action, 'failure reason': reason, info_hash }))
}

function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head = length < LENGTH_16 ? Buffer.alloc(2) : Buffer.alloc(length < 65_536 ? 4 : 10)
  head[0] = FIN | OPCODE_TEXT
  if (head.length === 2) head[1] = length
  else if (head.length === 4) {
    head[1] = LENGTH_16
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = LENGTH_64
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, payload])
}

/** The frame that the bytes begin with, its payload unmasked; null while it is incomplete. */
function firstFrame(bytes: Buffer): Frame | null {
  if (bytes.length < 2) return null
  const short = bytes[1] & LENGTH_MASK
  const lengthBytes = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0
  const isMasked = (bytes[1] & MASKED) !== 0
  const head = 2 + lengthBytes + (isMasked ? MASK_BYTES : 0)
  if (bytes.length < head) return null
  const length =
    lengthBytes === 0
      ? short
      : lengthBytes === 2
        ? bytes.readUInt16BE(2)
        : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < head + length) return null
  const payload = Buffer.from(bytes.subarray(head, head + length))
  if (isMasked) {
    const mask = head - MASK_BYTES
    for (let i = 0; i < length; i++) payload[i] ^= bytes[mask + (i & 3)]
  }
  const isLast = (bytes[0] & FIN) !== 0
  const opcode = bytes[0] & OPCODE_MASK
  return { bytes: bytes.subarray(0, head + length), opcode, isLast, payload }
}
