// TCP connections of one worker, from accept to close, by a blocking epoll loop. Driven by the socket worker of
// the protocol: it waits here, reads its clock, and serves what is ready. connections.ts decides what happens
// to a connection. Owns the connections' descriptors.
//
// A connection whose request has arrived when it is accepted, and which then ends, takes four system calls:
// accept4, recv, send, close. epoll and the connection limits only see connections that stay.
import { Epoll } from '../os/epoll.ts'
import { clearEvent } from '../os/event-fd.ts'
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
import type { Connection } from './connection.ts'
import { type ConnectionOptions, LINGER_BYTES_MAX, TcpConnections } from './connections.ts'
import {
  ACCEPT_PAUSES,
  ACCEPTED,
  CLOSED_ANSWERED,
  CLOSED_BY_CLIENT,
  CLOSED_MADE_ROOM,
  CLOSED_RESET,
  CLOSED_UNFINISHED,
  LOST_AT_STOP,
} from './counters.ts'
import { BACKLOG, LISTENER, Listeners } from './listeners.ts'

/** The most events per wait. */
const EVENTS_MAX = 512
/** The most connections accepted from one socket before the others get their turn. */
const ACCEPTS_PER_TURN = 128
/** As generation of an event: its other word is an eventfd, by which other threads end the wait. */
const WAKER = -2

export interface TcpServerOptions extends ConnectionOptions {
  readonly listeners: readonly number[]
  /** An eventfd, by which other threads end the wait; −1 = none. */
  readonly wakeEvent?: number
}

export class TcpServer extends TcpConnections {
  private readonly listeners: Listeners
  private readonly epoll = new Epoll(EVENTS_MAX)
  private events = 0

  constructor(options: TcpServerOptions) {
    super(options)
    this.listeners = new Listeners(options.listeners, this.epoll)
    const { wakeEvent = -1 } = options
    if (wakeEvent >= 0) this.epoll.add(wakeEvent, EPOLLIN, wakeEvent, WAKER)
  }

  /** From now on connections arrive. */
  listen(): void {
    this.listeners.listen()
  }

  /**
   * Begins the stop: serves connections that wait to be accepted, then closes the listening sockets and idle
   * connections. The others may be served until `close`.
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

  /** Closes all that is left. */
  close(): void {
    this.closeEach()
    this.listeners.closeSpare()
    this.epoll.close()
  }

  // HOT: no allocation below this line.

  /** Waits for something to do, at most this long; not at all if there already is something. */
  wait(milliseconds: number): void {
    this.events = this.epoll.wait(this.ready.count > 0 || this.overdue ? 0 : milliseconds)
  }

  /**
   * Serves what `wait` found; returns how often bytes of a connection were handled. `now`: second of the
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
      else if (high === WAKER) clearEvent(low)
      else {
        const connection = this.connections[low]
        // The event's connection may have ended in this turn, and its slot may have been reused.
        if (connection.generation === high) this.advance(connection, this.epoll.flags(i))
      }
    }
    this.events = 0
    this.expire()
    if (!this.stopping) this.listeners.resume(now)
    return this.served
  }

  /** False if no more connections are waiting. */
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
    const connection = this.newcomer(fd)
    connection.readPeer(peerName)
    this.read(connection)
    this.listeners.hasSpare()
  }

  /** Without free descriptors, closes an idle connection or the spare descriptor. False if there is neither. */
  private makeRoom(): boolean {
    const idle = this.idle.first
    if (idle === null) return this.listeners.giveSpare()
    this.end(idle, CLOSED_MADE_ROOM)
    return true
  }

  /** Handles an event of a connection that stays. */
  private advance(connection: Connection, flags: number): void {
    const { list } = connection
    if (list === this.ready) return
    if (list === this.open) {
      this.advanceOpen(connection, flags)
      return
    }
    if (list === this.linger) this.drain(connection)
    else if (list === this.unread) this.writeOn(connection)
    else this.read(connection)
  }

  private advanceOpen(connection: Connection, flags: number): void {
    const { generation } = connection
    if ((flags & EPOLLOUT) !== 0) this.writeOn(connection)
    // An error or an end shows when it is read.
    if ((flags & ~EPOLLOUT) !== 0 && connection.generation === generation) this.read(connection)
  }

  private read(connection: Connection): void {
    const bytes = this.transfer.receive(connection)
    if (bytes > 0) this.handle(connection, bytes, this.transfer.isFull(bytes))
    else if (bytes === BROKEN) this.end(connection, CLOSED_RESET)
    else if (bytes === WAIT) {
      if (connection.list === null) this.stay(connection, this.first, EPOLLIN)
    } else this.end(connection, connection.heldBytes > 0 ? CLOSED_UNFINISHED : CLOSED_BY_CLIENT)
  }

  private drain(connection: Connection): void {
    const bytes = this.transfer.discard(connection)
    if (bytes === WAIT) return
    if (bytes > 0) connection.lingered += bytes
    if (bytes <= 0 || connection.lingered > LINGER_BYTES_MAX) this.end(connection, CLOSED_ANSWERED)
  }

  protected watch(connection: Connection, events: number): boolean {
    const { fd, slot, generation, watched } = connection
    connection.watched = events
    return watched < 0
      ? this.epoll.add(fd, events, slot, generation)
      : this.epoll.change(fd, events, slot, generation)
  }

  protected hasSpare(): boolean {
    return this.listeners.hasSpare()
  }

  protected endSending({ fd }: Connection): void {
    endSending(fd)
  }

  protected disconnect({ fd }: Connection, abruptly: boolean): void {
    if (abruptly) resetConnection(fd)
    else closeConnection(fd)
  }
}
