// The simulated clients and torrents: which connection is in which torrents, as seeder or leecher,
// and what of it the tracker has been told. Made by main.ts, shared by all workers.
//
// One connection is one client with one peer id, as in a browser. Its torrents follow from the seed;
// a worker works out those of its own connections. What workers have to know of each other is in
// shared words: per torrent how many peers were announced and how many of these announces were
// answered, so that counts in responses can be checked; and the offers on their way (offers.ts).
//
// Counts of announced peers only grow, and those of answered ones shrink before a connection closes:
// a reader may see less than there is, never more, so that checks err on the tracker's side.
import { mix, Random } from '../random.ts'
import { type Announced, announcedIn } from '../simulated.ts'

// A torrent in words: announced: 0 seeders, 1 leechers │ announces answered: 2 seeders, 3 leechers
const TORRENT_WORDS = 4
const SENT = 0
const KNOWN = 2

const STREAM_POPULARITY = 1
const STREAM_MEMBERSHIP = 0x100
const STREAM_ROUND = 2
const SALT_HASH = 0x1aff
const SALT_PEER = 0x9ee4
const SALT_SEEDER = 0x5eed
const ID_BYTES = 20
const ID_STEP = 0x9e3779b9
const TWO_32 = 4294967296
/** Picks of a torrent per place: a few very popular ones would otherwise be picked forever. */
const PICKS_MAX = 16
/** What webtorrent's peer ids begin with is its own; ours is as long. */
const PEER_ID_PREFIX = '-AQ0001-'

export interface PopulationSettings {
  readonly torrents: number
  readonly connections: number
  readonly torrentsPerConnection: number
  /** 0: by popularity. Else every torrent has so many peers, and `torrents` follows from that. */
  readonly peersPerTorrent: number
  readonly gammaShape: number
  readonly seederProbability: number
  readonly seed: number
}

export interface PopulationBuffers extends PopulationSettings {
  /** Sums of the popularities up to each torrent. */
  readonly popularity: SharedArrayBuffer
  readonly torrentWords: SharedArrayBuffer
}

export interface Numbers {
  readonly seeders: number
  readonly leechers: number
}

export function createPopulation(given: PopulationSettings): PopulationBuffers {
  const settings = { ...given, torrents: torrentCount(given) }
  const { torrents, gammaShape, seed } = settings
  const popularity = new SharedArrayBuffer(torrents * 8)
  const sums = new Float64Array(popularity)
  const random = new Random(seed, STREAM_POPULARITY)
  let sum = 0
  for (let torrent = 0; torrent < torrents; torrent++) {
    sum += random.gamma(gammaShape)
    sums[torrent] = sum
  }
  const torrentWords = new SharedArrayBuffer(torrents * TORRENT_WORDS * 4)
  return { ...settings, popularity, torrentWords }
}

export function announcedTo({ torrentWords }: PopulationBuffers): Announced {
  return announcedIn(new Int32Array(torrentWords), SENT, TORRENT_WORDS)
}

export class Population {
  readonly connections: number
  private readonly settings: PopulationBuffers
  private readonly words: Int32Array
  private readonly sums: Float64Array
  private readonly hashes: string[] = []
  private readonly hashesJson: string[] = []
  private readonly peerIds: string[] = []
  private readonly peerIdsJson: string[] = []
  private readonly offerIdPrefixes: string[] = []
  private readonly offerIdPrefixesJson: string[] = []
  private readonly torrentsByHash = new Map<string, number>()
  private readonly rounds: readonly Round[]

  constructor(buffers: PopulationBuffers) {
    this.settings = buffers
    this.connections = buffers.connections
    this.words = new Int32Array(buffers.torrentWords)
    this.sums = new Float64Array(buffers.popularity)
    const { seed } = buffers
    this.rounds = buffers.peersPerTorrent === 0 ? [] : roundsOf(buffers)
    for (let torrent = 0; torrent < buffers.torrents; torrent++) {
      const hash = idOf(mix(seed ^ SALT_HASH), torrent, '')
      this.hashes.push(hash)
      this.hashesJson.push(inJson(hash))
      this.torrentsByHash.set(hash, torrent)
    }
    for (let connection = 0; connection < buffers.connections; connection++) {
      const peerId = idOf(mix(seed ^ SALT_PEER), connection, PEER_ID_PREFIX)
      this.peerIds.push(peerId)
      this.peerIdsJson.push(inJson(peerId))
      const prefix = peerId.slice(PEER_ID_PREFIX.length)
      this.offerIdPrefixes.push(prefix)
      this.offerIdPrefixesJson.push(inJson(prefix))
    }
  }

  /** 20 characters up to U+00FF. */
  infoHash(torrent: number): string {
    return this.hashes[torrent]
  }

  /** The same, as it appears between quotes in JSON. */
  infoHashJson(torrent: number): string {
    return this.hashesJson[torrent]
  }

  peerId(connection: number): string {
    return this.peerIds[connection]
  }

  peerIdJson(connection: number): string {
    return this.peerIdsJson[connection]
  }

  /** Twelve characters that the ids of all offers of a connection begin with. */
  offerIdPrefix(connection: number): string {
    return this.offerIdPrefixes[connection]
  }

  offerIdPrefixJson(connection: number): string {
    return this.offerIdPrefixesJson[connection]
  }

  /** −1 for one that belongs to nobody. */
  torrentOf(infoHash: string): number {
    return this.torrentsByHash.get(infoHash) ?? -1
  }

  /** The torrents a connection is in, different ones; fewer than asked for when few are popular. */
  torrentsOf(connection: number): number[] {
    if (this.settings.peersPerTorrent > 0) return this.torrentsInGroups(connection)
    const { torrents, torrentsPerConnection, seed } = this.settings
    const wanted = Math.min(torrents, torrentsPerConnection)
    const random = new Random(seed, STREAM_MEMBERSHIP + connection)
    const found = new Set<number>()
    for (let picks = 0; found.size < wanted && picks < wanted * PICKS_MAX; picks++) {
      found.add(this.pick(random))
    }
    return [...found]
  }

  /**
   * One torrent of each round. A round divides all connections into groups of the same size, each of
   * which has a torrent. Its steps are coprime to their number, so that other peers meet in each.
   */
  private torrentsInGroups(connection: number): number[] {
    const { connections } = this.settings
    const groups = groupsOf(this.settings)
    return this.rounds.map(({ step, offset }, round) => {
      const place = (connection * step + offset) % connections
      return round * groups + Math.floor((place * groups) / connections)
    })
  }

  /** A torrent, popular ones more often. */
  pick(random: Random): number {
    const { sums } = this
    const wanted = random.unit() * sums[sums.length - 1]
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sums[middle] < wanted) low = middle + 1
      else high = middle
    }
    return low
  }

  isSeeder(connection: number, torrent: number): boolean {
    const { seed, seederProbability } = this.settings
    const number = mix(mix(seed ^ SALT_SEEDER) + Math.imul(connection, ID_STEP) + mix(torrent))
    return (number >>> 0) / TWO_32 < seederProbability
  }

  /** Before a peer's first announce in a torrent is sent. */
  addSent(torrent: number, seeder: boolean): void {
    Atomics.add(this.words, torrent * TORRENT_WORDS + SENT + (seeder ? 0 : 1), 1)
  }

  /** `change` is 1 when that announce has been answered, and −1 when the peer is about to leave. */
  addKnown(torrent: number, seeder: boolean, change: number): void {
    Atomics.add(this.words, torrent * TORRENT_WORDS + KNOWN + (seeder ? 0 : 1), change)
  }

  /** The most that the tracker can know of. */
  sent(torrent: number): Numbers {
    return this.numbers(torrent * TORRENT_WORDS + SENT)
  }

  /** The least that the tracker has to know of, from now on. */
  known(torrent: number): Numbers {
    return this.numbers(torrent * TORRENT_WORDS + KNOWN)
  }

  isPopulated(torrent: number): boolean {
    const { seeders, leechers } = this.known(torrent)
    return seeders + leechers > 0
  }

  private numbers(at: number): Numbers {
    return { seeders: Atomics.load(this.words, at), leechers: Atomics.load(this.words, at + 1) }
  }
}

function torrentCount(settings: PopulationSettings): number {
  const { torrents, torrentsPerConnection, peersPerTorrent } = settings
  return peersPerTorrent === 0 ? torrents : groupsOf(settings) * torrentsPerConnection
}

function groupsOf({ connections, peersPerTorrent }: PopulationSettings): number {
  return Math.max(1, Math.floor(connections / peersPerTorrent))
}

interface Round {
  readonly step: number
  readonly offset: number
}

function roundsOf({ connections, torrentsPerConnection, seed }: PopulationSettings): Round[] {
  const random = new Random(seed, STREAM_ROUND)
  return Array.from({ length: torrentsPerConnection }, () => {
    let step = 1 + random.below(connections)
    while (greatestDivisor(step, connections) > 1) step++
    return { step, offset: random.below(connections) }
  })
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** Bytes of every value, so that half of them need two bytes in UTF-8 and some an escape in JSON. */
function idOf(seed: number, index: number, prefix: string): string {
  let id = prefix
  for (let i = id.length; i < ID_BYTES; i++) {
    id += String.fromCharCode(mix(seed + Math.imul(index, ID_STEP) + mix(i)) & 255)
  }
  return id
}
