// The loop of a load worker: send requests, take answers, again. Runs in a thread of its own, started
// by main.ts, until the flag says stop; then waits a moment for the answers under way.
//
// Closed loop: a number of requests is under way, and each answer makes room for the next. Open loop:
// requests leave on a schedule (due-times.ts).

import { publish, slotWords } from '../../src/metrics/counters.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { PacketMemory } from '../../src/os/packet-batch.ts'
import { Poll } from '../../src/os/poll.ts'
import { XdpQueue } from '../../src/xdp/queue.ts'
import { DueTimes, type Step } from '../due-times.ts'
import { HISTOGRAM_BUCKETS } from '../histogram.ts'
import { Population, type PopulationBuffers } from '../population.ts'
import { Random } from '../random.ts'
import { finishWorker, isStopped, startWorker, type WorkerStart } from '../threads.ts'
import { type AnswerSource, SocketSource } from './answer-source.ts'
import { Answers, type CheckSettings, KINDS } from './check.ts'
import { Conversation } from './conversation.ts'
import { COUNTS, LOST, SEND_FAILURES } from './counts.ts'
import { Flood, type FloodKind } from './flood.ts'
import { FrameSource } from './frame-source.ts'
import { FrameTrain } from './frame-train.ts'
import { type MixSettings, Requests } from './generate.ts'
import type { CardStart } from './load-card.ts'
import { PacketTrain } from './packet-train.ts'
import { PAUSE_MICROSECONDS_MAX, PAUSE_WINDOW_MIN, Pause } from './pause.ts'
import { UnderWay } from './under-way.ts'
import { Window } from './window.ts'

const BATCH = 256
/** Answers longer than this are cut, and count as too long. An odd number of cache lines. */
const ANSWER_SLOT_BYTES = 65 * 64
const REQUEST_BYTES_MAX = 16 + 20 * 74

/** More at once would hold answers up behind requests that are overdue. */
const OPEN_BURST = 32
/** An answer this late counts as lost for the number of requests under way, for now. */
const OVERDUE_MS = 100
const TICK_MS = 50
/** By a card, whose ring costs no system call to look at, it is looked at for so long. */
const GATHER_MS = 0.05
const SPIN_BELOW_MS = 0.15
const IDLE_WAIT_MS_MAX = 20

const STREAM_MIX = 0x10000
const STREAM_FLOOD = 0x20000

/** What main.ts tells each worker. */
export interface WorkerSettings {
  readonly sockets: readonly number[]
  /** Requests leave by this card, from the ports of the sockets; null: by the sockets. */
  readonly card: CardStart | null
  /** Number of the first of them among all workers' sockets. */
  readonly firstSocket: number
  readonly population: PopulationBuffers
  readonly mix: MixSettings
  readonly checks: CheckSettings
  readonly mode: 'closed' | 'open' | 'flood'
  /** Mode 'flood'. */
  readonly flood: FloodStart | null
  readonly workers: number
  /** Requests under way, 0 = adaptive; closed loop. */
  readonly inFlight: number
  /** Requests per second of this worker; open loop. */
  readonly rate: number
  readonly step: Step
  /** Hand requests of equal size to the system together. */
  readonly trains: boolean
  readonly timeoutMs: number
  /** Requests that can wait for their answers, a power of two. */
  readonly ring: number
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
}

export interface FloodStart {
  readonly fd: number
  readonly kind: FloodKind
  /** Packets per second of this worker, 0 = as many as possible. */
  readonly rate: number
}

export function runLoadWorker(data: WorkerSettings & WorkerStart): void {
  const worker = new LoadWorker(data)
  startWorker(data.state)
  if (data.mode === 'open') worker.runOpen()
  else if (data.mode === 'closed') worker.runClosed()
  else worker.runFlood()
  finishWorker()
}

interface Ends {
  readonly conversations: readonly Conversation[]
  readonly sources: readonly AnswerSource[]
  readonly card: FrameSource | null
}

function openSockets(
  { sockets, firstSocket, trains }: WorkerSettings,
  peersOf: (i: number) => Int32Array,
): Ends {
  const memory = new PacketMemory(BATCH, ANSWER_SLOT_BYTES, REQUEST_BYTES_MAX)
  const conversations = sockets.map((fd, i) => {
    return new Conversation(new PacketTrain(fd, memory, trains), i, firstSocket + i, peersOf(i))
  })
  const sources = sockets.map((fd, i) => new SocketSource(fd, memory, conversations[i]))
  return { conversations, sources, card: null }
}

function openCard(
  { firstSocket }: WorkerSettings,
  { queues, templates, ports, ipv4 }: CardStart,
  peersOf: (i: number) => Int32Array,
): Ends {
  const opened = queues.map((queue) => new XdpQueue(queue, BATCH))
  const conversations = templates.map((template, i) => {
    return new Conversation(
      new FrameTrain(opened[0], template, ipv4),
      i,
      firstSocket + i,
      peersOf(i),
    )
  })
  const card = new FrameSource(opened, conversations, ports, BATCH)
  return { conversations, sources: [card], card }
}

class LoadWorker {
  private readonly data: WorkerSettings & WorkerStart
  private readonly state: Int32Array
  private readonly conversations: readonly Conversation[]
  /** One per conversation, or one for all. */
  private readonly sources: readonly AnswerSource[]
  private readonly card: FrameSource | null
  private readonly requests: Requests
  private readonly answers: Answers
  private readonly underWay: UnderWay
  private readonly window: Window
  private readonly poll: Poll
  private readonly due: DueTimes
  private readonly flood: Flood | null
  private readonly counts = new Int32Array(COUNTS.length)
  private readonly shared: Int32Array
  private nextTickMs = 0
  private firstSocket = 0
  private readonly roomInBatch: number
  private readonly pauses = new Pause(BATCH)

  constructor(data: WorkerSettings & WorkerStart) {
    this.data = data
    this.state = new Int32Array(data.state)
    this.shared = new Int32Array(data.counters)
    const population = new Population(data.population)
    const peersOf = (i: number) => population.peersOf(data.firstSocket + i)
    const ends =
      data.card === null ? openSockets(data, peersOf) : openCard(data, data.card, peersOf)
    this.conversations = ends.conversations
    this.sources = ends.sources
    this.card = ends.card
    this.underWay = new UnderWay(data.ring, data.sockets.length)
    this.window = new Window(data.inFlight, data.workers)
    this.poll = new Poll(data.card === null ? data.sockets : data.card.queues.map(({ fd }) => fd))
    this.due = new DueTimes(data.rate, data.step)
    const random = new Random(data.population.seed, STREAM_MIX + data.index)
    this.requests = new Requests(data.mix, population, this.underWay, random, this.counts)
    this.roomInBatch = this.requests.roomIn(BATCH)
    this.answers = new Answers(
      data.checks,
      population,
      this.underWay,
      this.counts,
      new Float64Array(data.histograms),
      data.index * KINDS.length * HISTOGRAM_BUCKETS,
    )
    this.flood = data.flood && this.openFlood(data.flood)
  }

  private openFlood({ fd, kind, rate }: FloodStart): Flood {
    const { population, index, trains } = this.data
    const random = new Random(population.seed, STREAM_FLOOD + index)
    return new Flood(fd, kind, rate, trains, random, this.counts)
  }

  // HOT: no allocation below this line.

  runClosed(): void {
    while (!isStopped(this.state)) {
      const nowMs = nowMilliseconds()
      const answered = this.closedTurn(nowMs)
      this.tick(nowMs)
      this.pause(answered)
    }
    this.drain()
  }

  /** After a turn with so many answers. */
  private pause(answered: number): void {
    const { size } = this.window
    if (size < PAUSE_WINDOW_MIN) {
      if (answered === 0) this.poll.waitMicroseconds(PAUSE_MICROSECONDS_MAX)
      return
    }
    if (this.card !== null) {
      this.gather(this.card, size >>> 2)
      return
    }
    const pause = this.pauses.after(answered, size)
    if (pause > 0) this.poll.pauseMicroseconds(pause)
  }

  /** Until so many answers are there, or no more come. */
  private gather(card: FrameSource, wanted: number): void {
    const endMs = nowMilliseconds() + GATHER_MS
    let ready = card.ready()
    while (ready < wanted && ready < BATCH) {
      if (nowMilliseconds() > endMs) {
        if (ready === 0) this.poll.waitMicroseconds(PAUSE_MICROSECONDS_MAX)
        return
      }
      ready = card.ready()
    }
  }

  /** The closed loop, where the flood is mixed with it, and a burst of the flood in every turn. */
  runFlood(): void {
    const isMixed = this.data.flood?.kind === 'mixed'
    while (!isStopped(this.state) && this.flood !== null) {
      const nowMs = nowMilliseconds()
      const answered = isMixed ? this.closedTurn(nowMs) : 0
      const sent = this.flood.turn(nowMs)
      this.tick(nowMs)
      if (sent <= 0) this.pause(answered)
    }
    this.drain()
  }

  private closedTurn(nowMs: number): number {
    const { conversations, sources, underWay } = this
    const share = Math.ceil(this.window.size / conversations.length)
    let answered = 0
    for (let i = 0; i < conversations.length; i++) {
      const conversation = conversations[i]
      if (i < sources.length) answered += sources[i].take(this.answers)
      let room = share - underWay.perSocket[i]
      if (room > this.roomInBatch) room = this.roomInBatch
      if (room <= 0) continue
      this.requests.queue(conversation, room, nowMs, 0)
      this.counts[SEND_FAILURES] += conversation.train.flush()
    }
    return answered
  }

  runOpen(): void {
    const { due } = this
    due.start(nowMilliseconds())
    while (!isStopped(this.state)) {
      let nowMs = nowMilliseconds()
      this.sendDue(nowMs)
      this.receiveAll()
      this.tick(nowMs)
      nowMs = nowMilliseconds()
      const dueInMs = due.nextMs - nowMs
      if (dueInMs > SPIN_BELOW_MS) this.waitFor(dueInMs)
    }
    this.drain()
  }

  /** Sends what is due, a burst at most; sockets take turns. */
  private sendDue(nowMs: number): void {
    const { conversations, due } = this
    const dueNow = due.due(nowMs)
    const total = dueNow < OPEN_BURST ? dueNow : OPEN_BURST
    const share = Math.ceil(total / conversations.length)
    let sent = 0
    while (sent < total) {
      const conversation = conversations[this.firstSocket]
      this.firstSocket = (this.firstSocket + 1) % conversations.length
      const count = share < total - sent ? share : total - sent
      this.requests.queue(conversation, count, due.nextMs, due.periodMs)
      this.counts[SEND_FAILURES] += conversation.train.flush()
      due.take(count)
      sent += count
    }
  }

  private receiveAll(): number {
    let answered = 0
    for (let i = 0; i < this.sources.length; i++) answered += this.sources[i].take(this.answers)
    return answered
  }

  private waitFor(milliseconds: number): void {
    const capped = milliseconds < IDLE_WAIT_MS_MAX ? milliseconds : IDLE_WAIT_MS_MAX
    this.poll.waitMicroseconds(((capped - SPIN_BELOW_MS / 2) * 1000) | 0)
  }

  /** Periodically: gives up what is too old, publishes the counts, adapts the window. */
  private tick(nowMs: number): void {
    if (nowMs < this.nextTickMs) return
    this.nextTickMs = nowMs + TICK_MS
    const { underWay } = this
    if (this.data.mode !== 'open') {
      underWay.expireOverdue(nowMs - OVERDUE_MS)
      this.window.adapt(this.counts, underWay.overdue)
    }
    this.counts[LOST] += underWay.expireLost(nowMs - this.data.timeoutMs)
    this.publishCounts()
  }

  private publishCounts(): void {
    publish(this.counts, this.shared, this.data.index * slotWords(COUNTS.length))
  }

  /** After the stop: answers under way are waited for, up to the time at which they count as lost. */
  private drain(): void {
    const endMs = nowMilliseconds() + this.data.timeoutMs
    while (this.underWay.waiting() > 0 && nowMilliseconds() < endMs) {
      if (this.receiveAll() === 0) this.poll.wait(1)
      this.underWay.expireOverdue(nowMilliseconds() - this.data.timeoutMs)
    }
    this.counts[LOST] += this.underWay.expireLost(Number.POSITIVE_INFINITY)
    this.publishCounts()
  }
}
