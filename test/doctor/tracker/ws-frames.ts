// The frames of RFC 6455 as a server reads and writes them. Used by ws-tracker.ts.

export interface WsFrame {
  readonly opcode: number
  readonly final: boolean
  readonly masked: boolean
  readonly reserved: number
  readonly payload: Buffer
  /** What it announces: a frame that is too long is taken by its head. */
  readonly size: number
}

/** Longer ones are not waited for. */
const WAITED_MAX = 65_536

export function framesIn(bytes: Buffer): { frames: WsFrame[]; rest: Buffer } {
  const frames: WsFrame[] = []
  let rest = bytes
  for (;;) {
    if (rest.length < 2) return { frames, rest }
    const short = rest[1] & 127
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (rest.length < start) return { frames, rest }
    const size =
      short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    const masked = rest[1] >= 128
    const from = start + (masked ? 4 : 0)
    if (rest.length < from + size && size <= WAITED_MAX) return { frames, rest }
    const mask = masked ? rest.subarray(start, from) : Buffer.alloc(4)
    const payload = Buffer.from(
      rest.subarray(from, from + size).map((byte, i) => byte ^ mask[i & 3]),
    )
    frames.push({
      opcode: rest[0] & 15,
      final: rest[0] >= 128,
      masked,
      reserved: rest[0] & 0x70,
      payload,
      size,
    })
    rest = rest.subarray(from + size)
  }
}

export function serverFrame(opcode: number, payload: Buffer): Buffer {
  const size = payload.length
  const head = size < 126 ? [size] : [126, size >> 8, size & 255]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload])
}
