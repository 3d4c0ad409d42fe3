// The frames that a turn has for connections: written into one arena as they come, whoever they are for, each linked to the
// next of its connection; at the end of the turn each connection's go out with one write. Used by send.ts, which decides
// what may be sent. Owns the arena.
import { NativeBytes } from '../../os/tcp-stream.ts'
import { frameHeadBytes, SERVER_HEAD_BYTES_MAX, TEXT, writeFrameHead } from '../wire/frame.ts'
import type { Connection } from './connection.ts'
import { SENT_BYTES, SENT_MESSAGES } from './counters.ts'

/** Frames of a connection are joined up to this size. */
export const JOINED_BYTES_MAX = 2 ** 16
/** What a turn may write until all of it is sent; a message may be longer. */
const ARENA_BYTES = 2 ** 20
/** Frames in it; beyond, all of them are sent. */
const FRAMES_MAX = 2 ** 14

// A frame's record: 0, 1 where it is in the arena │ 2 bytes of its payload; −1 = a control frame │ 3 the connection's next
const START = 0
const END = 1
const PAYLOAD = 2
const NEXT = 3
const RECORD_WORDS = 4
const CONTROL = -1

export class Outbox {
  /** Frames from the beginning on; behind them the place where a connection's are joined. */
  readonly memory: NativeBytes
  private readonly counts: Int32Array
  private readonly arenaBytes: number
  private readonly records = new Int32Array(FRAMES_MAX * RECORD_WORDS)
  private recordCount = 0
  private end = 0
  /** Where the payload of the frame that is being written begins. */
  private payloadAt = 0

  /** `messageBytesMax`: the longest message. */
  constructor(counts: Int32Array, messageBytesMax = 0) {
    this.counts = counts
    this.arenaBytes = Math.max(ARENA_BYTES, messageBytesMax + SERVER_HEAD_BYTES_MAX)
    this.memory = new NativeBytes(this.arenaBytes + JOINED_BYTES_MAX)
  }

  // HOT: no allocation below this line.

  /** Whether there is room for one more frame, of so many bytes. */
  hasRoom(bytes: number): boolean {
    const needed = this.end + SERVER_HEAD_BYTES_MAX + bytes
    return needed <= this.arenaBytes && this.recordCount < FRAMES_MAX
  }

  /** All frames have been sent. */
  clear(): void {
    this.end = 0
    this.recordCount = 0
  }

  /** Begins a frame of at most so many bytes; returns where its payload begins. */
  begin(bytesMax: number): number {
    if (!this.hasRoom(bytesMax)) noRoom()
    this.payloadAt = this.end + frameHeadBytes(bytesMax)
    return this.payloadAt
  }

  /** Ends it with so many bytes, and queues it. */
  commit(connection: Connection, opcode: number, bytes: number): void {
    const { records } = this
    const record = this.recordCount++
    const at = record * RECORD_WORDS
    records[at + START] = writeFrameHead(this.memory.bytes, this.payloadAt, opcode, bytes)
    this.end = this.payloadAt + bytes
    records[at + END] = this.end
    records[at + PAYLOAD] = opcode === TEXT ? bytes : CONTROL
    records[at + NEXT] = -1
    if (connection.lastFrame < 0) connection.firstFrame = record
    else records[connection.lastFrame * RECORD_WORDS + NEXT] = record
    connection.lastFrame = record
    connection.queuedLength += bytes
    if (opcode === TEXT) connection.outbox++
  }

  /** Forgets a connection's frames. */
  drop(connection: Connection): void {
    connection.firstFrame = -1
    connection.lastFrame = -1
    connection.outbox = 0
    connection.queuedLength = 0
  }

  /**
   * Gives all frames of a connection to its socket, a single one from where it is, several joined. False if the socket is
   * broken.
   */
  write(connection: Connection): boolean {
    const { records, counts } = this
    let isWritten = true
    let joined = 0
    let payload = 0
    const isSingle = connection.firstFrame === connection.lastFrame
    for (let next = connection.firstFrame; next >= 0; ) {
      const at = next * RECORD_WORDS
      next = records[at + NEXT]
      const from = records[at + START]
      const bytes = records[at + END] - from
      if (records[at + PAYLOAD] !== CONTROL) payload += records[at + PAYLOAD]
      if (joined + bytes > JOINED_BYTES_MAX) {
        isWritten = isWritten && this.give(connection, this.arenaBytes, joined)
        joined = 0
      }
      if (isSingle || bytes > JOINED_BYTES_MAX) {
        isWritten = isWritten && this.give(connection, from, bytes)
      } else {
        this.memory.bytes.copyWithin(this.arenaBytes + joined, from, from + bytes)
        joined += bytes
      }
    }
    counts[connection.family + SENT_MESSAGES] += connection.outbox
    counts[connection.family + SENT_BYTES] += payload
    this.drop(connection)
    return isWritten && this.give(connection, this.arenaBytes, joined)
  }

  private give({ socket }: Connection, at: number, bytes: number): boolean {
    return bytes === 0 || (socket?.write(this.memory.address + at, bytes) ?? false)
  }
}

function noRoom(): never {
  throw new RangeError('a message is longer than the outbox')
}
