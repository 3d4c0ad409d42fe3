// What a WebSocket message costs a client: the runtime's own WebSocket against load/ws/connection.ts,
// which the load tester uses. Run: bun bench/ws-client.ts [--smoke]. Prints microseconds of processor
// time per message (sent and received) as minimum, mean and deviation over alternating rounds, and a
// checksum.
//
// The server, in a process of its own, answers each message of some kilobytes with a batch of shorter
// ones, as a tracker answers an announce: over TCP and over TLS.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Connection } from '../load/ws/connection.ts'
import { Outgoing } from '../load/ws/frames.ts'
import { newFolder } from './support/folder.ts'
import { timesLine } from './support/times.ts'

const smoke = process.argv.includes('--smoke')
const ROUNDS = smoke ? 1 : 3
const ROUND_MESSAGES = smoke ? 220 : 220_000
const CONNECTIONS = 16
/** An announce with ten offers; a response and ten offers. */
const SENT_CHARACTERS = 7800
const ANSWERS = 11
const ANSWER_CHARACTERS = 850

/** Sends and receives until so many messages have been received. */
type Client = (url: URL, messages: number) => Promise<number>

const CLIENTS: readonly (readonly [string, Client])[] = [
  ['own', own],
  ['runtime', runtime],
]

if (process.argv.includes('--server')) serve(process.argv.at(-1) as string)
else await compare()

function serve(folder: string): void {
  const answer = JSON.stringify({ action: 'announce', sdp: 'x'.repeat(ANSWER_CHARACTERS) })
  const tls = {
    cert: readFileSync(join(folder, 'cert.pem')),
    key: readFileSync(join(folder, 'key.pem')),
  }
  for (const options of [{}, { tls }]) {
    const server = Bun.serve({
      ...options,
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response()),
      websocket: {
        message: (socket) => {
          socket.cork(() => {
            for (let i = 0; i < ANSWERS; i++) socket.send(answer)
          })
        },
      },
    })
    console.log(`${server.port}`)
  }
  process.stdin.on('end', () => process.exit(0))
  process.stdin.resume()
}

async function compare(): Promise<void> {
  const folder = newFolder()
  const name = ['req', '-x509', '-days', '2', '-nodes', '-subj', '/CN=bench']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  Bun.spawnSync(['openssl', ...name, ...key, ...files])
  const server = spawn(process.execPath, [import.meta.path, '--server', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ports: string[] = []
  for await (const line of createInterface(server.stdout)) {
    ports.push(line)
    if (ports.length === 2) break
  }
  const urls = [new URL(`ws://127.0.0.1:${ports[0]}/`), new URL(`wss://127.0.0.1:${ports[1]}/`)]
  let checksum = 0
  for (const url of urls) {
    const costs = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, client] of CLIENTS) {
        const before = process.cpuUsage()
        checksum += await client(url, ROUND_MESSAGES)
        const { user, system } = process.cpuUsage(before)
        const micros = (user + system) / (ROUND_MESSAGES * (1 + 1 / ANSWERS))
        costs.set(name, [...(costs.get(name) ?? []), micros])
      }
    }
    for (const [name, values] of costs)
      console.log(timesLine(`${url.protocol}// ${name}`, 16, values, 'µs', 2))
  }
  console.log(`checksum ${checksum}`)
  server.stdin.end()
}

/** Counts messages; asks again when a batch is complete. */
class Counter {
  private readonly messages: number
  private readonly done: (sum: number) => void
  private received = 0
  private sum = 0

  constructor(messages: number, done: (sum: number) => void) {
    this.messages = messages
    this.done = done
  }

  /** Whether to ask for a further batch. */
  take(text: string, inBatch: number): boolean {
    this.sum += JSON.parse(text).sdp.length
    if (++this.received === this.messages) this.done(this.sum)
    return inBatch % ANSWERS === 0 && this.received < this.messages
  }
}

async function own(url: URL, messages: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const counter = new Counter(messages, resolve)
  const outgoing = new Outgoing(1 << 18)
  const text = JSON.stringify('x'.repeat(SENT_CHARACTERS))
  const target = { hostname: url.hostname, port: Number(url.port), tls: url.protocol === 'wss:' }
  const connections = Array.from({ length: CONNECTIONS }, () => {
    let taken = 0
    const connection = new Connection({ ...target, path: '/', localAddress: '' }, outgoing, {
      opened: () => {
        outgoing.addText(text)
        connection.flush()
      },
      message: (answer) => {
        if (counter.take(answer, ++taken)) outgoing.addText(text)
      },
      settled: () => connection.flush(),
      closed: () => {},
    })
    connection.connect()
    return connection
  })
  const sum = await promise
  for (const connection of connections) connection.close()
  return sum
}

async function runtime(url: URL, messages: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const counter = new Counter(messages, resolve)
  const text = JSON.stringify('x'.repeat(SENT_CHARACTERS))
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    let taken = 0
    const socket = new WebSocket(url, { tls: { rejectUnauthorized: false } })
    socket.onopen = () => socket.send(text)
    socket.onmessage = ({ data }) => {
      if (counter.take(data, ++taken)) socket.send(text)
    }
    return socket
  })
  const sum = await promise
  for (const socket of sockets) socket.close()
  return sum
}
