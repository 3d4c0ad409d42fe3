// WebSocket for src/tcp: the bytes of a connection are frames (RFC 6455, 5), and those are messages. One per worker, called
// for each frame or piece of one; makes the sockets, and ends them at the end of the turn, when what is queued for them
// has been sent. Owns the memory of the message that came in several pieces.
//
// A message that is in the input as a whole is unmasked and handled where it is. Of another one the pieces are stored in
// blocks as they come, unmasked, so that nothing is read twice, and joined once it is complete.
import { NativeBytes } from '../../os/tcp-stream.ts'
import type { StreamHandler, Connection as TcpConnection } from '../../tcp/connection.ts'
import type { TcpConnections } from '../../tcp/connections.ts'
import type { Transfer } from '../../tcp/transfer.ts'
import {
  BAD_DATA,
  CLIENT_HEAD_BYTES_MAX,
  CLOSE,
  CONTINUATION,
  CONTROL_BYTES_MAX,
  frame,
  isCloseCode,
  isControl,
  NO_CODE,
  PING,
  PONG,
  PROTOCOL_ERROR,
  readFrameHead,
  SERVER_HEAD_BYTES_MAX,
  TEXT,
  TOO_BIG,
  turnMask,
  unmask,
  writeFrameHead,
} from '../wire/frame.ts'
import { isUtf8 } from '../wire/utf8.ts'
import type { Connection } from './connection.ts'
import type { MessageParts } from './message-parts.ts'
import type { Plan, Sender } from './send.ts'
import { CLOSES, IS_CUT, type SocketOwner, STAYS, WsSocket } from './ws-socket.ts'

const REASONS: Readonly<Record<number, string>> = {
  [PROTOCOL_ERROR]: 'a frame is not valid',
  [BAD_DATA]: 'a text is not UTF-8',
  [TOO_BIG]: 'a message is too long',
}

/** Behind a message, for whoever reads it word by word. */
const SPARE_BYTES = 8

/** What becomes of what sockets receive. */
export interface FrameEvents {
  opened(connection: Connection): void
  /** One whole message, UTF-8 if it was text, with some memory behind it; valid only during the call. */
  message(connection: Connection, bytes: Uint8Array, from: number, to: number): void
  /** A ping, or an answer to one. */
  showedLife(connection: Connection): void
  drained(connection: Connection): void
  closed(connection: Connection): void
}

export interface FrameLimits {
  readonly messageBytesMax: number
  readonly frameBytesMax: number
}

export interface FrameStreamOptions {
  readonly events: FrameEvents
  readonly sender: Sender
  readonly parts: MessageParts
  readonly limits: FrameLimits
  readonly plan: Plan
}

export class FrameStream implements StreamHandler, SocketOwner {
  readonly lasts = true
  readonly answerBytesMax = 0
  /** Only heads and control frames are held until they are complete. */
  readonly requestBytesMax = CLIENT_HEAD_BYTES_MAX + CONTROL_BYTES_MAX
  private readonly events: FrameEvents
  private readonly sender: Sender
  private readonly limits: FrameLimits
  private readonly plan: Plan
  private readonly parts: MessageParts
  /** By the slot of their TCP connections. */
  private readonly sockets: (WsSocket | null)[] = []
  private server: TcpConnections | null = null
  private transfer: Transfer | null = null
  /** Over the input, which is always the same. */
  private input: Uint8Array | null = null
  private words: Int32Array = new Int32Array(0)
  private joined: NativeBytes | null = null
  private readonly closeFrame = new NativeBytes(CONTROL_BYTES_MAX + SERVER_HEAD_BYTES_MAX)
  private ends: WsSocket[] = []
  private isPlanned = false
  private readonly endAll = () => this.endSockets()

  constructor(options: FrameStreamOptions) {
    this.events = options.events
    this.sender = options.sender
    this.limits = options.limits
    this.plan = options.plan
    this.parts = options.parts
  }

  /** Who has the connections' bytes. */
  connect(server: TcpConnections, transfer: Transfer): void {
    this.server = server
    this.transfer = transfer
  }

  /** From now on the connection's bytes are frames. */
  begin(tcp: TcpConnection, connection: Connection): void {
    const socket = new WsSocket(tcp, connection, this)
    tcp.handler = this
    this.sockets[tcp.slot] = socket
    connection.socket = socket
    this.events.opened(connection)
  }

  private viewInput(input: Uint8Array): void {
    this.input = input
    this.words = new Int32Array(input.buffer, input.byteOffset, input.byteLength >>> 2)
  }

  private joinParts(socket: WsSocket): NativeBytes {
    this.joined ??= new NativeBytes(this.limits.messageBytesMax + SPARE_BYTES)
    socket.parts?.copyTo(this.joined.address)
    return this.joined
  }

  private endSockets(): void {
    this.isPlanned = false
    const { ends } = this
    this.ends = []
    for (const socket of ends) this.endSocket(socket)
  }

  private endSocket(socket: WsSocket): void {
    const { tcp } = socket
    if (this.sockets[tcp.slot] !== socket) return
    if (socket.ending === CLOSES) this.sender.flushOne(socket.connection)
    const isSent = socket.ending === CLOSES && this.writeClose(socket)
    this.forget(socket)
    if (isSent) this.server?.finishLater(tcp)
    else this.server?.cut(tcp)
  }

  private writeClose({ tcp, closeCode, closeReason }: WsSocket): boolean {
    const { bytes, address } = this.closeFrame
    let end = SERVER_HEAD_BYTES_MAX
    if (closeCode !== NO_CODE) {
      bytes[end] = closeCode >>> 8
      bytes[end + 1] = closeCode
      end += 2 + Buffer.from(bytes.buffer, bytes.byteOffset).write(closeReason, end + 2, 'latin1')
    }
    const payload = end - SERVER_HEAD_BYTES_MAX
    const at = writeFrameHead(bytes, SERVER_HEAD_BYTES_MAX, CLOSE, payload)
    return this.server?.write(tcp, address + at, end - at) ?? false
  }

  private forget(socket: WsSocket): void {
    this.sockets[socket.tcp.slot] = null
    this.parts.drop(socket)
    this.events.closed(socket.connection)
  }

  // HOT: no allocation below this line.

  consume(tcp: TcpConnection, input: Uint8Array, from: number, to: number): number {
    const socket = this.sockets[tcp.slot]
    // What comes after the end is decided is not read.
    if (socket === null || socket.ending !== STAYS) return to - from
    if (input !== this.input) this.viewInput(input)
    if (socket.frameLeft > 0) return this.takePart(socket, input, from, to)
    const head = readFrameHead(input, from, to)
    if (head === 0) return 0
    if (head < 0) return this.refuse(socket, -head, to - from)
    if (isControl(frame.opcode)) return this.control(socket, input, from, from + head, to)
    const fault = this.faultOf(socket)
    if (fault !== 0) return this.refuse(socket, fault, to - from)
    const at = from + head
    const end = at + frame.length
    if (frame.isFinal && socket.opcode === 0 && end <= to) {
      const hasOther = unmask(input, this.words, at, end, frame.mask)
      this.deliver(socket, input, at, end, frame.opcode, hasOther)
      return end - from
    }
    if (frame.opcode !== CONTINUATION) {
      socket.opcode = frame.opcode
      socket.hasOther = false
    }
    socket.frameLeft = frame.length
    socket.isFinal = frame.isFinal
    socket.mask = frame.mask
    return head + this.takePart(socket, input, at, to)
  }

  /** Why a frame cannot be taken: its code, or 0. */
  private faultOf({ opcode, parts }: WsSocket): number {
    const { messageBytesMax, frameBytesMax } = this.limits
    const continues = frame.opcode === CONTINUATION
    if (continues !== (opcode !== 0)) return PROTOCOL_ERROR
    const before = parts === null ? 0 : parts.bytes
    return frame.length > frameBytesMax || before + frame.length > messageBytesMax ? TOO_BIG : 0
  }

  /** Stores what there is of a frame's payload; the last piece of a message has it handled. */
  private takePart(socket: WsSocket, input: Uint8Array, from: number, to: number): number {
    const bytes = socket.frameLeft < to - from ? socket.frameLeft : to - from
    if (unmask(input, this.words, from, from + bytes, socket.mask)) socket.hasOther = true
    socket.mask = turnMask(socket.mask, bytes)
    socket.frameLeft -= bytes
    if (bytes > 0 && !this.store(socket, from, bytes)) {
      socket.terminate()
      return to - from
    }
    if (socket.frameLeft === 0 && socket.isFinal) this.complete(socket)
    return bytes
  }

  private store(socket: WsSocket, from: number, bytes: number): boolean {
    if (this.transfer === null) return false
    return this.parts.add(socket, this.transfer.inputAddress + from, bytes)
  }

  private complete(socket: WsSocket): void {
    const { bytes } = this.joinParts(socket)
    const length = socket.parts === null ? 0 : socket.parts.bytes
    const { opcode, hasOther } = socket
    this.parts.drop(socket)
    this.deliver(socket, bytes, 0, length, opcode, hasOther)
  }

  private deliver(
    socket: WsSocket,
    bytes: Uint8Array,
    from: number,
    to: number,
    opcode: number,
    hasOther: boolean,
  ): void {
    if (opcode === TEXT && hasOther && !isUtf8(bytes, from, to)) this.refuse(socket, BAD_DATA, 0)
    else if (!socket.connection.closed) {
      this.events.message(socket.connection, bytes, from, to)
    }
  }

  private control(
    socket: WsSocket,
    input: Uint8Array,
    from: number,
    at: number,
    to: number,
  ): number {
    const { opcode, length, mask } = frame
    const end = at + length
    if (end > to) return 0
    unmask(input, this.words, at, end, mask)
    if (opcode === CLOSE) this.answerClose(socket, input, at, end)
    else {
      this.events.showedLife(socket.connection)
      // Who does not take what is sent would only have more of it waiting.
      if (opcode === PING && !socket.connection.backlog) {
        this.sender.control(socket.connection, PONG, input, at, end)
      }
    }
    return end - from
  }

  /** The client's code comes back, and that is the end. */
  private answerClose(socket: WsSocket, input: Uint8Array, at: number, end: number): void {
    if (at === end) {
      socket.close(NO_CODE, '')
      return
    }
    const code = end - at < 2 ? 0 : (input[at] << 8) | input[at + 1]
    if (!isCloseCode(code)) this.refuse(socket, PROTOCOL_ERROR, 0)
    else if (!isUtf8(input, at + 2, end)) this.refuse(socket, BAD_DATA, 0)
    else socket.close(code, '')
  }

  /** Closes a socket for what it has sent; the rest, `bytes`, is not read. */
  private refuse(socket: WsSocket, code: number, bytes: number): number {
    socket.close(code, REASONS[code])
    return bytes
  }

  expired(): void {}

  refused(): void {}

  drained({ slot }: TcpConnection): void {
    const socket = this.sockets[slot]
    if (socket !== null) this.events.drained(socket.connection)
  }

  ended({ slot }: TcpConnection): void {
    const socket = this.sockets[slot]
    if (socket === null || socket === undefined) return
    socket.ending = IS_CUT
    this.forget(socket)
  }

  write({ tcp }: WsSocket, address: number, bytes: number): boolean {
    return this.server?.write(tcp, address, bytes) ?? false
  }

  endLater(socket: WsSocket): void {
    if (socket.waitsForEnd) return
    socket.waitsForEnd = true
    this.ends.push(socket)
    if (this.isPlanned) return
    this.isPlanned = true
    this.plan(this.endAll)
  }
}
