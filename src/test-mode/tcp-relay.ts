// Stands between clients and the tracker over TCP, on one address, plain or with TLS, as udp-relay.ts does over UDP. Made
// by session.ts. Knows no protocol: what a connection's bytes are is said by its `Conversation`. Owns the port and its
// connections.
import { createServer, connect as open, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { addressBytes } from '../config/address.ts'
import { openBound } from '../os/tcp-port.ts'
import type { FaultSource } from './faults.ts'
import type { Place } from './udp-relay.ts'

/** What understands one connection's bytes. It gets them as they come, in any pieces. */
export interface Conversation {
  fromClient(bytes: Buffer): void
  fromTracker(bytes: Buffer): void
  /** The client sends no more. */
  clientEnds(): void
}

/** Where a conversation writes. */
export interface Ends {
  toClient(bytes: Buffer): void
  toTracker(bytes: Buffer): void
  endTracker(): void
  readonly source: FaultSource
}

export interface Certificate {
  readonly key: string
  readonly certificate: string
}

export interface TcpRelayOptions {
  readonly host: string
  readonly tracker: Place
  readonly source: FaultSource
  readonly converse: (ends: Ends) => Conversation
  /** Null: without TLS. */
  readonly tls: Certificate | null
}

export class TcpRelay {
  readonly port: number
  private readonly options: TcpRelayOptions
  private server: Server | undefined
  private readonly sockets = new Set<Socket>()

  /**
   * Port 0: one that the system chooses. It is held by a socket that does not listen, so that it stays ours while the
   * relay is dead.
   */
  constructor(options: TcpRelayOptions, port: number) {
    const { host } = options
    const family = host.includes(':') ? 6 : 4
    const address = addressBytes({ family, host, port })
    this.port = openBound({ family, address, port, dualStack: false }, true).port
    this.options = options
  }

  open(): Promise<void> {
    const { host, tls } = this.options
    const serve = (client: Socket) => this.serve(client)
    const server =
      tls === null
        ? createServer({ allowHalfOpen: true }, serve)
        : createTlsServer({ key: tls.key, cert: tls.certificate }, serve)
    this.server = server
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port: this.port, reusePort: true }, () => resolve())
    })
  }

  /** Nobody listens, and connections are cut off. */
  async die(): Promise<void> {
    this.server?.close()
    for (const socket of this.sockets) socket.destroy()
  }

  async revive(): Promise<void> {
    await this.open()
  }

  private serve(client: Socket): void {
    const { tracker, source, converse } = this.options
    // The client's own address, so that the tracker sees who asks.
    const localAddress = client.remoteAddress ?? this.options.host
    const upstream = open({ ...tracker, localAddress, allowHalfOpen: true })
    const conversation = converse({
      toClient: (bytes) => void client.write(bytes),
      toTracker: (bytes) => void upstream.write(bytes),
      endTracker: () => void upstream.end(),
      source,
    })
    client.on('data', (bytes: Buffer) => conversation.fromClient(bytes))
    upstream.on('data', (bytes: Buffer) => conversation.fromTracker(bytes))
    client.on('end', () => conversation.clientEnds())
    upstream.on('end', () => client.end())
    this.keep(client, upstream)
    this.keep(upstream, client)
  }

  private keep(socket: Socket, other: Socket): void {
    this.sockets.add(socket)
    socket.setNoDelay(true)
    // The end of a connection is told to the other side by its own 'close'.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.sockets.delete(socket)
      other.destroySoon()
    })
  }
}
