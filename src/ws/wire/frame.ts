// WebSocket frames (RFC 6455, 5): reads the heads of clients' frames, takes their masks off, and writes the heads of ours.
// Called by worker/frame-stream.ts for what connections receive, and by worker/send.ts.

export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

// Codes of close frames (7.4.1).
export const NORMAL = 1000
export const GOING_AWAY = 1001
export const PROTOCOL_ERROR = 1002
export const NO_CODE = 1005
export const BAD_DATA = 1007
export const POLICY = 1008
export const TOO_BIG = 1009

/** The most bytes of a frame's head: a client's has a mask. */
export const CLIENT_HEAD_BYTES_MAX = 14
export const SERVER_HEAD_BYTES_MAX = 10
export const CONTROL_BYTES_MAX = 125

const FINAL = 0x80
const RESERVED = 0x70
const OPCODE = 0x0f
const MASKED = 0x80
const LENGTH = 0x7f
const LENGTH_16 = 126
const LENGTH_64 = 127
const MASK_BYTES = 4
const TWO_16 = 65536
const TWO_32 = 4294967296
const HIGH_BITS = 0x80808080 | 0
/** Opcodes that mean something, by bit. */
const KNOWN =
  (1 << CONTINUATION) | (1 << TEXT) | (1 << BINARY) | (1 << CLOSE) | (1 << PING) | (1 << PONG)

/** The frame whose head was read last. */
export const frame = { isFinal: false, opcode: 0, length: 0, mask: 0 }

// HOT: no allocation below this line.

export function isControl(opcode: number): boolean {
  return opcode >= CLOSE
}

/**
 * Reads the head of the frame that begins at `bytes[from]` into `frame`; returns how many bytes it has, 0 if it is not
 * all there before `to`, or below 0 the code of the close frame for which it is refused.
 */
export function readFrameHead(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to) return 0
  const first = bytes[from]
  const opcode = first & OPCODE
  if ((first & RESERVED) !== 0 || ((KNOWN >>> opcode) & 1) === 0) return -PROTOCOL_ERROR
  if (from + 1 >= to) return 0
  const second = bytes[from + 1]
  const short = second & LENGTH
  if ((second & MASKED) === 0) return -PROTOCOL_ERROR
  if (isControl(opcode) && (short > CONTROL_BYTES_MAX || (first & FINAL) === 0)) {
    return -PROTOCOL_ERROR
  }
  const lengthBytes = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0
  const maskAt = from + 2 + lengthBytes
  if (maskAt > to) return 0
  const length = lengthBytes === 0 ? short : readLength(bytes, from + 2, lengthBytes)
  if (length < 0) return length
  if (maskAt + MASK_BYTES > to) return 0
  frame.isFinal = (first & FINAL) !== 0
  frame.opcode = opcode
  frame.length = length
  frame.mask =
    bytes[maskAt] | (bytes[maskAt + 1] << 8) | (bytes[maskAt + 2] << 16) | (bytes[maskAt + 3] << 24)
  return maskAt + MASK_BYTES - from
}

/** A length has to be in its shortest form (5.2), and no message is as long as 2^53. */
function readLength(bytes: Uint8Array, at: number, lengthBytes: number): number {
  if (lengthBytes === 2) {
    const length = (bytes[at] << 8) | bytes[at + 1]
    return length < LENGTH_16 ? -PROTOCOL_ERROR : length
  }
  const high = word(bytes, at)
  const low = word(bytes, at + 4)
  if (high > 0x7fffffff || (high === 0 && low < TWO_16)) return -PROTOCOL_ERROR
  return high > 0xfffff ? -TOO_BIG : high * TWO_32 + low
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
}

/** The mask as it is for the byte `bytes` further on. */
export function turnMask(mask: number, bytes: number): number {
  const bits = (bytes & 3) << 3
  return bits === 0 ? mask : (mask >>> bits) | (mask << (32 - bits))
}

/**
 * Takes the mask off in place; `mask` is as for the byte at `from`. True if there is a byte that is not ASCII. `words`:
 * over the same memory as `bytes`, from the same place on.
 */
export function unmask(
  bytes: Uint8Array,
  words: Int32Array,
  from: number,
  to: number,
  mask: number,
): boolean {
  let seen = 0
  let at = from
  let turned = mask
  for (; at < to && (at & 3) !== 0; at++) {
    const byte = bytes[at] ^ (turned & 0xff)
    bytes[at] = byte
    seen |= byte
    turned = (turned >>> 8) | (turned << 24)
  }
  const end = to >>> 2
  for (let i = at >>> 2; i < end; i++) {
    const four = words[i] ^ turned
    words[i] = four
    seen |= four
  }
  if (at < end << 2) at = end << 2
  for (; at < to; at++) {
    const byte = bytes[at] ^ (turned & 0xff)
    bytes[at] = byte
    seen |= byte
    turned = (turned >>> 8) | (turned << 24)
  }
  return (seen & HIGH_BITS) !== 0
}

/** The bytes of our head for a payload of `bytes`. */
export function frameHeadBytes(bytes: number): number {
  return bytes < LENGTH_16 ? 2 : bytes < TWO_16 ? 4 : SERVER_HEAD_BYTES_MAX
}

/** Writes the head of one of our frames before its payload; returns where it begins. */
export function writeFrameHead(
  out: Uint8Array,
  payloadAt: number,
  opcode: number,
  bytes: number,
): number {
  const at = payloadAt - frameHeadBytes(bytes)
  out[at] = FINAL | opcode
  if (bytes < LENGTH_16) out[at + 1] = bytes
  else if (bytes < TWO_16) {
    out[at + 1] = LENGTH_16
    out[at + 2] = bytes >>> 8
    out[at + 3] = bytes
  } else {
    out[at + 1] = LENGTH_64
    for (let i = 2; i < 6; i++) out[at + i] = 0
    for (let i = 0; i < 4; i++) out[at + 6 + i] = bytes >>> (24 - i * 8)
  }
  return at
}

/** Whether a client may send this code in a close frame (7.4): those of the protocol, of libraries, and of applications. */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code < 5000
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
}
