// The common parts of both kinds of HTTP workers: the handler of requests with its swarms and limits, memory
// for bytes, settings that change. Made by socket-worker.ts and tls-worker.ts at startup.
import type { UpdateHandlers } from '../../process/updates.ts'
import type { WorkerStart } from '../../process/workers.ts'
import {
  type KeyWorkerData,
  openClientGate,
  openKeyGate,
  openSourceLimits,
  openSwarms,
  type SwarmWorkerData,
  serveFrom,
} from '../../requests/swarm-worker.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import { Blocks } from '../../tcp/blocks.ts'
import { ConnectionLimits } from '../../tcp/connection-limits.ts'
import type { ConnectionOptions } from '../../tcp/connections.ts'
import type { Guest, GuestHost, OpenGuest } from '../../tcp/guest.ts'
import { Networks } from '../../tcp/networks.ts'
import { Output } from '../../tcp/output.ts'
import { ProxyProtocol } from '../../tcp/proxy-protocol.ts'
import { ANSWER_BYTES_MAX } from '../wire/layout.ts'
import { BANS, COUNTER_WORDS, TCP } from './counters.ts'
import { Handler } from './handle.ts'
import { HttpStream } from './http-stream.ts'
import { HttpProxies } from './proxies.ts'
import { Responder } from './respond.ts'
import type { HttpUpdate, ProxyRules, WorkerSettings } from './worker-updates.ts'

/** Answers to several requests of one connection that are sent at once. */
const OUTPUT_BYTES = 2 * ANSWER_BYTES_MAX
/** For all incomplete requests, and all partly sent answers. */
const HELD_BYTES_MAX = 256 * 2 ** 20

export interface HttpWorkerData
  extends WorkerStart,
    WorkerSettings,
    SwarmWorkerData,
    KeyWorkerData {
  /** Workers of both roles are numbered consecutively. */
  readonly index: number
  readonly requests: WorkerSettings['requests']
  readonly connectionLimits: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  /** Of another protocol on the same connections; null if there is none. */
  readonly guest: object | null
}

export interface Serving {
  readonly handler: Handler
  readonly stream: HttpStream
  /** The handler of connections that begin with a header of the PROXY protocol. */
  readonly proxies: ProxyProtocol
  readonly output: Output
  readonly blocks: Blocks
  readonly cleaner: Cleaner
  /** For the server of its connections. */
  readonly connections: Omit<ConnectionOptions, 'transfer'>
}

export function openServing(data: HttpWorkerData, updates: UpdateHandlers<HttpUpdate>): Serving {
  const counts = new Int32Array(COUNTER_WORDS)
  const sources = openSourceLimits(data, counts, BANS)
  const open = openSwarms(data, sources)
  const responder = new Responder(open.swarms, counts)
  serveFrom(open, responder, data, updates)
  const handler = new Handler(responder, data.requests, counts, sources)
  handler.isSecure = data.role === 'tls'
  handler.configure(data.requests)
  handler.keys = openKeyGate(data, updates)
  handler.clients = openClientGate(data, updates)
  updates.on('page', (page) => handler.pages.set(page))
  updates.on('settings', ({ requests, rates }) => {
    handler.configure(requests)
    sources.setRates(rates)
  })
  const { max, maxPerAddress, keepAlive, times } = data.connections
  const output = new Output(OUTPUT_BYTES)
  const stream = new HttpStream(handler, output)
  stream.closesAll = !keepAlive
  const limits = new ConnectionLimits(data.connectionLimits, max, maxPerAddress)
  const proxies = new ProxyProtocol(stream)
  const trust = ({ trusted, header, unix }: ProxyRules) => {
    const networks = new Networks(trusted)
    limits.setTrusted(networks)
    proxies.setTrusted(networks)
    const areThere = unix || trusted.length > 0
    handler.setProxies(areThere ? new HttpProxies(networks, header) : null)
  }
  trust(data.proxies)
  updates.on('settings', ({ connections, proxies }) => {
    limits.configure(connections.max, connections.maxPerAddress)
    stream.closesAll = !connections.keepAlive
    trust(proxies)
  })
  return {
    handler,
    stream,
    proxies,
    output,
    blocks: new Blocks(heldBytes(data)),
    cleaner: open.cleaner,
    connections: { handler: stream, limits, times, counts, countsAt: TCP },
  }
}

function heldBytes({ workers }: HttpWorkerData): number {
  return HELD_BYTES_MAX / workers
}

/** Null if the worker has none. `plan`: has something done at the end of the turn, on an event loop. */
export function welcomeGuest(
  { stream, output, blocks }: Serving,
  data: HttpWorkerData,
  openGuest: OpenGuest | null,
  plan: GuestHost['plan'],
): Guest | null {
  if (data.guest === null) return null
  if (openGuest === null) throw new Error('there is a guest, and nobody to open it')
  const guest = openGuest(data, data.guest, { output, blocks, blockBytes: heldBytes(data), plan })
  stream.welcome(guest)
  return guest
}
