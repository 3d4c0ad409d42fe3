// A TCP connection: whose it is, what is known of its bytes, what its handler has said about it; and the contract
// with that handler. Read and written by server.ts, transfer.ts and the handler. Objects are used again: who wants
// to know later whether it is still the same connection, keeps the generation beside it.
//
// src/tcp reads and writes the bytes of connections and knows no protocol. A handler knows one, and nothing of
// sockets, deadlines or who reads. HTTP is the first. Others on the same connections (Upgrade), and bytes that come
// from other sockets (TLS of the runtime, in threads of their own), meet here: at `consume` and the output.

import { AF_INET, AF_UNIX } from '../os/kernel.ts'
import { FAMILY_MASK, isMapped } from '../os/message.ts'
import type { AddressWords } from './networks.ts'

export interface StreamHandler {
  /** Most bytes that one call writes to the output. There is always room for them. */
  readonly answerBytesMax: number
  /** Most bytes of a request: of so many, `consume` uses some, or closes the connection. */
  readonly requestBytesMax: number
  /**
   * Takes one request, or one frame, from `input[from]` up to `input[to]`, which more may follow. Writes what it
   * has to answer to the output; says on the connection what is to become of it. Returns how many bytes are used
   * up: 0 = it is incomplete, and comes again from its begin when there is more.
   */
  consume(connection: Connection, input: Uint8Array, from: number, to: number): number
  /** The time for a request has run out, of which a part has come: writes a last answer. */
  expired(connection: Connection): void
  /** There is no room for a connection that would have to wait for the rest of its request: writes a last answer. */
  refused(connection: Connection): void
}

// HOT: no allocation below this line.

export class Connection {
  /** Its place among the connections of its worker. */
  readonly slot: number
  /** Another one each time that the place is used again; never negative. */
  generation = 0
  fd = -1
  /** Who understands its bytes; another protocol on the same connection (Upgrade) is another handler. */
  handler: StreamHandler

  /** The peer's address: an IPv4 one stands in `a0`, as words of memory. */
  ipv4 = true
  a0 = 0
  a1 = 0
  a2 = 0
  a3 = 0
  port = 0
  /** It came over a Unix socket, and nobody has said yet for whom. */
  unix = false

  /**
   * Closed once what is written is sent. The handler may set it; where it is set before `consume`, the answer
   * has to say so.
   */
  closing = false
  /**
   * The peer may still be sending what nobody will read, such as the body of a refused request. A close would
   * then be a reset, which can overtake the answer: the end is shown, and what comes is thrown away for a while.
   */
  lingers = false
  /** So many bytes of the input are thrown away before the handler sees more. */
  skip = 0
  /** For the handler: how far it has looked into what is incomplete. 0 whenever something was used up. */
  looked = 0

  // Of src/tcp alone.
  /** The deadline it waits for, see server.ts. */
  list: ConnectionList | null = null
  previous: Connection | null = null
  next: Connection | null = null
  /** Second from which that is counted. */
  since = 0
  /** What epoll looks for; −1 = it does not know the connection. */
  watched = -1
  /** It is one of those that limits count. */
  counted = false
  /** Under what, see connection-limits.ts. */
  keyHigh = 0
  keyLow = 0
  /** Something was answered since the input was last looked at. */
  answered = false
  /** More requests stand in the input than one turn may take. */
  paused = false
  /** Why it has to be closed, a place in counters.ts; −1 = it has not. */
  fault = -1
  /** Input that is incomplete, in a block of blocks.ts; 0 = none. */
  held = 0
  heldSize = 0
  heldBytes = 0
  /** Output that the system did not take, in another block: from `unsentAt` on. */
  unsent = 0
  unsentSize = 0
  unsentAt = 0
  unsentBytes = 0
  /** Bytes that were thrown away since its end was shown. */
  lingered = 0

  constructor(slot: number, handler: StreamHandler) {
    this.slot = slot
    this.handler = handler
  }

  begin(fd: number, handler: StreamHandler, now: number): void {
    this.fd = fd
    this.handler = handler
    this.since = now
    this.closing = false
    this.lingers = false
    this.skip = 0
    this.looked = 0
    this.watched = -1
    this.counted = false
    this.answered = false
    this.paused = false
    this.fault = -1
    this.lingered = 0
  }

  /** Reads a struct sockaddr: 0 family u16, port, big endian │ IPv4: 1 address │ IPv6: 2–5 address. */
  readPeer(name: Int32Array): void {
    const head = name[0]
    const port = head >>> 16
    this.port = ((port & 0xff) << 8) | (port >>> 8)
    const family = head & FAMILY_MASK
    this.unix = family === AF_UNIX
    if (this.unix) {
      this.setIPv4(0, 0)
      return
    }
    const native = family === AF_INET
    this.ipv4 = native || isMapped(name, 0)
    if (this.ipv4) this.setIPv4(native ? name[1] : name[5], this.port)
    else {
      this.a0 = name[2]
      this.a1 = name[3]
      this.a2 = name[4]
      this.a3 = name[5]
    }
  }

  /** A proxy passes it on for somebody else. */
  becomeOf({ ipv4, a0, a1, a2, a3, port }: AddressWords & { readonly port: number }): void {
    this.unix = false
    this.ipv4 = ipv4
    this.a0 = a0
    this.a1 = a1
    this.a2 = a2
    this.a3 = a3
    this.port = port
  }

  private setIPv4(address: number, port: number): void {
    this.ipv4 = true
    this.a0 = address
    this.a1 = 0
    this.a2 = 0
    this.a3 = 0
    this.port = port
  }
}

/**
 * Connections in the order in which they began to wait, all for the same length of time: so the first is always the
 * one whose time is up first, and nothing is ever sorted. A connection is in one list at most.
 */
export class ConnectionList {
  first: Connection | null = null
  last: Connection | null = null
  count = 0

  /** Puts a connection that is in no list at the end. */
  push(connection: Connection, now: number): void {
    connection.list = this
    connection.since = now
    connection.previous = this.last
    connection.next = null
    if (this.last === null) this.first = connection
    else this.last.next = connection
    this.last = connection
    this.count++
  }

  /** Takes out one that is in it. */
  remove(connection: Connection): void {
    const { previous, next } = connection
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    connection.list = null
    connection.previous = null
    connection.next = null
    this.count--
  }
}
