// A listening socket of the runtime for TLS, whose certificates can be changed, with callbacks for its connections. Used by
// tls-server.ts. Owns the socket.
//
// Bun.listen cannot change its certificates, and has one for all names. The runtime's server of node:tls can do both, but
// makes a stream of each connection, at several times the cost. Underneath is a socket as of Bun.listen: we take that
// server, and give its socket callbacks of our own before any connection comes. That socket has no public name, so
// a runtime without it ends the start with a message, and tests hold every part of this.

import { createServer, type Server } from 'node:tls'
import type { SocketHandler, TCPSocketListener } from 'bun'
import { waitingConnections } from '../os/tcp-listener.ts'
import { type TlsContexts, tlsContexts } from '../tls/contexts.ts'
import type { TlsFiles } from '../tls/tls.ts'
import type { ServerAddress } from './server-address.ts'

type ListeningSocket<Data> = TCPSocketListener<Data> & { readonly fd: number }

export class TlsListener<Data> {
  private readonly server: Server
  private readonly socket: ListeningSocket<Data>
  /** Those that have a context of their own. */
  private names = new Set<string>()

  /** Throws when it cannot listen there. */
  constructor(address: ServerAddress, tls: TlsFiles, handlers: SocketHandler<Data>) {
    const contexts = tlsContexts(tls)
    const { hostname: host, port, ipv6Only } = address
    this.server = createServer(contexts.usual)
    this.server.listen({ host, port, ipv6Only, reusePort: true })
    const { _handle } = this.server as unknown as { _handle?: ListeningSocket<Data> }
    if (typeof _handle?.reload !== 'function') {
      throw new Error(
        `this runtime (Bun ${process.versions.bun}) does not listen for TLS as is needed`,
      )
    }
    this.socket = _handle
    this.socket.reload({ socket: handlers })
    this.setNames(contexts)
  }

  /** For handshakes from now on. */
  setCertificates(tls: TlsFiles): void {
    const contexts = tlsContexts(tls)
    this.server.setSecureContext(contexts.usual)
    this.setNames(contexts)
  }

  /** Connections that wait to be accepted. */
  get waiting(): number {
    return waitingConnections(this.socket.fd)
  }

  /** Takes no more connections. */
  stop(): void {
    this.socket.stop(false)
  }

  private setNames({ usual, named }: TlsContexts): void {
    for (const { name, context } of named) this.server.addContext(name, context)
    // A name cannot be taken back.
    const gone = [...this.names].filter((name) => !named.some((each) => each.name === name))
    for (const name of gone) this.server.addContext(name, usual)
    for (const { name } of named) this.names.add(name)
  }
}
