// The loop of a socket worker: receive, answer, send; between batches, clean. Runs in a thread of
// its own, started by main.ts. Everything it shares with others came in its start message.
//
// Packets are taken without waiting as long as there are any. Only when all sockets are empty does
// the worker sleep, in poll, and no longer than POLL_MILLISECONDS: so it notices stop and time.
import { parentPort } from 'node:worker_threads'
import { publish } from '../metrics/counters.ts'
import { observe } from '../metrics/histogram.ts'
import { clockNanoseconds, clockSeconds, readClock } from '../os/clock.ts'
import { PacketBatch, PacketMemory } from '../os/packet-batch.ts'
import { Poll } from '../os/poll.ts'
import {
  beat,
  mustStop,
  provokeFault,
  READY_MESSAGE,
  type WorkerStart,
} from '../process/workers.ts'
import { Cleaner } from '../swarm/cleaner.ts'
import { attachSwarms, type SwarmBuffers } from '../swarm/memory.ts'
import { ConnectionIds } from './connection-id.ts'
import {
  BATCH_SIZE,
  BATCH_SIZE_SHAPE,
  COUNTER_WORDS,
  RESPONSE_TIME,
  RESPONSE_TIME_SHAPE,
} from './counters.ts'
import { Handler, type RequestSettings } from './handle.ts'
import { ANSWER_BYTES_MAX_IPV4, RECEIVE_SLOT_BYTES } from './layout.ts'
import { serveBatch } from './receive.ts'

/** How long a worker without work sleeps at a time, */
const POLL_MILLISECONDS = 200
/** and between two slices of a cleaning. */
const CLEANING_PAUSE_MILLISECONDS = 1

/** Nanoseconds; a machine that slept in between must not overflow 32 bits. */
const TIME_MAX = 0x7fffffff

export interface SocketWorkerData extends WorkerStart {
  readonly role: 'socket'
  readonly workers: number
  readonly sockets: readonly { fd: number; packetInfo: boolean }[]
  readonly batchPackets: number
  readonly swarms: SwarmBuffers
  readonly countDownloads: boolean
  readonly requests: RequestSettings
  readonly secret: Uint8Array
  readonly maxConnectionAge: number
  readonly cleaningInterval: number
  readonly maxPeerAge: number
  readonly counters: SharedArrayBuffer
  /** Tests only: throw once the first packet has been served. */
  readonly fault: boolean
}

export function runSocketWorker(data: SocketWorkerData): void {
  readClock()
  const memory = new PacketMemory(data.batchPackets, RECEIVE_SLOT_BYTES, ANSWER_BYTES_MAX_IPV4)
  const swarms = attachSwarms(data.swarms, data.countDownloads)
  const tables = [...swarms.ipv4, ...swarms.ipv6].filter((_, i) => i % data.workers === data.index)
  const worker = new SocketWorker(
    data,
    data.sockets.map(({ fd, packetInfo }) => new PacketBatch(fd, memory, packetInfo)),
    new Poll(data.sockets.map(({ fd }) => fd)),
    new Handler(
      swarms,
      new ConnectionIds(data.secret, data.maxConnectionAge),
      data.requests,
      new Int32Array(COUNTER_WORDS),
    ),
    new Cleaner(
      swarms,
      tables,
      data.cleaningInterval,
      data.maxPeerAge,
      data.workers > 1,
      clockSeconds(),
    ),
  )
  parentPort?.postMessage(READY_MESSAGE)
  worker.run()
}

class SocketWorker {
  private readonly batches: readonly PacketBatch[]
  private readonly poll: Poll
  private readonly handler: Handler
  private readonly cleaner: Cleaner
  private readonly state: Int32Array
  private readonly heartbeat: Int32Array
  private readonly counters: Int32Array
  private readonly countersAt: number
  private readonly batchPackets: number
  private readonly fault: boolean
  private published = 0
  private now = 0

  constructor(
    data: SocketWorkerData,
    batches: readonly PacketBatch[],
    poll: Poll,
    handler: Handler,
    cleaner: Cleaner,
  ) {
    this.batches = batches
    this.poll = poll
    this.handler = handler
    this.cleaner = cleaner
    this.state = new Int32Array(data.state)
    this.heartbeat = new Int32Array(data.heartbeat)
    this.counters = new Int32Array(data.counters)
    this.countersAt = data.index * COUNTER_WORDS
    this.batchPackets = data.batchPackets
    this.fault = data.fault
  }

  // HOT: no allocation below this line.

  run(): void {
    while (!mustStop(this.state)) {
      const served = this.turn()
      const cleaning = this.cleaner.step(this.now)
      // A cleaning goes on after a pause, in which other workers get at the table.
      if (served === 0) this.poll.wait(cleaning ? CLEANING_PAUSE_MILLISECONDS : POLL_MILLISECONDS)
      else if (this.fault) provokeFault()
    }
    publish(this.handler.counts, this.counters, this.countersAt)
  }

  /** Serves one batch of each socket; returns the number of packets. */
  private turn(): number {
    readClock()
    const now = clockSeconds()
    this.now = now
    this.handler.setTime(now)
    let served = 0
    for (let i = 0; i < this.batches.length; i++) {
      const packets = serveBatch(this.batches[i], this.handler, this.batchPackets)
      if (packets !== 0) this.measure(packets)
      served += packets
    }
    this.publishSometimes(now)
    return served
  }

  /** How long the batch took, which all its packets have waited: since the clock was last read. */
  private measure(packets: number): void {
    const seconds = clockSeconds()
    const nanoseconds = clockNanoseconds()
    readClock()
    const took = (clockSeconds() - seconds) * 1e9 + clockNanoseconds() - nanoseconds
    const counts = this.handler.counts
    const { first, buckets, sumShift } = RESPONSE_TIME_SHAPE
    const time = took < TIME_MAX ? took : TIME_MAX
    observe(counts, RESPONSE_TIME, first, buckets, sumShift, time, packets)
    const sizes = BATCH_SIZE_SHAPE
    observe(counts, BATCH_SIZE, sizes.first, sizes.buckets, sizes.sumShift, packets, 1)
  }

  /** About 15 times a second: atomic stores cost more than a packet's own counting. */
  private publishSometimes(now: number): void {
    const tick = (now << 4) | (clockNanoseconds() >>> 26)
    if (tick === this.published) return
    this.published = tick
    beat(this.heartbeat)
    publish(this.handler.counts, this.counters, this.countersAt)
  }
}
