// Outgoing messages: queued in the outbox, and sent at the end of the turn with one write for each connection. Called by
// handle.ts and signal.ts for every message, by housekeeping.ts and frame-stream.ts for control frames. Owns the list of
// connections to flush.
//
// A client that reads too slowly gets a backlog: what is sent to it waits behind what it has not taken (src/tcp). Meanwhile
// it gets no offers (signal.ts chooses other peers). What other clients send to it has a separate limit, beyond which it
// is dropped, so that nobody can get another's connection closed. If the responses to its own messages become
// too much, it is closed. There is also a limit for all connections of the worker together; beyond it, those with the
// most waiting are closed.
//
// Limits apply as queues grow, not at the end of a turn, which can bring very many messages of each connection. They are
// about payloads, as far as they really wait.
import type { NativeBytes } from '../../os/tcp-stream.ts'
import { POLICY, TEXT } from '../wire/frame.ts'
import type { ClientReports } from './client-reports.ts'
import { type Connection, type Connections, OUTBOX_OFFERS_MAX } from './connection.ts'
import { CLOSED_BACKLOG, CLOSED_BACKLOG_TOTAL, CLOSED_REQUESTS, SLOW_CLIENTS } from './counters.ts'
import { JOINED_BYTES_MAX, Outbox } from './outbox.ts'
import { TurnTimes } from './turn-times.ts'

/**
 * With this many bytes waiting, a connection is flushed within the turn. Usual turns stay below it: 31
 * offers of browsers have some 40,000.
 */
export const FLUSH_BYTES = JOINED_BYTES_MAX

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

/** How much may wait for clients that do not read, in bytes. */
export interface BacklogLimits {
  /** For one connection: responses to its own messages. */
  readonly perConnection: number
  /** For all connections of this worker. */
  readonly inAll: number
}

/** Has something done at the end of the turn. */
export type Plan = (task: () => void) => void

export interface SenderOptions {
  /** The longest message. */
  readonly messageBytesMax?: number
  readonly plan?: Plan
}

export class Sender {
  /** Where messages are written to. */
  readonly memory: NativeBytes
  readonly bytes: Uint8Array<ArrayBuffer>
  private readonly outbox: Outbox
  private readonly connections: Connections
  private limits: BacklogLimits
  private relayedMax = 0
  /** Everything that waits: here, and behind backlogs. */
  private waitingLength = 0
  private readonly counts: Int32Array
  private readonly reports: ClientReports
  private readonly times: TurnTimes
  private readonly plan: Plan
  /** The message that is being written: for whom, where its payload begins, of what kind. */
  private openFor: Connection | null = null
  private openAt = 0
  private isRelayed = false
  private waiting: Connection[] = []
  private flushed: Connection[] = []
  private flushPlanned = false
  private readonly flushAll = () => this.flush()

  constructor(
    connections: Connections,
    limits: BacklogLimits,
    counts: Int32Array,
    reports: ClientReports,
    { messageBytesMax, plan = setImmediate }: SenderOptions = {},
  ) {
    this.reports = reports
    this.connections = connections
    this.limits = limits
    this.counts = counts
    this.times = new TurnTimes(counts)
    this.plan = plan
    this.outbox = new Outbox(counts, messageBytesMax)
    this.memory = this.outbox.memory
    this.bytes = this.memory.bytes
    this.configure(limits)
  }

  /** Changes the limits at runtime. */
  configure(limits: BacklogLimits): void {
    this.limits = limits
    this.relayedMax = limits.perConnection / RELAYED_DIVISOR
  }

  // HOT: no allocation below this line.

  /** Call it for each message that arrives, before anything is sent because of it. */
  received(): void {
    if (this.times.received()) this.planFlush()
  }

  /**
   * Begins what a client's own message has caused, of at most so many bytes: returns where in `bytes` to write it, then
   * call `commit`. −1: it is not to be sent, since the connection is closed.
   */
  openAnswer(connection: Connection, bytesMax: number): number {
    return this.open(connection, bytesMax, false)
  }

  /** The same for what another client's message has caused; −1 also if too much waits already. */
  openRelay(connection: Connection, bytesMax: number): number {
    const { backlog, relayedLength } = connection
    if (backlog && relayedLength + bytesMax > this.relayedMax) return -1
    return this.open(connection, bytesMax, true)
  }

  /** The message ends before `end`: it is queued. */
  commit(end: number): void {
    const connection = this.openFor
    if (connection === null) noMessage()
    this.openFor = null
    const bytes = end - this.openAt
    if (this.isRelayed) connection.relayedLength += bytes
    this.queue(connection, TEXT, bytes)
    if (this.isRelayed) {
      if (this.waitingLength > this.limits.inAll) this.relieve()
      return
    }
    const own = connection.outboxLength - connection.relayedLength
    if (connection.backlog && own > this.limits.perConnection) {
      this.giveUp(connection, CLOSED_BACKLOG)
    } else if (this.waitingLength > this.limits.inAll) {
      this.relieve()
    }
  }

  /** Queues a control frame with the payload that is in `source` from `from` to `to`. */
  control(
    connection: Connection,
    opcode: number,
    source: Uint8Array,
    from: number,
    to: number,
  ): void {
    const at = this.open(connection, to - from, false)
    if (at < 0) return
    this.openFor = null
    for (let i = from; i < to; i++) this.bytes[at + i - from] = source[i]
    this.queue(connection, opcode, to - from)
  }

  private open(connection: Connection, bytesMax: number, isRelayed: boolean): number {
    if (connection.closed) return -1
    if (!this.outbox.hasRoom(bytesMax)) {
      this.flushWaiting()
      // Its socket may have turned out to be broken.
      if (connection.closed) return -1
    }
    this.openFor = connection
    this.isRelayed = isRelayed
    this.openAt = this.outbox.begin(bytesMax)
    return this.openAt
  }

  private queue(connection: Connection, opcode: number, bytes: number): void {
    this.outbox.commit(connection, opcode, bytes)
    connection.outboxLength += bytes
    this.waitingLength += bytes
    if (!connection.waitsForFlush) {
      connection.waitsForFlush = true
      this.waiting.push(connection)
      this.planFlush()
    }
    if (connection.backlog) return
    if (connection.outbox === OUTBOX_OFFERS_MAX) this.connections.publish(connection)
    if (connection.outboxLength >= FLUSH_BYTES) this.flushOne(connection)
  }

  /** The socket has taken some of what waited. */
  drained(connection: Connection): void {
    const { socket } = connection
    if (!connection.backlog || socket === null || connection.closed) return
    const left = socket.unsentBytes
    if (left > 0) {
      this.forgetTaken(connection, left)
      return
    }
    connection.backlog = false
    this.setBuffered(connection, 0)
    this.waitingLength -= connection.outboxLength - connection.queuedLength
    connection.outboxLength = connection.queuedLength
    if (connection.relayedLength > connection.outboxLength) {
      connection.relayedLength = connection.outboxLength
    }
    if (connection.firstFrame >= 0) this.flushOne(connection)
    this.connections.publish(connection)
  }

  /** Of what waited, no more than `left` is still there: what waited first is gone first. */
  private forgetTaken(connection: Connection, left: number): void {
    const moved = connection.outboxLength - connection.queuedLength
    const gone = connection.buffered + moved - left
    if (gone <= 0) return
    const ofBuffered = gone < connection.buffered ? gone : connection.buffered
    this.setBuffered(connection, connection.buffered - ofBuffered)
    const ofMoved = gone - ofBuffered
    connection.outboxLength -= ofMoved
    this.waitingLength -= ofMoved
    if (connection.relayedLength > connection.outboxLength) {
      connection.relayedLength = connection.outboxLength
    }
  }

  /** A connection has ended: nothing waits for it any more. */
  forget(connection: Connection): void {
    this.waitingLength -= connection.outboxLength
    this.setBuffered(connection, 0)
    this.outbox.drop(connection)
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
    else connection.socket?.close(POLICY, 'too many requests')
  }

  private planFlush(): void {
    if (this.flushPlanned) return
    this.flushPlanned = true
    this.plan(this.flushAll)
  }

  /** The turn ends. */
  private flush(): void {
    this.flushPlanned = false
    this.flushWaiting()
    this.times.sent()
  }

  /** Everything in the arena is sent, or waits behind backlogs. */
  private flushWaiting(): void {
    const list = this.waiting
    this.waiting = this.flushed
    this.flushed = list
    for (let i = 0; i < list.length; i++) {
      list[i].waitsForFlush = false
      this.flushOne(list[i])
    }
    list.length = 0
    this.outbox.clear()
  }

  /** Sends what is queued for a connection. */
  flushOne(connection: Connection): void {
    const { socket } = connection
    if (socket === null || connection.closed || connection.firstFrame < 0) return
    const wasBusy = connection.outbox >= OUTBOX_OFFERS_MAX
    if (!this.outbox.write(connection)) {
      connection.closed = true
      this.forget(connection)
      socket.terminate()
      return
    }
    // Behind a backlog it goes on to wait.
    if (connection.backlog) return
    this.waitingLength -= connection.outboxLength
    connection.outboxLength = 0
    connection.relayedLength = 0
    const buffered = socket.unsentBytes
    if (buffered > 0) {
      this.setBuffered(connection, buffered)
      connection.backlog = true
      this.counts[SLOW_CLIENTS]++
    }
    if (wasBusy || connection.backlog) this.connections.publish(connection)
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

function backlogLength({ outboxLength, buffered }: Connection): number {
  return outboxLength + buffered
}

function noMessage(): never {
  throw new Error('no message is open')
}
