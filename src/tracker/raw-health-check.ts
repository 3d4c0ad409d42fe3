// Health checks without an HTTP client: over a Unix socket, and with a header of the PROXY protocol. Used by main.ts of the
// protocols over TCP.
import { connect } from 'node:net'
import type { Ask } from '../process/health-check.ts'

/** Null if the answer is as expected. For a tracker that requires the PROXY protocol: with a header that names no client. */
export const askBehindProxy: Ask = ({ host, port }, _milliseconds, path) =>
  askBy(path === undefined ? { host, port } : { path }, 'PROXY UNKNOWN\r\n')

export function askAtSocket(path: string): Promise<string | null> {
  return askBy({ path }, '')
}

function askBy(
  target: { readonly path: string } | { readonly host: string; readonly port: number },
  before: string,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target }, () => {
      socket.end(`${before}GET /health HTTP/1.0\r\n\r\n`)
    })
    let answer = ''
    socket.on('data', (data) => {
      answer += data.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(faultOf(answer)))
  })
}

function faultOf(answer: string): string | null {
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
  if (status === '200') return null
  return status === undefined ? 'no answer' : `status ${status}`
}
