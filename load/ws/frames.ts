// WebSocket frames (RFC 6455) as a client needs them: text messages out, messages in.
// Used by connection.ts. Owns the memory of the messages that a worker is about to send.
//
//  out   FIN and opcode u8 │ 0x80 + length u8, 126 + u16, or 127 + u64 │ mask key u32 │ payload
//  in    the same without mask
//
// The mask key is 0, which leaves the payload as it is. The server removes the mask all the same,
// so this saves our time and none of its. (The key should be random: it protects proxies from
// attackers in a browser, and there are neither here.)

const OPCODE_TEXT = 1
const OPCODE_BINARY = 2
export const OPCODE_CLOSE = 8
export const OPCODE_PING = 9
export const OPCODE_PONG = 10

const FIN = 0x80
const MASKED = 0x80
const LENGTH_16 = 126
const LENGTH_64 = 127
const MASK_BYTES = 4
/** Most messages have a length of two bytes; others are moved. */
const USUAL_HEADER_BYTES = 4 + MASK_BYTES
const HEADER_BYTES_MAX = 10 + MASK_BYTES

/** Messages for one connection, put one behind the other and sent together. */
export class Outgoing {
  readonly bytes: Buffer
  end = 0

  constructor(capacityBytes: number) {
    this.bytes = Buffer.alloc(capacityBytes)
  }

  /** Whether a text of so many UTF-16 units has room. */
  hasRoom(characters: number): boolean {
    return this.end + HEADER_BYTES_MAX + 3 * characters <= this.bytes.length
  }

  addText(text: string): void {
    const size = this.bytes.write(text, this.end + USUAL_HEADER_BYTES)
    this.addHeader(FIN | OPCODE_TEXT, size)
  }

  addControl(opcode: number, payload: Buffer): void {
    payload.copy(this.bytes, this.end + USUAL_HEADER_BYTES)
    this.addHeader(FIN | opcode, payload.length)
  }

  /** In front of the payload that stands behind the room for a usual header. */
  private addHeader(first: number, size: number): void {
    const { bytes } = this
    const header = size < LENGTH_16 ? 6 : size < 65536 ? USUAL_HEADER_BYTES : HEADER_BYTES_MAX
    const payload = this.end + USUAL_HEADER_BYTES
    if (header !== USUAL_HEADER_BYTES) {
      bytes.copyWithin(this.end + header, payload, payload + size)
    }
    const at = this.end
    bytes[at] = first
    if (size < LENGTH_16) bytes[at + 1] = MASKED | size
    else if (size < 65536) {
      bytes[at + 1] = MASKED | LENGTH_16
      bytes[at + 2] = size >>> 8
      bytes[at + 3] = size & 255
    } else {
      bytes[at + 1] = MASKED | LENGTH_64
      bytes.writeUInt32BE(0, at + 2)
      bytes.writeUInt32BE(size, at + 6)
    }
    bytes.fill(0, at + header - MASK_BYTES, at + header)
    this.end = at + header + size
  }
}

/** What a connection does with a message; `text` and control payloads are views that end with the call. */
export interface MessageHandler {
  message(text: string): void
  control(opcode: number, payload: Buffer): void
  /** The other side broke the protocol: nothing after this is read. */
  broken(why: string): void
}

/** Finds messages in what the network delivers, in whatever pieces. One per connection. */
export class Incoming {
  private readonly messageBytesMax: number
  private pending: Buffer | null = null
  private pieces: Buffer[] = []

  constructor(messageBytesMax: number) {
    this.messageBytesMax = messageBytesMax
  }

  take(chunk: Buffer, handler: MessageHandler): void {
    const bytes = this.pending === null ? chunk : Buffer.concat([this.pending, chunk])
    this.pending = null
    let at = 0
    while (bytes.length - at >= 2) {
      const code = bytes[at + 1] & 127
      const header = code < LENGTH_16 ? 2 : code === LENGTH_16 ? 4 : 10
      if (bytes.length - at < header) break
      const size =
        code < LENGTH_16
          ? code
          : code === LENGTH_16
            ? (bytes[at + 2] << 8) | bytes[at + 3]
            : bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6)
      const fault = frameFault(bytes[at], bytes[at + 1], size, this.messageBytesMax)
      if (fault !== null) {
        handler.broken(fault)
        return
      }
      const end = at + header + size
      if (end > bytes.length) break
      this.frame(bytes, bytes[at], at + header, end, handler)
      at = end
    }
    // A chunk's memory is its own, so a part of it may be kept.
    if (at < bytes.length) this.pending = at === 0 ? bytes : bytes.subarray(at)
  }

  private frame(
    bytes: Buffer,
    first: number,
    from: number,
    to: number,
    handler: MessageHandler,
  ): void {
    const opcode = first & 15
    const isLast = (first & FIN) !== 0
    if (opcode >= OPCODE_CLOSE) handler.control(opcode, bytes.subarray(from, to))
    else if (isLast && this.pieces.length === 0) handler.message(bytes.toString('utf8', from, to))
    else this.pieces.push(bytes.subarray(from, to))
    if (!isLast || opcode >= OPCODE_CLOSE || this.pieces.length === 0) return
    const whole = Buffer.concat(this.pieces)
    this.pieces = []
    handler.message(whole.toString('utf8'))
  }
}

function frameFault(
  first: number,
  second: number,
  size: number,
  messageBytesMax: number,
): string | null {
  if ((first & 0x70) !== 0) return 'a frame with reserved bits, such as a compressed one'
  if ((second & MASKED) !== 0) return 'a masked frame from a server'
  if ((first & 15) === OPCODE_BINARY) return 'a binary message'
  if (size > messageBytesMax) return `a frame of ${size} bytes`
  return null
}
