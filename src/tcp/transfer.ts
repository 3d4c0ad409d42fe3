// Moves the bytes of one connection at a time: input goes to its handler, the answers are sent, and the
// incomplete rest of either is stored. Called by connections.ts, which decides what happens to the connection.
// One per worker; owns the receive buffer for all its connections.
import { BROKEN, moveBytes, NativeBytes, receiveBytes, sendBytes } from '../os/tcp-stream.ts'
import { BlockChains } from './block-chain.ts'
import { BLOCK_BYTES_MAX, type Blocks } from './blocks.ts'
import type { Connection, StreamHandler } from './connection.ts'
import { CLOSED_MEMORY, CLOSED_RESET } from './counters.ts'
import type { Output } from './output.ts'

/** The most that is received from a connection per turn, and the longest request: no block has to be longer. */
export const RECEIVE_BYTES = BLOCK_BYTES_MAX
/** The most pipelined requests answered in one turn, since other connections wait meanwhile. */
export const REQUESTS_PER_TURN = 64
/** The same of handlers that last, whose messages are short work and whose answers go out together at the end of a turn. */
const MESSAGES_PER_TURN = 1024

/** Sends the bytes. */
export interface ByteSender {
  /** Returns how many bytes were accepted; or WAIT, BROKEN. `more`: the end follows at once. */
  send(connection: Connection, address: number, bytes: number, more: boolean): number
}

/** For connections whose descriptors are ours. */
const ownSockets: ByteSender = {
  send: ({ fd }, address, bytes, more) => sendBytes(fd, address, bytes, more),
}

export class Transfer {
  private readonly input = new NativeBytes(RECEIVE_BYTES)
  private readonly output: Output
  private readonly blocks: Blocks
  private readonly chains: BlockChains
  private readonly sender: ByteSender

  constructor(
    output: Output,
    blocks: Blocks,
    handler: StreamHandler,
    sender: ByteSender = ownSockets,
  ) {
    // Unsent output must fit a block, and incomplete input must leave room to receive more.
    if (output.bytes.length > BLOCK_BYTES_MAX) throw new RangeError('output')
    if (handler.answerBytesMax > output.bytes.length) throw new RangeError('answerBytesMax')
    if (handler.requestBytesMax >= RECEIVE_BYTES) throw new RangeError('requestBytesMax')
    this.output = output
    this.blocks = blocks
    this.chains = new BlockChains(blocks)
    this.sender = sender
  }

  /** Where the memory of the input is, for handlers that store some of it. */
  get inputAddress(): number {
    return this.input.address
  }

  /**
   * Takes input received elsewhere, `data` from `at` on, after the held bytes; returns how much of it there is
   * room for. Both together are then the input.
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

  /** Receives input after the held bytes. Returns the bytes of both, 0 at the end; or WAIT, BROKEN. */
  receive(connection: Connection): number {
    const held = this.reload(connection)
    const { address } = this.input
    const received = receiveBytes(connection.fd, address + held, RECEIVE_BYTES - held)
    return received > 0 ? held + received : received
  }

  /** Stores the first `to` bytes of the input for later. */
  hold(connection: Connection, to: number): void {
    this.keep(connection, 0, to)
  }

  /** Loads the held bytes and returns how many there are. They stay held until some are used. */
  reload({ held, heldBytes }: Connection): number {
    if (heldBytes > 0) moveBytes(this.input.address, held, heldBytes)
    return heldBytes
  }

  /** Receives input and discards it. */
  discard({ fd }: Connection): number {
    return receiveBytes(fd, this.input.address, RECEIVE_BYTES)
  }

  /** Handles the first `to` bytes of the input, sends the answers, and stores the rest. */
  consume(connection: Connection, to: number): void {
    const { output } = this
    const { bytes } = this.input
    let from = 0
    let requests = 0
    connection.paused = false
    while (from < to) {
      const most = connection.handler.lasts ? MESSAGES_PER_TURN : REQUESTS_PER_TURN
      if (requests >= most) {
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
      // A header before the first request has set another handler, without an answer; or a request has (Upgrade): its
      // answer goes out before what the next handler writes.
      if (connection.handler !== handler) {
        if (output.end > 0) this.send(connection)
        if (connection.fault >= 0) break
        continue
      }
      requests++
      if (connection.closing) break
    }
    connection.answered = requests > 0
    if (output.end > 0 && connection.fault === -1) this.send(connection)
    if (requests > 0 && connection.closing) {
      // A peer that sends beyond its last request may continue to.
      if (from < to) connection.lingers = true
      this.keep(connection, to, to)
    } else this.keep(connection, from, to)
  }

  /** Sends the output and stores what the system does not accept; false if there is such a rest. */
  send(connection: Connection): boolean {
    const { output } = this
    const bytes = output.end
    output.end = 0
    // The end that follows goes out with the last segment.
    const sent = this.sender.send(connection, output.address, bytes, connection.closing)
    if (sent === bytes) return true
    if (sent === BROKEN) connection.fault = CLOSED_RESET
    else {
      const from = sent > 0 ? sent : 0
      this.keepUnsent(connection, output.address + from, bytes - from)
    }
    return false
  }

  /** Sends the output before closing: what the system does not accept is lost. */
  sendLast(connection: Connection): void {
    const { output } = this
    if (output.end > 0) this.sender.send(connection, output.address, output.end, true)
    output.end = 0
  }

  /** The system may have more than these bytes. */
  isFull(bytes: number): boolean {
    return bytes === RECEIVE_BYTES
  }

  /**
   * Sends bytes beside the answers, after what already waits, and stores what the system does not accept. False if the
   * connection is broken, or there is no memory.
   */
  write(connection: Connection, address: number, bytes: number): boolean {
    if (connection.unsentBytes > 0) {
      this.keepUnsent(connection, address, bytes)
    } else {
      const sent = this.sender.send(connection, address, bytes, false)
      if (sent === bytes) return true
      if (sent === BROKEN) connection.fault = CLOSED_RESET
      else if (sent > 0) this.keepUnsent(connection, address + sent, bytes - sent)
      else this.keepUnsent(connection, address, bytes)
    }
    return connection.fault === -1
  }

  /** Sends what the system accepts of what waits. */
  resend(connection: Connection): void {
    const { unsent, closing } = connection
    if (unsent === null) return
    while (unsent.bytes > 0) {
      const bytes = unsent.firstBytes
      const isLast = bytes === unsent.bytes
      const sent = this.sender.send(connection, unsent.firstAddress, bytes, closing && isLast)
      if (sent === BROKEN) connection.fault = CLOSED_RESET
      if (sent <= 0) return
      unsent.drop(sent)
      connection.unsentBytes = unsent.bytes
      if (sent < bytes) return
    }
    this.forgetUnsent(connection)
  }

  /** Frees what is stored for a connection. */
  release(connection: Connection): void {
    if (connection.held !== 0) this.forgetHeld(connection)
    if (connection.unsent !== null) this.forgetUnsent(connection)
  }

  private keepUnsent(connection: Connection, address: number, bytes: number): void {
    let { unsent } = connection
    if (unsent === null) {
      unsent = this.chains.take()
      connection.unsent = unsent
    }
    if (!unsent.append(address, bytes)) connection.fault = CLOSED_MEMORY
    connection.unsentBytes = unsent.bytes
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
    if (connection.unsent !== null) this.chains.give(connection.unsent)
    connection.unsent = null
    connection.unsentBytes = 0
  }
}

function bytesOf({ bytes }: Output): number {
  return bytes.length
}
