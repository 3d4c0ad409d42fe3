// A small HTTP server for the operations endpoint and the public page: GET and HEAD, one answer per connection. Opened
// by open-server.ts. Owns the listening socket, its connections, and a timer while there are any.
//
// Not the runtime's server, because that does not limit connections, and answers every
// request of a client that sends without reading. Here a connection gets one answer and is closed, so the
// number of connections bounds the answers under way too. When there are too many, the oldest is closed:
// nobody can keep the operator out by keeping connections open.
import type { SocketAddress } from '../config/address.ts'

/** Ten times what a browser, a few scrapers and health checks need together. */
const CONNECTIONS_MAX = 64
/** Browsers send one or two thousand, and more with cookies of other servers on the same host. */
const HEAD_BYTES_MAX = 16_384
/** Each: to send a head, to read an answer, and to close after it. */
const HEAD_MILLISECONDS = 5000
const ANSWER_MILLISECONDS = 20_000
const CLOSE_MILLISECONDS = 2000
const CHECK_MILLISECONDS = 500

export interface HttpRequest {
  readonly method: string
  readonly target: string
  /** Null in HTTP 1.0 without one. */
  readonly host: string | null
  /** Missing without one, or with several. */
  readonly authorization?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

interface Visit {
  head: string
  /** All bytes received, including empty lines before the head, which are not kept. */
  received: number
  answered: boolean
  /** What the socket has not taken yet. */
  rest: Uint8Array
  deadline: number
}

type Socket = Bun.Socket<Visit>

export class HttpServer {
  readonly port: number
  private readonly answer: (request: HttpRequest) => HttpAnswer
  private readonly listener: Bun.TCPSocketListener<Visit>
  /** The oldest first. */
  private readonly sockets = new Set<Socket>()
  private timer: ReturnType<typeof setInterval> | undefined

  /** `answer` must not throw. Throws what the runtime throws when it cannot listen. */
  constructor(
    { host, port }: SocketAddress,
    reusePort: boolean,
    answer: (request: HttpRequest) => HttpAnswer,
  ) {
    this.answer = answer
    // The runtime knows the option; its types do not.
    const sharing = { reusePort }
    this.listener = Bun.listen<Visit>({
      ...sharing,
      hostname: host,
      port,
      // A client that has closed its sending side still wants the answer.
      allowHalfOpen: true,
      socket: {
        open: (socket) => this.opened(socket),
        data: (socket, chunk) => this.received(socket, chunk),
        drain: (socket) => this.flush(socket),
        end: (socket) => this.ended(socket),
        close: (socket) => this.closed(socket),
        error: (socket) => socket.terminate(),
      },
    })
    this.port = this.listener.port
  }

  /** Closes the socket and all connections. */
  stop(): void {
    clearInterval(this.timer)
    this.listener.stop(true)
  }

  private opened(socket: Socket): void {
    const deadline = performance.now() + HEAD_MILLISECONDS
    socket.data = { head: '', received: 0, answered: false, rest: new Uint8Array(0), deadline }
    this.sockets.add(socket)
    this.timer ??= setInterval(() => this.closeLate(), CHECK_MILLISECONDS)
    if (this.sockets.size <= CONNECTIONS_MAX) return
    for (const oldest of this.sockets) {
      oldest.terminate()
      this.sockets.delete(oldest)
      return
    }
  }

  private closed(socket: Socket): void {
    this.sockets.delete(socket)
    if (this.sockets.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  private closeLate(): void {
    const now = performance.now()
    for (const socket of this.sockets) if (socket.data.deadline < now) socket.terminate()
  }

  private received(socket: Socket, chunk: Uint8Array): void {
    const visit = socket.data
    if (visit.answered) return
    visit.received += chunk.length
    visit.head += Buffer.from(chunk).toString('latin1')
    // Lines may end without a carriage return, and a head may begin with empty ones (RFC 9112, 2.2).
    visit.head = visit.head.replace(/^[\r\n]+/, '')
    const end = visit.head.search(/\r?\n\r?\n/)
    const isTooLong = (end === -1 ? visit.received : end) > HEAD_BYTES_MAX
    if (end === -1 && !isTooLong) return
    const request = isTooLong ? 431 : parseHead(visit.head.slice(0, end))
    visit.head = ''
    if (typeof request === 'number') this.send(socket, refusal(request), false)
    else this.send(socket, this.answer(request), request.method === 'HEAD')
  }

  private send(socket: Socket, { status, headers, body }: HttpAnswer, withoutBody: boolean): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const all = {
      ...headers,
      Date: new Date().toUTCString(),
      'Content-Length': bytes.length,
      Connection: 'close',
    }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    const head = Buffer.from(
      `HTTP/1.1 ${status} ${REASONS[status] ?? 'Other'}\r\n${lines.join('')}\r\n`,
    )
    const visit = socket.data
    visit.answered = true
    visit.deadline = performance.now() + ANSWER_MILLISECONDS
    visit.rest = withoutBody ? head : Buffer.concat([head, bytes])
    this.flush(socket)
  }

  private flush(socket: Socket): void {
    const visit = socket.data
    if (!visit.answered) return
    if (visit.rest.length > 0) {
      const written = socket.write(visit.rest)
      if (written < 0) return
      visit.rest = visit.rest.subarray(written)
    }
    if (visit.rest.length > 0) return
    // Whatever else it sends is read and dropped: closing at once could destroy the answer.
    visit.deadline = Math.min(visit.deadline, performance.now() + CLOSE_MILLISECONDS)
    socket.shutdown()
  }

  /** The client has closed its sending side. */
  private ended(socket: Socket): void {
    if (!socket.data.answered || socket.data.rest.length === 0) socket.end()
  }
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
  505: 'HTTP Version Not Supported',
}

/** The request of a head, or the status of its refusal. */
export function parseHead(head: string): HttpRequest | number {
  const [first, ...lines] = head.split(/\r?\n/)
  const [, method, target, major, minor] = /^([A-Z]+) (\S+) HTTP\/(\d)\.(\d)$/.exec(first) ?? []
  if (method === undefined) return 400
  if (major !== '1') return 505
  const hosts: string[] = []
  const authorizations: string[] = []
  for (const line of lines) {
    // Also folded lines, which are obsolete.
    const [, name] = /^([!#$%&'*+\-.^_`|~\w]+):/.exec(line) ?? []
    if (name === undefined || line.includes('\r')) return 400
    // Not in the expression: its backtracking would take minutes for a line full of spaces.
    const value = () => line.slice(name.length + 1).trim()
    if (name.toLowerCase() === 'host') hosts.push(value())
    else if (name.toLowerCase() === 'authorization') authorizations.push(value())
  }
  if (hosts.length > 1 || (hosts.length === 0 && minor !== '0')) return 400
  const request = { method, target, host: hosts[0] ?? null }
  return authorizations.length === 1 ? { ...request, authorization: authorizations[0] } : request
}

function refusal(status: number): HttpAnswer {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
  return { status, headers, body: `${REASONS[status]?.toLowerCase()}\n` }
}
