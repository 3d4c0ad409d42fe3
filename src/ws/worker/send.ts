// Outgoing messages: a queue per connection, flushed once per turn of the event loop. Called by
// handle.ts and signal.ts for every message. Owns the list of connections to flush.
//
// All messages of a turn for one client are sent in one write, or in a few if there are many. A client that
// reads too slowly gets a backlog: its queue then waits until the socket has room again. Meanwhile it gets no
// offers (signal.ts chooses other peers). What other clients send to it has a separate limit, beyond which it
// is dropped, so that nobody can get another's connection closed. If the responses to its own messages become
// too much, it is closed.
//
// With a backlog, waiting messages count in bytes, as on the wire. What only waits for the end of the turn
// counts in characters, which cost nothing to count.
//
// Limits apply as queues grow, not at the end of a turn: in one turn the runtime can deliver 65,000 messages of
// each connection. There is also a limit for all connections of the worker together; beyond it, those with the
// most waiting are closed.

import { newRegion } from '../../memory/region.ts'
import type { ClientReports } from './client-reports.ts'
import { type Connection, type Connections, OUTBOX_OFFERS_MAX, type Socket } from './connection.ts'
import {
  CLOSED_BACKLOG,
  CLOSED_BACKLOG_TOTAL,
  CLOSED_REQUESTS,
  SENT_BYTES,
  SENT_MESSAGES,
  SLOW_CLIENTS,
} from './counters.ts'
import { TurnTimes } from './turn-times.ts'

/**
 * With this many characters waiting, a connection is flushed within the turn. Usual turns stay below it: 31
 * offers of browsers have some 40,000.
 */
export const FLUSH_CHARACTERS = 2 ** 16

/**
 * What others send to a client with a backlog may take this part of `backlogMax` in addition: about 80 answers
 * of browsers by default, enough for a pause of a second in a busy torrent.
 */
const RELAYED_DIVISOR = 4

/**
 * Closing begins at the limit for all connections and ends at this part of it, so as not to close one per
 * message.
 */
const RELIEVED = 0.75

/** It grows for longer messages. */
const ARENA_BYTES = 2 ** 16

/** «Policy violation». */
const CLOSE_CODE_POLICY = 1008

/** How much may wait for clients that do not read, in bytes. */
export interface BacklogLimits {
  /** For one connection: responses to its own messages. */
  readonly perConnection: number
  /** For all connections of this worker. */
  readonly inAll: number
}

export class Sender {
  private readonly connections: Connections
  private limits: BacklogLimits
  private relayedMax = 0
  /** Everything that waits: here, and in the runtime's buffers of connections with a backlog. */
  private waitingLength = 0
  private readonly counts: Int32Array
  private readonly reports: ClientReports
  private readonly times: TurnTimes
  /** Where messages are written. */
  bytes = newRegion(ARENA_BYTES).bytes
  private opened: Connection | null = null
  private relayed = false
  private waiting: Connection[] = []
  private flushed: Connection[] = []
  private flushPlanned = false
  private readonly flushAll = () => this.flush()
  private readonly sendAll = (socket: Socket) => this.sendOutbox(socket)

  constructor(
    connections: Connections,
    limits: BacklogLimits,
    counts: Int32Array,
    reports: ClientReports,
  ) {
    this.reports = reports
    this.connections = connections
    this.limits = limits
    this.counts = counts
    this.times = new TurnTimes(counts)
    this.configure(limits)
  }

  /** Changes the limits at runtime. */
  configure(limits: BacklogLimits): void {
    this.limits = limits
    this.relayedMax = limits.perConnection / RELAYED_DIVISOR
  }

  /** Call it for each message that arrives, before anything is sent because of it. */
  received(): void {
    if (this.times.received()) this.planFlush()
  }

  /** Where to write an answer of at most so many bytes to a client's own message; −1 if it cannot be sent. */
  openAnswer(connection: Connection, bytesMax: number): number {
    if (connection.closed) return -1
    return this.open(connection, bytesMax, false)
  }

  /** The same for what another client's message has caused: −1 also when too much waits already. */
  openRelay(connection: Connection, bytesMax: number): number {
    const { closed, backlog, relayedLength } = connection
    if (closed || (backlog && relayedLength + bytesMax > this.relayedMax)) return -1
    return this.open(connection, bytesMax, true)
  }

  /** The message that was opened last ends here. */
  commit(end: number): void {
    const { opened } = this
    if (opened === null) return
    const text = Buffer.from(this.bytes.buffer, 0, end).toString()
    if (this.relayed) this.relay(opened, text)
    else this.send(opened, text)
    this.opened = null
  }

  private open(connection: Connection, bytesMax: number, relayed: boolean): number {
    if (bytesMax > this.bytes.length) this.bytes = newRegion(bytesMax * 2).bytes
    this.opened = connection
    this.relayed = relayed
    return 0
  }

  /** Sends what a client's own message has caused. */
  send(connection: Connection, message: string): void {
    if (connection.closed) return
    this.queue(connection, message, sizeFor(connection, message))
    const own = connection.outboxLength - connection.relayedLength
    if (connection.backlog && own > this.limits.perConnection) {
      this.giveUp(connection, CLOSED_BACKLOG)
    } else if (this.waitingLength > this.limits.inAll) {
      this.relieve()
    }
  }

  /** Sends what another client's message has caused. False when it is dropped: too much waits already. */
  relay(connection: Connection, message: string): boolean {
    if (connection.closed) return false
    const { backlog, relayedLength } = connection
    const size = sizeFor(connection, message)
    if (backlog && relayedLength + size > this.relayedMax) return false
    connection.relayedLength += size
    this.queue(connection, message, size)
    if (this.waitingLength > this.limits.inAll) this.relieve()
    return true
  }

  /** The socket has room again. */
  drained(connection: Connection): void {
    if (!connection.backlog || connection.socket === null) return
    if (connection.socket.getBufferedAmount() > 0) return
    connection.backlog = false
    this.setBuffered(connection, 0)
    if (connection.outbox.length > 0) this.flushOne(connection)
    this.connections.publish(connection)
  }

  /** A connection has ended: nothing waits for it any more. */
  forget(connection: Connection): void {
    this.waitingLength -= connection.outboxLength
    this.setBuffered(connection, 0)
    connection.outbox = []
    connection.outboxLength = 0
    connection.relayedLength = 0
  }

  /** Closes a client that keeps sending more requests than it may. What waits for it is dropped. */
  closeForRequests(connection: Connection): void {
    this.counts[CLOSED_REQUESTS]++
    this.reports.tell('requests', connection.addressHigh, connection.addressLow)
    connection.closed = true
    this.forget(connection)
    // A client that does not read would not see the reason.
    if (connection.backlog) connection.socket?.terminate()
    else connection.socket?.close(CLOSE_CODE_POLICY, 'too many requests')
  }

  private queue(connection: Connection, message: string, size: number): void {
    connection.outbox.push(message)
    connection.outboxLength += size
    this.waitingLength += size
    if (connection.backlog) return
    if (connection.outbox.length === OUTBOX_OFFERS_MAX) this.connections.publish(connection)
    if (connection.outboxLength >= FLUSH_CHARACTERS) {
      this.flushOne(connection)
    } else if (!connection.waitsForFlush) {
      connection.waitsForFlush = true
      this.waiting.push(connection)
      this.planFlush()
    }
  }

  private planFlush(): void {
    if (this.flushPlanned) return
    this.flushPlanned = true
    setImmediate(this.flushAll)
  }

  private flush(): void {
    this.flushPlanned = false
    this.flushWaiting()
    this.times.sent()
  }

  private flushWaiting(): void {
    const list = this.waiting
    this.waiting = this.flushed
    this.flushed = list
    for (let i = 0; i < list.length; i++) {
      list[i].waitsForFlush = false
      if (!list[i].backlog) this.flushOne(list[i])
    }
    list.length = 0
  }

  private flushOne(connection: Connection): void {
    const { socket } = connection
    if (socket === null || connection.closed || connection.outbox.length === 0) return
    const wasBusy = connection.outbox.length >= OUTBOX_OFFERS_MAX
    socket.cork(this.sendAll)
    const buffered = socket.getBufferedAmount()
    if (buffered > 0) {
      this.setBuffered(connection, buffered)
      connection.backlog = true
      this.counts[SLOW_CLIENTS]++
    }
    if (wasBusy || connection.backlog) this.connections.publish(connection)
  }

  private sendOutbox(socket: Socket): void {
    const connection = socket.data
    const { outbox } = connection
    this.counts[connection.family + SENT_MESSAGES] += outbox.length
    let bytes = 0
    for (let i = 0; i < outbox.length; i++) {
      const sent = socket.sendText(outbox[i])
      // The runtime does not say how much it keeps for later.
      bytes += sent >= 0 ? sent : Buffer.byteLength(outbox[i])
    }
    this.counts[connection.family + SENT_BYTES] += bytes
    outbox.length = 0
    this.waitingLength -= connection.outboxLength
    connection.outboxLength = 0
    connection.relayedLength = 0
  }

  private setBuffered(connection: Connection, bytes: number): void {
    this.waitingLength += bytes - connection.buffered
    connection.buffered = bytes
  }

  /**
   * Called when too much waits for all connections together. What only waits for the end of the turn is sent;
   * if that is not enough, connections with an above-average backlog are closed.
   */
  private relieve(): void {
    this.flushWaiting()
    if (this.waitingLength <= this.limits.inAll) return
    const { connections } = this
    let slow = 0
    let sum = 0
    for (let slot = 0; slot < connections.slotCount; slot++) {
      const connection = connections.at(slot)
      if (connection === null || !connection.backlog) continue
      slow++
      sum += backlogLength(connection)
    }
    const mean = sum / slow
    const enough = this.limits.inAll * RELIEVED
    for (let slot = 0; slot < connections.slotCount && this.waitingLength > enough; slot++) {
      const connection = connections.at(slot)
      if (connection === null || !connection.backlog) continue
      if (backlogLength(connection) < mean) continue
      this.giveUp(connection, CLOSED_BACKLOG_TOTAL)
    }
  }

  private giveUp(connection: Connection, counter: number): void {
    this.counts[counter]++
    const event = counter === CLOSED_BACKLOG ? 'backlog' : 'backlogTotal'
    this.reports.tell(event, connection.addressHigh, connection.addressLow)
    connection.closed = true
    this.forget(connection)
    connection.socket?.terminate()
  }
}

function sizeFor({ backlog }: Connection, message: string): number {
  return backlog ? Buffer.byteLength(message) : message.length
}

function backlogLength({ outboxLength, buffered }: Connection): number {
  return outboxLength + buffered
}
