// One WebSocket: the frames that it is in the middle of, and how it is to end. Made by frame-stream.ts, which reads and
// writes it, when a handshake is accepted; the client's state beyond that is in connection.ts.
import type { BlockChain } from '../../tcp/block-chain.ts'
import type { Connection as TcpConnection } from '../../tcp/connection.ts'
import type { AddressWords } from '../../tcp/networks.ts'
import { NO_CODE } from '../wire/frame.ts'
import type { Connection, Socket } from './connection.ts'

/** Bytes of a close frame's payload: the code, and a reason. */
export const CLOSE_BYTES_MAX = 125

// How it is to end.
export const STAYS = 0
export const CLOSES = 1
export const IS_CUT = 2

/** What a socket needs of whoever has its bytes. */
export interface SocketOwner {
  write(socket: WsSocket, address: number, bytes: number): boolean
  endLater(socket: WsSocket): void
}

export class WsSocket implements Socket {
  readonly tcp: TcpConnection
  readonly connection: Connection
  private readonly owner: SocketOwner

  // The message that it is in the middle of.
  /** The opcode of its first frame; 0 = there is none. */
  opcode = 0
  /** Its bytes so far, without those that the current frame still lacks; null = none. */
  parts: BlockChain | null = null
  /** The second in which the first of them came. Before and after it are the neighbours in message-parts.ts. */
  partsSince = 0
  previous: WsSocket | null = null
  next: WsSocket | null = null
  /** Some of its bytes are not ASCII. */
  hasOther = false

  // The frame that it is in the middle of.
  frameLeft = 0
  isFinal = false
  /** As for the next byte. */
  mask = 0

  ending = STAYS
  closeCode = NO_CODE
  closeReason = ''
  /** It is in the list of those to end. */
  waitsForEnd = false

  constructor(tcp: TcpConnection, connection: Connection, owner: SocketOwner) {
    this.tcp = tcp
    this.connection = connection
    this.owner = owner
  }

  get unsentBytes(): number {
    return this.tcp.unsentBytes
  }

  get client(): AddressWords {
    return this.tcp
  }

  write(address: number, bytes: number): boolean {
    return this.ending !== IS_CUT && this.owner.write(this, address, bytes)
  }

  close(code: number, reason: string): void {
    if (this.ending !== STAYS) return
    this.ending = CLOSES
    this.closeCode = code
    this.closeReason = reason
    this.owner.endLater(this)
  }

  terminate(): void {
    this.ending = IS_CUT
    this.owner.endLater(this)
  }
}
