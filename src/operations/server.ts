// The operations endpoint: a small HTTP server in the main thread, for the operator. Opened by a
// tracker's main before it gives up its rights; needs no file and no right afterwards.
// Owns the listening socket and the sampler with the last hour.
import { addressText, parseSocketAddress, type SocketAddress } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { logFor } from '../log/log.ts'
import { CONTENT_SECURITY_POLICY, liveHtml, pageHtml } from './page.ts'
import { PROMETHEUS_TYPE, prometheusText } from './prometheus.ts'
import { FailedRequests, requestPath } from './request.ts'
import { Sampler } from './sampler.ts'
import { statsOf } from './stats.ts'
import type { TrackerView } from './view.ts'

/** A request has no body; what is longer than this is refused before it is read. */
const BODY_BYTES_MAX = 1024
/** A connection that says nothing for so long (seconds) is closed. */
const IDLE_SECONDS = 30

/**
 * Whether another process may have the port at the same time: 'alone' no, 'first' not yet, 'beside'
 * one has it now, whose place this one takes (persistence/hand-over.ts).
 */
export type PortSharing = 'alone' | 'first' | 'beside'

const COMMON_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
}

export class OperationsServer {
  readonly address: SocketAddress
  private readonly view: TrackerView
  private readonly sampler: Sampler
  private readonly server: Bun.Server<undefined>
  private readonly failedRequests = new FailedRequests((text) => logFor('operations').error(text))
  private readonly startedAt = Date.now()

  /** Opens the socket and starts to look at the tracker. Throws StartError when that cannot be. */
  constructor(address: string, view: TrackerView, sharing: PortSharing = 'alone') {
    const wanted = parseSocketAddress(address)
    if ('fault' in wanted)
      throw new StartError(`[operations] address = '${address}' ${wanted.fault}`)
    this.view = view
    this.sampler = new Sampler(view)
    this.server = this.listen(wanted, sharing)
    this.address = { ...wanted, port: this.server.port ?? wanted.port }
    this.sampler.start()
  }

  /** Closes the socket and all connections. */
  stop(): void {
    this.sampler.stop()
    this.server.stop(true)
  }

  private listen(wanted: SocketAddress, sharing: PortSharing): Bun.Server<undefined> {
    try {
      if (sharing === 'alone') return this.open(wanted, false)
      if (sharing === 'beside') return this.open(wanted, true)
      // With sharing from the start, a port in use would be no error.
      const probe = this.open(wanted, false)
      const port = probe.port ?? wanted.port
      void probe.stop(true)
      return this.open({ ...wanted, port }, true)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      const where = addressText(wanted)
      throw new StartError(
        `cannot listen on ${where} ([operations] address): ${code ?? message}. ` +
          'Choose another port or address, or stop the program that uses it.',
      )
    }
  }

  private open({ host, port }: SocketAddress, reusePort: boolean): Bun.Server<undefined> {
    return Bun.serve({
      hostname: host,
      port,
      development: false,
      // Said explicitly: without «development» it would be on.
      reusePort,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: BODY_BYTES_MAX,
      fetch: (request) => this.answer(request),
      error: (error) => this.failedRequests.answer(error),
    })
  }

  private answer(request: Request): Response {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return text('only GET and HEAD are served here\n', 405, { Allow: 'GET, HEAD' })
    }
    const { view, sampler, startedAt } = this
    switch (requestPath(request.url)) {
      case '/':
        return html(pageHtml(view, sampler, startedAt))
      case '/live':
        return html(liveHtml(view, sampler, startedAt))
      case '/stats.json':
        return json(statsOf(view, sampler, startedAt))
      case '/metrics':
        return text(prometheusText(sampler.look().families), 200, {
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
  private health(): Response {
    const troubles = this.view.troubles()
    const isHealthy = troubles.every(({ restartHelps }) => restartHelps !== true)
    const lines = troubles.map(({ severity, text, remedy }) => `${severity}: ${text} ${remedy}\n`)
    const body = `${isHealthy ? 'healthy' : 'unhealthy'}\n${lines.join('')}`
    return text(body, isHealthy ? 200 : 503)
  }
}

function text(body: string, status: number, headers: Record<string, string> = {}): Response {
  const type = { 'Content-Type': 'text/plain; charset=utf-8' }
  return new Response(body, { status, headers: { ...COMMON_HEADERS, ...type, ...headers } })
}

function html(body: string): Response {
  return text(body, 200, { 'Content-Type': 'text/html; charset=utf-8' })
}

function json(body: object): Response {
  return text(`${JSON.stringify(body, null, 2)}\n`, 200, {
    'Content-Type': 'application/json; charset=utf-8',
  })
}
