// Opens an HTTP server of the main thread on an address of the settings, alone or beside that of a process which is
// being replaced. Used by server.ts and public-page/server.ts.
import { addressText, parseSocketAddress, type SocketAddress } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { listenRemedy } from '../os/error.ts'
import { type HttpAnswer, type HttpRequest, HttpServer } from './http.ts'

/**
 * Whether another process may have the port at the same time: 'alone' no, 'first' not yet, 'beside'
 * one has it now, and this one takes over from it (persistence/hand-over.ts).
 */
export type PortSharing = 'alone' | 'first' | 'beside'

export interface OpenedServer {
  readonly server: HttpServer
  /** With the port that the system chose for port 0. */
  readonly address: SocketAddress
}

/** `setting`: for messages, such as «[operations] address». Throws StartError. */
export function openServer(
  setting: string,
  text: string,
  sharing: PortSharing,
  answer: (request: HttpRequest) => HttpAnswer,
): OpenedServer {
  const wanted = parseSocketAddress(text)
  if ('fault' in wanted) throw new StartError(`${setting} = '${text}' ${wanted.fault}`)
  try {
    const server = listen(wanted, sharing, answer)
    return { server, address: { ...wanted, port: server.port } }
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    const where = `${addressText(wanted)} (${setting})`
    throw new StartError(`cannot listen on ${where}: ${listenRemedy({ code, message })}`)
  }
}

function listen(
  wanted: SocketAddress,
  sharing: PortSharing,
  answer: (request: HttpRequest) => HttpAnswer,
): HttpServer {
  if (sharing !== 'first') return new HttpServer(wanted, sharing === 'beside', answer)
  // Shared from the start, a port in use would not be an error.
  const probe = new HttpServer(wanted, false, answer)
  probe.stop()
  return new HttpServer({ ...wanted, port: probe.port }, true, answer)
}
