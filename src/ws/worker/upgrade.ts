// HTTP on the connections of a WebTorrent tracker: a WebSocket handshake becomes a connection, if limits and origin allow it;
// `/health` says that the worker serves; an announce or a scrape of an HTTP tracker fails with the reason in the form
// that its client reads; everything else gets a page that says what this is. Called by src/tcp for each request. Owns
// nothing; of a refused handshake only a count remains.
//
// If a request does not become a WebSocket, its connection ends with the answer.
import {
  byVerdict,
  countersByKeyVerdict,
  KEY_GUESSES,
  KEY_VALID,
} from '../../access-keys/verdict.ts'
import type { ClientGate } from '../../client-lists/gate.ts'
import { RequestHead } from '../../http-head/head.ts'
import { ascii, CR, HEAD_BYTES_MAX, LF } from '../../http-head/layout.ts'
import {
  CLIENT_KNOWN,
  CLIENT_UNNAMED,
  HEADER_MISSING,
  TrustedProxies,
} from '../../http-head/proxies.ts'
import {
  BAD_LINE,
  BAD_VERSION,
  HEAD_TOO_LARGE,
  LINE_TOO_LONG,
  readHead,
} from '../../http-head/read-head.ts'
import { requestPath } from '../../operations/request.ts'
import { DENIED_TEXTS } from '../../requests/refusals.ts'
import type { Peer } from '../../swarm/peers/peer.ts'
import type { AddressKey } from '../../tcp/client-address.ts'
import type { StreamHandler, Connection as TcpConnection } from '../../tcp/connection.ts'
import { ADMITTED, type ConnectionLimits, FULL } from '../../tcp/connection-limits.ts'
import type { TcpConnections } from '../../tcp/connections.ts'
import { Networks } from '../../tcp/networks.ts'
import type { Output } from '../../tcp/output.ts'
import { acceptHandshake, checkHandshake, HANDSHAKE, OTHER_VERSION } from '../wire/handshake.ts'
import type { ClientReports } from './client-reports.ts'
import type { Connections } from './connection.ts'
import { asInPacket, type ConnectionKeys } from './connection-key.ts'
import {
  PROXY_HEADER_MISSING,
  PROXY_HEADER_NOT_UNDERSTOOD,
  REFUSED_CONNECTIONS_FULL,
  REFUSED_CONNECTIONS_PER_ADDRESS,
  REFUSED_DENIED_NETWORK,
  REFUSED_HTTP_CLIENT,
  REFUSED_ORIGIN,
  STORED_COUNTERS,
} from './counters.ts'
import type { FrameStream } from './frame-stream.ts'

const HEALTH_PATH = '/health'
const RETRY_AFTER_SEC = 60
/** Bodies of requests are not used; a longer one is refused. */
const BODY_BYTES_MAX = 1024
/** All answers are shorter. */
const ANSWER_BYTES_MAX = 1024

const KEY_REASONS = countersByKeyVerdict(STORED_COUNTERS, 'refused')

const PAGE = `This is a WebTorrent tracker. It speaks WebSocket: give your client this address with
ws:// or wss:// in place of http:// or https://.
`

/** What clients of HTTP trackers ask for, with a key before or behind it; some add an ending, such as .php, */
const HTTP_PATH = /\/(announce|scrape)\b/
/** and name a torrent. */
const HTTP_PARAMETER = 'info_hash='
const HTTP_REASON = 'This tracker is for WebTorrent only: its address begins with ws:// or wss://'
/** An hour: clients that know no `retry in` (BEP 31) ask again after the interval. */
const HTTP_FAILURE = `d14:failure reason${HTTP_REASON.length}:${HTTP_REASON}8:intervali3600e8:retry in5:nevere`

const CLOSE = 'Connection: close\r\n'
/** Without a known way to go on over HTTP. */
const UPGRADE = 'Upgrade: websocket\r\nConnection: upgrade, close\r\n'

const PAGE_ANSWER = answer('426 Upgrade Required', PAGE, UPGRADE)
const HEALTH_ANSWER = answer('200 OK', 'OK\n')
// With status 200: they read no other body.
const HTTP_FAILURE_ANSWER = answer('200 OK', HTTP_FAILURE)
const WRONG_ORIGIN = answer('403 Forbidden', 'This origin is not allowed here.\n')
const DENIED_NETWORK = answer('403 Forbidden', `${DENIED_TEXTS.network}\n`)
const NO_HANDSHAKE = answer('400 Bad Request', 'This is not a valid WebSocket handshake.\n')
const WRONG_WEBSOCKET = answer(
  '426 Upgrade Required',
  'This tracker speaks version 13 of WebSocket.\n',
  `Sec-WebSocket-Version: 13\r\n${UPGRADE}`,
)
const BAD_REQUEST = answer('400 Bad Request', 'Bad Request\n')
const TIMED_OUT = answer('408 Request Timeout', 'Request Timeout\n')
const BODY_TOO_LARGE = answer('413 Content Too Large', 'Content Too Large\n')
const LINE_TOO_LARGE = answer('414 URI Too Long', 'URI Too Long\n')
const TOO_LARGE = answer('431 Request Header Fields Too Large', 'Request Header Fields Too Large\n')
const WRONG_VERSION = answer('505 HTTP Version Not Supported', 'HTTP Version Not Supported\n')
const UNAVAILABLE = answer('503 Service Unavailable', 'Service Unavailable\n')
const KEY_ANSWERS = byVerdict(({ verdict, text }) =>
  answer(verdict === KEY_GUESSES ? '429 Too Many Requests' : '403 Forbidden', `${text}\n`),
)

/** An answer after which the connection ends. */
interface Answer {
  readonly head: Uint8Array
  readonly body: Uint8Array
}

/** `fields`: each with its end of line; among them what happens to the connection. */
function answer(status: string, text: string, fields = CLOSE): Answer {
  const body = new TextEncoder().encode(text)
  const head = `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\n${fields}`
  return { head: ascii(`${head}Content-Length: ${body.length}\r\n\r\n`), body }
}

export interface UpgradeSettings {
  readonly trustedProxies: readonly string[]
  /** The header in which they name their clients. */
  readonly proxyHeader: string
  readonly allowedOrigins: readonly string[]
}

export interface UpgraderParts {
  readonly connections: Connections
  readonly frames: FrameStream
  readonly limits: ConnectionLimits
  readonly output: Output
  readonly counts: Int32Array
  readonly reports: ClientReports
}

export class Upgrader implements StreamHandler {
  readonly lasts = false
  readonly answerBytesMax = ANSWER_BYTES_MAX
  readonly requestBytesMax = HEAD_BYTES_MAX
  /** Null where no key is ever asked for. */
  keys: ConnectionKeys | null = null
  /** Null where every network is served. */
  clients: ClientGate | null = null
  private readonly parts: UpgraderParts
  private readonly head = new RequestHead()
  private server: TcpConnections | null = null
  private networks = new Networks([])
  private proxies = new TrustedProxies(this.networks, '')
  /** The header as in the settings, for messages. */
  private header = ''
  /** Empty allows all. */
  private origins: ReadonlySet<string> = new Set()
  private now = 0

  constructor(parts: UpgraderParts) {
    this.parts = parts
  }

  /** Who has the connections, and counts them. */
  connect(server: TcpConnections): void {
    this.server = server
  }

  configure({ trustedProxies, proxyHeader, allowedOrigins }: UpgradeSettings): void {
    this.networks = new Networks(trustedProxies)
    this.proxies = new TrustedProxies(this.networks, proxyHeader)
    this.header = proxyHeader
    this.head.proxyHeader = this.proxies.header
    this.origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
  }

  /** Sets the time (seconds of the monotonic clock) for later calls. */
  setTime(now: number): void {
    this.now = now
  }

  consume(tcp: TcpConnection, input: Uint8Array, from: number, to: number): number {
    const { head } = this
    this.setSource(tcp)
    // Old clients of HTTP send empty lines before a request; those of WebSocket do not.
    const isEmpty = input[from] === CR || input[from] === LF
    const used = isEmpty ? BAD_LINE : readHead(head, passTarget, input, from, to, tcp.looked)
    if (used === 0) {
      tcp.looked = to - from
      return 0
    }
    if (used < 0) {
      tcp.lingers = true
      head.headOnly = false
      this.write(tcp, refusalOf(used))
      return to - from
    }
    if (!head.asksForWebSocket) {
      tcp.lingers = head.hasBody
      this.write(tcp, this.plainAnswer(input))
    } else this.upgrade(tcp, input)
    return used
  }

  expired(tcp: TcpConnection): void {
    this.head.headOnly = false
    this.write(tcp, TIMED_OUT)
  }

  refused(tcp: TcpConnection): void {
    this.head.headOnly = false
    this.write(tcp, UNAVAILABLE)
  }

  drained(): void {}

  ended(): void {}

  private setSource({ unix, isAnonymous, ipv4, a0, a1, a2, a3 }: TcpConnection): void {
    const { head } = this
    const { source } = head
    head.isLocal = unix
    head.isAnonymous = isAnonymous
    source.ipv4 = ipv4
    source.a0 = a0
    source.a1 = a1
    source.a2 = a2
    source.a3 = a3
  }

  private write(tcp: TcpConnection, { head, body }: Answer): void {
    const { output } = this.parts
    tcp.closing = true
    output.bytes.set(head, output.end)
    output.end += head.length
    if (this.head.headOnly) return
    output.bytes.set(body, output.end)
    output.end += body.length
  }

  private targetIn(input: Uint8Array): string {
    const { targetFrom, targetTo } = this.head
    return Buffer.from(input.slice(targetFrom, targetTo)).toString()
  }

  private plainAnswer(input: Uint8Array): Answer {
    if (this.head.bodyBytes > BODY_BYTES_MAX) return BODY_TOO_LARGE
    const url = this.targetIn(input)
    const path = requestPath(url)
    if (path === HEALTH_PATH) return HEALTH_ANSWER
    if (HTTP_PATH.test(path) && url.includes(HTTP_PARAMETER)) {
      this.parts.counts[REFUSED_HTTP_CLIENT]++
      return HTTP_FAILURE_ANSWER
    }
    return PAGE_ANSWER
  }

  private upgrade(tcp: TcpConnection, input: Uint8Array): void {
    const { head } = this
    tcp.lingers = head.hasBody
    const verdict = checkHandshake(head, input)
    if (verdict !== HANDSHAKE) {
      this.write(tcp, verdict === OTHER_VERSION ? WRONG_WEBSOCKET : NO_HANDSHAKE)
      return
    }
    const refusal = this.admit(tcp, input)
    if (refusal !== null) {
      this.write(tcp, refusal)
      return
    }
    const { connections, frames, output } = this.parts
    const { high, low } = keyOfSource(head.source)
    const connection = connections.open(high, low, this.now)
    connection.keyHash = this.keys?.hash ?? null
    const accepted = acceptHandshake(head, input)
    output.bytes.set(accepted, output.end)
    output.end += accepted.length
    tcp.closing = false
    frames.begin(tcp, connection)
  }

  /** Counts the connection for its client; or why not. */
  private admit(tcp: TcpConnection, input: Uint8Array): Answer | null {
    const { head, parts } = this
    const { counts } = parts
    if (!this.isAllowedOrigin(input)) {
      counts[REFUSED_ORIGIN]++
      return WRONG_ORIGIN
    }
    const isTrusted = head.isLocal || this.networks.has(head.source)
    const said = head.isAnonymous ? CLIENT_UNNAMED : this.proxies.readSource(head, input)
    if (said === HEADER_MISSING) counts[PROXY_HEADER_MISSING]++
    else if (said !== CLIENT_KNOWN) counts[PROXY_HEADER_NOT_UNDERSTOOD]++
    if (this.clients?.deniesNetwork(head.source)) {
      counts[REFUSED_DENIED_NETWORK]++
      return DENIED_NETWORK
    }
    const key = keyOfSource(head.source)
    const access = this.keys?.check(this.targetIn(input), key) ?? KEY_VALID
    if (access !== KEY_VALID) {
      counts[KEY_REASONS[access]]++
      return KEY_ANSWERS[access]
    }
    const admission = this.server?.admitAs(tcp, head.source, parts.limits) ?? FULL
    if (admission === ADMITTED) return null
    return this.refuse(admission, key, isTrusted, said)
  }

  private isAllowedOrigin(input: Uint8Array): boolean {
    const { origins, originFrom, originTo } = this.head
    // Programs send none; the list is about web pages, whose browsers always send it.
    if (this.origins.size === 0 || origins === 0) return true
    const origin = Buffer.from(input.slice(originFrom, originTo)).toString('latin1')
    return origins === 1 && this.origins.has(origin.toLowerCase())
  }

  /** `said`: what became of the proxies' header. */
  private refuse(
    admission: number,
    { high, low }: AddressKey,
    isTrusted: boolean,
    said: number,
  ): Answer {
    const { counts, reports } = this.parts
    const full = admission === FULL
    reports.tell(full ? 'full' : 'fullForAddress', high, low)
    counts[full ? REFUSED_CONNECTIONS_FULL : REFUSED_CONNECTIONS_PER_ADDRESS]++
    const text = full
      ? 'Too many connections: the tracker is full.\n'
      : `Too many connections from ${this.whose(isTrusted, said)}.\n`
    return answer('503 Service Unavailable', text, `${CLOSE}Retry-After: ${RETRY_AFTER_SEC}\r\n`)
  }

  /** Tells the person who sets up a proxy why all its clients count as one. */
  private whose(isTrusted: boolean, said: number): string {
    const { header } = this
    if (isTrusted && said === CLIENT_KNOWN) return 'your address'
    if (isTrusted) {
      const fault = said === HEADER_MISSING ? 'missing' : 'not understood'
      return `your proxy's address, because its header ${header} is ${fault}`
    }
    if (this.head.proxyValueCount === 0) return 'your address'
    return `your address. The header ${header} is not believed, because [network] trusted_proxies does not name who sent it`
  }
}

/** What this tracker needs of a target is read when the head is complete. */
function passTarget(_head: RequestHead, _bytes: Uint8Array, from: number): number {
  return from
}

function refusalOf(code: number): Answer {
  switch (code) {
    case LINE_TOO_LONG:
      return LINE_TOO_LARGE
    case HEAD_TOO_LARGE:
      return TOO_LARGE
    case BAD_VERSION:
      return WRONG_VERSION
    default:
      return BAD_REQUEST
  }
}

/** As in swarm/connections.ts, whose words begin with an address's first byte. */
function keyOfSource({ ipv4, a0, a1 }: Peer): AddressKey {
  return ipv4 ? { high: 0, low: asInPacket(a0) } : { high: asInPacket(a0), low: asInPacket(a1) }
}
