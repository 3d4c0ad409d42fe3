// A small HTTP tracker that does as our documents say, apart from one fault that a test plants. It shares no code with the
// doctor or our trackers. IPv4 only. Owns its sockets until close().

import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

interface Peer {
  readonly address: string
  readonly port: number
  readonly seeder: boolean
}

export type Value = number | string | Value[] | { [key: string]: Value }
export type Dictionary = { [key: string]: Value }
/** Parameters of a query, the last value of each; info hashes of a scrape, separated by commas in hex. */
export type Query = Record<string, string>

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly version: string
  readonly fields: ReadonlyMap<string, string>
}

/** What is wrong with it: each part replaces the right one. */
export interface HttpFault {
  /** Changes the bytes of requests, before they are read. */
  readonly read?: (text: string) => string
  readonly query?: (query: Query, tracker: HttpTracker) => Query
  /** Changes an answer; the path tells which. */
  readonly dictionary?: (
    dictionary: Dictionary,
    query: Query,
    path: string,
    tracker: HttpTracker,
  ) => Dictionary
  readonly body?: (body: string, path: string) => string
  /** Changes all of a response. */
  readonly response?: (response: string, request: HttpRequest) => string
  readonly keeps?: (rightly: boolean, request: HttpRequest) => boolean
  readonly key?: (query: Query) => string
  readonly address?: (query: Query) => string
  readonly tls?: TlsOptions
}

const OWN = '127.0.0.1'
const REFUSED: Dictionary = { interval: 1800, 'retry in': 'never' }

export class HttpTracker {
  readonly swarms = new Map<string, Map<string, Peer>>()
  readonly downloads = new Map<string, number>()
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly fault: HttpFault

  static async open(fault: HttpFault = {}): Promise<HttpTracker> {
    const tracker = new HttpTracker(fault)
    await new Promise<void>((resolve) => tracker.server.listen(0, OWN, resolve))
    return tracker
  }

  private constructor(fault: HttpFault) {
    this.fault = fault
    const serve = (socket: Socket) => this.serve(socket)
    this.server = fault.tls === undefined ? createServer(serve) : createTlsServer(fault.tls, serve)
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  close(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  swarm(hash: string): Map<string, Peer> {
    const known = this.swarms.get(hash) ?? new Map<string, Peer>()
    this.swarms.set(hash, known)
    return known
  }

  private serve(socket: Socket): void {
    let text = ''
    this.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      text += data.toString('latin1')
      for (;;) {
        const request = requestIn((this.fault.read ?? ((same) => same))(text))
        if (request === null) return
        text = request.rest
        const { response, keeps } = this.respond(request.read)
        socket.write(Buffer.from(response, 'latin1'))
        if (keeps) continue
        socket.end()
        text = ''
        return
      }
    })
  }

  private respond(read: HttpRequest | number): { response: string; keeps: boolean } {
    if (typeof read === 'number')
      return { response: responseOf(read, 'refused\n', 'close'), keeps: false }
    const { version, fields, method } = read
    const said = fields.get('connection')?.toLowerCase()
    const hasBody = fields.has('transfer-encoding') || Number(fields.get('content-length') ?? 0) > 0
    const wants = version === 'HTTP/1.0' ? said === 'keep-alive' : said !== 'close'
    const rightly = wants && !hasBody && (method === 'GET' || method === 'HEAD')
    const keeps = this.fault.keeps?.(rightly, read) ?? rightly
    const [status, body] = this.content(read)
    const connection = !keeps ? 'close' : version === 'HTTP/1.0' ? 'keep-alive' : ''
    const whole = responseOf(status, body, connection)
    const right = method === 'HEAD' ? whole.slice(0, whole.length - body.length) : whole
    return { response: this.fault.response?.(right, read) ?? right, keeps }
  }

  private content({ method, path, query: text }: HttpRequest): [number, string] {
    if (method !== 'GET' && method !== 'HEAD') return [405, 'no\n']
    if (path === '/') return [200, 'a tracker\n']
    if (path === '/health') return [200, 'ok\n']
    const what = /^(?:\/k+)?\/(announce|scrape)(?:\/k+)?$/.exec(path)?.[1]
    if (what === undefined) return [404, 'no\n']
    const query = this.fault.query?.(queryOf(text), this) ?? queryOf(text)
    const right = what === 'announce' ? this.announce(query) : this.scrape(query)
    const dictionary = this.fault.dictionary?.(right, query, what, this) ?? right
    const body = bencoded(dictionary)
    return [200, this.fault.body?.(body, what) ?? body]
  }

  private announce(query: Query): Dictionary {
    const { info_hash: hash = '', event, left = '' } = query
    if (!/^[\da-f]{40}$/.test(hash))
      return { ...REFUSED, 'failure reason': 'Info hash is not of 20 bytes' }
    const port = Number(query.port)
    if (event !== 'stopped' && !(port >= 1 && port <= 65_535))
      return { ...REFUSED, 'failure reason': 'Port missing or not valid' }
    const seeder = /^0+$/.test(left)
    const key = this.fault.key?.(query) ?? String(port)
    const swarm = this.swarm(hash)
    const before = swarm.get(key)
    if (event === 'stopped') swarm.delete(key)
    else swarm.set(key, { address: this.fault.address?.(query) ?? OWN, port, seeder })
    if (event === 'completed' && before?.seeder === false)
      this.downloads.set(hash, (this.downloads.get(hash) ?? 0) + 1)
    const others = [...swarm].flatMap(([each, peer]) => (each === key ? [] : [peer]))
    const numWant = /^\d{1,9}$/.test(query.numwant ?? '') ? Number(query.numwant) : 50
    const fit = others
      .filter((peer) => !(seeder && peer.seeder))
      .slice(0, event === 'stopped' ? 0 : numWant)
    return {
      complete: others.filter((peer) => peer.seeder).length,
      downloaded: this.downloads.get(hash) ?? 0,
      'external ip': addressBytes(OWN),
      incomplete: others.filter((peer) => !peer.seeder).length,
      interval: 1800,
      'min interval': 300,
      peers:
        query.compact === '0'
          ? fit.map(({ address: ip, port }) => ({ ip, port }))
          : fit.map(compact).join(''),
    }
  }

  private scrape({ info_hashes: list = '' }: Query): Dictionary {
    const hashes = [...new Set(list.split(',').filter((hash) => hash !== ''))]
    if (hashes.length === 0) return { ...REFUSED, 'failure reason': 'No info hash' }
    if (hashes.some((hash) => hash.length !== 40))
      return { ...REFUSED, 'failure reason': 'Info hash is not of 20 bytes' }
    const files: Dictionary = {}
    for (const hash of hashes) files[Buffer.from(hash, 'hex').toString('latin1')] = this.entry(hash)
    return { files, flags: { min_request_interval: 300 } }
  }

  private entry(hash: string): Dictionary {
    const peers = [...(this.swarms.get(hash)?.values() ?? [])]
    const complete = peers.filter(({ seeder }) => seeder).length
    return {
      complete,
      downloaded: this.downloads.get(hash) ?? 0,
      incomplete: peers.length - complete,
    }
  }
}

function addressBytes(text: string): string {
  return String.fromCharCode(...text.split('.').map(Number))
}

export function compact({ address, port }: { address: string; port: number }): string {
  return addressBytes(address) + String.fromCharCode(port >> 8, port & 255)
}

export function bencoded(value: Value): string {
  if (typeof value === 'number') return `i${value}e`
  if (typeof value === 'string') return `${value.length}:${value}`
  if (Array.isArray(value)) return `l${value.map(bencoded).join('')}e`
  const keys = Object.keys(value).sort((a, b) => (a < b ? -1 : 1))
  return `d${keys.map((key) => bencoded(key) + bencoded(value[key])).join('')}e`
}

function responseOf(status: number, body: string, connection: string): string {
  const allow = status === 405 ? 'Allow: GET, HEAD\r\n' : ''
  const more = connection === '' ? '' : `Connection: ${connection}\r\n`
  return `HTTP/1.1 ${status} X\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n${allow}${more}\r\n${body}`
}

/** Info hashes and peer ids in hex; a broken one is ''. */
function queryOf(text: string): Query {
  const query: Query = {}
  const hashes: string[] = []
  for (const pair of text.split('&')) {
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(pair) ?? ['', '', '']
    const isBytes = name === 'info_hash' || name === 'peer_id'
    const read = isBytes ? hexOf(value) : value
    if (name === 'info_hash') hashes.push(read === '' ? '-' : read)
    query[name] = read
  }
  return { ...query, info_hashes: hashes.join() }
}

function hexOf(value: string): string {
  if (/%(?![\da-f]{2})/i.test(value)) return ''
  const plain = value.replace(/%(..)/g, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return Buffer.from(plain, 'latin1').toString('hex')
}

const LINE_MAX = 16_384
const HEAD_MAX = 24_576

/** The first request, or the status that refuses it; null while it is not all there. */
function requestIn(all: string): { read: HttpRequest | number; rest: string } | null {
  const text = all.replace(/^[\r\n]{1,4}/, '')
  const end = /\r?\n\r?\n/.exec(text)
  const head = end === null ? text : text.slice(0, end.index)
  const [line] = head.split('\n')
  if (line.length > LINE_MAX) return { read: 414, rest: '' }
  if (head.length > HEAD_MAX) return { read: 431, rest: '' }
  if (end === null) return null
  return { read: parsed(head), rest: text.slice(end.index + end[0].length) }
}

function parsed(head: string): HttpRequest | number {
  const lines = head.split(/\r?\n/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
  if (lines.some((line) => /[\0-\x08\x0a-\x1f\x7f]/.test(line))) return 400
  const [, method, target, version] = /^([A-Z]+) ([^ ]+) (HTTP\/\d\.\d)$/.exec(lines[0]) ?? []
  if (version === undefined) return 400
  if (!/1\.[01]$/.test(version)) return 505
  const fields = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const [, name, value] = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line) ?? []
    if (name === undefined) return 400
    const key = name.toLowerCase()
    if (key === 'content-length' && (!/^\d+$/.test(value) || (fields.get(key) ?? value) !== value))
      return 400
    fields.set(key, value)
  }
  if (fields.has('content-length') && fields.has('transfer-encoding')) return 400
  const [path, ...query] = target.replace(/^https?:\/\/[^/]*/, '').split('?')
  return { method, path, query: query.join('?'), version, fields }
}
