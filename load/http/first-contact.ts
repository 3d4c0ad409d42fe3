// Asks the tracker for a first answer, so that a run starts with a tracker that is there, or with a clear
// word about one that is not. Used by main.ts.
import type { FirstContact } from '../first-contact.ts'
import { scrapePathOf } from './generate.ts'

const ANSWER_BYTES_MAX = 65536

export interface Target {
  readonly hostname: string
  readonly port: number
  readonly tls: boolean
  /** Host and port as the Host header has them. */
  readonly host: string
  /** Path of announces. */
  readonly path: string
}

export const firstContact: FirstContact<Target> = {
  tryOnce,
  schemes: ['http', 'https'],
  settings: 'server_address and [network] use_tls and path',
}

/**
 * A scrape of nobody's torrent, because some trackers do not answer what is not valid: whatever one says to
 * that is an answer. Null, else why not.
 */
async function tryOnce(target: Target, timeoutMs: number): Promise<string | null> {
  const { hostname, port, tls, host, path } = target
  const { promise, resolve } = Promise.withResolvers<string | null>()
  let answer = ''
  const scrape = scrapePathOf(path)
  const query = `${scrape.includes('?') ? '&' : '?'}info_hash=${'%00'.repeat(20)}`
  const ask = (socket: Bun.Socket) =>
    socket.write(`GET ${scrape}${query} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const connecting = Bun.connect({
    hostname,
    port,
    tls: tls ? { rejectUnauthorized: false, serverName: hostname } : false,
    socket: {
      open: (socket) => {
        if (!tls) ask(socket)
      },
      handshake: (socket) => {
        ask(socket)
      },
      data: (socket, bytes) => {
        answer = (answer + bytes.toString('latin1')).slice(0, ANSWER_BYTES_MAX)
        if (!answer.includes('\n')) return
        resolve(faultOf(answer, tls))
        socket.end()
      },
      close: () => resolve('it closed the connection without an answer'),
      error: (_, error) => resolve(error.message),
      connectError: (_, error) => resolve(error.message),
    },
  })
  connecting.catch((error: Error) => resolve(error.message))
  const timer = setTimeout(() => resolve('it did not answer'), timeoutMs)
  const failure = await promise
  clearTimeout(timer)
  return failure
}

/** A server of TLS that is asked in plain text may say so by HTTP, with status 400. */
function faultOf(answer: string, tls: boolean): string | null {
  if (!/^HTTP\/1\.[01] \d{3}/.test(answer)) return 'what it says is not HTTP'
  const wantsTls = !tls && /^HTTP\/1\.[01] 400/.test(answer) && /https/i.test(answer)
  return wantsTls ? 'it wants HTTPS' : null
}
