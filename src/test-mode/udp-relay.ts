// Stands between clients and the tracker over UDP, on one address, so that faults are none of the serving code's business.
// Made by session.ts. Owns its sockets: one that clients see, and one for each client, with the client's own address, so
// that the tracker sees who asks.
import type { FaultSource } from './faults.ts'

type Socket = Bun.udp.Socket<'buffer'>
type Connected = Bun.udp.ConnectedSocket<'buffer'>

/** A test has fewer clients; the one that was heard of first is forgotten. */
const CLIENTS_MAX = 1000

// BEP 15 │ request: 0 connection id u64 │ 8 action u32 │ 12 transaction u32
//        │ error:   0 action u32 │ 4 transaction u32 │ 8 reason
const REQUEST_ACTION = 8
const REQUEST_TRANSACTION = 12
const REQUEST_BYTES_MIN = 16
const ACTION_ANNOUNCE = 1
const ACTION_SCRAPE = 2
const ACTION_ERROR = 3
const ERROR_REASON = 8

/** Nobody sends from here, so a socket connected to it refuses all packets: what a closed port does. */
const NOWHERE_PORT = 1

export interface Place {
  readonly host: string
  readonly port: number
}

export class UdpRelay {
  port = 0
  private front: Socket | Connected | undefined
  private readonly clients = new Map<string, Promise<Connected>>()
  private readonly host: string
  private readonly tracker: Place
  private readonly source: FaultSource

  constructor(host: string, tracker: Place, source: FaultSource) {
    this.host = host
    this.tracker = tracker
    this.source = source
  }

  /** Port 0: one that the system chooses. */
  async open(port: number): Promise<void> {
    const front = await Bun.udpSocket({
      hostname: this.host,
      port,
      socket: {
        data: (_, packet, from, address) => void this.fromClient(packet, from, address),
        // Of a client that has gone.
        error: () => {},
      },
    })
    this.front = front
    this.port = front.port
  }

  /** Nobody listens, and the port stays ours. */
  async die(): Promise<void> {
    this.front?.close()
    const { host: hostname, port } = this
    const connect = { hostname, port: NOWHERE_PORT }
    const socket = { data: () => {}, error: () => {} }
    this.front = await Bun.udpSocket({ hostname, port, connect, socket })
  }

  async revive(): Promise<void> {
    this.front?.close()
    await this.open(this.port)
  }

  private async fromClient(packet: Buffer, port: number, address: string): Promise<void> {
    if (this.source.loses()) return
    const { delayMs, error } = this.source.faults
    const copy = Buffer.from(packet)
    if (delayMs > 0) await Bun.sleep(delayMs)
    const failure = error === null ? null : failureFor(copy, error)
    if (failure !== null) this.toClient(failure, port, address)
    else (await this.clientSocket(port, address)).send(copy)
  }

  private toClient(packet: Buffer, port: number, address: string): void {
    // A dead relay's socket is connected, and has no such function.
    if (!this.source.faults.dead) (this.front as Socket).send(packet, port, address)
  }

  private clientSocket(port: number, address: string): Promise<Connected> {
    const name = `${address} ${port}`
    const known = this.clients.get(name)
    if (known !== undefined) return known
    const [oldest] = this.clients
    if (this.clients.size >= CLIENTS_MAX) {
      this.clients.delete(oldest[0])
      void oldest[1].then((socket) => socket.close())
    }
    const opened = Bun.udpSocket({
      hostname: address,
      connect: { hostname: this.tracker.host, port: this.tracker.port },
      socket: {
        data: (_, packet) => {
          if (!this.source.loses()) this.toClient(Buffer.from(packet), port, address)
        },
        error: () => {},
      },
    })
    this.clients.set(name, opened)
    return opened
  }
}

/** The error for an announce or a scrape; null for a connect, which a client must get past, and for other packets. */
export function failureFor(packet: Buffer, reason: string): Buffer | null {
  if (packet.length < REQUEST_BYTES_MIN) return null
  const action = packet.readUInt32BE(REQUEST_ACTION)
  if (action !== ACTION_ANNOUNCE && action !== ACTION_SCRAPE) return null
  const head = Buffer.alloc(ERROR_REASON)
  head.writeUInt32BE(ACTION_ERROR, 0)
  packet.copy(head, 4, REQUEST_TRANSACTION, REQUEST_BYTES_MIN)
  return Buffer.concat([head, Buffer.from(reason)])
}
