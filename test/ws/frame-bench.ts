// The frames of one connection without a network: bytes in, in pieces as a test cuts them, events out. And the same by a
// model that reads RFC 6455 as it stands, from all bytes at once. Used by the tests of frames.

import { NativeBytes } from '../../src/os/tcp-stream.ts'
import { ConnectionStates, createConnectionStates } from '../../src/swarm/connections.ts'
import { Blocks } from '../../src/tcp/blocks.ts'
import { Connection as TcpConnection } from '../../src/tcp/connection.ts'
import type { TcpConnections } from '../../src/tcp/connections.ts'
import { Output } from '../../src/tcp/output.ts'
import { Transfer } from '../../src/tcp/transfer.ts'
import { ClientReports } from '../../src/ws/worker/client-reports.ts'
import { Connections } from '../../src/ws/worker/connection.ts'
import { COUNTER_COUNT } from '../../src/ws/worker/counters.ts'
import { FrameStream } from '../../src/ws/worker/frame-stream.ts'
import { MessageParts } from '../../src/ws/worker/message-parts.ts'
import { Sender } from '../../src/ws/worker/send.ts'

export const MESSAGE_BYTES_MAX = 1000
export const FRAME_BYTES_MAX = 600
/** More than any piece of a test with what was held before. */
const INPUT_BYTES = 16_384

const states = new ConnectionStates(createConnectionStates(1, 100))

export class FrameBench {
  readonly events: string[] = []
  readonly counts = new Int32Array(COUNTER_COUNT)
  readonly blocks = new Blocks(2 ** 22)
  readonly parts = new MessageParts(this.counts, 2 ** 22)
  private readonly frames: FrameStream
  private readonly tcp: TcpConnection
  private readonly connections = new Connections(0, states, 30)
  private readonly input = new NativeBytes(INPUT_BYTES)
  private readonly planned: (() => void)[] = []
  private held: Uint8Array = new Uint8Array(0)
  private isOver = false

  constructor() {
    const { connections } = this
    const plan = (task: () => void) => void this.planned.push(task)
    const limits = { perConnection: 2 ** 20, inAll: 2 ** 20 }
    const reports = new ClientReports(false, () => {})
    const sender = new Sender(connections, limits, this.counts, reports, { plan })
    this.frames = new FrameStream({
      events: {
        opened: () => {},
        message: (_, bytes, from, to) =>
          this.events.push(`message ${Buffer.from(bytes.slice(from, to)).toString('hex')}`),
        showedLife: () => this.events.push('life'),
        drained: () => {},
        closed: () => this.events.push('closed'),
      },
      sender,
      parts: this.parts,
      limits: { messageBytesMax: MESSAGE_BYTES_MAX, frameBytesMax: FRAME_BYTES_MAX },
      plan,
    })
    this.tcp = new TcpConnection(0, this.frames)
    const end = () => {
      this.isOver = true
    }
    const server = {
      write: (_: unknown, address: number, bytes: number) => this.sent(sender, address, bytes),
      finishLater: end,
      cut: end,
    }
    const transfer = new Transfer(new Output(1000), this.blocks, this.frames)
    Object.defineProperty(transfer, 'inputAddress', { value: this.input.address })
    this.frames.connect(server as unknown as TcpConnections, transfer)
    this.begin()
  }

  /** Another connection in place of the one before. */
  begin(): void {
    this.frames.ended(this.tcp)
    this.planned.length = 0
    this.events.length = 0
    this.held = new Uint8Array(0)
    this.isOver = false
    const connection = this.connections.open(0, 1, 0)
    this.frames.begin(this.tcp, connection)
    this.connections.close(connection)
  }

  /** What comes in one piece, as src/tcp passes it on. */
  take(piece: Uint8Array): void {
    if (this.isOver) return
    const { bytes } = this.input
    bytes.set(this.held)
    bytes.set(piece, this.held.length)
    const to = this.held.length + piece.length
    let from = 0
    while (from < to) {
      const used = this.frames.consume(this.tcp, bytes, from, to)
      if (used < 0 || from + used > to) throw new Error(`used ${used} of ${to - from}`)
      if (used === 0) break
      from += used
    }
    if (to - from > this.frames.requestBytesMax) throw new Error(`holds ${to - from} bytes`)
    this.held = bytes.slice(from, to)
    for (const task of this.planned.splice(0)) task()
  }

  private sent(sender: Sender, address: number, bytes: number): boolean {
    const { memory } = sender
    const at = address - memory.address
    // Close frames have memory of their own.
    if (at >= 0 && at < memory.bytes.length) this.noteFrames(memory.bytes.slice(at, at + bytes))
    return true
  }

  private noteFrames(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]) {
      const payload = bytes.slice(at + 2, at + 2 + bytes[at + 1])
      this.events.push(`sent ${bytes[at].toString(16)} ${Buffer.from(payload).toString('hex')}`)
    }
  }
}

/** What the model expects, in the same words, without pongs. */
export function naiveEvents(stream: Uint8Array): string[] {
  const events: string[] = []
  const bytes = Buffer.from(stream)
  let message: Buffer | null = null
  let isText = false
  for (let at = 0; at < bytes.length; ) {
    const refusal = () => [...events, 'closed']
    const [first, second = -1] = bytes.subarray(at, at + 2)
    const opcode = first & 15
    if ((first & 0x70) !== 0 || ![0, 1, 2, 8, 9, 10].includes(opcode)) return refusal()
    if (second < 0) return events
    const final = first >= 0x80
    if (second < 0x80 || (opcode >= 8 && (!final || (second & 127) > 125))) return refusal()
    const more = (second & 127) === 126 ? 2 : (second & 127) === 127 ? 8 : 0
    if (bytes.length < at + 2 + more) return events
    let length = BigInt(second & 127)
    if (more > 0) length = BigInt(`0x${bytes.subarray(at + 2, at + 2 + more).toString('hex')}`)
    if (more === 2 && length < 126n) return refusal()
    if (more === 8 && (length < 65536n || length >= 2n ** 63n)) return refusal()
    if (more === 8 && length >= 2n ** 52n) return refusal()
    const maskAt = at + 2 + more
    if (bytes.length < maskAt + 4) return events
    if (opcode < 8) {
      if ((opcode === 0) !== (message !== null)) return refusal()
      const before = message?.length ?? 0
      if (length > FRAME_BYTES_MAX || before + Number(length) > MESSAGE_BYTES_MAX) return refusal()
    }
    const end = maskAt + 4 + Number(length)
    if (bytes.length < end) return events
    const payload = Buffer.from(bytes.subarray(maskAt + 4, end))
    for (let i = 0; i < payload.length; i++) payload[i] ^= bytes[maskAt + (i & 3)]
    at = end
    if (opcode === 8) return [...events, 'closed']
    if (opcode > 8) {
      events.push('life')
      continue
    }
    if (opcode > 0) isText = opcode === 1
    message = Buffer.concat([message ?? Buffer.alloc(0), payload])
    if (!final) continue
    if (isText && !isUtf8(message)) return refusal()
    events.push(`message ${message.toString('hex')}`)
    message = null
  }
  return events
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
