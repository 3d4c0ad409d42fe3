// Makes requests and writes them as clients do: announces and scrapes in the proportion of the settings.
// Called by connections.ts, first to choose what is asked (`choose`), then to write it (`write`), and
// once more if it has to be sent again on another connection. The memory is the transport's.
import type { Population } from '../population.ts'
import { portOf, swapHalf, TORRENT_KNOWN, torrentAt } from '../population.ts'
import type { Random } from '../random.ts'
import { ANNOUNCE, FLOOD, SCRAPE } from './counts.ts'
import type { Flood } from './flood.ts'
import {
  BYTES,
  KIND,
  KNOWN_LEECHERS,
  KNOWN_SEEDERS,
  RANK,
  type Requests,
  requestAt,
  SOURCE,
  TORRENT,
} from './requests.ts'
import type { Source } from './source.ts'

const TWO_32 = 4294967296
const INFO_HASH_BYTES = 20
/** Of a percent-encoded info hash. */
const ENCODED_MAX = 3 * INFO_HASH_BYTES
/** Of an announce beside path, host and info hash; and of each torrent in a scrape beside its hash. */
const ANNOUNCE_BYTES = 512
const PARAMETER_BYTES = '&info_hash='.length

const LEFT_OF_LEECHER = 734_003_200
const PERCENT = 0x25
const DIGIT_0 = 0x30
const UPPER_A = 0x41
const LOWER_A = 0x61

export interface MixSettings {
  readonly weightAnnounce: number
  readonly weightScrape: number
  readonly peersWanted: number
  readonly scrapeTorrents: number
}

export interface RequestTexts {
  /** Host and port as the Host header has them. */
  readonly host: string
  /** Path of announces; that of scrapes follows from it. */
  readonly path: string
}

interface Parts {
  readonly announce: Uint8Array
  readonly scrape: Uint8Array
  readonly peerId: Uint8Array
  readonly port: Uint8Array
  readonly left: Uint8Array
  readonly wanted: Uint8Array
  readonly started: Uint8Array
  readonly infoHash: Uint8Array
  readonly close: Uint8Array
  readonly keep: Uint8Array
}

/** The path of scrapes: the last «announce» of it replaced (BEP 48). */
export function scrapePathOf(path: string): string {
  const at = path.split('?')[0].lastIndexOf('announce')
  return `${path.slice(0, at)}scrape${path.slice(at + 'announce'.length)}`
}

/** The texts between what differs from request to request, with fields in libtorrent's order. */
function partsOf({ host, path }: RequestTexts, peersWanted: number): Parts {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const start = (target: string) => `GET ${target}${target.includes('?') ? '&' : '?'}info_hash=`
  const end = (connection: string) =>
    ` HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: aquatic_http_load_test\r\nConnection: ${connection}\r\n\r\n`
  return {
    announce: bytes(start(path)),
    scrape: bytes(start(scrapePathOf(path))),
    infoHash: bytes('&info_hash='),
    peerId: bytes('&peer_id=-AQ0001-'),
    port: bytes('&port='),
    left: bytes('&uploaded=0&downloaded=0&left='),
    wanted: bytes(`&corrupt=0&key=5A17E5ED&numwant=${peersWanted}&compact=1&no_peer_id=1`),
    started: bytes('&event=started'),
    close: bytes(end('close')),
    keep: bytes(end('keep-alive')),
  }
}

export class Generator {
  /** Where the next request begins in the memory of the transport. */
  end = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private readonly bytesMax: number
  private readonly requests: Requests
  private readonly population: Population
  private readonly random: Random
  private readonly flood: Flood | null
  private readonly announceLimit: number
  private readonly scrapeTorrents: number
  private readonly parts: Parts
  private readonly words = new Int32Array(INFO_HASH_BYTES / 4)
  private readonly hash = new Uint8Array(this.words.buffer)
  private readonly list: Int32Array

  /** `together`: requests that are sent in one piece. */
  constructor(options: {
    settings: MixSettings
    texts: RequestTexts
    requests: Requests
    population: Population
    random: Random
    flood: Flood | null
    together: number
  }) {
    const { settings, texts, together, flood } = options
    const { weightAnnounce, weightScrape, peersWanted, scrapeTorrents } = settings
    this.requests = options.requests
    this.population = options.population
    this.random = options.random
    this.flood = flood
    this.announceLimit = (weightAnnounce / Math.max(1, weightAnnounce + weightScrape)) * TWO_32
    this.scrapeTorrents = scrapeTorrents
    this.list = new Int32Array(scrapeTorrents)
    this.parts = partsOf(texts, peersWanted)
    const fixed = ANNOUNCE_BYTES + texts.path.length + texts.host.length
    const largest = fixed + scrapeTorrents * (PARAMETER_BYTES + ENCODED_MAX)
    const own = largest * together
    this.bytesMax = flood === null ? own : Math.max(own, flood.bytesMax)
  }

  /** Room that the requests sent together need. */
  get outputBytes(): number {
    return this.bytesMax
  }

  writeTo(bytes: Uint8Array): void {
    this.bytes = bytes
  }

  // HOT: no allocation below this line.

  /** Chooses what request `id` asks, and notes what the tracker surely knows by now. */
  choose(id: number, source: Source, sourceNumber: number): void {
    const { words } = this.requests
    const at = requestAt(id)
    words[at + SOURCE] = sourceNumber
    const isAnnounce = this.random.next() >>> 0 < this.announceLimit && source.peers.length > 0
    if (isAnnounce) this.chooseAnnounce(at, source)
    else this.chooseScrape(at, source)
  }

  private chooseAnnounce(at: number, source: Source): void {
    const { population } = this
    const { words } = this.requests
    const { peers, cursor } = source
    const torrent = peers[cursor]
    source.cursor = cursor + 2 === peers.length ? 0 : cursor + 2
    const known = torrentAt(torrent) + TORRENT_KNOWN
    words[at + KIND] = ANNOUNCE
    words[at + TORRENT] = torrent
    words[at + RANK] = peers[cursor + 1]
    words[at + KNOWN_SEEDERS] = population.words[known]
    words[at + KNOWN_LEECHERS] = population.words[known + 1]
  }

  private chooseScrape(at: number, source: Source): void {
    const { population, list } = this
    const { words } = this.requests
    words[at + KIND] = SCRAPE
    words[at + TORRENT] = this.random.next()
    words[at + RANK] = 1 + this.random.below(this.scrapeTorrents)
    const count = listScraped(list, population, source, words[at + TORRENT], words[at + RANK])
    let seeders = 0
    let leechers = 0
    for (let i = 0; i < count; i++) {
      seeders += population.words[torrentAt(list[i]) + TORRENT_KNOWN]
      leechers += population.words[torrentAt(list[i]) + TORRENT_KNOWN + 1]
    }
    words[at + KNOWN_SEEDERS] = seeders
    words[at + KNOWN_LEECHERS] = leechers
  }

  /** A request that is not valid. */
  chooseFlood(id: number): void {
    const { words } = this.requests
    const at = requestAt(id)
    words[at + KIND] = FLOOD
    words[at + TORRENT] = this.random.next()
  }

  /** Adds request `id` to what is to be sent; returns its length. `keeps`: further ones will follow. */
  write(id: number, source: Source, keeps: boolean): number {
    const { words } = this.requests
    const first = this.end
    const at = requestAt(id)
    const kind = words[at + KIND]
    if (kind === FLOOD)
      this.end = this.flood?.write(this.bytes, first, words[at + TORRENT]) ?? first
    else {
      if (kind === ANNOUNCE) this.writeAnnounce(words[at + TORRENT], words[at + RANK])
      else this.writeScrape(source, words[at + TORRENT], words[at + RANK])
      this.add(keeps ? this.parts.keep : this.parts.close)
    }
    words[at + BYTES] = this.end - first
    return this.end - first
  }

  private writeAnnounce(torrent: number, rank: number): void {
    const { population, parts } = this
    const seeder = population.isSeeder(torrent, rank)
    const known = population.isKnown(torrent, rank)
    population.markSent(torrent, rank, seeder)
    this.add(parts.announce)
    this.addInfoHash(torrent, rank)
    this.add(parts.peerId)
    this.addHexadecimal(torrent, 7)
    this.addHexadecimal(rank, 5)
    this.add(parts.port)
    this.addDecimal(swapHalf(portOf(population.portBase(torrent), rank)))
    this.add(parts.left)
    this.addDecimal(seeder ? 0 : LEFT_OF_LEECHER)
    this.add(parts.wanted)
    if (!known) this.add(parts.started)
  }

  private writeScrape(source: Source, seed: number, torrents: number): void {
    const { list, parts } = this
    const count = listScraped(list, this.population, source, seed, torrents)
    for (let i = 0; i < count; i++) {
      this.add(i === 0 ? parts.scrape : parts.infoHash)
      this.addInfoHash(list[i], seed)
    }
  }

  /** Encoded as the client of this number does: in capitals or not. */
  private addInfoHash(torrent: number, client: number): void {
    const { bytes, hash } = this
    const letters = (client & 1) === 0 ? UPPER_A : LOWER_A
    this.population.writeInfoHash(this.words, 0, torrent)
    let at = this.end
    for (let i = 0; i < INFO_HASH_BYTES; i++) {
      const byte = hash[i]
      if (isPlain(byte)) {
        bytes[at++] = byte
        continue
      }
      const high = byte >>> 4
      const low = byte & 15
      bytes[at] = PERCENT
      bytes[at + 1] = high < 10 ? DIGIT_0 + high : letters + high - 10
      bytes[at + 2] = low < 10 ? DIGIT_0 + low : letters + low - 10
      at += 3
    }
    this.end = at
  }

  private add(part: Uint8Array): void {
    const { bytes } = this
    let at = this.end
    for (let i = 0; i < part.length; i++) bytes[at++] = part[i]
    this.end = at
  }

  private addDecimal(number: number): void {
    let digits = 1
    for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++
    let rest = number
    for (let at = this.end + digits - 1; at >= this.end; at--) {
      this.bytes[at] = DIGIT_0 + (rest % 10)
      rest = Math.floor(rest / 10)
    }
    this.end += digits
  }

  private addHexadecimal(number: number, digits: number): void {
    let rest = number
    for (let at = this.end + digits - 1; at >= this.end; at--) {
      const digit = rest & 15
      this.bytes[at] = digit < 10 ? DIGIT_0 + digit : LOWER_A + digit - 10
      rest >>>= 4
    }
    this.end += digits
  }
}

/** The torrents of a scrape, each once; returns how many. */
export function listScraped(
  list: Int32Array,
  population: Population,
  source: Source,
  seed: number,
  torrents: number,
): number {
  let count = 0
  for (let i = 0; i < torrents; i++) {
    const torrent = population.scrapedTorrent(source.peers, seed, i)
    let before = 0
    while (before < count && list[before] !== torrent) before++
    if (before === count) list[count++] = torrent
  }
  return count
}

/** What RFC 3986 calls unreserved. */
function isPlain(byte: number): boolean {
  if (byte >= 0x61 && byte <= 0x7a) return true
  if (byte >= 0x41 && byte <= 0x5a) return true
  if (byte >= 0x30 && byte <= 0x39) return true
  return byte === 0x2d || byte === 0x2e || byte === 0x5f || byte === 0x7e
}
