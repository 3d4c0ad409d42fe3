// A tracker of HTTP and WebTorrent on one port, and what one connection may begin with. Used by the tests of shared ports.
import type { Certificates } from '../support/certificates.ts'
import { UPGRADE } from '../support/malformed-http.ts'
import { freePort } from '../support/proxies.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  type StartOptions,
  type Tracker,
  withTracker,
} from '../support/tracker.ts'
import { frame, OPCODE_TEXT, openSocket } from '../support/ws-client.ts'

export interface Options {
  readonly port: number
  /** With TLS: where the certificate is, named old. */
  readonly tls?: Certificates | false
  /** Beside TLS. */
  readonly plainPort?: number
  readonly workers?: number
  /** Lines of [http.network] and [ws.network], and sections behind all others. */
  readonly http?: string
  readonly ws?: string
  readonly more?: string
}

export function sharedSettings(options: Options): StartOptions {
  const { port, tls = false, plainPort, workers = 1, http = '', ws = '', more = '' } = options
  const secure =
    tls === false
      ? ''
      : `use_tls = true\ntls_certificate_path = '${tls.path('old.pem')}'
tls_private_key_path = '${tls.path('old-key.pem')}'\n`
  const plain = plainPort === undefined ? '' : `plain_address = '127.0.0.1:${plainPort}'\n`
  const settings = `log_level = 'info'
[udp]\nenabled = false
[http]\nsocket_workers = ${workers}
[http.network]\naddress = '127.0.0.1:${port}'\n${secure}${plain}${http}
[ws.network]\naddress = '127.0.0.1:${port}'\n${ws}\n${more}\n`
  return { executable: ALL_EXECUTABLE, settings }
}

export const local = (port: number): Endpoint => ({ host: '127.0.0.1', port })

/** Starts one on a port that was free a moment ago. */
export async function withShared<T>(
  options: Omit<Options, 'port'>,
  use: (at: Endpoint, tracker: Tracker) => Promise<T>,
): Promise<T> {
  const port = await freePort()
  return withTracker(sharedSettings({ ...options, port }), (tracker) => use(local(port), tracker))
}

/** All that is sent back until the connection ends. */
export function allOf(at: Endpoint, bytes: Uint8Array | string): Promise<string> {
  return new Promise((resolve) => {
    const socket = openSocket(at)
    const parts: (string | Buffer)[] = []
    socket.on('error', () => {})
    socket.on('data', (part) => parts.push(part))
    socket.on('close', () => resolve(bytesOf(...parts).toString('latin1')))
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  })
}

export const HANDSHAKE = `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`
const SCRAPE = JSON.stringify({ action: 'scrape', info_hash: 'n'.repeat(20) })
const CLOSE = frame(8, Uint8Array.of(3, 232))
export const FRAMES = Buffer.concat([frame(OPCODE_TEXT, new TextEncoder().encode(SCRAPE)), CLOSE])
export const bytesOf = (...parts: (string | Uint8Array)[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  )
