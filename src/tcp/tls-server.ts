// Connections of one worker over TLS, on the runtime's sockets: the runtime accepts, makes the handshake, and
// calls back with decrypted data. Driven by the event loop of a separate worker. connections.ts decides what
// happens to a connection, for these and for plain ones. Owns the listening sockets and the connections.
//
// A connection counts from when it is accepted: until its first request it is in `first`, handshake included. It ends
// in `linger`, already counted: the end is shown, and if the peer shows none, it is cut off soon.
import type { Socket } from 'bun'
import { readPeerName } from '../os/peers.ts'
import { acknowledge, BROKEN, moveBytes, NativeBytes, peerName, WAIT } from '../os/tcp-stream.ts'
import type { TlsFiles } from '../tls/tls.ts'
import { BLOCK_BYTES_MAX } from './blocks.ts'
import type { Connection } from './connection.ts'
import { type ConnectionOptions, LINGER_BYTES_MAX, TcpConnections } from './connections.ts'
import {
  ACCEPTED,
  CLOSED_ANSWERED,
  CLOSED_BY_CLIENT,
  CLOSED_HANDSHAKE,
  CLOSED_IDLE_TIMEOUT,
  CLOSED_OVERRUN,
  CLOSED_REQUEST_TIMEOUT,
  CLOSED_RESET,
  CLOSED_STOP,
  CLOSED_UNFINISHED,
  HANDSHAKES_FULL,
  HANDSHAKES_RESUMED,
  LOST_AT_STOP,
} from './counters.ts'
import type { ServerAddress } from './server-address.ts'
import { TlsListener } from './tls-listener.ts'
import type { ByteSender } from './transfer.ts'

/** Undefined in callbacks of a socket whose `open` was never called; null once it has no connection. */
type TlsSocket = Socket<Connection | null | undefined>

/** With these reasons the peer still receives data in flight; with others the connection is cut off. */
const POLITE: ReadonlySet<number> = new Set([
  CLOSED_ANSWERED,
  CLOSED_IDLE_TIMEOUT,
  CLOSED_REQUEST_TIMEOUT,
  CLOSED_STOP,
])

/** Memory for bytes to send. */
export interface NativeMemory {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly address: number
}

/** The runtime's sockets, by the slot of their connections. */
export class TlsSockets implements ByteSender {
  private readonly bySlot: (TlsSocket | null)[] = []
  private readonly memories: readonly NativeMemory[]
  private readonly scratch = new NativeBytes(BLOCK_BYTES_MAX)

  /** `memories`: what is sent from them is not copied. */
  constructor(...memories: readonly NativeMemory[]) {
    this.memories = memories
  }

  set({ slot }: Connection, socket: TlsSocket | null): void {
    this.bySlot[slot] = socket
  }

  of({ slot }: Connection): TlsSocket | null {
    return this.bySlot[slot] ?? null
  }

  /** Bytes that were not accepted must be sent again unchanged: some may already be encrypted. */
  send(connection: Connection, address: number, bytes: number): number {
    const socket = this.of(connection)
    if (socket === null) return BROKEN
    let { bytes: from, address: start } = this.scratch
    for (let i = 0; i < this.memories.length; i++) {
      const memory = this.memories[i]
      if (address < memory.address || address >= memory.address + memory.bytes.length) continue
      from = memory.bytes
      start = memory.address
    }
    if (start === this.scratch.address) moveBytes(start, address, bytes)
    const at = start === this.scratch.address ? 0 : address - start
    const sent = socket.write(from, at, bytes)
    if (sent > 0) return sent
    return sent === 0 ? WAIT : BROKEN
  }
}

export interface TlsServerOptions extends ConnectionOptions {
  readonly sockets: TlsSockets
  readonly addresses: readonly ServerAddress[]
  /** Called before bytes are handled; returns the second of the monotonic clock. */
  readonly before: () => number
  /** Called once they are handled and answered; `served`: how often, without those of handlers that last. */
  readonly after: (served: number) => void
}

export class TlsServer extends TcpConnections {
  private readonly options: TlsServerOptions
  private readonly sockets: TlsSockets
  private readonly listeners: TlsListener<Connection | null | undefined>[] = []
  /** Code of this class is at work: the runtime may close a connection under it, which has to be noticed later. */
  private working = false

  constructor(options: TlsServerOptions) {
    super(options)
    this.options = options
    this.sockets = options.sockets
  }

  /** From now on connections come, with these certificates. Throws when one of the addresses cannot be opened. */
  listen(tls: TlsFiles): void {
    for (const address of this.options.addresses) {
      this.listeners.push(
        new TlsListener(address, tls, {
          open: (socket) => this.opened(socket),
          handshake: (socket, isDone) => this.shookHands(socket, isDone),
          data: (socket, data) => this.received(socket, data),
          drain: (socket) => this.drained(socket),
          close: (socket, error) => this.closed(socket, error !== undefined),
        }),
      )
    }
  }

  /** For handshakes from now on; connections go on with those that they have. */
  setCertificates(tls: TlsFiles): void {
    for (const listener of this.listeners) listener.setCertificates(tls)
  }

  /** Call it regularly, for deadlines. */
  tick(now: number): void {
    this.now = now
    this.work(() => this.expire())
  }

  /** Begins the stop: closes idle connections; others may be served until `close`. */
  stopListening(): void {
    this.stopping = true
    this.closeListeners()
    this.work(() => this.closeAll(this.idle))
  }

  /** Closes all that is left. */
  close(): void {
    this.work(() => this.closeEach())
  }

  protected watch(): boolean {
    return true
  }

  /** The main thread takes care of descriptors (descriptor-guard.ts). */
  protected hasSpare(): boolean {
    return true
  }

  protected endSending(connection: Connection): void {
    this.sockets.of(connection)?.shutdown()
  }

  protected disconnect(connection: Connection): void {
    this.detach(connection)?.terminate()
  }

  protected override finish(connection: Connection): void {
    this.end(connection, CLOSED_ANSWERED)
  }

  protected override end(connection: Connection, reason: number): void {
    if (connection.list === this.linger) {
      this.disconnect(connection)
      this.forget(connection)
      return
    }
    if (!POLITE.has(reason)) {
      super.end(connection, reason)
      return
    }
    this.counts[this.countsAt + reason]++
    this.transfer.release(connection)
    this.endSending(connection)
    if (this.sockets.of(connection) === null) this.forget(connection)
    else this.stay(connection, this.linger, 0)
  }

  /** Has somebody write to connections, or end them. */
  work(task: () => void): void {
    this.working = true
    task()
    this.working = false
  }

  private closeListeners(): void {
    for (const listener of this.listeners.splice(0)) {
      this.counts[this.countsAt + LOST_AT_STOP] += listener.waiting
      listener.stop()
    }
  }

  private detach(connection: Connection): TlsSocket | null {
    const socket = this.sockets.of(connection)
    this.sockets.set(connection, null)
    if (socket !== null) socket.data = null
    return socket
  }

  private opened(socket: TlsSocket): void {
    this.counts[this.countsAt + ACCEPTED]++
    this.now = this.options.before()
    const connection = this.newcomer(fdOf(socket))
    socket.data = connection
    this.sockets.set(connection, socket)
    if (readPeerName(connection.fd, peerName)) {
      connection.readPeer(peerName)
      this.stay(connection, this.first, 0)
    } else this.end(connection, CLOSED_RESET)
  }

  private shookHands(socket: TlsSocket, isDone: boolean): void {
    const connection = socket.data
    if (connection === undefined || connection === null) return
    if (!isDone) {
      // The runtime sends an alert and closes it.
      connection.fault = CLOSED_HANDSHAKE
      return
    }
    // Many clients send their request in a segment of its own, which their system holds back until what ended the
    // handshake is acknowledged (Nagle's algorithm): 40 ms later, as there is nothing to answer yet.
    acknowledge(connection.fd)
    if (isResumed(socket)) this.counts[this.countsAt + HANDSHAKES_RESUMED]++
    else this.counts[this.countsAt + HANDSHAKES_FULL]++
  }

  private received(socket: TlsSocket, data: Uint8Array): void {
    const connection = socket.data
    if (connection === undefined || connection === null) return
    if (connection.list === this.linger) {
      connection.lingered += data.length
      if (connection.lingered > LINGER_BYTES_MAX) this.end(connection, CLOSED_ANSWERED)
      return
    }
    this.now = this.options.before()
    this.served = 0
    this.work(() => this.takeAll(connection, socket, data))
    this.options.after(this.served)
  }

  private takeAll(connection: Connection, socket: TlsSocket, data: Uint8Array): void {
    for (let at = 0; at < data.length && this.isOpen(connection, socket); ) {
      const taken = this.transfer.take(connection, data, at)
      if (taken === 0) this.end(connection, CLOSED_OVERRUN)
      else this.use(connection, connection.heldBytes + taken)
      at += taken
    }
  }

  /** Handles the first `bytes` bytes of the input, which are this connection's. */
  private use(connection: Connection, bytes: number): void {
    if (connection.list !== this.unread) {
      this.handle(connection, bytes, false)
      this.serveOn()
      return
    }
    this.transfer.hold(connection, bytes)
    if (connection.fault >= 0) this.end(connection, connection.fault)
  }

  /** Serves all pipelined requests, however many: they have already been received, and cannot be stored. */
  private serveOn(): void {
    while (this.ready.first !== null) this.serveReady()
  }

  private isOpen(connection: Connection, socket: TlsSocket): boolean {
    return socket.data === connection && connection.list !== this.linger
  }

  private drained(socket: TlsSocket): void {
    const connection = socket.data
    if (connection === undefined || connection === null || connection.unsentBytes === 0) return
    this.now = this.options.before()
    this.served = 0
    this.work(() => {
      this.writeOn(connection)
      this.serveOn()
    })
    this.options.after(this.served)
  }

  private closed(socket: TlsSocket, isBroken: boolean): void {
    const connection = socket.data
    if (connection === undefined || connection === null) return
    this.detach(connection)
    if (this.working) {
      connection.fault = CLOSED_RESET
      return
    }
    if (connection.list !== this.linger) {
      this.counts[this.countsAt + this.whyClosed(connection, isBroken)]++
    }
    this.forget(connection)
  }

  private whyClosed(connection: Connection, isBroken: boolean): number {
    if (connection.fault >= 0) return connection.fault
    if (isBroken) return CLOSED_RESET
    const isUnfinished = connection.heldBytes > 0 || connection.unsentBytes > 0
    return isUnfinished ? CLOSED_UNFINISHED : CLOSED_BY_CLIENT
  }
}

// Exists in the runtime, but not in its types.

function fdOf(socket: TlsSocket): number {
  return (socket as TlsSocket & { readonly fd: number }).fd
}

function isResumed(socket: TlsSocket): boolean {
  return (socket as TlsSocket & { isSessionReused(): boolean }).isSessionReused()
}
