// The first handler of connections with the PROXY protocol: reads the header, sets the client's address, and
// passes the connection to the actual protocol's handler. Called by transfer.ts. One per worker.
//
// There is no guessing: a connection without a header is closed. Otherwise others who reach the port would pass
// for clients of the proxy, and all clients of a wrongly configured proxy for one. Only trusted proxies and
// Unix sockets are believed. From this machine, a header without a client is accepted, which the tracker's own
// health check uses. No such connection has a known client, whatever its HTTP requests say: a proxy that has just said
// that it names nobody has not checked what its client wrote there.
import { isThisMachine } from '../swarm/address.ts'
import type { Connection, StreamHandler } from './connection.ts'
import { CLOSED_PROXY_HEADER, CLOSED_PROXY_NOT_TRUSTED } from './counters.ts'
import { Networks } from './networks.ts'
import { BAD_HEADER, HEADER_BYTES_MAX, ProxyHeader, readProxyHeader } from './proxy-header.ts'

export class ProxyProtocol implements StreamHandler {
  readonly lasts = false
  readonly answerBytesMax = 0
  readonly requestBytesMax = HEADER_BYTES_MAX
  private readonly next: StreamHandler
  private readonly header = new ProxyHeader()
  private trusted = new Networks([])

  constructor(next: StreamHandler) {
    this.next = next
  }

  setTrusted(trusted: Networks): void {
    this.trusted = trusted
  }

  // HOT: no allocation below this line.

  consume(connection: Connection, input: Uint8Array, from: number, to: number): number {
    const { header } = this
    const { ipv4, a0, a1, unix } = connection
    const trusted = unix || this.trusted.has(connection)
    const own = isThisMachine(ipv4, a0, a1)
    if (!trusted && !own) return refuse(connection, CLOSED_PROXY_NOT_TRUSTED, to - from)
    const used = readProxyHeader(header, input, from, to)
    if (used === BAD_HEADER) return refuse(connection, CLOSED_PROXY_HEADER, to - from)
    if (used === 0) return 0
    if (header.hasClient && !trusted) return refuse(connection, CLOSED_PROXY_NOT_TRUSTED, used)
    if (header.hasClient) this.rename(connection)
    else connection.isAnonymous = true
    connection.handler = this.next
    return used
  }

  /** There is nobody to answer. */
  expired(): void {}

  refused(): void {}

  drained(): void {}

  ended(): void {}

  /** From here on the connection is the client's, and counts for it. */
  private rename(connection: Connection): void {
    connection.countedBy?.leaveConnection(connection)
    connection.countedBy = null
    const { client, port } = this.header
    connection.becomeOf(client, port)
  }
}

function refuse(connection: Connection, reason: number, bytes: number): number {
  connection.fault = reason
  connection.closing = true
  return bytes
}
