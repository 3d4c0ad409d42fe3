// What a socket worker does besides receiving packets, in its two modes. Called by socket-worker.ts once per
// turn; receiving, parsing and checking packets, swarms and responses are the same in both.
//
//  inline    packets are answered at once (respond.ts); the worker cleans its share of the tables
//  pipeline  valid requests go to request workers (forward.ts), answers come back (deliver.ts)
import type { Inbox } from '../../channel/inbox.ts'
import { clearEvent } from '../../os/event-fd.ts'
import type { Poll } from '../../os/poll.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import { type Deliverer, lastTimeStamp } from '../pipeline/deliver.ts'
import type { Forwarder, ReplySource } from '../pipeline/forward.ts'
import type { XdpSource } from './xdp-source.ts'

/** How long an idle worker sleeps at most, so that it notices a stop and the time, */
const POLL_MILLISECONDS = 200
/** and between two slices of a cleaning, so that other workers get at the table, or until a card takes more answers. */
const SHORT_WAIT_MILLISECONDS = 1

export interface Schedule {
  /** Called before a batch of source number `source` is handled. */
  begin(source: number): void
  /** How many packets of that batch are answered later. */
  deferred(): number
  /** Called after a batch of each socket. */
  work(now: number): void
  /**
   * Called if there was no packet: waits for one, unless there is something else to do. Returns whether a socket may have
   * one now.
   */
  idle(): boolean
}

export class InlineSchedule implements Schedule {
  private readonly poll: Poll
  private readonly cleaner: Cleaner
  private readonly queues: readonly XdpSource[]
  private readonly firstQueue: number
  private cleaning = false

  /** `queues`: of network cards, whose descriptors are in `poll` from number `firstQueue` on. */
  constructor(poll: Poll, cleaner: Cleaner, queues: readonly XdpSource[], firstQueue: number) {
    this.poll = poll
    this.cleaner = cleaner
    this.queues = queues
    this.firstQueue = firstQueue
  }

  // HOT: no allocation below this line.

  begin(): void {}

  deferred(): number {
    return 0
  }

  work(now: number): void {
    this.cleaning = this.cleaner.step(now)
  }

  idle(): boolean {
    const isShort = this.cleaning || this.isStalled()
    this.poll.wait(isShort ? SHORT_WAIT_MILLISECONDS : POLL_MILLISECONDS)
    if (this.queues.length === 0) return true
    this.poll.leaveBroken(this.firstQueue)
    for (let i = 0; i < this.firstQueue; i++) if (this.poll.isReady(i)) return true
    return false
  }

  private isStalled(): boolean {
    for (let i = 0; i < this.queues.length; i++) if (this.queues[i].isStalled()) return true
    return false
  }
}

export class PipelineSchedule implements Schedule {
  private readonly poll: Poll
  private readonly forwarder: Forwarder
  private readonly deliverer: Deliverer
  private readonly inbox: Inbox
  private readonly event: number
  private readonly batches: readonly ReplySource[]
  private delivered = 0

  /** `event` is the entry of `poll` after those of `batches`, and wakes this worker for `inbox`. */
  constructor(
    poll: Poll,
    forwarder: Forwarder,
    deliverer: Deliverer,
    inbox: Inbox,
    event: number,
    batches: readonly ReplySource[],
  ) {
    this.poll = poll
    this.forwarder = forwarder
    this.deliverer = deliverer
    this.inbox = inbox
    this.event = event
    this.batches = batches
  }

  begin(socket: number): void {
    this.forwarder.setBatch(this.batches[socket], socket, lastTimeStamp())
  }

  deferred(): number {
    return this.forwarder.passed
  }

  work(): void {
    this.forwarder.publish()
    this.delivered = this.deliverer.deliver()
  }

  idle(): boolean {
    if (this.delivered !== 0 || !this.inbox.maySleep()) return true
    this.poll.wait(POLL_MILLISECONDS)
    this.inbox.awake()
    // Cleared even if it was set for an earlier sleep: otherwise poll would not wait again.
    if (this.poll.isReady(this.batches.length)) clearEvent(this.event)
    return true
  }
}
