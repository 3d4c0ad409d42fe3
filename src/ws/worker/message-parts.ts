// Messages that came in several pieces and are not complete: where their bytes wait, for how long, and what happens when
// there is no more room. Used by frame-stream.ts; owns the blocks.
//
// They have blocks of their own, so that they can take no room from answers that wait, nor these from them. Who begins messages
// and never ends them keeps nobody from theirs: a message has half a minute, and without room the oldest one gives way, since
// an honest client's is complete within a moment.
import { BlockChains } from '../../tcp/block-chain.ts'
import { Blocks } from '../../tcp/blocks.ts'
import { POLICY } from '../wire/frame.ts'
import { CLOSED_UNFINISHED_MESSAGE } from './counters.ts'
import type { WsSocket } from './ws-socket.ts'

/** For all messages of a worker: some thousand of browsers' longest. */
export const PARTS_BYTES_MAX = 48 * 2 ** 20
/** From its first byte to its last: the longest message at 18 kbit/s. */
export const MESSAGE_SECONDS = 30

const REASON = 'a message was not finished in time'

export class MessageParts {
  private readonly chains: BlockChains
  private readonly counts: Int32Array
  private now = 0
  /** Sockets with such a message, in the order in which these began. */
  private first: WsSocket | null = null
  private last: WsSocket | null = null

  constructor(counts: Int32Array, bytesMax = PARTS_BYTES_MAX) {
    this.counts = counts
    this.chains = new BlockChains(new Blocks(bytesMax))
  }

  // HOT: no allocation below this line.

  setTime(now: number): void {
    this.now = now
  }

  /** Appends to a socket's message. False if there is no room, even without the messages that others have begun before. */
  add(socket: WsSocket, address: number, bytes: number): boolean {
    const parts = socket.parts ?? this.begin(socket)
    let left = bytes
    for (;;) {
      const before = parts.bytes
      if (parts.append(address + bytes - left, left)) return true
      left -= parts.bytes - before
      const { first } = this
      if (first === null || first === socket) return false
      this.abandon(first)
    }
  }

  /** Forgets the message of a socket. */
  drop(socket: WsSocket): void {
    socket.opcode = 0
    if (socket.parts === null) return
    this.chains.give(socket.parts)
    socket.parts = null
    const { previous, next } = socket
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    socket.previous = null
    socket.next = null
  }

  /** Closes the sockets whose messages have taken too long. */
  expire(): void {
    for (let { first } = this; first !== null; first = this.first) {
      if (this.now - first.partsSince <= MESSAGE_SECONDS) return
      this.abandon(first)
    }
  }

  private begin(socket: WsSocket): NonNullable<WsSocket['parts']> {
    const parts = this.chains.take()
    socket.parts = parts
    socket.partsSince = this.now
    socket.previous = this.last
    if (this.last === null) this.first = socket
    else this.last.next = socket
    this.last = socket
    return parts
  }

  private abandon(socket: WsSocket): void {
    this.counts[CLOSED_UNFINISHED_MESSAGE]++
    this.drop(socket)
    socket.close(POLICY, REASON)
  }
}
