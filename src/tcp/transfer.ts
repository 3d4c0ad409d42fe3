// The bytes of one connection at a time: what has come goes to its handler, what that answers goes out, and what
// is incomplete on either way is kept. Called by server.ts, which decides what becomes of the connection. One per
// worker; owns the one receive buffer of all its connections.
import { BROKEN, moveBytes, NativeBytes, receiveBytes, sendBytes } from '../os/tcp-stream.ts'
import { BLOCK_BYTES_MAX, type Blocks } from './blocks.ts'
import type { Connection, StreamHandler } from './connection.ts'
import { CLOSED_MEMORY, CLOSED_RESET } from './counters.ts'
import type { Output } from './output.ts'

/** All that is taken from a connection in one turn, and the longest request: no block has to be longer. */
export const RECEIVE_BYTES = BLOCK_BYTES_MAX
/** Pipelined requests that are answered in one turn: other connections wait meanwhile. */
export const REQUESTS_PER_TURN = 64

/** What bytes go out by. */
export interface ByteSender {
  /** Returns how many bytes were taken; or WAIT, BROKEN. `more`: the end follows at once. */
  send(connection: Connection, address: number, bytes: number, more: boolean): number
}

/** Connections whose descriptors are ours. */
const ownSockets: ByteSender = {
  send: ({ fd }, address, bytes, more) => sendBytes(fd, address, bytes, more),
}

export class Transfer {
  private readonly input = new NativeBytes(RECEIVE_BYTES)
  private readonly output: Output
  private readonly blocks: Blocks
  private readonly sender: ByteSender

  constructor(
    output: Output,
    blocks: Blocks,
    handler: StreamHandler,
    sender: ByteSender = ownSockets,
  ) {
    // What is not sent has to fit a block, and what is not understood yet leave room to read more.
    if (output.bytes.length > BLOCK_BYTES_MAX) throw new RangeError('output')
    if (handler.answerBytesMax > output.bytes.length) throw new RangeError('answerBytesMax')
    if (handler.requestBytesMax >= RECEIVE_BYTES) throw new RangeError('requestBytesMax')
    this.output = output
    this.blocks = blocks
    this.sender = sender
  }

  /**
   * Takes what has come by another way, `data` from `at` on, behind what is held; returns how much of it there is room
   * for. The bytes of both are then the input.
   */
  take(connection: Connection, data: Uint8Array, at: number): number {
    const held = this.reload(connection)
    const room = RECEIVE_BYTES - held
    const taken = Math.min(data.length - at, room)
    const { bytes: input } = this.input
    input.set(taken === data.length ? data : data.subarray(at, at + taken), held)
    return taken
  }

  // HOT: no allocation below this line.

  /** Takes what has come, behind what is held. Returns the bytes of both, 0 at the end; or WAIT, BROKEN. */
  receive(connection: Connection): number {
    const held = this.reload(connection)
    const { address } = this.input
    const received = receiveBytes(connection.fd, address + held, RECEIVE_BYTES - held)
    return received > 0 ? held + received : received
  }

  /** Keeps the first `to` bytes of the input, which are not looked at for now. */
  hold(connection: Connection, to: number): void {
    this.keep(connection, 0, to)
  }

  /** Brings back what is held, and returns how much that is. It stays held until something is used up. */
  reload({ held, heldBytes }: Connection): number {
    if (heldBytes > 0) moveBytes(this.input.address, held, heldBytes)
    return heldBytes
  }

  /** Takes what has come, and throws it away. */
  discard({ fd }: Connection): number {
    return receiveBytes(fd, this.input.address, RECEIVE_BYTES)
  }

  /** Has the first `to` bytes of the input handled, sends the answers, and keeps the rest. */
  consume(connection: Connection, to: number): void {
    const { output } = this
    const { bytes } = this.input
    let from = 0
    let requests = 0
    connection.paused = false
    while (from < to) {
      if (connection.skip > 0) {
        const skipped = connection.skip < to - from ? connection.skip : to - from
        connection.skip -= skipped
        from += skipped
        continue
      }
      if (requests === REQUESTS_PER_TURN) {
        connection.paused = true
        break
      }
      const { handler } = connection
      const full = output.end + handler.answerBytesMax > bytesOf(output)
      if (full && !this.send(connection)) break
      const used = handler.consume(connection, bytes, from, to)
      if (used === 0) break
      connection.looked = 0
      from += used
      // What came before the first request has brought another handler, and no answer.
      if (connection.handler !== handler) continue
      requests++
      if (connection.closing) break
    }
    connection.answered = requests > 0
    if (output.end > 0 && connection.fault === -1) this.send(connection)
    if (requests > 0 && connection.closing) {
      // Who sends beyond its last request may go on to.
      if (from < to) connection.lingers = true
      this.keep(connection, to, to)
    } else this.keep(connection, from, to)
  }

  /** Sends the output; what the system does not take is kept. False when there is such. */
  send(connection: Connection): boolean {
    const { output } = this
    const bytes = output.end
    output.end = 0
    // The end that follows goes out with the last segment.
    const sent = this.sender.send(connection, output.address, bytes, connection.closing)
    if (sent === bytes) return true
    if (sent === BROKEN) connection.fault = CLOSED_RESET
    else this.keepUnsent(connection, sent > 0 ? sent : 0, bytes)
    return false
  }

  /** Sends the output as a last word: what the system does not take of it is lost. */
  sendLast(connection: Connection): void {
    const { output } = this
    if (output.end > 0) this.sender.send(connection, output.address, output.end, true)
    output.end = 0
  }

  /** There may be more than these bytes, which the system has not handed out. */
  isFull(bytes: number): boolean {
    return bytes === RECEIVE_BYTES
  }

  /** Sends what is left of an answer; returns how many bytes went. */
  resend(connection: Connection): number {
    const { unsent, unsentAt, unsentBytes, closing } = connection
    const sent = this.sender.send(connection, unsent + unsentAt, unsentBytes, closing)
    if (sent === BROKEN) connection.fault = CLOSED_RESET
    if (sent <= 0) return 0
    connection.unsentAt += sent
    connection.unsentBytes -= sent
    if (connection.unsentBytes === 0) this.forgetUnsent(connection)
    return sent
  }

  /** Gives back what is kept of a connection. */
  release(connection: Connection): void {
    if (connection.held !== 0) this.forgetHeld(connection)
    if (connection.unsent !== 0) this.forgetUnsent(connection)
  }

  private keepUnsent(connection: Connection, from: number, to: number): void {
    const size = this.blocks.sizeFor(to - from)
    const block = this.blocks.take(size)
    if (block === 0) {
      connection.fault = CLOSED_MEMORY
      return
    }
    moveBytes(block, this.output.address + from, to - from)
    connection.unsent = block
    connection.unsentSize = size
    connection.unsentAt = 0
    connection.unsentBytes = to - from
  }

  private keep(connection: Connection, from: number, to: number): void {
    const bytes = to - from
    const size = this.blocks.sizeFor(bytes)
    if (connection.held !== 0 && (bytes === 0 || connection.heldSize < size)) {
      this.forgetHeld(connection)
    }
    if (bytes === 0) return
    if (connection.held === 0) {
      connection.held = this.blocks.take(size)
      connection.heldSize = size
    }
    if (connection.held === 0) {
      connection.fault = CLOSED_MEMORY
      return
    }
    moveBytes(connection.held, this.input.address + from, bytes)
    connection.heldBytes = bytes
  }

  private forgetHeld(connection: Connection): void {
    this.blocks.give(connection.held, connection.heldSize)
    connection.held = 0
    connection.heldBytes = 0
  }

  private forgetUnsent(connection: Connection): void {
    this.blocks.give(connection.unsent, connection.unsentSize)
    connection.unsent = 0
    connection.unsentBytes = 0
  }
}

function bytesOf({ bytes }: Output): number {
  return bytes.length
}
