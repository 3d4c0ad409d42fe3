// rtorrent without a terminal, and what its XML-RPC shows of the tracker. Used by http-client.ts.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Client, type ClientOptions, peerPort } from './client.ts'
import type { Lab } from './lab.ts'
import { type TestProcess, waitUntil } from './process.ts'

const START_MS = 60_000
const ANSWER_MS = 5_000

export const rtorrent: Client = (lab, name, options) => start(lab, name, options, 'load.start')

/** With the torrent stopped, so that it announces nothing. */
export const rtorrentStopped: Client = (lab, name, options) =>
  start(lab, name, options, 'load.normal')

async function start(
  lab: Lab,
  name: string,
  { torrent, directory, address }: ClientOptions,
  load: string,
): Promise<TestProcess> {
  const session = join(lab.directory, `${name}.rtorrent`)
  await mkdir(session)
  const port = peerPort(name)
  const lines = [
    `session.path.set = ${session}`,
    `directory.default.set = ${directory}`,
    // Its setting takes IPv4 only. With none it announces from the address that the system picks.
    ...(address.includes(':') ? [] : [`network.bind_address.set = ${address}`]),
    `network.port_range.set = ${port}-${port}`,
    `network.scgi.open_local = ${socketPath(lab, name)}`,
    'dht.mode.set = off',
    'protocol.pex.set = no',
    ...(lab.certificate === undefined ? [] : [`network.http.cacert.set = ${lab.certificate}`]),
    'network.http.ssl_verify_peer.set = 1',
    // Checking all pieces again would put off its «completed» until the next announce is due.
    'pieces.hash.on_completion.set = no',
    'system.daemon.set = true',
    `${load} = ${torrent.path}`,
  ]
  const settings = join(lab.directory, `${name}.rtorrent.rc`)
  await Bun.write(settings, `${lines.join('\n')}\n`)
  const started = lab.start(name, ['rtorrent', '-n', '-o', `import=${settings}`])
  const listens = await waitUntil(() => answers(lab, name), START_MS)
  if (!listens) throw new Error(started.report)
  return started
}

function socketPath(lab: Lab, name: string): string {
  return join(lab.directory, `${name}.scgi`)
}

async function answers(lab: Lab, name: string): Promise<boolean> {
  return call(lab, name, 'system.pid').then(
    () => true,
    () => false,
  )
}

/** Calls a method and returns the values of its answer, in their order. */
export async function call(
  lab: Lab,
  name: string,
  method: string,
  ...values: (string | number)[]
): Promise<string[]> {
  const params = values.map((value) => {
    const typed = typeof value === 'number' ? `<i4>${value}</i4>` : `<string>${value}</string>`
    return `<param><value>${typed}</value></param>`
  })
  const parts = [`<methodName>${method}</methodName>`, `<params>${params.join('')}</params>`]
  const body = `<?xml version="1.0"?><methodCall>${parts.join('')}</methodCall>`
  const text = await exchange(socketPath(lab, name), body)
  if (text.includes('<fault>')) throw new Error(`${method}: ${text}`)
  return [...text.matchAll(/<(string|i4|i8)>([^<]*)<\/\1>|<string\/>/g)].map((m) => m[2] ?? '')
}

/** SCGI: a netstring of headers, then the body; the answer ends with the connection. */
async function exchange(unix: string, body: string): Promise<string> {
  const headers = `CONTENT_LENGTH\0${body.length}\0SCGI\x001\0`
  const answer = Promise.withResolvers<string>()
  let text = ''
  await Bun.connect({
    unix,
    socket: {
      open: (socket) => {
        socket.write(`${headers.length}:${headers},${body}`)
      },
      data: (_socket, bytes) => {
        text += bytes.toString()
      },
      close: () => answer.resolve(text),
      error: (_socket, error) => answer.reject(error),
    },
  })
  const timer = setTimeout(() => answer.reject(new Error(`no answer at ${unix}`)), ANSWER_MS)
  return answer.promise.finally(() => clearTimeout(timer))
}
