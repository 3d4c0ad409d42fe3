// Carries bytes over TLS, with the runtime's sockets. Used by worker.ts, whose thread then has an event
// loop. Owns the sockets, and the session that further handshakes resume.
//
// The certificate is not checked: whoever tests a tracker may have made it a minute ago.
import type { Socket } from 'bun'
import { orEnd } from '../or-end.ts'
import type { Transport, TransportUser } from './transport.ts'

export interface TlsTarget {
  readonly hostname: string
  readonly port: number
  /** Of each source of the worker; '' leaves the address to the system. */
  readonly from: readonly string[]
  /** Take up the session of an earlier connection, as clients do that come back. */
  readonly resumes: boolean
}

/** What the runtime's sockets can do, and its types do not tell. */
interface TlsSocket extends Socket {
  getSession(): Buffer | undefined
  setSession(session: Buffer): void
  isSessionReused(): boolean
}

class TlsConnection {
  socket: TlsSocket | null = null
  isOpen = false
  /** Nothing is told of it any more. */
  isOver = false
  hasSession = false
  waiting: Uint8Array[] = []
}

export class TlsTransport implements Transport {
  readonly output: Uint8Array
  private readonly target: TlsTarget
  private readonly user: TransportUser
  private readonly resumed: () => void
  private readonly connections: (TlsConnection | null)[]
  private session: Buffer | null = null

  /** `resumed` is called for each handshake that took an earlier session up. */
  constructor(options: {
    slots: number
    outputBytes: number
    target: TlsTarget
    user: TransportUser
    resumed: () => void
  }) {
    this.target = options.target
    this.user = options.user
    this.resumed = options.resumed
    this.output = new Uint8Array(options.outputBytes)
    this.connections = Array.from({ length: options.slots }, () => null)
  }

  connect(slot: number, source: number, length: number): boolean {
    const { hostname, port, from } = this.target
    const connection = new TlsConnection()
    connection.waiting.push(this.output.slice(0, length))
    this.connections[slot] = connection
    const localAddress = from[source]
    const connecting = Bun.connect({
      hostname,
      port,
      tls: { rejectUnauthorized: false, serverName: hostname },
      ...(localAddress === '' ? {} : { localAddress }),
      socket: {
        open: (socket) => orEnd(() => this.connected(connection, socket as TlsSocket)),
        // It tells whether the certificate is one to trust, which it need not be.
        handshake: () => orEnd(() => this.shaken(slot, connection)),
        data: (_, bytes) => orEnd(() => this.received(slot, connection, bytes)),
        drain: () => orEnd(() => this.flush(connection)),
        close: () => orEnd(() => this.end(slot, connection)),
        error: () => orEnd(() => this.end(slot, connection)),
        connectError: () => orEnd(() => this.end(slot, connection)),
      },
    })
    connecting.catch(() => orEnd(() => this.end(slot, connection)))
    return true
  }

  send(slot: number, length: number): void {
    const connection = this.connections[slot]
    if (connection === null) return
    connection.waiting.push(this.output.slice(0, length))
    if (connection.isOpen) this.flush(connection)
  }

  close(slot: number): void {
    const connection = this.connections[slot]
    this.connections[slot] = null
    if (connection === null) return
    connection.isOver = true
    connection.socket?.end()
  }

  private connected(connection: TlsConnection, socket: TlsSocket): void {
    connection.socket = socket
    if (connection.isOver) {
      socket.end()
      return
    }
    socket.setNoDelay(true)
    if (this.session !== null) socket.setSession(this.session)
  }

  private shaken(slot: number, connection: TlsConnection): void {
    if (connection.isOver) return
    if (connection.socket?.isSessionReused() === true) this.resumed()
    connection.isOpen = true
    this.user.opened(slot)
    this.flush(connection)
  }

  private received(slot: number, connection: TlsConnection, bytes: Buffer): void {
    if (connection.isOver) return
    // Tickets of TLS 1.3 come after the handshake, at the latest with the first answer.
    if (this.target.resumes && !connection.hasSession) {
      this.session = connection.socket?.getSession() ?? this.session
      connection.hasSession = true
    }
    this.user.received(slot, bytes, 0, bytes.length)
  }

  private flush(connection: TlsConnection): void {
    const { waiting, socket } = connection
    while (waiting.length > 0 && socket !== null && !connection.isOver) {
      const sent = Math.max(0, socket.write(waiting[0]))
      if (sent < waiting[0].length) {
        waiting[0] = waiting[0].subarray(sent)
        return
      }
      waiting.shift()
    }
  }

  private end(slot: number, connection: TlsConnection): void {
    if (connection.isOver) return
    connection.isOver = true
    this.connections[slot] = null
    this.user.ended(slot)
  }
}
