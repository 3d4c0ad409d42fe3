// Clients of a UDP tracker that obey it: each connects and announces when its interval is over, repeats what is not
// answered as BEP 15 says, and after a failure waits as libtorrent does. Used by bench/pressure.ts, with time compressed:
// the tracker's own interval is as short as the clients' other times. Owns its sockets and the state of all clients.

import { openConnected } from '../../load/client-socket.ts'
import { mix, type Random } from '../../load/random.ts'
import { PacketTrain } from '../../load/udp/packet-train.ts'
import { swapBytes } from '../../src/memory/byte-order.ts'
import { clockNanoseconds, clockSeconds, readClock } from '../../src/os/clock.ts'
import { PacketMemory, ReceiveBatch } from '../../src/os/packet-batch.ts'
import { closeSocket } from '../../src/os/udp-socket.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_ERROR,
  ANNOUNCE_BYTES_MIN,
  ANNOUNCE_INFO_HASH,
  ANNOUNCE_LEFT,
  ANNOUNCE_NUM_WANT,
  ANNOUNCE_PEER_ID,
  ANNOUNCE_PORT,
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
  REQUEST_TRANSACTION,
} from '../../src/udp/wire/layout.ts'
import { Tally } from './tally.ts'

/** Each is a host of its own. The rest of a client's identity is the port that it announces. */
const CLIENTS_PER_SOCKET = 30_000
const FIRST_PORT = 1024
const BATCH = 256
const RECEIVE_BYTES = 1536
const BUFFER_BYTES = 8 << 20
const PEERS_WANTED = 50

/** A tick of the wheel, and its size: more than the longest interval told. */
const TICK_MS = 5
const TICKS = 1 << 15

const IDLE = 0
const CONNECTING = 1
const ANNOUNCING = 2

/** Seconds of real clients, to be divided by the compression. */
const TIMEOUT_SEC = 15
const SENDS_MAX = 4
const BACKOFF_SEC = 5
const BACKOFF_FACTOR = 12.5
const BACKOFF_SEC_MAX = 3600

export interface ClientOptions {
  readonly port: number
  readonly count: number
  /** The clients of large swarms come first: so many, in swarms of that size. The others are in pairs. */
  readonly inLarge: number
  readonly largeSwarm: number
  /** Of an announce's end: the client leaves without a word, and another one takes its place. */
  readonly churn: number
  /** So many times faster than real clients. */
  readonly compression: number
  readonly random: Random
}

export class Clients {
  readonly tally = new Tally()
  private readonly options: ClientOptions
  private readonly sockets: { train: PacketTrain; receiver: ReceiveBatch; queued: number }[] = []
  private readonly fds: number[] = []
  private readonly memory = new PacketMemory(BATCH, RECEIVE_BYTES, RECEIVE_BYTES)
  private readonly head = new Int32Array(TICKS).fill(-1)
  private readonly next: Int32Array
  private readonly fireAt: Int32Array
  private readonly state: Uint8Array
  private readonly sends: Uint8Array
  private readonly fails: Uint8Array
  /** Flips when another client takes the place. */
  private readonly life: Uint8Array
  /** When a client got its last answer; −1: never. */
  private readonly answeredAt: Float64Array
  private readonly began: Float64Array
  private readonly ids: Int32Array
  private tick = 0
  private readonly startSec: number

  constructor(options: ClientOptions) {
    const { count, port } = options
    this.options = options
    this.next = new Int32Array(count).fill(-1)
    this.fireAt = new Int32Array(count)
    this.state = new Uint8Array(count)
    this.sends = new Uint8Array(count)
    this.fails = new Uint8Array(count)
    this.life = new Uint8Array(count)
    this.answeredAt = new Float64Array(count).fill(-1)
    this.began = new Float64Array(count)
    this.ids = new Int32Array(count * 2)
    for (let i = 0; i * CLIENTS_PER_SOCKET < count; i++) {
      const server = { family: 4, host: '127.0.0.1', port } as const
      const { fd } = openConnected(server, `127.0.1.${i + 1}`, BUFFER_BYTES)
      const memory = new PacketMemory(BATCH, RECEIVE_BYTES, RECEIVE_BYTES)
      const receiver = new ReceiveBatch(fd, this.memory)
      this.sockets.push({ train: new PacketTrain(fd, memory, true), receiver, queued: 0 })
      this.fds.push(fd)
    }
    readClock()
    this.startSec = clockSeconds()
  }

  /** Seconds since these clients were made. */
  now(): number {
    readClock()
    return clockSeconds() - this.startSec + clockNanoseconds() / 1e9
  }

  /** Client `i` makes its first announce then. */
  startAt(i: number, seconds: number): void {
    this.fireAt[i] = Math.ceil((seconds * 1000) / TICK_MS)
    this.put(i)
  }

  close(): void {
    for (const fd of this.fds) closeSocket(fd)
  }

  /** Receives and sends what there is; returns how many packets came. */
  turn(): number {
    const now = this.now()
    let received = 0
    for (const { receiver } of this.sockets) {
      const count = receiver.receive(BATCH)
      for (let i = 0; i < count; i++) this.receive(i, receiver.length(i), now)
      received += count
    }
    const until = Math.floor((now * 1000) / TICK_MS)
    while (this.tick < until) this.fire(++this.tick, now)
    for (let i = 0; i < this.sockets.length; i++) this.flush(i)
    return received
  }

  private put(i: number): void {
    const slot = this.fireAt[i] & (TICKS - 1)
    this.next[i] = this.head[slot]
    this.head[slot] = i
  }

  /** Its entry in the wheel is looked at when its earlier time comes, and moved then. */
  private schedule(i: number, now: number, seconds: number): void {
    this.fireAt[i] = Math.max(this.tick + 1, Math.ceil(((now + seconds) * 1000) / TICK_MS))
  }

  private fire(tick: number, now: number): void {
    const slot = tick & (TICKS - 1)
    let i = this.head[slot]
    this.head[slot] = -1
    while (i >= 0) {
      const next = this.next[i]
      if (this.fireAt[i] <= tick) this.act(i, now)
      this.put(i)
      i = next
    }
  }

  /** The client's time has come: an announce is due, or an answer has not come. */
  private act(i: number, now: number): void {
    const { compression } = this.options
    if (this.state[i] === IDLE) {
      this.began[i] = now
      this.sends[i] = 0
      this.state[i] = CONNECTING
      this.tally.begun(now, this.isLarge(i))
    } else if (this.sends[i] >= SENDS_MAX) {
      this.tally.unanswered(now, this.isLarge(i))
      this.fail(i, now)
      return
    }
    this.send(i, now)
    const timeout = (TIMEOUT_SEC * 2 ** this.sends[i]) / compression
    this.sends[i]++
    this.schedule(i, now, timeout)
  }

  private fail(i: number, now: number): void {
    if (this.fails[i] < 200) this.fails[i]++
    const seconds = BACKOFF_SEC + BACKOFF_FACTOR * this.fails[i] ** 2
    this.state[i] = IDLE
    this.schedule(i, now, Math.min(seconds, BACKOFF_SEC_MAX) / this.options.compression)
  }

  private send(i: number, now: number): void {
    const index = Math.floor(i / CLIENTS_PER_SOCKET)
    const { train } = this.sockets[index]
    const { memory } = train
    const words = memory.answers
    const at = memory.end
    words[at + REQUEST_TRANSACTION] = i
    this.tally.sent(now)
    if (this.state[i] === CONNECTING) {
      words[at] = PROTOCOL_ID_0
      words[at + 1] = PROTOCOL_ID_1
      words[at + REQUEST_ACTION] = ACTION_CONNECT
      train.queue(REQUEST_BYTES_MIN)
    } else {
      words[at + REQUEST_ID] = this.ids[i * 2]
      words[at + REQUEST_ID + 1] = this.ids[i * 2 + 1]
      words[at + REQUEST_ACTION] = ACTION_ANNOUNCE
      this.writeAnnounce(words, at, i)
      train.queue(ANNOUNCE_BYTES_MIN)
    }
    if (++this.sockets[index].queued === BATCH) this.flush(index)
  }

  private writeAnnounce(words: Int32Array, at: number, i: number): void {
    const torrent = this.torrentOf(i)
    for (let word = 0; word < 5; word++) {
      words[at + ANNOUNCE_INFO_HASH + word] = mix(torrent * 5 + word)
      words[at + ANNOUNCE_PEER_ID + word] = mix(i * 5 + word + this.life[i])
    }
    for (let word = ANNOUNCE_PEER_ID + 5; word < ANNOUNCE_PORT; word++) words[at + word] = 0
    // About a third are seeders.
    words[at + ANNOUNCE_LEFT + 1] = i % 3 === 0 ? 0 : swapBytes(1)
    words[at + ANNOUNCE_NUM_WANT] = swapBytes(PEERS_WANTED)
    const port = FIRST_PORT + (i % CLIENTS_PER_SOCKET) * 2 + this.life[i]
    words[at + ANNOUNCE_PORT] = ((port & 255) << 8) | (port >>> 8)
  }

  private flush(index: number): void {
    const socket = this.sockets[index]
    if (socket.queued > 0) socket.train.flush()
    socket.queued = 0
  }

  private receive(slot: number, bytes: number, now: number): void {
    const words = this.memory.received
    const at = slot * this.memory.slotWords
    const i = words[at + 1]
    if (bytes < 8 || i < 0 || i >= this.options.count) return
    const action = words[at]
    this.tally.received(now)
    if (action === ACTION_CONNECT && this.state[i] === CONNECTING) {
      this.ids[i * 2] = words[at + 2]
      this.ids[i * 2 + 1] = words[at + 3]
      this.state[i] = ANNOUNCING
      this.sends[i] = 1
      this.send(i, now)
      this.schedule(i, now, TIMEOUT_SEC / this.options.compression)
    } else if (this.state[i] === ANNOUNCING && action === ACTION_ERROR) {
      this.tally.refused(now, this.isLarge(i))
      this.fail(i, now)
    } else if (this.state[i] === ANNOUNCING && action === ACTION_ANNOUNCE) {
      const interval = swapBytes(words[at + 2])
      this.answered(i, now, interval, swapBytes(words[at + 3]) + swapBytes(words[at + 4]))
    }
  }

  private answered(i: number, now: number, interval: number, others: number): void {
    const isLarge = this.isLarge(i)
    this.tally.answered(now, isLarge, (now - this.began[i]) * 1000, interval)
    // Its partner is known to the tracker if it got an answer within its interval.
    const partner = i ^ 1
    if (!isLarge && partner < this.options.count && this.answeredAt[partner] >= 0) {
      this.tally.met(now, others > 0)
    }
    this.answeredAt[i] = now
    this.fails[i] = 0
    this.state[i] = IDLE
    if (this.options.random.next() >>> 0 < this.options.churn * 2 ** 32) {
      this.life[i] ^= 1
      this.answeredAt[i] = -1
    }
    this.schedule(i, now, interval)
  }

  private isLarge(i: number): boolean {
    return i < this.options.inLarge
  }

  private torrentOf(i: number): number {
    const { inLarge, largeSwarm } = this.options
    return i < inLarge ? Math.floor(i / largeSwarm) : 1e7 + (i >> 1)
  }
}
