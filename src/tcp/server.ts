// TCP connections of one worker, from accept to close, by a blocking epoll loop. Driven by the socket worker of the
// protocol: it waits here, reads its clock, and has what is ready served. Owns its connections' descriptors.
//
// A connection whose request is there when it is accepted, and which then ends, takes four system calls: accept4,
// recv, send, close. epoll and the limits on connections hear only of one that stays.
//
// One that stays is in the list of what it waits for:
//
//  first    its first byte             request  the rest of a request, from its first byte on
//  idle     another request            unread   the peer to take an answer
//  linger   the peer's end             ready    its turn, since more requests stand in its input
import { Epoll } from '../os/epoll.ts'
import { EPOLLIN, EPOLLOUT } from '../os/kernel.ts'
import {
  acceptConnection,
  BROKEN,
  closeConnection,
  EXHAUSTED,
  endSending,
  peerName,
  resetConnection,
  WAIT,
} from '../os/tcp-stream.ts'
import { Connection, ConnectionList, type StreamHandler } from './connection.ts'
import { ADMITTED, type ConnectionLimits, FULL } from './connection-limits.ts'
import {
  ACCEPT_PAUSES,
  ACCEPTED,
  CLOSED_ANSWERED,
  CLOSED_BY_CLIENT,
  CLOSED_DESCRIPTORS,
  CLOSED_FIRST_TIMEOUT,
  CLOSED_FULL,
  CLOSED_IDLE_TIMEOUT,
  CLOSED_MADE_ROOM,
  CLOSED_MEMORY,
  CLOSED_PER_ADDRESS,
  CLOSED_REQUEST_TIMEOUT,
  CLOSED_RESET,
  CLOSED_STOP,
  CLOSED_UNFINISHED,
  CLOSED_UNREAD_TIMEOUT,
  LOST_AT_STOP,
} from './counters.ts'
import { BACKLOG, LISTENER, Listeners } from './listeners.ts'
import type { Transfer } from './transfer.ts'

/** Events of one wait. */
const EVENTS_MAX = 512
/** Connections that are accepted from one socket before the others have their turn. */
const ACCEPTS_PER_TURN = 128
/** Connections that are closed in one turn because their time is up. */
const EXPIRED_PER_TURN = 256
/** What is thrown away of a peer that goes on to send. */
const LINGER_BYTES_MAX = 1 << 20
const LINGER_SECONDS = 2

/** Seconds; they may change while connections wait. */
export interface TcpTimes {
  readonly first: number
  readonly request: number
  readonly idle: number
  readonly unread: number
}

export interface TcpServerOptions {
  readonly listeners: readonly number[]
  readonly handler: StreamHandler
  readonly transfer: Transfer
  readonly limits: ConnectionLimits
  readonly times: TcpTimes
  /** Of the worker, with places of counters.ts from `countsAt` on. */
  readonly counts: Int32Array
  readonly countsAt: number
}

export class TcpServer {
  private readonly listeners: Listeners
  private readonly handler: StreamHandler
  private readonly transfer: Transfer
  private readonly limits: ConnectionLimits
  private readonly counts: Int32Array
  private readonly countsAt: number
  private readonly epoll = new Epoll(EVENTS_MAX)
  private readonly connections: Connection[] = []
  /** Those without a connection, by `next`. */
  private free: Connection | null = null
  private readonly first = new ConnectionList()
  private readonly request = new ConnectionList()
  private readonly idle = new ConnectionList()
  private readonly unread = new ConnectionList()
  private readonly linger = new ConnectionList()
  private readonly ready = new ConnectionList()
  private times: TcpTimes
  private stopping = false
  private events = 0
  private served = 0
  private now = 0

  constructor(options: TcpServerOptions) {
    this.listeners = new Listeners(options.listeners, this.epoll)
    this.handler = options.handler
    this.transfer = options.transfer
    this.limits = options.limits
    this.counts = options.counts
    this.countsAt = options.countsAt
    this.times = options.times
  }

  /** From now on connections come. */
  listen(): void {
    this.listeners.listen()
  }

  setTimes(times: TcpTimes): void {
    this.times = times
  }

  /** Connections that stay, now. */
  get count(): number {
    return this.waiting + this.first.count + this.idle.count
  }

  /** Of these, such as have something under way. */
  get waiting(): number {
    return this.request.count + this.unread.count + this.ready.count + this.linger.count
  }

  /**
   * The stop begins: serves who waits to be accepted, closes the listening sockets, and those connections that ask
   * for nothing. The rest may be served on, up to `close`.
   */
  stopListening(): void {
    this.stopping = true
    for (let i = 0; i < this.listeners.fds.length; i++) {
      for (let n = 0; n < BACKLOG && this.acceptSome(i); n += ACCEPTS_PER_TURN) {}
      this.counts[this.countsAt + LOST_AT_STOP] += this.listeners.close(i)
    }
    this.closeAll(this.idle)
    this.closeAll(this.first)
  }

  /** Of all that is left. */
  close(): void {
    for (const list of [
      this.first,
      this.request,
      this.idle,
      this.unread,
      this.linger,
      this.ready,
    ]) {
      this.closeAll(list)
    }
    this.listeners.closeSpare()
    this.epoll.close()
  }

  private closeAll(list: ConnectionList): void {
    for (let each = list.first; each !== null; each = list.first) this.end(each, CLOSED_STOP)
  }

  private newConnection(): Connection {
    const connection = new Connection(this.connections.length, this.handler)
    this.connections.push(connection)
    return connection
  }

  // HOT: no allocation below this line.

  /** Waits for something to do, at most so long; not at all when there is something already. */
  wait(milliseconds: number): void {
    this.events = this.epoll.wait(this.ready.count > 0 ? 0 : milliseconds)
  }

  /**
   * Serves what `wait` has found; returns how many times bytes of a connection were handled. `now`: second of the
   * monotonic clock.
   */
  serve(now: number): number {
    this.now = now
    this.served = 0
    this.serveReady()
    for (let i = 0; i < this.events; i++) {
      const low = this.epoll.low(i)
      const high = this.epoll.high(i)
      if (high === LISTENER) this.acceptSome(low)
      else {
        const connection = this.connections[low]
        // The connection of this event may have ended in this turn, and its place be another one's.
        if (connection.generation === high) this.advance(connection)
      }
    }
    this.events = 0
    this.expire()
    if (!this.stopping) this.listeners.resume(now)
    return this.served
  }

  /** False when nobody waits any more. */
  private acceptSome(index: number): boolean {
    const listener = this.listeners.fds[index]
    for (let n = 0; n < ACCEPTS_PER_TURN; n++) {
      const fd = acceptConnection(listener)
      if (fd >= 0) this.begin(fd)
      else if (fd === WAIT) return false
      else if (fd === EXHAUSTED && !this.makeRoom()) {
        this.counts[this.countsAt + ACCEPT_PAUSES]++
        this.listeners.pause(this.now)
        return false
      }
    }
    return true
  }

  private begin(fd: number): void {
    this.counts[this.countsAt + ACCEPTED]++
    let connection = this.free
    if (connection === null) connection = this.newConnection()
    else this.free = connection.next
    connection.next = null
    connection.begin(fd, this.handler, this.now)
    connection.readPeer(peerName)
    this.read(connection)
    this.listeners.hasSpare()
  }

  /** There are no descriptors: an idle connection goes, or the spare one is used. False when there is neither. */
  private makeRoom(): boolean {
    const idle = this.idle.first
    if (idle === null) return this.listeners.giveSpare()
    this.end(idle, CLOSED_MADE_ROOM)
    return true
  }

  /** Something has happened to a connection that stays. */
  private advance(connection: Connection): void {
    const { list } = connection
    if (list === this.ready) return
    if (list === this.linger) this.drain(connection)
    else if (list === this.unread) this.writeOn(connection)
    else this.read(connection)
  }

  private read(connection: Connection): void {
    const bytes = this.transfer.receive(connection)
    if (bytes > 0) this.handle(connection, bytes)
    else if (bytes === BROKEN) this.end(connection, CLOSED_RESET)
    else if (bytes === WAIT) {
      if (connection.list === null) this.stay(connection, this.first, EPOLLIN)
    } else this.end(connection, connection.heldBytes > 0 ? CLOSED_UNFINISHED : CLOSED_BY_CLIENT)
  }

  /** The first `bytes` bytes of the input are those of this connection. */
  private handle(connection: Connection, bytes: number): void {
    this.served++
    if (this.stopping) connection.closing = true
    this.transfer.consume(connection, bytes)
    this.settle(connection, this.transfer.isFull(bytes))
  }

  /** What becomes of a connection once its input has been handled. `mayHaveMore`: it was not read to its end. */
  private settle(connection: Connection, mayHaveMore: boolean): void {
    if (connection.fault >= 0) this.end(connection, connection.fault)
    else if (connection.unsentBytes > 0) this.stay(connection, this.unread, EPOLLOUT)
    else if (connection.closing && connection.answered) this.finish(connection, mayHaveMore)
    else if (connection.paused) this.stay(connection, this.ready, EPOLLIN)
    else if (connection.heldBytes === 0 && connection.skip === 0) {
      this.stay(connection, this.idle, EPOLLIN)
    } else if (connection.answered || connection.list !== this.request) {
      this.stay(connection, this.request, EPOLLIN)
    }
  }

  private finish(connection: Connection, mayHaveMore: boolean): void {
    if (!connection.lingers && !mayHaveMore) {
      this.end(connection, CLOSED_ANSWERED)
      return
    }
    endSending(connection.fd)
    this.stay(connection, this.linger, EPOLLIN)
  }

  private drain(connection: Connection): void {
    const bytes = this.transfer.discard(connection)
    if (bytes === WAIT) return
    if (bytes > 0) connection.lingered += bytes
    if (bytes <= 0 || connection.lingered > LINGER_BYTES_MAX) this.end(connection, CLOSED_ANSWERED)
  }

  private writeOn(connection: Connection): void {
    const sent = this.transfer.resend(connection)
    if (connection.fault >= 0) this.end(connection, connection.fault)
    else if (connection.unsentBytes > 0) {
      // It reads, if slowly.
      if (sent > 0) this.stay(connection, this.unread, EPOLLOUT)
    } else if (connection.closing || connection.heldBytes === 0) this.settle(connection, false)
    else this.handle(connection, this.transfer.reload(connection))
  }

  /** Those whose requests were too many for one turn. */
  private serveReady(): void {
    const { ready } = this
    const count = ready.count
    for (let n = 0; n < count && ready.first !== null; n++) {
      const connection = ready.first
      ready.remove(connection)
      this.handle(connection, this.transfer.reload(connection))
    }
  }

  /** Has a connection wait in a list, from now on. */
  private stay(connection: Connection, list: ConnectionList, events: number): void {
    if (!connection.counted && !this.admit(connection, list)) return
    if (connection.watched !== events && !this.watch(connection, events)) {
      this.end(connection, CLOSED_MEMORY)
      return
    }
    if (connection.list !== null) connection.list.remove(connection)
    list.push(connection, this.now)
  }

  private watch(connection: Connection, events: number): boolean {
    const { fd, slot, generation, watched } = connection
    connection.watched = events
    return watched < 0
      ? this.epoll.add(fd, events, slot, generation)
      : this.epoll.change(fd, events, slot, generation)
  }

  /** Whether a connection may stay; ends it when it may not. */
  private admit(connection: Connection, list: ConnectionList): boolean {
    let reason = CLOSED_DESCRIPTORS
    if (this.listeners.hasSpare()) {
      const admission = this.enter(connection)
      connection.counted = admission === ADMITTED
      if (connection.counted) return true
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

  /** An idle connection makes room for one that is not. */
  private enter(connection: Connection): number {
    const admission = this.limits.enterConnection(connection)
    const idle = this.idle.first
    if (admission !== FULL || idle === null) return admission
    this.end(idle, CLOSED_MADE_ROOM)
    return this.limits.enterConnection(connection)
  }

  private expire(): void {
    const { times } = this
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
  }

  private end(connection: Connection, reason: number): void {
    this.counts[this.countsAt + reason]++
    // The system would keep what the peer does not read.
    if (reason === CLOSED_UNREAD_TIMEOUT) resetConnection(connection.fd)
    else closeConnection(connection.fd)
    if (connection.list !== null) connection.list.remove(connection)
    if (connection.counted) this.limits.leaveConnection(connection)
    this.transfer.release(connection)
    connection.generation = (connection.generation + 1) & 0x7fffffff
    connection.fd = -1
    connection.next = this.free
    this.free = connection
  }
}
