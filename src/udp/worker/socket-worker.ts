// The loop of a socket worker: receive, answer or pass on, send; then the work of its schedule. Runs in its own
// thread, started by main.ts. Everything it shares with others came in its start message.
//
// Packets are received without waiting while there are any. The worker sleeps, in poll (schedule.ts), only when
// all sockets are empty.
import { Inbox } from '../../channel/inbox.ts'
import { RingReader, RingWriter } from '../../channel/ring.ts'
import { FutexWaker } from '../../channel/waker.ts'
import { observeElapsed } from '../../metrics/elapsed.ts'
import { observe } from '../../metrics/histogram.ts'
import { clockSeconds, readClock } from '../../os/clock.ts'
import { PacketBatch, PacketMemory } from '../../os/packet-batch.ts'
import { Poll } from '../../os/poll.ts'
import { SendBatch } from '../../os/send-batch.ts'
import { Reporter } from '../../process/reporter.ts'
import type { UpdateSource } from '../../process/updates.ts'
import { WorkerUpdates } from '../../process/worker-updates.ts'
import {
  mustStop,
  provokeFault,
  sayDone,
  sayReady,
  type WorkerStart,
} from '../../process/workers.ts'
import {
  type KeyWorkerData,
  openClientGate,
  openKeyGate,
  openSourceLimits,
  openSwarms,
  type SwarmWorkerData,
  serveFrom,
} from '../../requests/swarm-worker.ts'
import type { SourceLimits } from '../../source-limits/source-limits.ts'
import { LookAhead } from '../../swarm/table/look-ahead.ts'
import { type QueueData, XdpQueue } from '../../xdp/queue.ts'
import { Deliverer } from '../pipeline/deliver.ts'
import { Forwarder } from '../pipeline/forward.ts'
import { ScrapeJoiner } from '../pipeline/join.ts'
import type { SocketLinks } from '../pipeline/links.ts'
import { REQUEST_RECORD_WORDS_MAX } from '../pipeline/record.ts'
import { ConnectionIds } from '../wire/connection-id.ts'
import { ANSWER_BYTES_MAX_IPV4, MAX_BATCH_PACKETS, RECEIVE_SLOT_BYTES } from '../wire/layout.ts'
import { Request } from '../wire/request.ts'
import { AnnounceKey } from './announce-key.ts'
import {
  BANS,
  BATCH_SIZE,
  BATCH_SIZE_SHAPE,
  COUNTER_WORDS,
  RESPONSE_TIME,
  RESPONSE_TIME_SHAPE,
} from './counters.ts'
import { Handler, type RequestSettings } from './handle.ts'
import type { PacketSource } from './packet-source.ts'
import { serveBatch } from './receive.ts'
import { type Requests, Responder } from './respond.ts'
import { InlineSchedule, PipelineSchedule, type Schedule } from './schedule.ts'
import { SourceTurns } from './source-turns.ts'
import type { UdpUpdate } from './worker-updates.ts'
import { XdpSource } from './xdp-source.ts'

/** Batches that a worker still serves when told to stop: some milliseconds. */
const LAST_TURNS_MAX = 16

export interface SocketWorkerData extends WorkerStart, SwarmWorkerData, KeyWorkerData {
  readonly role: 'socket'
  readonly index: number
  readonly sockets: readonly { fd: number; packetInfo: boolean }[]
  /** Of network cards, with packet_path = 'xdp'. */
  readonly queues: readonly QueueData[]
  readonly ownAddresses: Int32Array
  readonly batchPackets: number
  readonly requests: RequestSettings
  readonly secret: Uint8Array
  /** Whether other machines have the secret too. */
  readonly isSecretShared: boolean
  readonly maxConnectionAge: number
  /** To the request workers; null when there are none. */
  readonly links: SocketLinks | null
  readonly updates: UpdateSource
  readonly counters: SharedArrayBuffer
}

export function runSocketWorker(data: SocketWorkerData): void {
  readClock()
  const memory = new PacketMemory(data.batchPackets, RECEIVE_SLOT_BYTES, ANSWER_BYTES_MAX_IPV4)
  const batches = data.sockets.map(({ fd, packetInfo }) => new PacketBatch(fd, memory, packetInfo))
  const counts = new Int32Array(COUNTER_WORDS)
  const limits = openSourceLimits(data, counts, BANS)
  const updates = new WorkerUpdates<UdpUpdate>(data.updates)
  const stages =
    data.links === null
      ? inline(data, counts, limits, updates)
      : pipeline(data, data.links, batches, counts)
  const ids = new ConnectionIds(data.secret, data.maxConnectionAge, data.isSecretShared)
  const handler = new Handler(stages.requests, ids, data.swarms, data.requests, counts, limits)
  handler.keys = new AnnounceKey(openKeyGate(data, updates))
  handler.ahead = stages.ahead
  handler.clients = openClientGate(data, updates)
  updates.on('settings', ({ requests, rates, maxConnectionAge }) => {
    handler.configure(requests)
    limits.setRates(rates)
    ids.setMaxAge(maxConnectionAge)
  })
  const sources = [...batches, ...stages.queues]
  const worker = new SocketWorker(data, sources, handler, stages.schedule, updates)
  sayReady()
  worker.run()
  // The main thread, which opened the sockets, now closes them: while they are open, the system sends a share
  // of the packets here.
  sayDone()
}

interface Stages {
  readonly requests: Requests
  readonly schedule: Schedule
  readonly ahead: LookAhead | null
  readonly queues: readonly XdpSource[]
}

function inline(
  data: SocketWorkerData,
  counts: Int32Array,
  limits: SourceLimits,
  updates: WorkerUpdates<UdpUpdate>,
): Stages {
  const open = openSwarms(data, limits)
  const responder = new Responder(open.swarms, counts)
  serveFrom(open, responder, data, updates)
  const packets = data.batchPackets
  const queues = data.queues.map(
    (queue) => new XdpSource(new XdpQueue(queue, packets), packets, counts),
  )
  const setOwn = (list: Int32Array) => {
    for (const queue of queues) queue.setOwnAddresses(list)
  }
  setOwn(data.ownAddresses)
  updates.on('ownAddresses', setOwn)
  const poll = new Poll([...data.sockets, ...data.queues].map(({ fd }) => fd))
  return {
    requests: responder,
    schedule: new InlineSchedule(poll, open.cleaner, queues, data.sockets.length),
    queues,
    ahead: new LookAhead(open.swarms, new Int32Array(data.swarms.control), data.batchPackets),
  }
}

function pipeline(
  data: SocketWorkerData,
  links: SocketLinks,
  batches: readonly PacketBatch[],
  counts: Int32Array,
): Stages {
  const joiner = new ScrapeJoiner(counts)
  const requestLinks = links.requests.map((ring, i) => ({
    writer: new RingWriter(ring, REQUEST_RECORD_WORDS_MAX),
    waker: new FutexWaker(links.requestSleepWords[i]),
  }))
  const { tablesPerKind } = data.swarms
  const forwarder = new Forwarder({
    links: requestLinks,
    joiner,
    keys: data.swarms,
    tables: tablesPerKind,
    batch: batches[0],
    counts,
    countsClients: data.clients !== null,
  })
  const readers = links.responses.map((ring) => new RingReader(ring))
  const sendBatches = data.sockets.map(({ fd }) => new SendBatch(fd, MAX_BATCH_PACKETS))
  const fds = data.sockets.map(({ fd }) => fd)
  return {
    requests: forwarder,
    schedule: new PipelineSchedule(
      new Poll([...fds, links.event]),
      forwarder,
      new Deliverer(readers, sendBatches, joiner, counts),
      new Inbox(readers, links.sleepWord),
      links.event,
      batches,
    ),
    ahead: null,
    queues: [],
  }
}

class SocketWorker {
  private readonly sources: readonly PacketSource[]
  private readonly handler: Handler
  private readonly request = new Request()
  private readonly schedule: Schedule
  private readonly updates: WorkerUpdates<UdpUpdate>
  private readonly state: Int32Array
  private readonly reporter: Reporter
  private readonly batchPackets: number
  private readonly fault: boolean
  private readonly turns: SourceTurns
  private now = 0

  constructor(
    data: SocketWorkerData,
    sources: readonly PacketSource[],
    handler: Handler,
    schedule: Schedule,
    updates: WorkerUpdates<UdpUpdate>,
  ) {
    this.sources = sources
    this.handler = handler
    this.schedule = schedule
    this.updates = updates
    this.state = new Int32Array(data.state)
    this.reporter = new Reporter(handler.counts, data.counters, data.index, data.heartbeat)
    this.batchPackets = data.batchPackets
    this.fault = data.fault
    this.turns = new SourceTurns(sources.length, data.sockets.length)
  }

  // HOT: no allocation below this line.

  run(): void {
    while (!mustStop(this.state)) {
      const served = this.turn()
      this.schedule.work(this.now)
      if (served === 0) this.turns.waited(this.schedule.idle())
      else if (this.fault) provokeFault()
    }
    // Waiting packets are still answered, unless more and more arrive.
    for (let i = 0; i < LAST_TURNS_MAX && this.turn() > 0; i++) this.schedule.work(this.now)
    this.reporter.report()
  }

  /** Serves one batch of each source; returns the number of packets. */
  private turn(): number {
    readClock()
    const now = clockSeconds()
    this.now = now
    this.handler.setTime(now)
    this.updates.applyDue(now)
    let served = 0
    for (let i = this.turns.first(); i < this.sources.length; i++) {
      this.schedule.begin(i)
      const packets = serveBatch(this.sources[i], this.handler, this.request, this.batchPackets)
      if (packets !== 0) this.measure(packets, packets - this.schedule.deferred())
      served += packets
    }
    this.reporter.reportSometimes(now)
    return served
  }

  /** Records how long the batch took since the clock was last read: the time all its answers waited. */
  private measure(packets: number, answered: number): void {
    const { counts } = this.handler
    observeElapsed(counts, RESPONSE_TIME, RESPONSE_TIME_SHAPE, answered)
    observe(counts, BATCH_SIZE, BATCH_SIZE_SHAPE, packets, 1)
  }
}
