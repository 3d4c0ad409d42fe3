// A client of a UDP tracker that sends on a schedule and times each answer. Used by the latency
// probe, and by the soak test where no load generator is installed. Owns one socket, its packet
// memory and the times of all requests under way.
//
// Open loop: request n is due at start + n ÷ rate, whatever happened to the ones before, and its
// latency counts from then. A tracker that stands still for a moment therefore pays for everything
// that became due meanwhile, as it would with real clients.
import { nowMilliseconds } from '../../src/os/clock.ts'
import { NAME_WORDS } from '../../src/os/message.ts'
import { PacketBatch, PacketMemory } from '../../src/os/packet-batch.ts'
import { socketAddress } from '../../src/os/socket.ts'
import { closeSocket, openUdpSocket } from '../../src/os/udp-socket.ts'

// Words as they lie in memory of a little-endian machine; the wire is big endian.
//  connect:  0–1 protocol │ 2 action │ 3 transaction
//  announce: 0–1 connection │ 2 action │ 3 transaction │ 4…8 info hash │ 9…13 peer id │ 14–15 downloaded
//            │ 16–17 left │ 18–19 uploaded │ 20 event │ 21 address │ 22 key │ 23 peers wanted │ 24 port u16
//  scrape:   0–1 connection │ 2 action │ 3 transaction │ 4… info hashes
//  answers:  0 action │ 1 transaction │ connect: 2–3 connection
const WORD_ACTION = 2
const WORD_TRANSACTION = 3
const WORD_INFO_HASH = 4
const HASH_WORDS = 5
const WORD_PEER_ID = 9
const WORD_LEFT_LOW = 17
const WORD_EVENT = 20
const WORD_PEERS_WANTED = 23
const WORD_PORT = 24
const ANNOUNCE_WORDS = 25

const PROTOCOL_HIGH = 0x17040000
const PROTOCOL_LOW = 0x80191027 | 0
const ACTION_CONNECT = 0
const ACTION_ANNOUNCE = 0x01000000
const ACTION_SCRAPE = 0x02000000
const ACTION_ERROR = 0x03000000
const EVENT_STARTED = 0x02000000
const PEERS_WANTED_30 = 0x1e000000
const LEFT_OF_LEECHER = 0x32000000

const CONNECT_BYTES = 16
const ANNOUNCE_BYTES = 98
const SCRAPE_HASHES = 5
const SCRAPE_BYTES = 16 + SCRAPE_HASHES * 20
const REQUEST_BYTES_MAX = 128

/** Only the head of an answer is read; the rest is cut off. */
const ANSWER_BYTES = 64
const BATCH = 64
/** More would hold answers up behind requests that are overdue. */
const SEND_BATCH = 32
const RECEIVE_BUFFER_BYTES = 4 * 2 ** 20

/** Of 256 requests: connects, then scrapes; the others are announces. */
const CONNECTS_OF_256 = 26
const SCRAPES_OF_256 = 5

/** Requests under way: seven seconds' worth at 150,000/s. A later answer counts as lost. */
const RING = 2 ** 20
const DRAIN_MS = 500
const SLICE_MS = 1000
const RETRY_MS = 100
const TRIES_MAX = 50
const WINDOW = 512

// Ports are announced from a range without 0.
const PORTS = 65535
const SWARM_SMALL = 16
const SWARM_LARGE = 300

export interface OpenLoopResult {
  readonly sent: number
  readonly lost: number
  readonly errors: number
  /** Milliseconds, sorted. */
  readonly latencies: Float32Array
  /** How late the requests left, milliseconds, sorted: the probe's own share of the latency. */
  readonly lags: Float32Array
}

export class UdpClient {
  /** Announces pick peers `firstPeer` to `firstPeer + peers − 1`. Moving it makes peers come and go. */
  firstPeer = 0
  /** All requests are announces, of one peer after the other. */
  walks = false
  private readonly fd: number
  private readonly batch: PacketBatch
  private readonly memory: PacketMemory
  private readonly peers: number
  private readonly dueTimes = new Float64Array(RING)
  private readonly waiting = new Int32Array(RING)
  private connectionHigh = 0
  private connectionLow = 0
  private random = 0x2545f491
  private errors = 0
  private walked = 0
  // The open loop that runs now.
  private start = 0
  private period = 0
  private total = 0
  private sent = 0
  private answered = 0
  private latencies = new Float32Array(1)
  private lags = new Float32Array(1)

  constructor(port: number, peers: number) {
    this.peers = peers
    const socket = openUdpSocket({
      family: 4,
      address: [127, 0, 0, 1],
      port: 0,
      sharePort: false,
      dualStack: false,
      packetInfo: false,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    })
    this.fd = socket.fd
    this.memory = new PacketMemory(BATCH, ANSWER_BYTES, REQUEST_BYTES_MAX)
    this.batch = new PacketBatch(socket.fd, this.memory, false)
    // Requests go where the packets of their slots came from: here always the tracker.
    const tracker = socketAddress({ family: 4, address: [127, 0, 0, 1], port })
    for (let slot = 0; slot < BATCH; slot++) this.batch.names.set(tracker, slot * NAME_WORDS)
  }

  close(): void {
    closeSocket(this.fd)
  }

  connect(): void {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      this.batch.queue(0, this.writeConnect(0))
      this.batch.flush()
      if (this.awaitAnswers(1) === 1) return
    }
    throw new Error('the tracker does not answer connect requests')
  }

  /** Announces every peer once, so that the tracker holds them all. */
  fill(): void {
    for (let first = 0; first < this.peers; first += BATCH) {
      const count = Math.min(BATCH, this.peers - first)
      let tries = 0
      do {
        if (tries++ === TRIES_MAX) throw new Error('the tracker does not answer announces')
        for (let i = 0; i < count; i++) {
          this.batch.queue(i, this.writeAnnounce(i, this.firstPeer + first + i))
        }
        this.batch.flush()
      } while (this.awaitAnswers(count) < count)
    }
  }

  /** Answers per second with a fixed number of requests under way: what this pair of cores can do. */
  saturation(seconds: number): number {
    const start = nowMilliseconds()
    const end = start + seconds * 1000
    let underWay = 0
    let answered = 0
    let last = start
    for (let now = start; now < end; now = nowMilliseconds()) {
      if (now - last > RETRY_MS) underWay = 0
      if (underWay <= WINDOW - SEND_BATCH) {
        for (let i = 0; i < SEND_BATCH; i++) this.batch.queue(i, this.writeAny(i))
        underWay += this.batch.flush()
      }
      const received = this.receive()
      if (received === 0) continue
      last = now
      underWay -= received
      answered += received
    }
    this.awaitAnswers(underWay)
    return answered / seconds
  }

  async openLoop(rate: number, seconds: number): Promise<OpenLoopResult> {
    this.total = Math.floor(rate * seconds)
    this.latencies = new Float32Array(this.total)
    this.lags = new Float32Array(this.total)
    this.waiting.fill(-1)
    this.sent = 0
    this.answered = 0
    this.errors = 0
    this.period = 1000 / rate
    this.start = nowMilliseconds() + 1
    while (this.sent < this.total) {
      this.runSlice(nowMilliseconds() + SLICE_MS)
      // Lets signals and timers in, once a second.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const end = nowMilliseconds() + DRAIN_MS
    while (this.answered < this.total && nowMilliseconds() < end) this.receiveTimed()
    return {
      sent: this.sent,
      lost: this.sent - this.answered,
      errors: this.errors,
      latencies: this.latencies.slice(0, this.answered).sort(),
      lags: this.lags.sort(),
    }
  }

  // HOT: no allocation below this line.

  private runSlice(end: number): void {
    let now = nowMilliseconds()
    while (now < end && this.sent < this.total) {
      this.sendDue(now)
      this.receiveTimed()
      now = nowMilliseconds()
    }
  }

  private sendDue(now: number): void {
    const { batch, dueTimes, waiting, lags } = this
    let queued = 0
    while (queued < SEND_BATCH && this.sent < this.total) {
      const number = this.sent
      const due = this.start + number * this.period
      if (due > now) break
      dueTimes[number & (RING - 1)] = due
      waiting[number & (RING - 1)] = number
      lags[number] = now - due
      batch.queue(queued++, this.writeAny(number))
      this.sent++
    }
    if (queued > 0) batch.flush()
  }

  private receiveTimed(): void {
    const count = this.batch.receive(BATCH)
    if (count === 0) return
    const now = nowMilliseconds()
    const { received, slotWords } = this.memory
    const { waiting, dueTimes, latencies } = this
    for (let i = 0; i < count; i++) {
      const number = received[i * slotWords + 1]
      const slot = number & (RING - 1)
      if (waiting[slot] === number) {
        waiting[slot] = -1
        latencies[this.answered++] = now - dueTimes[slot]
      }
      this.readAnswer(i)
    }
  }

  private receive(): number {
    const count = this.batch.receive(BATCH)
    for (let i = 0; i < count; i++) this.readAnswer(i)
    return count
  }

  /** Waits for `count` answers, a short while; returns how many came. */
  private awaitAnswers(count: number): number {
    const end = nowMilliseconds() + RETRY_MS
    let received = 0
    while (received < count && nowMilliseconds() < end) received += this.receive()
    return received
  }

  private readAnswer(slot: number): void {
    const words = this.memory.received
    const at = slot * this.memory.slotWords
    const action = words[at]
    if (action === ACTION_CONNECT) {
      this.connectionHigh = words[at + 2]
      this.connectionLow = words[at + 3]
    } else if (action === ACTION_ERROR) this.errors++
    this.batch.release(slot)
  }

  private writeAny(number: number): number {
    if (this.walks) {
      this.walked = this.walked + 1 < this.peers ? this.walked + 1 : 0
      return this.writeAnnounce(number, this.firstPeer + this.walked)
    }
    const kind = this.nextRandom() & 255
    if (kind < CONNECTS_OF_256) return this.writeConnect(number)
    if (kind < CONNECTS_OF_256 + SCRAPES_OF_256) return this.writeScrape(number)
    return this.writeAnnounce(number, this.anyPeer())
  }

  private writeConnect(number: number): number {
    const words = this.memory.answers
    const at = this.memory.end
    words[at] = PROTOCOL_HIGH
    words[at + 1] = PROTOCOL_LOW
    words[at + WORD_ACTION] = ACTION_CONNECT
    words[at + WORD_TRANSACTION] = number
    return CONNECT_BYTES
  }

  private writeAnnounce(number: number, peer: number): number {
    const words = this.memory.answers
    const at = this.memory.end
    words.fill(0, at, at + ANNOUNCE_WORDS)
    this.writeHead(at, ACTION_ANNOUNCE, number)
    writeInfoHash(words, at + WORD_INFO_HASH, torrentOf(peer))
    words[at + WORD_PEER_ID] = peer
    words[at + WORD_LEFT_LOW] = (mix(peer) & 3) === 0 ? LEFT_OF_LEECHER : 0
    words[at + WORD_EVENT] = EVENT_STARTED
    words[at + WORD_PEERS_WANTED] = PEERS_WANTED_30
    words[at + WORD_PORT] = 1 + (peer % PORTS)
    return ANNOUNCE_BYTES
  }

  private writeScrape(number: number): number {
    const words = this.memory.answers
    const at = this.memory.end
    this.writeHead(at, ACTION_SCRAPE, number)
    for (let i = 0; i < SCRAPE_HASHES; i++) {
      writeInfoHash(words, at + WORD_INFO_HASH + i * HASH_WORDS, torrentOf(this.anyPeer()))
    }
    return SCRAPE_BYTES
  }

  private writeHead(at: number, action: number, number: number): void {
    const words = this.memory.answers
    words[at] = this.connectionHigh
    words[at + 1] = this.connectionLow
    words[at + WORD_ACTION] = action
    words[at + WORD_TRANSACTION] = number
  }

  private anyPeer(): number {
    return this.firstPeer + ((this.nextRandom() >>> 0) % this.peers)
  }

  private nextRandom(): number {
    let x = this.random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.random = x
    return x
  }
}

/** A quarter of the peers alone in their torrents, a quarter in small swarms, half in large ones. */
function torrentOf(peer: number): number {
  const kind = peer & 3
  if (kind === 0) return peer
  if (kind === 1) return (1 << 28) | Math.floor((peer >>> 2) / SWARM_SMALL)
  return (1 << 29) | Math.floor((peer >>> 1) / SWARM_LARGE)
}

function writeInfoHash(words: Int32Array, at: number, torrent: number): void {
  for (let i = 0; i < HASH_WORDS; i++) words[at + i] = mix(torrent + i * 0x9e3779b9)
}

/** Spreads a number's bits over 32 (the finaliser of MurmurHash3, public domain). */
function mix(number: number): number {
  let x = number | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x ^ (x >>> 16)
}
