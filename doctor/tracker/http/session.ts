// Asks one HTTP tracker at one address as clients do, and remembers which peers it announced, to stop them at the end. Used by
// the HTTP probes and checks.
import { randomInt } from 'node:crypto'
import { mustBe, shown, Unmet } from '../check.ts'
import type { Patience } from '../deadline.ts'
import { addressBytes, addressSeen, authority, type Endpoint } from '../endpoint.ts'
import { type Bencoded, type Dictionary, isDictionary, readBencode } from './bencode.ts'
import { Connection, type Response } from './connection.ts'

const STOPPED_MAX = 200

/** What clients have left. */
export const LEECHER = '1000'
export const SEEDER = '0'

export interface AnnounceParts {
  readonly hash: Buffer
  readonly port?: number
  readonly peerId?: Buffer | null
  readonly left?: string
  readonly event?: string
  readonly numWant?: number | string
  readonly compact?: 0 | 1
  /** Further parameters, as they stand in the URL. */
  readonly more?: string
}

export interface HttpPeer {
  readonly address: Buffer
  readonly port: number
}

export interface HttpAnnounce {
  readonly response: Response
  readonly dictionary: Dictionary
  readonly peers: readonly HttpPeer[]
  readonly ports: readonly number[]
}

export interface ScrapeEntry {
  readonly complete: number
  readonly downloaded: number
  readonly incomplete: number
}

export interface Asking {
  readonly method?: string
  /** Lines of the head, each with its end. */
  readonly fields?: string
  readonly version?: string
}

export class HttpSession {
  readonly endpoint: Endpoint
  readonly patience: Patience
  private readonly open: Connection[] = []
  private readonly live = new Map<string, AnnounceParts>()
  private nextPort = randomInt(20_000, 50_000)

  static async open(endpoint: Endpoint, patience: Patience): Promise<HttpSession> {
    return new HttpSession(endpoint, patience)
  }

  private constructor(endpoint: Endpoint, patience: Patience) {
    this.endpoint = endpoint
    this.patience = patience
  }

  get external(): Buffer | null {
    return addressSeen(this.endpoint)
  }

  /** Path and query of the scrape, by the rule that clients have for it. */
  get scrapeTarget(): string {
    const { target } = this.endpoint.url
    return target.replace(/announce(?=[^/]*$)/, 'scrape')
  }

  async hello(): Promise<void> {
    await this.connect()
  }

  newHash(): Buffer {
    return this.endpoint.hashes.next()
  }

  newPort(): number {
    return this.nextPort++
  }

  async connect(): Promise<Connection> {
    const connection = await Connection.open(this.endpoint, this.patience)
    this.open.push(connection)
    return connection
  }

  /** A request as it stands on the wire. */
  requestText(
    target: string,
    { method = 'GET', fields = '', version = '1.1' }: Asking = {},
  ): string {
    return `${method} ${target} HTTP/${version}\r\nHost: ${authority(this.endpoint.url)}\r\n${fields}\r\n`
  }

  /** A request on a connection of its own, closed behind it. */
  async ask(target: string, asking: Asking = {}): Promise<Response> {
    const connection = await this.connect()
    const fields = `Connection: close\r\n${asking.fields ?? ''}`
    connection.send(this.requestText(target, { ...asking, fields }))
    const response = await connection.response(asking.method === 'HEAD')
    connection.close()
    if (response === undefined) throw new Unmet('a request gets no response')
    return response
  }

  /** What comes back for bytes that are no request as clients make it. */
  async askRaw(
    text: string,
  ): Promise<{ readonly response: Response | undefined; readonly ends: boolean }> {
    const connection = await this.connect()
    connection.send(text)
    const response = await connection.response()
    const ends = await connection.ends()
    connection.close()
    return { response, ends }
  }

  announceTarget(parts: AnnounceParts): string {
    const { hash, port, left = '1000', event, numWant, compact = 1, more = '' } = parts
    const { peerId = peerIdOf(port ?? 0) } = parts
    const values = [
      `info_hash=${escaped(hash)}`,
      peerId === null ? '' : `peer_id=${escaped(peerId)}`,
      port === undefined ? '' : `port=${port}`,
      `uploaded=0&downloaded=0&left=${left}`,
      event === undefined ? '' : `event=${event}`,
      numWant === undefined ? '' : `numwant=${numWant}`,
      `compact=${compact}`,
      more,
    ]
    return this.withQuery(
      this.endpoint.url.target,
      values.filter((value) => value !== '').join('&'),
    )
  }

  withQuery(target: string, query: string): string {
    return `${target}${target.includes('?') ? '&' : '?'}${query}`
  }

  async announce(parts: AnnounceParts): Promise<HttpAnnounce> {
    this.remember(parts)
    const response = await this.ask(this.announceTarget(parts))
    const dictionary = served(response)
    const peers = peersOf(dictionary)
    return {
      response,
      dictionary,
      peers,
      ports: peers.map(({ port }) => port).sort((a, b) => a - b),
    }
  }

  /** New peers of a torrent; returns their ports. */
  async join(hash: Buffer, lefts: readonly string[]): Promise<number[]> {
    const ports: number[] = []
    for (const left of lefts) {
      const port = this.newPort()
      ports.push(port)
      await this.announce({ hash, port, left })
    }
    return ports
  }

  async scrape(hashes: readonly Buffer[]): Promise<Map<string, ScrapeEntry>> {
    const query = hashes.map((hash) => `info_hash=${escaped(hash)}`).join('&')
    const dictionary = served(await this.ask(this.withQuery(this.scrapeTarget, query)))
    return scrapeEntries(dictionary)
  }

  /** The counts of one torrent, as text: complete/downloaded/incomplete. One that is missing has no peers. */
  async counts(hash: Buffer): Promise<string> {
    const entry = (await this.scrape([hash])).get(hash.toString('latin1'))
    if (entry === undefined) return '0/0/0'
    return `${entry.complete}/${entry.downloaded}/${entry.incomplete}`
  }

  /** Takes its peers out of the tracker again. */
  async close(): Promise<void> {
    for (const parts of [...this.live.values()].slice(0, STOPPED_MAX)) {
      await this.ask(this.announceTarget({ ...parts, event: 'stopped' })).catch(() => {})
    }
    for (const connection of this.open) connection.close()
  }

  remember(parts: AnnounceParts): void {
    const key = `${parts.hash.toString('hex')} ${parts.port}`
    if (parts.event === 'stopped') this.live.delete(key)
    else this.live.set(key, parts)
  }
}

function peerIdOf(port: number): Buffer {
  return Buffer.from(`-AD0001-${String(port).padStart(12, '0')}`, 'latin1')
}

/** Every byte percent-encoded, which every server understands. */
export function escaped(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '%$&')
}

/** The dictionary of a response, whatever its status. */
export function dictionaryOf(response: Response): Dictionary {
  const { value } = readBencode(response.body)
  if (!isDictionary(value)) throw new Unmet('the body is no dictionary')
  return value
}

/** The same of one that is no failure. */
export function served(response: Response): Dictionary {
  mustBe('the status', response.status, 200)
  const dictionary = dictionaryOf(response)
  const reason = dictionary.get('failure reason')
  if (reason !== undefined) throw new Unmet(`the tracker refuses: ${shown(String(reason))}`)
  return dictionary
}

export function integer(dictionary: Dictionary, key: string): number {
  const value = dictionary.get(key)
  if (typeof value !== 'number') throw new Unmet(`there is no number "${key}"`)
  return value
}

/** In either form, of either family. */
export function peersOf(dictionary: Dictionary): HttpPeer[] {
  return [
    ...peerList(dictionary.get('peers'), 'peers', 6),
    ...peerList(dictionary.get('peers6'), 'peers6', 18),
  ]
}

function peerList(value: Bencoded | undefined, key: string, stride: number): HttpPeer[] {
  if (value === undefined) return []
  if (Buffer.isBuffer(value)) {
    if (value.length % stride !== 0)
      throw new Unmet(`"${key}" has ${value.length} bytes: not ${stride} per peer`)
    return Array.from({ length: value.length / stride }, (_, i) => {
      const end = (i + 1) * stride
      return { address: value.subarray(end - stride, end - 2), port: value.readUInt16BE(end - 2) }
    })
  }
  if (!Array.isArray(value)) throw new Unmet(`"${key}" is neither a string nor a list`)
  return value.map((item: Bencoded) => {
    const ip = isDictionary(item) ? item.get('ip') : undefined
    const port = isDictionary(item) ? item.get('port') : undefined
    const address = Buffer.isBuffer(ip) ? addressBytes(ip.toString('latin1')) : null
    if (address === null || typeof port !== 'number')
      throw new Unmet(`an item of "${key}" lacks "ip" or "port"`)
    return { address, port }
  })
}

export function scrapeEntries(dictionary: Dictionary): Map<string, ScrapeEntry> {
  const files = dictionary.get('files')
  if (!isDictionary(files)) throw new Unmet('the scrape has no dictionary "files"')
  const entries = new Map<string, ScrapeEntry>()
  for (const [hash, entry] of files) {
    if (!isDictionary(entry)) throw new Unmet('an entry of "files" is no dictionary')
    entries.set(hash, {
      complete: integer(entry, 'complete'),
      downloaded: integer(entry, 'downloaded'),
      incomplete: integer(entry, 'incomplete'),
    })
  }
  return entries
}
