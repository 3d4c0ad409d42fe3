// Answers HTTP requests: a WebSocket handshake becomes a connection, if limits and origin allow it;
// `/health` says that the worker serves; an announce or a scrape of an HTTP tracker fails with the reason in the form
// that its client reads; everything else gets a page that says what this is. Called by the socket worker's server for
// each request. Owns nothing; of a refused handshake only a count remains.
//
// If a request does not become a WebSocket connection, it is closed after the answer: no limit would count it
// if it stayed open.
import type { Server } from 'bun'
import {
  byVerdict,
  countersByKeyVerdict,
  KEY_GUESSES,
  KEY_VALID,
} from '../../access-keys/verdict.ts'
import { requestPath } from '../../operations/request.ts'
import { type AddressKey, addressKey, type HeaderUse, ProxyList } from '../../tcp/client-address.ts'
import { ADMITTED, type ConnectionLimits, FULL } from '../../tcp/connection-limits.ts'
import type { ClientReports } from './client-reports.ts'
import type { Connection, Connections } from './connection.ts'
import type { ConnectionKeys } from './connection-key.ts'
import {
  PROXY_HEADER_MISSING,
  PROXY_HEADER_NOT_UNDERSTOOD,
  REFUSED_CONNECTIONS_FULL,
  REFUSED_CONNECTIONS_PER_ADDRESS,
  REFUSED_HTTP_CLIENT,
  REFUSED_ORIGIN,
  STORED_COUNTERS,
} from './counters.ts'

const TEXT = { 'content-type': 'text/plain; charset=utf-8' }
const CLOSE = { connection: 'close' }
const HEALTH_PATH = '/health'
const RETRY_AFTER_SEC = '60'

const KEY_REASONS = countersByKeyVerdict(STORED_COUNTERS, 'refused')
const KEY_TEXTS = byVerdict(({ text }) => text)

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

export interface UpgradeSettings {
  readonly trustedProxies: readonly string[]
  /** The header in which they name their clients. */
  readonly proxyHeader: string
  readonly allowedOrigins: readonly string[]
}

export class Upgrader {
  /** Null where no key is ever asked for. */
  keys: ConnectionKeys | null = null
  private readonly connections: Connections
  private readonly limits: ConnectionLimits
  private proxies = new ProxyList([])
  /** Empty allows all. */
  private origins: ReadonlySet<string> = new Set()
  private readonly counts: Int32Array
  private readonly reports: ClientReports

  constructor(
    connections: Connections,
    limits: ConnectionLimits,
    counts: Int32Array,
    reports: ClientReports,
  ) {
    this.connections = connections
    this.limits = limits
    this.counts = counts
    this.reports = reports
  }

  configure({ trustedProxies, proxyHeader, allowedOrigins }: UpgradeSettings): void {
    this.proxies = new ProxyList(trustedProxies, proxyHeader)
    this.origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
  }

  /** Undefined if the request has become a WebSocket connection. */
  answer(request: Request, server: Server<Connection>, now: number): Response | undefined {
    const upgrade = request.headers.get('upgrade')
    if (upgrade === null || upgrade.toLowerCase() !== 'websocket') {
      return this.plainAnswer(request)
    }
    if (!this.isAllowedOrigin(request.headers.get('origin'))) {
      this.counts[REFUSED_ORIGIN]++
      return text(403, 'This origin is not allowed here.\n')
    }
    const socket = server.requestIP(request)
    const said = request.headers.get(this.proxies.header)
    const { address, header } = this.proxies.clientOf(socket?.address ?? '', said)
    if (header === 'missing') this.counts[PROXY_HEADER_MISSING]++
    else if (header === 'not understood') this.counts[PROXY_HEADER_NOT_UNDERSTOOD]++
    const key = addressKey(address)
    const access = this.keys?.check(request.url, key) ?? KEY_VALID
    if (access !== KEY_VALID) return this.refuseKey(access)
    const admission = this.limits.enter(key.high, key.low)
    if (admission !== ADMITTED) {
      return this.refuse(admission, key, header === 'not trusted' && said === null ? null : header)
    }
    const connection = this.connections.open(key.high, key.low, now)
    connection.port = socket?.port ?? 0
    connection.keyHash = this.keys?.hash ?? null
    return this.upgrade(request, server, connection)
  }

  private plainAnswer({ url }: Request): Response {
    const path = requestPath(url)
    if (path === HEALTH_PATH) return text(200, 'OK\n')
    if (HTTP_PATH.test(path) && url.includes(HTTP_PARAMETER)) {
      this.counts[REFUSED_HTTP_CLIENT]++
      // With status 200: they read no other body.
      return text(200, HTTP_FAILURE)
    }
    return new Response(PAGE, {
      status: 426,
      headers: { ...TEXT, upgrade: 'websocket', connection: 'upgrade, close' },
    })
  }

  private upgrade(
    request: Request,
    server: Server<Connection>,
    connection: Connection,
  ): Response | undefined {
    if (server.upgrade(request, { data: connection })) return undefined
    // It was not a handshake after all, such as one without a key.
    this.connections.close(connection)
    this.limits.leave(connection.addressHigh, connection.addressLow)
    return text(400, 'This is not a valid WebSocket handshake.\n')
  }

  private isAllowedOrigin(origin: string | null): boolean {
    if (this.origins.size === 0) return true
    // Programs send none; the list is about web pages, whose browsers always send it.
    return origin === null || this.origins.has(origin.toLowerCase())
  }

  private refuseKey(verdict: number): Response {
    this.counts[KEY_REASONS[verdict]]++
    return text(verdict === KEY_GUESSES ? 429 : 403, `${KEY_TEXTS[verdict]}\n`)
  }

  /** `header`: how it was used; null if there is none and none is needed. */
  private refuse(admission: number, { high, low }: AddressKey, header: HeaderUse | null): Response {
    const full = admission === FULL
    this.reports.tell(full ? 'full' : 'fullForAddress', high, low)
    this.counts[full ? REFUSED_CONNECTIONS_FULL : REFUSED_CONNECTIONS_PER_ADDRESS]++
    const body = full
      ? 'Too many connections: the tracker is full.\n'
      : `Too many connections from ${this.whose(header)}.\n`
    return new Response(body, {
      status: 503,
      headers: { ...TEXT, ...CLOSE, 'retry-after': RETRY_AFTER_SEC },
    })
  }

  /** Tells the person who sets up a proxy why all its clients count as one. */
  private whose(header: HeaderUse | null): string {
    if (header === null || header === 'believed') return 'your address'
    const name = this.proxies.header
    if (header !== 'not trusted')
      return `your proxy's address, because its header ${name} is ${header}`
    return `your address. The header ${name} is not believed, because [network] trusted_proxies does not name who sent it`
  }
}

function text(status: number, body: string): Response {
  return new Response(body, { status, headers: { ...TEXT, ...CLOSE } })
}
