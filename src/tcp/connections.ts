// The connections of one worker, from beginning to end: what each waits for, for how long, and how many there
// may be. Extended by server.ts for its own sockets, and by tls-server.ts for the runtime's. Owns the
// connections and the lists in which they wait:
//
//  first    its first byte             request  the rest of a request, from its first byte on
//  idle     another request            unread   the peer to take all of an answer
//  linger   the peer's end             ready    its turn, since its input has more requests
//  open     whatever comes, without a deadline: handlers that last end their connections themselves
import { EPOLLIN, EPOLLOUT } from '../os/kernel.ts'
import { Connection, ConnectionList, type StreamHandler } from './connection.ts'
import { ADMITTED, type ConnectionLimits, FULL } from './connection-limits.ts'
import {
  CLOSED_ANSWERED,
  CLOSED_DESCRIPTORS,
  CLOSED_FIRST_TIMEOUT,
  CLOSED_FULL,
  CLOSED_IDLE_TIMEOUT,
  CLOSED_MADE_ROOM,
  CLOSED_MEMORY,
  CLOSED_PER_ADDRESS,
  CLOSED_REQUEST_TIMEOUT,
  CLOSED_STOP,
  CLOSED_UNREAD_TIMEOUT,
} from './counters.ts'
import type { AddressWords } from './networks.ts'
import type { Transfer } from './transfer.ts'

/** The most connections closed per turn because their time is up. */
const EXPIRED_PER_TURN = 256
/** The most connections whose many requests are continued per turn, so that new ones do not wait for all. */
export const READY_PER_TURN = 32
/** How much is discarded from a peer that continues to send. */
export const LINGER_BYTES_MAX = 1 << 20
const LINGER_SECONDS = 2

/** In seconds; they can change while connections wait. */
export interface TcpTimes {
  readonly first: number
  readonly request: number
  readonly idle: number
  readonly unread: number
}

export interface ConnectionOptions {
  readonly handler: StreamHandler
  readonly transfer: Transfer
  readonly limits: ConnectionLimits
  readonly times: TcpTimes
  /** The worker's counters, with those of counters.ts from `countsAt` on. */
  readonly counts: Int32Array
  readonly countsAt: number
}

export abstract class TcpConnections {
  protected readonly transfer: Transfer
  protected readonly counts: Int32Array
  protected readonly countsAt: number
  protected readonly connections: Connection[] = []
  protected readonly first = new ConnectionList()
  protected readonly request = new ConnectionList()
  protected readonly idle = new ConnectionList()
  protected readonly unread = new ConnectionList()
  protected readonly linger = new ConnectionList()
  protected readonly ready = new ConnectionList()
  protected readonly open = new ConnectionList()
  protected stopping = false
  /** More connections have expired than one turn closes. */
  protected overdue = false
  protected now = 0
  protected served = 0
  private readonly handler: StreamHandler
  private readonly limits: ConnectionLimits
  /** Unused objects, linked by `next`. */
  private free: Connection | null = null
  private times: TcpTimes

  constructor(options: ConnectionOptions) {
    this.handler = options.handler
    this.transfer = options.transfer
    this.limits = options.limits
    this.counts = options.counts
    this.countsAt = options.countsAt
    this.times = options.times
  }

  setTimes(times: TcpTimes): void {
    this.times = times
  }

  /** The current number of connections that stay. */
  get count(): number {
    return this.waiting + this.first.count + this.idle.count + this.open.count
  }

  /** Those of them with something in progress. */
  get waiting(): number {
    return this.request.count + this.unread.count + this.ready.count + this.linger.count
  }

  /** Closes the connections of all lists; `linger` last, since others may be moved there. */
  protected closeEach(): void {
    for (const list of [
      this.first,
      this.request,
      this.idle,
      this.unread,
      this.ready,
      this.open,
      this.linger,
    ]) {
      this.closeAll(list)
    }
  }

  protected closeAll(list: ConnectionList): void {
    for (let each = list.first; each !== null; each = list.first) this.end(each, CLOSED_STOP)
  }

  private newConnection(): Connection {
    const connection = new Connection(this.connections.length, this.handler)
    this.connections.push(connection)
    return connection
  }

  // HOT: no allocation below this line.

  /** Sets the events to watch for, as for epoll. False if the system has no memory for that. */
  protected abstract watch(connection: Connection, events: number): boolean

  /** Whether there is a descriptor left, so that one more connection may stay. */
  protected abstract hasSpare(): boolean

  /** Shuts down our side; what the peer still sends is discarded for a while. */
  protected abstract endSending(connection: Connection): void

  /** `abruptly`: drops what the system still holds for the peer. */
  protected abstract disconnect(connection: Connection, abruptly: boolean): void

  protected newcomer(fd: number): Connection {
    let connection = this.free
    if (connection === null) connection = this.newConnection()
    else this.free = connection.next
    connection.next = null
    connection.begin(fd, this.handler, this.now)
    return connection
  }

  /**
   * Handles the first `bytes` bytes of the input, which are this connection's. `mayHaveMore`: not all was
   * received.
   */
  protected handle(connection: Connection, bytes: number, mayHaveMore: boolean): void {
    // Handlers that last measure their messages themselves.
    if (!connection.handler.lasts) this.served++
    if (this.stopping && !connection.handler.lasts) connection.closing = true
    this.transfer.consume(connection, bytes)
    this.settle(connection, mayHaveMore)
  }

  /** Decides what happens to a connection after its input was handled. `mayHaveMore`: not all was received. */
  protected settle(connection: Connection, mayHaveMore: boolean): void {
    if (connection.fault >= 0) this.end(connection, connection.fault)
    else if (connection.handler.lasts && !connection.closing) this.settleOpen(connection)
    else if (connection.unsentBytes > 0) this.stay(connection, this.unread, EPOLLOUT)
    else if (connection.closing && connection.answered) this.finish(connection, mayHaveMore)
    else if (connection.paused) this.stay(connection, this.ready, EPOLLIN)
    else if (connection.heldBytes === 0) this.stay(connection, this.idle, EPOLLIN)
    else if (
      connection.answered ||
      connection.countedBy === null ||
      connection.list !== this.request
    ) {
      this.stay(connection, this.request, EPOLLIN)
    }
  }

  private settleOpen(connection: Connection): void {
    if (connection.paused) this.stay(connection, this.ready, EPOLLIN)
    else this.stay(connection, this.open, connection.unsentBytes > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN)
  }

  /**
   * Sends bytes of native memory to a connection that lasts, whatever it is doing, after what already waits. False if
   * that is not possible any more: then cut it, once no handler is at work.
   */
  write(connection: Connection, address: number, bytes: number): boolean {
    if (!this.transfer.write(connection, address, bytes)) return false
    if (connection.unsentBytes === 0 || connection.list !== this.open) return true
    return this.watchFor(connection, EPOLLIN | EPOLLOUT)
  }

  /**
   * Ends a connection that lasts, once what was written is sent: our side first, then what the peer still sends is
   * discarded for a while. Not while its handler is at work.
   */
  finishLater(connection: Connection): void {
    connection.closing = true
    connection.answered = true
    connection.lingers = true
    connection.paused = false
    this.settle(connection, false)
  }

  /** Ends it at once, without what the system still holds for the peer. Not while its handler is at work. */
  cut(connection: Connection): void {
    this.disconnect(connection, true)
    this.forget(connection)
  }

  /**
   * Counts a connection for its client once that is known, in place of whoever it came from; who has asked for nothing
   * yet makes room. `limits`: of the protocol that the connection has from now on. ADMITTED, FULL or FULL_FOR_ADDRESS.
   */
  admitAs(connection: Connection, client: AddressWords, limits: ConnectionLimits): number {
    this.leave(connection)
    connection.becomeOf(client, connection.port)
    if (!this.hasSpare() && !(this.makeRoomFor(connection) && this.hasSpare())) return FULL
    let admission = limits.enterConnection(connection, true)
    // Those that wait are counted by the limits of the first protocol.
    if (admission === FULL && limits === this.limits && this.makeRoomFor(connection)) {
      admission = limits.enterConnection(connection, true)
    }
    if (admission === ADMITTED) connection.countedBy = limits
    return admission
  }

  /** It counts for nobody any more. */
  private leave(connection: Connection): void {
    if (connection.countedBy !== null) connection.countedBy.leaveConnection(connection)
    connection.countedBy = null
  }

  /** Ends the connection that has waited for longest without having asked for anything. False if there is none. */
  private makeRoomFor(connection: Connection): boolean {
    const waiting =
      longestIn(this.idle, connection) ??
      longestIn(this.first, connection) ??
      longestIn(this.request, connection)
    if (waiting === null) return false
    this.end(waiting, CLOSED_MADE_ROOM)
    return true
  }

  private watchFor(connection: Connection, events: number): boolean {
    return connection.watched === events || this.watch(connection, events)
  }

  protected finish(connection: Connection, mayHaveMore: boolean): void {
    if (!connection.lingers && !mayHaveMore) {
      this.end(connection, CLOSED_ANSWERED)
      return
    }
    this.endSending(connection)
    this.stay(connection, this.linger, EPOLLIN)
  }

  protected writeOn(connection: Connection): void {
    this.transfer.resend(connection)
    if (connection.fault >= 0) this.end(connection, connection.fault)
    else if (connection.list === this.open) this.drainedOpen(connection)
    // The time goes on from when the answer was first not taken: a peer that reads a byte now and then, each of which
    // renewed it, could have as much stored as all connections may, for ever.
    else if (connection.unsentBytes > 0) return
    else if (connection.closing || connection.heldBytes === 0) this.settle(connection, true)
    else this.handle(connection, this.transfer.reload(connection), true)
  }

  private drainedOpen(connection: Connection): void {
    if (connection.unsentBytes === 0) this.watchFor(connection, EPOLLIN)
    connection.handler.drained(connection)
  }

  /** Serves connections that had too many requests for one turn. */
  protected serveReady(): void {
    const { ready } = this
    const count = ready.count < READY_PER_TURN ? ready.count : READY_PER_TURN
    for (let n = 0; n < count && ready.first !== null; n++) {
      const connection = ready.first
      ready.remove(connection)
      this.handle(connection, this.transfer.reload(connection), true)
    }
  }

  /** Puts a connection into a list to wait from now on. */
  protected stay(connection: Connection, list: ConnectionList, events: number): void {
    if (connection.countedBy === null && !this.admit(connection, list)) return
    if (!this.watchFor(connection, events)) {
      this.end(connection, CLOSED_MEMORY)
      return
    }
    if (connection.list !== null) connection.list.remove(connection)
    list.push(connection, this.now)
  }

  /** Whether a connection may stay; closes it if not. */
  protected admit(connection: Connection, list: ConnectionList): boolean {
    let reason = CLOSED_DESCRIPTORS
    if (this.hasSpare()) {
      const admission = this.enter(connection)
      if (admission === ADMITTED) {
        connection.countedBy = this.limits
        return true
      }
      reason = admission === FULL ? CLOSED_FULL : CLOSED_PER_ADDRESS
    }
    if (list === this.request) {
      connection.closing = true
      connection.handler.refused(connection)
      this.transfer.sendLast(connection)
    }
    this.end(connection, list === this.linger ? CLOSED_ANSWERED : reason)
    return false
  }

  /** Counts a connection; if there is no room, an idle one has to make room for it. */
  private enter(connection: Connection): number {
    const admission = this.limits.enterConnection(connection)
    const idle = this.idle.first
    if (admission !== FULL || idle === null) return admission
    this.end(idle, CLOSED_MADE_ROOM)
    return this.limits.enterConnection(connection)
  }

  protected expire(): void {
    const { times } = this
    this.overdue = false
    this.expireIn(this.first, times.first, CLOSED_FIRST_TIMEOUT)
    this.expireIn(this.request, times.request, CLOSED_REQUEST_TIMEOUT)
    this.expireIn(this.idle, times.idle, CLOSED_IDLE_TIMEOUT)
    this.expireIn(this.unread, times.unread, CLOSED_UNREAD_TIMEOUT)
    this.expireIn(this.linger, LINGER_SECONDS, CLOSED_ANSWERED)
  }

  private expireIn(list: ConnectionList, seconds: number, reason: number): void {
    for (let n = 0; n < EXPIRED_PER_TURN; n++) {
      const connection = list.first
      if (connection === null || this.now - connection.since <= seconds) return
      if (list === this.request) {
        connection.closing = true
        connection.handler.expired(connection)
        this.transfer.sendLast(connection)
      }
      this.end(connection, reason)
    }
    this.overdue = true
  }

  protected end(connection: Connection, reason: number): void {
    this.counts[this.countsAt + reason]++
    // Otherwise the system would keep what the peer does not read.
    this.disconnect(connection, reason === CLOSED_UNREAD_TIMEOUT)
    this.forget(connection)
  }

  protected forget(connection: Connection): void {
    connection.handler.ended(connection)
    if (connection.list !== null) connection.list.remove(connection)
    this.leave(connection)
    this.transfer.release(connection)
    connection.generation = (connection.generation + 1) & 0x7fffffff
    connection.fd = -1
    connection.next = this.free
    this.free = connection
  }
}

/** The first of a list, or the second if the first is this one. */
function longestIn({ first }: ConnectionList, except: Connection): Connection | null {
  return first === except ? except.next : first
}
