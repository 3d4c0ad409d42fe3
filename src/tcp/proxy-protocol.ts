// The first handler of connections where proxies speak the PROXY protocol: takes its header, says whose connection it
// is, and gives the connection to the handler of the protocol behind it. Called as one by transfer.ts. One per worker;
// owns nothing but the header in hand.
//
// There is no guessing: a connection without a header is closed, so that nobody who reaches the port is taken for
// a client of the proxy, and no proxy that was set up wrongly for one client. Only trusted proxies and Unix sockets are
// believed. From this machine a header is read that names nobody, which is how the tracker asks for its own health.
import { isThisMachine } from '../swarm/address.ts'
import type { Connection, StreamHandler } from './connection.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { CLOSED_PROXY_HEADER, CLOSED_PROXY_NOT_TRUSTED } from './counters.ts'
import { Networks } from './networks.ts'
import { BAD_HEADER, HEADER_BYTES_MAX, ProxyHeader, readProxyHeader } from './proxy-header.ts'

export class ProxyProtocol implements StreamHandler {
  readonly answerBytesMax = 0
  readonly requestBytesMax = HEADER_BYTES_MAX
  private readonly next: StreamHandler
  private readonly limits: ConnectionLimits
  private readonly header = new ProxyHeader()
  private trusted = new Networks([])

  constructor(next: StreamHandler, limits: ConnectionLimits) {
    this.next = next
    this.limits = limits
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
    connection.handler = this.next
    return used
  }

  /** Nobody waits for an answer. */
  expired(): void {}

  refused(): void {}

  /** From here on it is the client's, and counts as one of its. */
  private rename(connection: Connection): void {
    if (connection.counted) this.limits.leaveConnection(connection)
    connection.counted = false
    connection.becomeOf(this.header)
  }
}

function refuse(connection: Connection, reason: number, bytes: number): number {
  connection.fault = reason
  connection.closing = true
  return bytes
}
