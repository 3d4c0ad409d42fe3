// Outgoing messages: a queue per connection, flushed once per turn of the event loop. Called by
// handle.ts and signal.ts for every message. Owns the list of connections to flush.
//
// All messages of a turn for one client go out in one write. A client that reads slower than it is
// sent to gets a backlog: what is in the queue then stays there until the socket has room again. In
// the meantime it gets no offers (signal.ts chooses somebody else), and when the answers it has
// caused are too much as well, the connection ends.
import type { ClientReports } from './client-reports.ts'
import { type Connection, type Connections, OUTBOX_OFFERS_MAX, type Socket } from './connection.ts'
import { CLOSED_BACKLOG, SENT_BYTES, SENT_MESSAGES, SLOW_CLIENTS } from './counters.ts'
import { TurnTimes } from './turn-times.ts'

export class Sender {
  private readonly connections: Connections
  /** May be replaced while it is at work. */
  backlogMax: number
  private readonly counts: Int32Array
  private readonly reports: ClientReports
  private readonly times: TurnTimes
  private waiting: Connection[] = []
  private flushed: Connection[] = []
  private flushPlanned = false
  private readonly flushAll = () => this.flush()
  private readonly sendAll = (socket: Socket) => this.sendOutbox(socket)

  constructor(
    connections: Connections,
    backlogMax: number,
    counts: Int32Array,
    reports: ClientReports,
  ) {
    this.reports = reports
    this.connections = connections
    this.backlogMax = backlogMax
    this.counts = counts
    this.times = new TurnTimes(counts)
  }

  /** A message has come, before anything is sent because of it. */
  received(): void {
    if (this.times.received()) this.planFlush()
  }

  send(connection: Connection, message: string): void {
    connection.outbox.push(message)
    connection.outboxLength += message.length
    if (connection.backlog) {
      if (connection.outboxLength > this.backlogMax) this.giveUp(connection)
      return
    }
    if (connection.outbox.length === OUTBOX_OFFERS_MAX) this.connections.publish(connection)
    if (connection.waitsForFlush) return
    connection.waitsForFlush = true
    this.waiting.push(connection)
    this.planFlush()
  }

  /** The socket has room again. */
  drained(connection: Connection): void {
    if (!connection.backlog || connection.socket === null) return
    if (connection.socket.getBufferedAmount() > 0) return
    connection.backlog = false
    if (connection.outbox.length > 0) this.flushOne(connection)
    this.connections.publish(connection)
  }

  private planFlush(): void {
    if (this.flushPlanned) return
    this.flushPlanned = true
    setImmediate(this.flushAll)
  }

  private flush(): void {
    this.flushPlanned = false
    const list = this.waiting
    this.waiting = this.flushed
    this.flushed = list
    for (let i = 0; i < list.length; i++) {
      list[i].waitsForFlush = false
      this.flushOne(list[i])
    }
    list.length = 0
    this.times.sent()
  }

  private flushOne(connection: Connection): void {
    const { socket } = connection
    if (socket === null || connection.closed) return
    const wasBusy = connection.outbox.length >= OUTBOX_OFFERS_MAX
    socket.cork(this.sendAll)
    if (socket.getBufferedAmount() > 0) {
      connection.backlog = true
      this.counts[SLOW_CLIENTS]++
    }
    if (wasBusy || connection.backlog) this.connections.publish(connection)
  }

  private sendOutbox(socket: Socket): void {
    const connection = socket.data
    const { outbox } = connection
    this.counts[SENT_MESSAGES] += outbox.length
    this.counts[SENT_BYTES] += connection.outboxLength
    for (let i = 0; i < outbox.length; i++) socket.sendText(outbox[i])
    outbox.length = 0
    connection.outboxLength = 0
  }

  private giveUp(connection: Connection): void {
    this.counts[CLOSED_BACKLOG]++
    this.reports.tell('backlog', connection.addressHigh, connection.addressLow)
    connection.outbox = []
    connection.outboxLength = 0
    connection.closed = true
    connection.socket?.terminate()
  }
}
