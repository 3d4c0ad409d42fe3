// Sends what proves nothing from many addresses: a quarter each of garbage, connects, and announces and
// scrapes with invented connection ids. Run by flood.ts in the clients' namespace, where every address of
// the range is local, so answers come back here and are counted. Prints one line of JSON.
//
// A socket per address, and packets in runs of equal size from one of them: they pass the sender's half of
// the network together (UDP_SEGMENT), which a single core needs to send more than 120,000 per second.
//
// usage: bun bench/flood/forger.ts HOST:PORT RATE SECONDS FIRST_ADDRESS STEP COUNT

import { Random } from '../../load/random.ts'
import { PacketTrain } from '../../load/udp/packet-train.ts'
import { addressBytes, parseSocketAddress } from '../../src/config/address.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { PacketMemory, ReceiveBatch } from '../../src/os/packet-batch.ts'
import { connectUdpSocket, openUdpSocket } from '../../src/os/udp-socket.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_SCRAPE,
  ANNOUNCE_BYTES_MIN,
  INFO_HASH_BYTES,
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
} from '../../src/udp/wire/layout.ts'

export interface ForgerReport {
  readonly sent: number
  readonly sentBytes: number
  /** Connects among them: all that may be answered. */
  readonly connects: number
  readonly answers: number
  readonly answerBytes: number
  /** Due, but the core had no time for them. */
  readonly late: number
  readonly refusedBySystem: number
  readonly seconds: number
  readonly cpuSeconds: number
}

const SCRAPE_BYTES = REQUEST_BYTES_MIN + INFO_HASH_BYTES
const ACTIONS = [0, ACTION_CONNECT, ACTION_ANNOUNCE, ACTION_SCRAPE]

/** Packets of one size from one address. */
const RUN = 16
/** Runs before answers and the clock are checked again. */
const RUNS_PER_TURN = 8
const TURN = RUN * RUNS_PER_TURN
const GARBAGE_BYTES_MAX = 128
const ANSWER_SLOT_BYTES = 128
/** What has been due for longer is not made up for. */
const LATE_MS_MAX = 20
const ANSWERS_WAIT_MS = 300

interface Source {
  readonly train: PacketTrain
  readonly answers: ReceiveBatch
}

class Forger {
  private readonly memory = new PacketMemory(RUN, ANSWER_SLOT_BYTES, GARBAGE_BYTES_MAX)
  private readonly random = new Random(1, 1)
  private readonly sources: readonly Source[]
  sent = 0
  sentBytes = 0
  connects = 0
  answers = 0
  answerBytes = 0
  refused = 0

  constructor(to: string, firstAddress: string, step: number, count: number) {
    const [a, b, c, d] = firstAddress.split('.').map(Number)
    const first = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    this.sources = Array.from({ length: count }, (_, i) => this.open(to, first + i * step))
  }

  /** A run from each of some addresses, drawn at random. */
  send(): void {
    for (let i = 0; i < RUNS_PER_TURN; i++) {
      const source = this.sources[this.random.below(this.sources.length)]
      this.takeAnswers(source)
      const bytes = this.queueRun(source.train, this.random.next() & 3)
      this.refused += source.train.flush()
      this.sent += RUN
      this.sentBytes += bytes * RUN
    }
  }

  takeAllAnswers(): void {
    for (const source of this.sources) this.takeAnswers(source)
  }

  private takeAnswers({ answers }: Source): void {
    for (let received = RUN; received === RUN; ) {
      received = answers.receive(RUN)
      for (let i = 0; i < received; i++) {
        this.answers++
        this.answerBytes += answers.length(i)
      }
    }
  }

  /** Returns the bytes of each packet. */
  private queueRun(train: PacketTrain, kind: number): number {
    const { memory, random } = this
    const words = memory.answers
    const garbage = random.below(GARBAGE_BYTES_MAX + 1)
    const bytes = [garbage, REQUEST_BYTES_MIN, ANNOUNCE_BYTES_MIN, SCRAPE_BYTES][kind]
    for (let i = 0; i < RUN; i++) {
      const at = memory.end
      for (let word = at; word < at + Math.ceil(bytes / 4); word++) words[word] = random.next()
      if (kind === 1) {
        words[at + REQUEST_ID] = PROTOCOL_ID_0
        words[at + REQUEST_ID + 1] = PROTOCOL_ID_1
      }
      if (kind !== 0) words[at + REQUEST_ACTION] = ACTIONS[kind]
      train.queue(bytes)
    }
    if (kind === 1) this.connects += RUN
    return bytes
  }

  private open(to: string, from: number): Source {
    const target = parseSocketAddress(to)
    if ('fault' in target) throw new Error(`${to} ${target.fault}`)
    const { fd } = openUdpSocket({
      family: 4,
      address: [24, 16, 8, 0].map((shift) => (from >>> shift) & 255),
      port: 0,
      sharePort: false,
      dualStack: false,
      packetInfo: false,
      receiveBufferBytes: 0,
    })
    connectUdpSocket(fd, { ...target, address: addressBytes(target) })
    return {
      train: new PacketTrain(fd, this.memory, true),
      answers: new ReceiveBatch(fd, this.memory),
    }
  }
}

function flood(forger: Forger, perMs: number, seconds: number): ForgerReport {
  const startMs = nowMilliseconds()
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const dueMax = Math.ceil(LATE_MS_MAX * perMs) + TURN
  let late = 0
  for (let now = startMs; now - startMs < seconds * 1000; now = nowMilliseconds()) {
    let due = Math.floor((now - startMs) * perMs) - forger.sent - late
    if (due > dueMax) {
      late += due - dueMax
      due = dueMax
    }
    if (due >= TURN) forger.send()
    else Atomics.wait(pause, 0, 0, 0.2)
  }
  // The last answers are on their way.
  Atomics.wait(pause, 0, 0, ANSWERS_WAIT_MS)
  forger.takeAllAnswers()
  const { sent, sentBytes, connects, answers, answerBytes, refused } = forger
  const { user, system } = process.cpuUsage()
  const cpuSeconds = (user + system) / 1e6
  const counts = { sent, sentBytes, connects, answers, answerBytes, late }
  return {
    ...counts,
    refusedBySystem: refused,
    seconds,
    cpuSeconds,
  }
}

if (import.meta.main) {
  const [to, rate, seconds, first, step, count] = process.argv.slice(2)
  const forger = new Forger(to, first, Number(step), Number(count))
  console.log(JSON.stringify(flood(forger, Number(rate) / 1000, Number(seconds))))
}
