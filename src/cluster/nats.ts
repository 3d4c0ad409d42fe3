// The engine of a cluster over NATS core: messages of this node to the others. Made by the cluster's worker; the link
// (link.ts) uses it through the interface of engine.ts. Owns one connection, and a timer until close().
//
// The library connects, authenticates and parses. What it is not left to do:
//  reconnecting  it would not tell why a first connection fails, nor end while one is tried. So each connection is a new one.
//  memory        it writes to the socket whatever is published. So published bytes count until the server has answered a PING
//                that was sent after them, and beyond a limit nothing is taken.
//  silence       it ends a connection by a last write, which a server that reads nothing delays for ever. So a PING without
//                an answer ends it, without one.
import type {
  Authenticator,
  ConnectionOptions,
  NatsConnection,
  TlsOptions,
} from '@nats-io/transport-node'
import type { Credentials, EngineAccess, EngineTls } from './access.ts'
import type { Engine } from './engine.ts'
import { BATCH_BYTES_MAX } from './layout.ts'
import { transportClass } from './nats-transport.ts'

type Library = typeof import('@nats-io/transport-node')

/** Published and not yet known to have arrived: a second of the largest stream that a node can apply, and more. */
const UNCONFIRMED_BYTES_MAX = 16_777_216
/** What a message takes beside its bytes. */
const MESSAGE_OVERHEAD = 128

export interface EngineTimes {
  /** A connection has to be there within this time (milliseconds). */
  readonly connectMs: number
  /** How often the server is asked for an answer, if nothing is published. */
  readonly watchMs: number
  /** Before another attempt: the first one, and the longest after several. Up to as much again, at random. */
  readonly retryMs: number
  readonly retryMaxMs: number
  /** What is buffered at the end has this long, and closing as long again: a worker that stops gets no more (process/workers.ts). */
  readonly closeMs: number
}

export const ENGINE_TIMES: EngineTimes = {
  connectMs: 5000,
  watchMs: 2500,
  retryMs: 125,
  retryMaxMs: 2000,
  closeMs: 300,
}
/** A server that has not answered a PING after so many looks is given up. */
const SILENT_LOOKS_MAX = 4
/** Not taken by the system yet: what is unconfirmed, and answers to PINGs of a server that does not read them. */
const UNWRITTEN_BYTES_MAX = 2 * UNCONFIRMED_BYTES_MAX
/** Of what a server says, so much is passed on. */
const REASON_CHARACTERS_MAX = 200

type Receive = (bytes: Uint8Array, subject: string) => void
type StatusHandler = (connected: boolean, reason: string) => void
type RefusalHandler = (reason: string) => void

export class NatsEngine implements Engine {
  private readonly library: Library
  private options: ConnectionOptions
  private readonly times: EngineTimes
  private readonly subscriptions: { readonly subject: string; readonly receive: Receive }[] = []
  private connection: NatsConnection | null = null
  private handlers: StatusHandler[] = []
  private readonly refusalHandlers: RefusalHandler[] = []
  private status = ''
  private isClosing = false
  private unconfirmed = 0
  private isAsking = false
  /** How often nothing had come for a PING. Not a time: a process that was stopped has not waited. */
  private silentLooks = 0
  private wake: () => void = () => {}
  private readonly timer: ReturnType<typeof setInterval>
  /** Bytes of all that the server has sent, whoever hears of it. */
  received = 0
  /** Messages that were left out because no node's are so long. */
  tooLong = 0

  /** Loads the library, which is not there for trackers without a cluster, and begins to connect. */
  static async open(access: EngineAccess, times = ENGINE_TIMES): Promise<NatsEngine> {
    const library = await import('@nats-io/transport-node')
    const { NodeTransport, nodeResolveHost } = await import(
      '@nats-io/transport-node/lib/node_transport.js'
    )
    const engine = new NatsEngine(library, access, times)
    const Transport = transportClass(NodeTransport, {
      usesTls: access.tls !== null,
      unwrittenBytesMax: UNWRITTEN_BYTES_MAX,
      received: (bytes, tooLong) => engine.note(bytes, tooLong),
    })
    library.setTransportFactory({ factory: () => new Transport(), dnsResolveFn: nodeResolveHost })
    void engine.run()
    return engine
  }

  private constructor(library: Library, access: EngineAccess, times: EngineTimes) {
    this.library = library
    this.times = times
    this.options = optionsOf(library, access, times)
    this.timer = setInterval(() => this.look(), times.watchMs)
  }

  isConnected(): boolean {
    return this.connection !== null
  }

  /** Credentials and certificates for the next connection, which is tried at once if there is none. */
  configure(access: EngineAccess): void {
    this.options = optionsOf(this.library, access, this.times)
    this.wake()
  }

  private note(bytes: number, tooLong: number): void {
    this.received += bytes
    this.tooLong += tooLong
  }

  onStatus(handler: StatusHandler): void {
    this.handlers.push(handler)
  }

  onRefusal(handler: RefusalHandler): void {
    this.refusalHandlers.push(handler)
  }

  subscribe(subject: string, receive: Receive): void {
    this.subscriptions.push({ subject, receive })
    const { connection } = this
    if (connection !== null && !connection.isClosed())
      this.subscribeAt(connection, subject, receive)
  }

  publish(subject: string, bytes: Uint8Array): boolean {
    const { connection } = this
    const size = bytes.length + MESSAGE_OVERHEAD
    if (connection === null || connection.isClosed()) return false
    if (this.unconfirmed + size > UNCONFIRMED_BYTES_MAX) return false
    if (bytes.length > (connection.info?.max_payload ?? 0)) return false
    // The library keeps a reference until it writes, and the system must not see shared memory.
    connection.publish(subject, bytes.slice())
    this.unconfirmed += size
    if (!this.isAsking) this.ask(connection)
    return true
  }

  async close(): Promise<void> {
    if (this.isClosing) return
    this.isClosing = true
    clearInterval(this.timer)
    this.wake()
    const { connection } = this
    if (connection === null) return
    await within(connection.flush(), this.times.closeMs)
    await within(connection.close(), this.times.closeMs)
  }

  /** One connection after the other. */
  private async run(): Promise<void> {
    for (let failures = 0; !this.isClosing; ) {
      try {
        const connection = await this.connect()
        failures = 0
        await this.use(connection)
      } catch (error) {
        failures++
        this.tell(false, reasonOf(error))
      }
      if (!this.isClosing) await this.pause(failures)
    }
    this.tell(false, 'closed')
  }

  /** Tries all servers, one after the other. The reason is that of the last one. */
  private async connect(): Promise<NatsConnection> {
    try {
      // Not the library's function of this name, which would take its own transport again.
      return await this.library.NatsConnectionImpl.connect(this.options)
    } catch (error) {
      const { servers } = this.options
      throw new Error(`${reasonOf(error)} (${[servers].flat().join(', ')})`, { cause: error })
    }
  }

  /** Until it ends. */
  private async use(connection: NatsConnection): Promise<void> {
    if (this.isClosing) return connection.close()
    this.connection = connection
    this.unconfirmed = 0
    this.isAsking = false
    this.silentLooks = 0
    try {
      for (const { subject, receive } of this.subscriptions) {
        this.subscribeAt(connection, subject, receive)
      }
      void this.readErrors(connection)
      this.tell(true, `connected to ${connection.getServer()}`)
      const room = connection.info?.max_payload ?? 0
      if (room < BATCH_BYTES_MAX) {
        this.refuse(`its max_payload is ${room}, and batches have up to ${BATCH_BYTES_MAX} bytes`)
      }
      const error = await connection.closed()
      if (error instanceof Error) throw error
      if (this.isClosing) return
      const isSilent = this.silentLooks >= SILENT_LOOKS_MAX
      this.tell(false, isSilent ? 'the server does not answer' : 'the server closed the connection')
    } finally {
      this.connection = null
    }
  }

  private subscribeAt(connection: NatsConnection, subject: string, receive: Receive): void {
    const callback = (error: Error | null, message: { data: Uint8Array; subject: string }) => {
      if (error !== null) return
      try {
        // It may be a Buffer, of which slice() is no copy.
        const { buffer, byteOffset, length } = message.data
        receive(new Uint8Array(buffer, byteOffset, length), message.subject)
      } catch (bug) {
        // Here the library would catch it, and read no more.
        queueMicrotask(() => {
          throw bug
        })
      }
    }
    connection.subscribe(subject, { callback })
  }

  /** What the account is not allowed to do, above all. */
  private async readErrors(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type !== 'error' || connection !== this.connection) continue
      this.tell(true, reasonOf(status.error))
      this.refuse(reasonOf(status.error))
    }
  }

  private refuse(reason: string): void {
    for (const handler of this.refusalHandlers) handler(reason)
  }

  /** A PING; its answer confirms what was published before. */
  private ask(connection: NatsConnection): void {
    const covered = this.unconfirmed
    this.isAsking = true
    const answered = () => {
      if (connection !== this.connection) return
      this.isAsking = false
      this.silentLooks = 0
      this.unconfirmed -= covered
      if (this.unconfirmed > 0) this.ask(connection)
    }
    connection.flush().then(answered, () => {})
  }

  private look(): void {
    const { connection } = this
    if (connection === null) return
    if (!this.isAsking) this.ask(connection)
    else if (++this.silentLooks >= SILENT_LOOKS_MAX) void connection.close()
  }

  private tell(connected: boolean, reason: string): void {
    const status = `${connected} ${reason}`
    if (status === this.status) return
    this.status = status
    for (const handler of this.handlers) handler(connected, reason)
  }

  private pause(failures: number): Promise<void> {
    const { retryMs, retryMaxMs } = this.times
    const delay = Math.min(retryMs * 2 ** Math.min(failures, 16), retryMaxMs)
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay * (1 + Math.random()))
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function optionsOf(library: Library, access: EngineAccess, times: EngineTimes): ConnectionOptions {
  return {
    servers: [...access.servers],
    name: access.node,
    authenticator: authenticatorOf(library, access.credentials),
    tls: tlsOptions(access.tls),
    timeout: times.connectMs,
    reconnect: false,
    noEcho: true,
    // The first is one's own, or the nearest.
    noRandomize: true,
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    // Ours are enough.
    pingInterval: 2 ** 30,
  }
}

function authenticatorOf(library: Library, credentials: Credentials): Authenticator {
  const bytes = (text: string) => new TextEncoder().encode(text)
  switch (credentials.kind) {
    case 'none':
      return () => {}
    case 'password':
      return library.usernamePasswordAuthenticator(credentials.user, credentials.password)
    case 'token':
      return library.tokenAuthenticator(credentials.token)
    case 'nkey':
      return library.nkeyAuthenticator(bytes(credentials.seed))
    case 'creds':
      return library.credsAuthenticator(bytes(credentials.text))
  }
}

/** Null, and not missing: with that the library takes TLS where it is offered. */
function tlsOptions(tls: EngineTls | null): TlsOptions | null {
  if (tls === null) return null
  const given = Object.entries(tls).filter(([, pem]) => pem !== undefined)
  return Object.fromEntries(given)
}

/** In a line of printable characters: a server may say anything. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, REASON_CHARACTERS_MAX)
}

/** Waits for what may fail, and not for ever. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise.catch(() => {}), late])
  clearTimeout(timer)
}
