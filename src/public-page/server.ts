// The public page on an address of its own: a small HTTP server in the main thread, which sends bytes that are ready.
// Opened by public-page.ts before the process gives up its rights. Owns the listening socket.
import type { SocketAddress } from '../config/address.ts'
import type { HttpAnswer, HttpRequest, HttpServer } from '../operations/http.ts'
import { openServer, type PortSharing } from '../operations/open-server.ts'
import { requestPath } from '../operations/request.ts'
import { HEADERS, JSON_TYPE, PAGE_TYPE, type PreparedPage, TEXT_TYPE } from './prepared.ts'

export class PublicServer {
  readonly address: SocketAddress
  private readonly server: HttpServer
  private readonly prepared: () => PreparedPage

  constructor(address: string, sharing: PortSharing, prepared: () => PreparedPage) {
    this.prepared = prepared
    const opened = openServer('[public_page] address', address, sharing, (request) =>
      this.answer(request),
    )
    this.server = opened.server
    this.address = opened.address
  }

  /** Closes the socket and all connections. */
  stop(): void {
    this.server.stop()
  }

  private answer({ method, target }: HttpRequest): HttpAnswer {
    if (method !== 'GET' && method !== 'HEAD') {
      return plain('only GET and HEAD are served here\n', 405, { Allow: 'GET, HEAD' })
    }
    const { html, json } = this.prepared()
    switch (requestPath(target)) {
      case '/':
        return { status: 200, headers: { ...HEADERS, 'Content-Type': PAGE_TYPE }, body: html }
      case '/status.json':
        return { status: 200, headers: { ...HEADERS, 'Content-Type': JSON_TYPE }, body: json }
      default:
        return plain('not found; there are / and /status.json\n', 404, {})
    }
  }
}

function plain(body: string, status: number, more: HttpAnswer['headers']): HttpAnswer {
  return { status, headers: { ...HEADERS, 'Content-Type': TEXT_TYPE, ...more }, body }
}
