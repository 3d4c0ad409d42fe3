// The operations endpoint: a small HTTP server in the main thread, for the operator. Opened by a
// tracker's main before it gives up its rights; needs no files or rights afterwards.
// Owns the listening socket and the sampler with the last hour.
import type { SocketAddress } from '../config/address.ts'
import type { History } from '../history/history.ts'
import { logFor } from '../log/log.ts'
import { nowMilliseconds, wallSeconds } from '../os/clock.ts'
import { daysHtml } from './days.ts'
import type { EditRoute } from './edit-route.ts'
import { isServedAs } from './hosts.ts'
import type { HttpAnswer, HttpRequest, HttpServer } from './http.ts'
import { openServer, type PortSharing } from './open-server.ts'
import { CONTENT_SECURITY_POLICY, liveHtml, pageHtml } from './page.ts'
import { PROMETHEUS_TYPE, prometheusText } from './prometheus.ts'
import { FailedRequests, requestPath } from './request.ts'
import { Sampler } from './sampler.ts'
import type { OperationsConfig } from './settings.ts'
import { statsOf } from './stats.ts'
import type { TrackerView } from './view.ts'

const COMMON_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
}

const UNKNOWN_NAME =
  'this endpoint is not served under that name: use an address or localhost, or add the name to ' +
  '[operations] host_names\n'

export interface OperationsOptions {
  readonly sharing?: PortSharing
  /** Null where nothing can be edited. */
  readonly edits?: EditRoute | null
  /** Of the last days. */
  readonly history?: (() => History) | null
}

export class OperationsServer {
  readonly address: SocketAddress
  private readonly view: TrackerView
  /** Null where nothing can be edited. */
  private readonly edits: EditRoute | null
  private readonly history: (() => History) | null
  private readonly sampler: Sampler
  private readonly names: readonly string[]
  private readonly server: HttpServer
  private readonly failedRequests = new FailedRequests((text) => logFor('operations').error(text))
  private readonly startedAt = nowMilliseconds()

  /** Opens the socket and starts to sample the tracker. Throws StartError when that fails. */
  constructor(
    { address, host_names }: Pick<OperationsConfig, 'address' | 'host_names'>,
    view: TrackerView,
    { sharing = 'alone', edits = null, history = null }: OperationsOptions = {},
  ) {
    this.view = view
    this.edits = edits
    this.history = history
    this.names = [host_names].flat()
    this.sampler = new Sampler(view)
    const opened = openServer('[operations] address', address, sharing, (request) =>
      this.answer(request),
    )
    this.server = opened.server
    this.address = opened.address
    this.sampler.start()
  }

  private days(): string {
    const history = this.history?.() ?? null
    return history === null ? '' : daysHtml(history, wallSeconds())
  }

  /** Closes the socket and all connections. */
  stop(): void {
    this.sampler.stop()
    this.server.stop()
  }

  private answer(request: HttpRequest): HttpAnswer {
    try {
      return this.page(request)
    } catch (error) {
      this.failedRequests.report(error)
      return text('This should not have happened.\n', 500)
    }
  }

  private page(request: HttpRequest): HttpAnswer {
    const { method, target, host } = request
    // Browsers always name the host.
    if (host !== null && !isServedAs(host, this.names)) return text(UNKNOWN_NAME, 421)
    const edited = this.edits?.answer(request) ?? null
    if (edited !== null) return text(edited.body, edited.status, edited.headers)
    if (method !== 'GET' && method !== 'HEAD') {
      return text('only GET and HEAD are served here\n', 405, { Allow: 'GET, HEAD' })
    }
    const { view, sampler, startedAt } = this
    switch (requestPath(target)) {
      case '/':
        return html(pageHtml(view, sampler, startedAt, this.days()))
      case '/days':
        return html(this.days())
      case '/live':
        return html(liveHtml(view, sampler, startedAt))
      case '/stats.json':
        return json(statsOf(view, sampler, startedAt))
      case '/metrics':
        return text(prometheusText(sampler.snapshot().families), 200, {
          'Content-Type': PROMETHEUS_TYPE,
        })
      case '/health':
        return this.health()
      case '/ready':
        return view.isReady() ? text('ready\n', 200) : text('not ready\n', 503)
      default:
        return text('not found; there are / /metrics /stats.json /health /ready\n', 404)
    }
  }

  /**
   * 503 only for what a restart may mend, since whoever asks may do just that. Under a load that is too
   * high it would make things worse: the answer is 200, and tells the trouble.
   */
  private health(): HttpAnswer {
    const troubles = this.view.troubles()
    const isHealthy = troubles.every(({ restartHelps }) => restartHelps !== true)
    const lines = troubles.map(({ severity, text, remedy }) => `${severity}: ${text} ${remedy}\n`)
    const body = `${isHealthy ? 'healthy' : 'unhealthy'}\n${lines.join('')}`
    return text(body, isHealthy ? 200 : 503)
  }
}

function text(
  body: HttpAnswer['body'],
  status: number,
  headers: HttpAnswer['headers'] = {},
): HttpAnswer {
  const type = { 'Content-Type': 'text/plain; charset=utf-8' }
  return { status, headers: { ...COMMON_HEADERS, ...type, ...headers }, body }
}

function html(body: string): HttpAnswer {
  return text(body, 200, { 'Content-Type': 'text/html; charset=utf-8' })
}

function json(body: object): HttpAnswer {
  return text(`${JSON.stringify(body, null, 2)}\n`, 200, {
    'Content-Type': 'application/json; charset=utf-8',
  })
}
