// A socket of the tracker that takes as much as a test says, and keeps the texts it is given. Used by the tests beside it.
import type { Socket } from '../../../src/ws/worker/connection.ts'
import type { Sender } from '../../../src/ws/worker/send.ts'

export class FrameSocket implements Socket {
  /** Bytes that it takes; what is beyond waits in it. */
  room: number
  buffered = 0
  readonly texts: string[] = []
  readonly closes: unknown[][] = []
  /** Lengths of the frames' heads, for each frame. */
  readonly controls: number[] = []
  terminated = false
  writes = 0
  private readonly sender: Sender

  constructor(sender: Sender, room = Number.POSITIVE_INFINITY) {
    this.sender = sender
    this.room = room
  }

  readonly client = { ipv4: true, a0: 0x0100007f, a1: 0, a2: 0, a3: 0 }

  get unsentBytes(): number {
    return this.buffered
  }

  write(address: number, bytes: number): boolean {
    this.writes++
    const { memory } = this.sender
    const from = address - memory.address
    this.read(Buffer.from(memory.bytes.slice(from, from + bytes)))
    const taken = this.buffered > 0 ? 0 : Math.min(this.room, bytes)
    this.room -= taken
    this.buffered += bytes - taken
    return true
  }

  private read(frames: Buffer): void {
    for (let at = 0; at < frames.length; ) {
      const short = frames[at + 1]
      const head = short < 126 ? 2 : short === 126 ? 4 : 10
      const size =
        short < 126
          ? short
          : short === 126
            ? frames.readUInt16BE(at + 2)
            : Number(frames.readBigUInt64BE(at + 2))
      const payload = frames.subarray(at + head, at + head + size)
      if (frames[at] === 0x81) this.texts.push(payload.toString())
      else this.controls.push(frames[at] & 0x0f)
      at += head + size
    }
  }

  close(...closing: unknown[]): void {
    this.closes.push(closing)
  }

  terminate(): void {
    this.terminated = true
  }
}
