// A UDP tracker of a page, right in everything or wrong in one thing, for the tests of the load
// tester's checks. Written from BEP 15, not from our tracker, so that they do not share mistakes.
import { type Announced, announcedText, Swarms } from '../swarms.ts'

const PROTOCOL_ID = 0x41727101980n
const CONNECTION_ID = 0x1122334455667788n
const INTERVAL_SEC = 900

export interface Answer {
  readonly kind: 'connect' | 'announce' | 'scrape'
  packet: Buffer
  /** Sent as often. */
  copies: number
}

/** Each may change one in `every` answers, of the kind it is about. */
export interface Fault {
  readonly announced?: (answer: Announced) => void
  readonly answer?: (answer: Answer) => void
  /** Answers requests without a valid connection id, with this packet. */
  readonly invalidId?: (request: Buffer) => Buffer
  /** Default 5: most answers are right. */
  readonly every?: number
}

export class SmallTracker {
  answers = 0
  /** Answers that a fault has changed. */
  faults = 0
  private socket!: Bun.udp.Socket<'buffer'>
  private readonly swarms = new Swarms(INTERVAL_SEC)
  private readonly fault: Fault

  private constructor(fault: Fault) {
    this.fault = fault
  }

  static async open(fault: Fault, hostname = '127.0.0.1'): Promise<SmallTracker> {
    const tracker = new SmallTracker(fault)
    tracker.socket = await Bun.udpSocket({
      hostname,
      socket: {
        data: (_, packet, port, address) => tracker.receive(packet, port, address),
        // For a load tester that has ended, ICMP errors come.
        error: () => {},
      },
    })
    return tracker
  }

  get port(): number {
    return this.socket.port
  }

  close(): void {
    this.socket.close()
  }

  private receive(request: Buffer, port: number, address: string): void {
    const answer = this.answerTo(request, address)
    if (answer === null) return
    this.answers++
    if (this.fault.answer !== undefined && this.isDue()) {
      const before = `${answer.packet.toString('hex')} ${answer.copies}`
      this.fault.answer(answer)
      if (`${answer.packet.toString('hex')} ${answer.copies}` !== before) this.faults++
    }
    for (let i = 0; i < answer.copies; i++) this.socket.send(answer.packet, port, address)
  }

  /** The first ones are right, so that a run gets going. */
  private isDue(): boolean {
    return this.answers > 200 && this.answers % (this.fault.every ?? 5) === 0
  }

  private answerTo(request: Buffer, address: string): Answer | null {
    if (request.length < 16) return null
    const action = request.readUInt32BE(8)
    const id = request.readBigUInt64BE(0)
    if (action === 0 && id === PROTOCOL_ID) return this.connect(request)
    if (id !== CONNECTION_ID) {
      const packet = this.fault.invalidId?.(request)
      return packet === undefined ? null : { kind: 'connect', packet, copies: 1 }
    }
    if (action === 1 && request.length >= 98) return this.announce(request, address)
    return action === 2 ? this.scrape(request) : null
  }

  private connect(request: Buffer): Answer {
    const packet = head(0, request, 16)
    packet.writeBigUInt64BE(CONNECTION_ID, 8)
    return { kind: 'connect', packet, copies: 1 }
  }

  private announce(request: Buffer, address: string): Answer {
    const announced = this.swarms.announce({
      infoHash: request.toString('hex', 16, 36),
      address,
      port: request.readUInt16BE(96),
      isSeeder: request.readBigUInt64BE(64) === 0n,
      wanted: request.readInt32BE(92),
    })
    if (this.fault.announced !== undefined && this.isDue()) {
      const before = announcedText(announced)
      this.fault.announced(announced)
      if (announcedText(announced) !== before) this.faults++
    }
    const packet = head(1, request, 20)
    packet.writeUInt32BE(announced.interval, 8)
    packet.writeUInt32BE(announced.leechers, 12)
    packet.writeUInt32BE(announced.seeders, 16)
    return { kind: 'announce', packet: Buffer.concat([packet, ...announced.peers]), copies: 1 }
  }

  private scrape(request: Buffer): Answer {
    const entries: Buffer[] = []
    for (let at = 16; at + 20 <= request.length; at += 20) {
      const { seeders, leechers } = this.swarms.counts(request.toString('hex', at, at + 20))
      const entry = Buffer.alloc(12)
      entry.writeUInt32BE(seeders, 0)
      entry.writeUInt32BE(leechers, 8)
      entries.push(entry)
    }
    return { kind: 'scrape', packet: Buffer.concat([head(2, request, 8), ...entries]), copies: 1 }
  }
}

function head(action: number, request: Buffer, bytes: number): Buffer {
  const packet = Buffer.alloc(bytes)
  packet.writeUInt32BE(action, 0)
  request.copy(packet, 4, 12, 16)
  return packet
}
