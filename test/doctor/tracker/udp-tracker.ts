// A small UDP tracker that does as our documents say, apart from one fault that a test plants. It shares no code with the
// doctor or our trackers. IPv4 only. Owns its sockets until close().
import { createHash } from 'node:crypto'

const PACKET_MAX = 1472

export interface From {
  readonly host: string
  readonly port: number
}

interface Peer {
  readonly address: string
  readonly port: number
  readonly seeder: boolean
}

/** What is wrong with it: each part replaces the right one. */
export interface UdpFault {
  /** Changes a request before it is read; null loses it. */
  readonly request?: (packet: Buffer, from: From, tracker: UdpTracker) => Buffer | null
  /** Changes what is sent; null: nothing. */
  readonly answer?: (
    answer: Buffer | null,
    request: Buffer,
    from: From,
    tracker: UdpTracker,
  ) => Buffer | readonly Buffer[] | null
  /** Whether a connection id is taken. */
  readonly accepts?: (id: Buffer, from: From, right: Buffer) => boolean
  readonly idFor?: (from: From) => Buffer
  /** Answers from another address. */
  readonly elsewhere?: boolean
  /** What tells peers apart, and where a peer is. */
  readonly key?: (packet: Buffer, from: From) => string
  readonly address?: (packet: Buffer, from: From) => string
  /** The most bytes of an answer. */
  readonly bytesMax?: number
}

const PROTOCOL_ID = Buffer.from('0000041727101980', 'hex')

export class UdpTracker {
  readonly swarms = new Map<string, Map<string, Peer>>()
  readonly downloads = new Map<string, number>()
  private socket!: Bun.udp.Socket<'buffer'>
  private other!: Bun.udp.Socket<'buffer'>
  private readonly fault: UdpFault

  static async open(fault: UdpFault = {}): Promise<UdpTracker> {
    const tracker = new UdpTracker(fault)
    tracker.other = await Bun.udpSocket({ hostname: '127.0.0.2' })
    tracker.socket = await Bun.udpSocket({
      hostname: '127.0.0.1',
      socket: {
        data: (_, packet, port, host) => tracker.receive(Buffer.from(packet), { host, port }),
        // Of clients that have gone.
        error: () => {},
      },
    })
    return tracker
  }

  private constructor(fault: UdpFault) {
    this.fault = fault
  }

  get port(): number {
    return this.socket.port
  }

  close(): void {
    this.socket.close()
    this.other.close()
  }

  swarm(hash: string): Map<string, Peer> {
    const known = this.swarms.get(hash) ?? new Map<string, Peer>()
    this.swarms.set(hash, known)
    return known
  }

  private receive(packet: Buffer, from: From): void {
    const { request, answer, elsewhere } = this.fault
    const read = request === undefined ? packet : request(packet, from, this)
    const right = read === null ? null : this.answerTo(read, from)
    const sent = answer === undefined ? right : answer(right, packet, from, this)
    const all = sent === null ? [] : Buffer.isBuffer(sent) ? [sent] : sent
    const socket = elsewhere === true ? this.other : this.socket
    for (const each of all) {
      try {
        socket.send(each, from.port, from.host)
      } catch {
        // The system tells here that an earlier answer reached nobody.
      }
    }
  }

  private answerTo(packet: Buffer, from: From): Buffer | null {
    if (packet.length < 16) return null
    const action = packet.readUInt32BE(8)
    const id = packet.subarray(0, 8)
    if (action === 0) return id.equals(PROTOCOL_ID) ? answerOf(0, packet, this.idFor(from)) : null
    const right = this.idFor(from)
    const accepted = this.fault.accepts?.(id, from, right) ?? id.equals(right)
    if (!accepted) return null
    if (action === 1 && packet.length >= 98) return this.announce(packet, from)
    if (action === 2) return this.scrape(packet)
    return null
  }

  private idFor(from: From): Buffer {
    return (
      this.fault.idFor?.(from) ??
      createHash('sha256').update(`secret ${from.host}`).digest().subarray(0, 8)
    )
  }

  private announce(packet: Buffer, from: From): Buffer {
    const hash = packet.toString('hex', 16, 36)
    const port = packet.readUInt16BE(96)
    if (port === 0) return errorOf(packet, 'Port must not be 0')
    const seeder = packet.readBigUInt64BE(64) === 0n
    const event = packet.readUInt32BE(80)
    const address = this.fault.address?.(packet, from) ?? from.host
    const key = this.fault.key?.(packet, from) ?? `${from.host} ${port}`
    const swarm = this.swarm(hash)
    const before = swarm.get(key)
    if (event === 3) swarm.delete(key)
    else swarm.set(key, { address, port, seeder })
    if (event === 1 && before?.seeder === false)
      this.downloads.set(hash, (this.downloads.get(hash) ?? 0) + 1)
    const others = [...swarm].flatMap(([each, peer]) => (each === key ? [] : [peer]))
    const head = Buffer.alloc(12)
    head.writeUInt32BE(900, 0)
    head.writeUInt32BE(others.filter((peer) => !peer.seeder).length, 4)
    head.writeUInt32BE(others.filter((peer) => peer.seeder).length, 8)
    const numWant = packet.readInt32BE(92)
    const room = Math.floor(((this.fault.bytesMax ?? PACKET_MAX) - 20) / 6)
    const count = event === 3 ? 0 : numWant <= 0 ? room : Math.min(numWant, room)
    const fit = others.filter((peer) => !(seeder && peer.seeder)).slice(0, count)
    return answerOf(1, packet, Buffer.concat([head, ...fit.map(peerBytes)]))
  }

  private scrape(packet: Buffer): Buffer {
    const whole = Math.floor((packet.length - 16) / 20)
    if (whole === 0) return errorOf(packet, 'No info hash')
    const count = Math.min(whole, Math.floor(((this.fault.bytesMax ?? PACKET_MAX) - 8) / 12))
    const entries = Array.from({ length: count }, (_, i) => {
      const hash = packet.toString('hex', 16 + 20 * i, 36 + 20 * i)
      const peers = [...(this.swarms.get(hash)?.values() ?? [])]
      const seeders = peers.filter(({ seeder }) => seeder).length
      return words(seeders, this.downloads.get(hash) ?? 0, peers.length - seeders)
    })
    return answerOf(2, packet, Buffer.concat(entries))
  }
}

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i)
  return bytes
}

export function answerOf(action: number, request: Buffer, rest: Buffer): Buffer {
  return Buffer.concat([words(action, request.readUInt32BE(12)), rest])
}

export function errorOf(request: Buffer, text: string): Buffer {
  return answerOf(3, request, Buffer.from(text))
}

export function peerBytes({ address, port }: { address: string; port: number }): Buffer {
  return Buffer.from([...address.split('.').map(Number), port >> 8, port & 255])
}
