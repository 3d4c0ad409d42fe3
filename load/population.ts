// The simulated torrents and peers: which peers each torrent has, what each announces, and what of it
// has been announced so far. Made by main.ts, shared by all workers, so that each can tell whether a
// peer that the tracker returned is one of the torrent it asked for.
//
// Nothing is stored per peer but two bits. Peers have numbers, those of a torrent in a row; a peer's
// place in that row (its rank) gives its socket, and so its address, and its port, and vice
// versa: an address and a port in an answer give the rank, and the rank tells whether such a
// peer exists, whether it has been announced, and from which address it should be.
//
// Shared words are touched by atomics only where workers may meet: counts are added to and bits set
// with Atomics, and both only ever grow. A reader may therefore see less than there is, never more:
// checks are written so that this errs on the tracker's side.
import { mix, Random } from './random.ts'
import { type Announced, announcedIn } from './simulated.ts'

/** A peer's rank follows from its port, of which there are 65,535. */
export const SWARM_MAX = 65535

// A torrent in words: 0 its first peer │ 1 peers │ announced: 2 seeders, 3 leechers
// │ announces answered: 4 seeders, 5 leechers
const TORRENT_SHIFT = 3
export const TORRENT_FIRST = 0
export const TORRENT_PEERS = 1
export const TORRENT_SENT = 2
export const TORRENT_KNOWN = 4

const STREAM_POPULARITY = 1
const STREAM_ORDER = 0x100
const SALT_SEEDER = 0x5eed
const SALT_PORT = 0x9047
const HASH_STEP = 0x9e3779b9
const TWO_32 = 4294967296

export interface PopulationSettings {
  readonly torrents: number
  readonly peers: number
  readonly gammaShape: number
  readonly seederProbability: number
  readonly seed: number
  /** Sockets of all workers: each announces its share of the peers. */
  readonly sockets: number
}

export interface PopulationBuffers extends PopulationSettings {
  readonly torrentWords: SharedArrayBuffer
  readonly peerBits: SharedArrayBuffer
}

export function createPopulation(settings: PopulationSettings): PopulationBuffers {
  const { torrents, peers } = settings
  const torrentWords = new SharedArrayBuffer((torrents << TORRENT_SHIFT) * 4)
  const words = new Int32Array(torrentWords)
  let first = 0
  for (const [torrent, count] of swarmSizes(settings).entries()) {
    words[(torrent << TORRENT_SHIFT) + TORRENT_FIRST] = first
    words[(torrent << TORRENT_SHIFT) + TORRENT_PEERS] = count
    first += count
  }
  const peerBits = new SharedArrayBuffer((Math.ceil(peers / 16) + 1) * 4)
  return { ...settings, torrentWords, peerBits }
}

/** Systematic sampling: each torrent gets its share, rounded so that the sum comes out. */
function swarmSizes(settings: PopulationSettings): Int32Array {
  const { torrents, peers } = settings
  const weights = popularity(settings)
  let sum = 0
  for (const weight of weights) sum += weight
  const sizes = new Int32Array(torrents)
  let passed = 0
  let given = 0
  for (let torrent = 0; torrent < torrents; torrent++) {
    passed += weights[torrent]
    const due = Math.floor((passed / sum) * peers + 0.5) - given
    sizes[torrent] = Math.min(due, SWARM_MAX)
    given += sizes[torrent]
  }
  // What the last and largest torrent had no room for.
  for (let torrent = 0; given < peers && torrent < torrents; torrent++) {
    const more = Math.min(peers - given, SWARM_MAX - sizes[torrent])
    sizes[torrent] += more
    given += more
  }
  return sizes
}

function popularity({ torrents, gammaShape, seed }: PopulationSettings): Float64Array {
  const random = new Random(seed, STREAM_POPULARITY)
  const weights = new Float64Array(torrents)
  for (let i = 0; i < torrents; i++) weights[i] = random.gamma(gammaShape)
  return weights
}

export function announcedTo({ torrentWords }: PopulationBuffers): Announced {
  return announcedIn(new Int32Array(torrentWords), TORRENT_SENT, 1 << TORRENT_SHIFT)
}

export class Population {
  readonly torrents: number
  /** Torrent t at word t << 3. */
  readonly words: Int32Array
  readonly sockets: number
  private readonly bits: Int32Array
  private readonly seed: number
  /** Spread, so that the torrents of neighbouring seeds are not the same ones in another order. */
  private readonly hashSalt: number
  private readonly seederLimit: number

  constructor(buffers: PopulationBuffers) {
    this.torrents = buffers.torrents
    this.sockets = buffers.sockets
    this.words = new Int32Array(buffers.torrentWords)
    this.bits = new Int32Array(buffers.peerBits)
    this.seed = buffers.seed
    this.hashSalt = mix(buffers.seed)
    this.seederLimit = buffers.seederProbability * TWO_32
  }

  /** The peers that a socket announces, in random order: torrent and rank of each. */
  peersOf(socket: number): Int32Array {
    const { words, sockets } = this
    let count = 0
    for (let torrent = 0; torrent < this.torrents; torrent++) {
      const peers = words[(torrent << TORRENT_SHIFT) + TORRENT_PEERS]
      count += Math.max(0, Math.ceil((peers - this.firstRank(torrent, socket)) / sockets))
    }
    const list = new Int32Array(count * 2)
    let at = 0
    for (let torrent = 0; torrent < this.torrents; torrent++) {
      const peers = words[(torrent << TORRENT_SHIFT) + TORRENT_PEERS]
      for (let rank = this.firstRank(torrent, socket); rank < peers; rank += sockets) {
        list[at++] = torrent
        list[at++] = rank
      }
    }
    shufflePairs(list, new Random(this.seed, STREAM_ORDER + socket))
    return list
  }

  private firstRank(torrent: number, socket: number): number {
    const { sockets } = this
    return (socket - (torrent % sockets) + sockets) % sockets
  }

  /** One info hash per torrent and line in hexadecimal, as trackers read lists of what they serve. */
  infoHashLines(): string {
    const words = new Int32Array(5)
    const bytes = new Uint8Array(words.buffer)
    const lines: string[] = []
    for (let torrent = 0; torrent < this.torrents; torrent++) {
      this.writeInfoHash(words, 0, torrent)
      lines.push(bytes.toHex())
    }
    return `${lines.join('\n')}\n`
  }

  // HOT: no allocation below this line.

  writeInfoHash(words: Int32Array, at: number, torrent: number): void {
    const base = torrent ^ this.hashSalt
    words[at] = mix(base)
    words[at + 1] = mix((base + HASH_STEP) | 0)
    words[at + 2] = mix((base + 2 * HASH_STEP) | 0)
    words[at + 3] = mix((base + 3 * HASH_STEP) | 0)
    words[at + 4] = mix((base + 4 * HASH_STEP) | 0)
  }

  /** The socket, of all workers' sockets, that announces this peer. */
  socketOf(torrent: number, rank: number): number {
    return (torrent + rank) % this.sockets
  }

  /** Where the ports of a torrent's peers begin, so that not all torrents use the same ones. */
  portBase(torrent: number): number {
    return (mix(torrent ^ this.seed ^ SALT_PORT) >>> 1) % SWARM_MAX
  }

  isSeeder(torrent: number, rank: number): boolean {
    const peer = this.words[(torrent << TORRENT_SHIFT) + TORRENT_FIRST] + rank
    return mix(peer ^ this.seed ^ SALT_SEEDER) >>> 0 < this.seederLimit
  }

  /**
   * Torrent number `i` of a scrape, which follows from its seed: one of a random peer's, of the `peers`
   * of the socket that asks, so that popular torrents come more often.
   */
  scrapedTorrent(peers: Int32Array, seed: number, i: number): number {
    const random = mix(seed + Math.imul(i, HASH_STEP)) >>> 0
    const pairs = peers.length >>> 1
    if (pairs === 0) return Math.floor((random * this.torrents) / TWO_32)
    return peers[Math.floor((random * pairs) / TWO_32) << 1]
  }

  /** Notes that a peer is being announced. Before the packet leaves: its answer may come at once. */
  markSent(torrent: number, rank: number, seeder: boolean): void {
    this.mark(torrent, rank, seeder, 1, TORRENT_SENT)
  }

  /** Notes that the tracker has answered a peer's announce, and so knows it. */
  markKnown(torrent: number, rank: number, seeder: boolean): void {
    this.mark(torrent, rank, seeder, 2, TORRENT_KNOWN)
  }

  private mark(torrent: number, rank: number, seeder: boolean, bit: number, count: number): void {
    const at = torrent << TORRENT_SHIFT
    const peer = this.words[at + TORRENT_FIRST] + rank
    const index = peer >>> 4
    const mask = bit << ((peer & 15) << 1)
    if ((this.bits[index] & mask) !== 0) return
    if ((Atomics.or(this.bits, index, mask) & mask) !== 0) return
    Atomics.add(this.words, at + count + (seeder ? 0 : 1), 1)
  }

  wasSent(torrent: number, rank: number): boolean {
    const peer = this.words[(torrent << TORRENT_SHIFT) + TORRENT_FIRST] + rank
    return (this.bits[peer >>> 4] & (1 << ((peer & 15) << 1))) !== 0
  }

  isKnown(torrent: number, rank: number): boolean {
    const peer = this.words[(torrent << TORRENT_SHIFT) + TORRENT_FIRST] + rank
    return (this.bits[peer >>> 4] & (2 << ((peer & 15) << 1))) !== 0
  }
}

/** Where a torrent's words begin. */
export function torrentAt(torrent: number): number {
  return torrent << TORRENT_SHIFT
}

/**
 * The port of a rank, as the two bytes on the wire give it in a little-endian half word. Turning the
 * bytes of 16 bits is a step of 256 through the 65,535 numbers, so neighbours get distant ports.
 */
export function portOf(base: number, rank: number): number {
  const place = base + rank
  const inRange = place < SWARM_MAX ? place : place - SWARM_MAX
  return swapHalf(swapHalf(inRange) + 1)
}

/** The rank that a port on the wire stands for; some number up to 65,535 for a port that no peer has. */
export function rankOf(base: number, wirePort: number): number {
  const place = swapHalf((swapHalf(wirePort) - 1) & 0xffff)
  const rank = place - base
  return rank < 0 ? rank + SWARM_MAX : rank
}

export function swapHalf(half: number): number {
  return ((half & 0xff) << 8) | (half >>> 8)
}

function shufflePairs(list: Int32Array, random: Random): void {
  for (let i = list.length / 2 - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const torrent = list[i * 2]
    const rank = list[i * 2 + 1]
    list[i * 2] = list[j * 2]
    list[i * 2 + 1] = list[j * 2 + 1]
    list[j * 2] = torrent
    list[j * 2 + 1] = rank
  }
}
