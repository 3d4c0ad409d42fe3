// A TCP connection: its peer, the state of its bytes, its handler's decisions; and the contract with that
// handler. Read and written by server.ts, transfer.ts and the handler. Objects are reused: code that needs to
// know later whether it is still the same connection remembers the generation.
//
// src/tcp reads and writes the bytes of connections and knows no protocol. A handler knows one, and nothing
// about sockets, deadlines or receiving. HTTP is one, WebSocket frames another, of connections that began as HTTP
// (Upgrade); bytes from other sockets (the runtime's TLS, in separate threads) come to them through the same interface.

import { AF_UNIX } from '../os/kernel.ts'
import { FAMILY_MASK, readName } from '../os/message.ts'
import type { BlockChain } from './block-chain.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import type { AddressWords } from './networks.ts'

export interface StreamHandler {
  /**
   * Its connections stay until it ends them (`TcpConnections.finishLater`, `cut`) or their peers do: they wait without
   * deadline, are read even while output waits for them, and are written to at any time (`TcpConnections.write`).
   */
  readonly lasts: boolean
  /** The most bytes that one call writes to the output, which always has room for them. */
  readonly answerBytesMax: number
  /** The most bytes of a request: given this many, `consume` uses some or closes the connection. */
  readonly requestBytesMax: number
  /**
   * Takes one request, or one frame, from `input[from]` up to `input[to]`, which more may follow. Writes its
   * answer to the output, and sets on the connection what happens to it. Returns how many bytes were used: 0 =
   * it is incomplete, and is passed again from its beginning when there is more.
   */
  consume(connection: Connection, input: Uint8Array, from: number, to: number): number
  /** The time for an incomplete request has run out: writes a last answer. */
  expired(connection: Connection): void
  /** There is no room for a connection that would have to wait for the rest of its request: writes a last answer. */
  refused(connection: Connection): void
  /** For those that last: the system has taken some of what waited, perhaps all of it. */
  drained(connection: Connection): void
  /** The connection has ended, for whatever reason. */
  ended(connection: Connection): void
}

// HOT: no allocation below this line.

export class Connection {
  /** Its index among the worker's connections. */
  readonly slot: number
  /** Changes each time the slot is reused; never negative. */
  generation = 0
  fd = -1
  /** Handles its bytes; another protocol on the same connection (Upgrade) is another handler. */
  handler: StreamHandler

  /** The peer's address, as words of memory; an IPv4 one is in `a0`. */
  ipv4 = true
  a0 = 0
  a1 = 0
  a2 = 0
  a3 = 0
  port = 0
  /** It came over a Unix socket, and the client is not known yet. */
  unix = false
  /** It began with a header of the PROXY protocol that names nobody, so nothing says who its client is. */
  isAnonymous = false

  /**
   * It is closed once the output is sent. The handler may set it; if it is set before `consume`, the answer has
   * to say so.
   */
  closing = false
  /**
   * The peer may still be sending data that will not be read, such as the body of a refused request. Closing
   * would then cause a reset, which can overtake the answer: instead, our side is shut down and input is
   * discarded for a while.
   */
  lingers = false
  /** For the handler: how far it has searched the incomplete input. Reset to 0 whenever input was used. */
  looked = 0

  // Used only by src/tcp.
  /** The deadline it waits for, see server.ts. */
  list: ConnectionList | null = null
  previous: Connection | null = null
  next: Connection | null = null
  /** Second from which the deadline counts. */
  since = 0
  /** The events that epoll watches; −1 = it does not know the connection. */
  watched = -1
  /** The connection limits that count it; null = none do. */
  countedBy: ConnectionLimits | null = null
  /** Its key, see connection-limits.ts. */
  keyHigh = 0
  keyLow = 0
  /** Something was answered since the input was last read. */
  answered = false
  /** The input has more requests than one turn may take. */
  paused = false
  /** Why it must be closed, an index in counters.ts; −1 = it need not be. */
  fault = -1
  /** Incomplete input, in a block of blocks.ts; 0 = none. */
  held = 0
  heldSize = 0
  heldBytes = 0
  /** Output that the system did not accept; null = none. */
  unsent: BlockChain | null = null
  unsentBytes = 0
  /** Bytes discarded since our side was shut down. */
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
    this.looked = 0
    this.isAnonymous = false
    this.watched = -1
    this.countedBy = null
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
    this.unix = (head & FAMILY_MASK) === AF_UNIX
    if (this.unix) {
      this.setIPv4(0)
      this.port = 0
    } else readName(this, name, 0)
  }

  /** Makes it the connection of a proxy's client. */
  becomeOf({ ipv4, a0, a1, a2, a3 }: AddressWords, port: number): void {
    this.unix = false
    this.ipv4 = ipv4
    this.a0 = a0
    this.a1 = a1
    this.a2 = a2
    this.a3 = a3
    this.port = port
  }

  setIPv4(address: number): void {
    this.ipv4 = true
    this.a0 = address
    this.a1 = 0
    this.a2 = 0
    this.a3 = 0
  }

  setWords(words: Int32Array, at: number): void {
    this.ipv4 = false
    this.a0 = words[at]
    this.a1 = words[at + 1]
    this.a2 = words[at + 2]
    this.a3 = words[at + 3]
  }
}

/**
 * Connections in the order in which they began to wait, all for the same time, so that the first is always the
 * next to expire and nothing is ever sorted. A connection is in at most one list.
 */
export class ConnectionList {
  first: Connection | null = null
  last: Connection | null = null
  count = 0

  /** Appends a connection that is in no list. */
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

  /** Removes a connection from this list. */
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
