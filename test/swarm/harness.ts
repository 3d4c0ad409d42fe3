// Swarms for tests: built with fixed keys and seeds, and spoken to in plain numbers.
// Used by every test of swarm/ and by bench/swarm.ts's test. Owns the swarms it builds.
//
// Torrents and peers are numbers here. A peer's number is found again in what an answer holds, so
// that tests can say who was chosen. Four numbers in a row share one address on four ports.
import { Arena, createArena, PAGE_BYTES } from '../../src/memory/arena.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { ConnectionStates, createConnectionStates } from '../../src/swarm/connections.ts'
import {
  PEER_PORT_MASK,
  PEER_SEEDER_BIT,
  type PeerKindName,
  peerKindOf,
} from '../../src/swarm/layout.ts'
import {
  attachTables,
  createSwarmMemory,
  type SwarmBuffers,
  type SwarmLimits,
} from '../../src/swarm/memory.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { ANNOUNCED, CROWDED, HELD, TURNED_AWAY } from '../../src/swarm/status.ts'
import { Swarms } from '../../src/swarm/swarm.ts'
import type { Table } from '../../src/swarm/table/table.ts'
import { hashInfoHash, INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { cleanSlice, startCleaning } from '../../src/swarm/walks/clean.ts'

export type Family = PeerKindName
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6', 'websocket']

/** What comes with an announce; the defaults are a leecher that wants 50 peers at time 1000. */
export interface AnnounceOptions {
  readonly seeder?: boolean
  readonly completed?: boolean
  readonly wanted?: number
  readonly now?: number
  /** WebSocket: the slot of the connection that asks. */
  readonly connection?: number
}

export interface Answer {
  readonly status: number
  readonly seeders: number
  readonly leechers: number
  /** The numbers of the chosen peers. */
  readonly peers: readonly number[]
  /** How many of them are seeders. */
  readonly peersSeeding: number
}

export interface Counts {
  readonly seeders: number
  readonly leechers: number
  readonly completed: number
}

const PORT_BASE = 1000
export const PORTS_PER_ADDRESS = 4

/** Connections for WebSocket peers to belong to, and the generation of their slots. */
const CONNECTIONS = 64
export const GENERATION = 7

/** The hash keys of all test swarms: failures can then be repeated. */
const KEY_0 = 0x1234567
const KEY_1 = 0x89abcde

export const SMALL_LIMITS: SwarmLimits = {
  maxTorrents: 100_000,
  maxPeers: 1_000_000,
  workers: 1,
  kinds: FAMILIES,
}

/** Swarm memory with fixed keys and, where given, an arena of so many pages. */
export function testBuffers(limits: SwarmLimits = SMALL_LIMITS, arenaPages = 0): SwarmBuffers {
  const buffers = createSwarmMemory({ kinds: FAMILIES, ...limits })
  const arena = arenaPages > 0 ? createArena(arenaPages * PAGE_BYTES) : buffers.arena
  return { ...buffers, arena, key0: KEY_0, key1: KEY_1 }
}

/** One thread's view on swarm memory, with a choice of peers that repeats. */
export class Harness {
  readonly swarms: Swarms
  readonly buffers: SwarmBuffers
  readonly arena: Arena
  /** All of generation GENERATION. They count as gone until a test opens them. */
  readonly connections: ConnectionStates
  /** The announce, leave or question of the moment. */
  readonly request = new Announce()
  private readonly infoHash = new Int32Array(INFO_HASH_WORDS)

  constructor(buffers: SwarmBuffers = testBuffers(), seed = 1, countDownloads = true) {
    this.buffers = buffers
    const totals = new Int32Array(buffers.control)
    const tables = attachTables(buffers)
    this.connections = new ConnectionStates(createConnectionStates(1, CONNECTIONS))
    this.swarms = new Swarms(tables, totals, countDownloads, seed, this.connections)
    this.arena = new Arena(buffers.arena)
  }

  get tables(): readonly Table[] {
    return [...this.swarms.ipv4, ...this.swarms.ipv6, ...this.swarms.websocket]
  }

  /** Writes a torrent's info hash to `infoHash` and returns its hash. */
  hashOf(torrent: number): number {
    this.writeInfoHash(torrent, this.infoHash)
    return hashInfoHash(this.swarms.ipv4[0], this.infoHash, 0)
  }

  writeInfoHash(torrent: number, target: Int32Array): void {
    for (let i = 0; i < INFO_HASH_WORDS; i++) {
      target[i] = Math.imul(torrent + 1, 0x9e3779b1) ^ Math.imul(i, torrent ^ 0x51ed27)
    }
  }

  tableOf(family: Family, torrent: number): Table {
    return this.tableFor(family, this.hashOf(torrent))
  }

  announce(family: Family, torrent: number, peer: number, options: AnnounceOptions = {}): Answer {
    const words = [0, 1, 2, 3].map((index) => address(family, peer, index))
    const id4 = family === 'websocket' ? peer : 0
    return this.announceAs(family, torrent, [...words, id4], portWord(family, peer), options)
  }

  /**
   * An announce of a peer that has no number: `words` are its address (IPv4: the first, then zeros), or
   * its peer id of five words.
   */
  announceAs(
    family: Family,
    torrent: number,
    words: readonly number[],
    port: number,
    options: AnnounceOptions = {},
  ): Answer {
    const table = this.ask(torrent, family, words, port, options.connection ?? 0)
    const { request } = this
    request.seeder = options.seeder ?? false
    request.completed = options.completed ?? false
    request.wanted = options.wanted ?? 50
    request.now = options.now ?? 1000
    table.lock()
    const status = this.swarms.announce(table, request)
    const answer = this.readAnswer(family, table, status)
    table.unlock()
    return answer
  }

  /** Returns the counts of those who stay. */
  leave(family: Family, torrent: number, peer: number, connection = 0): Counts {
    const words = [0, 1, 2, 3].map((index) => address(family, peer, index))
    const id4 = family === 'websocket' ? peer : 0
    return this.leaveAs(family, torrent, [...words, id4], portWord(family, peer), connection)
  }

  /** As `announceAs`. */
  leaveAs(
    family: Family,
    torrent: number,
    words: readonly number[],
    port: number,
    connection = 0,
  ): Counts {
    const table = this.ask(torrent, family, words, port, connection)
    table.lock()
    this.swarms.leave(table, this.request)
    const counts = this.readCounts()
    table.unlock()
    return counts
  }

  scrape(family: Family, torrent: number): Counts {
    const hash = this.hashOf(torrent)
    const table = this.tableFor(family, hash)
    table.lock()
    this.swarms.scrape(table, this.infoHash, 0, hash)
    const counts = this.readCounts()
    table.unlock()
    return counts
  }

  /** Fills torrent and peer of `request`; returns the torrent's table. */
  ask(
    torrent: number,
    family: Family,
    words: readonly number[],
    port: number,
    connection: number,
  ): Table {
    const { request } = this
    request.source = this.infoHash
    request.hash = this.hashOf(torrent)
    setPeer(request.peer, family, words, port)
    request.peer.connection = connection
    return this.tableFor(family, request.hash)
  }

  tableFor(family: Family, hash: number): Table {
    if (family === 'websocket') return this.swarms.websocketTableOf(hash)
    return this.swarms.tableOf(family === 'ipv4', hash)
  }

  /** A whole cleaning of all tables. */
  clean(now: number, maxAge: number, budget: number): void {
    new Cleaner(this, this.tables).finish(now, maxAge, budget)
  }

  private readCounts(): Counts {
    const { seeders, leechers, completed } = this.swarms
    return { seeders, leechers, completed }
  }

  private readAnswer(family: Family, table: Table, status: number): Answer {
    const { choice, seeders, leechers } = this.swarms
    const peers: number[] = []
    let peersSeeding = 0
    for (let run = 0; run < choice.runCount; run++) {
      for (let i = 0; i < choice.runs[run * 2 + 1]; i++) {
        const at = choice.runs[run * 2] + i * table.stride
        peers.push(peerAt(family, table.words, at))
        if ((table.words[at + table.stride - 1] & PEER_SEEDER_BIT) !== 0) peersSeeding++
      }
    }
    if (![ANNOUNCED, HELD, CROWDED, TURNED_AWAY].includes(status))
      return { status, seeders: 0, leechers: 0, peers, peersSeeding }
    return { status, seeders, leechers, peers, peersSeeding }
  }
}

/** The swarms of one family, for tests that know of no other. */
export class FamilyHarness {
  readonly harness: Harness
  private readonly family: Family
  private cleaner: Cleaner | undefined

  constructor(family: Family, harness: Harness = new Harness()) {
    this.family = family
    this.harness = harness
  }

  announce(torrent: number, peer: number, options?: AnnounceOptions): Answer {
    return this.harness.announce(this.family, torrent, peer, options)
  }

  leave(torrent: number, peer: number): Counts {
    return this.harness.leave(this.family, torrent, peer)
  }

  scrape(torrent: number): Counts {
    return this.harness.scrape(this.family, torrent)
  }

  /** One slice of a cleaning of all tables; true when that was the last. */
  clean(now: number, maxAge: number, budget: number): boolean {
    this.cleaner ??= new Cleaner(this.harness, this.harness.tables)
    const done = this.cleaner.slice(now, maxAge, budget)
    if (done) this.cleaner = undefined
    return done
  }
}

/** A cleaning of some tables, slice by slice. */
export class Cleaner {
  private readonly harness: Harness
  private readonly tables: readonly Table[]
  private next = 0

  constructor(harness: Harness, tables: readonly Table[]) {
    this.harness = harness
    this.tables = tables
    startCleaning(tables[0])
  }

  /** Cleans one slice of one table; true when all tables are done. */
  slice(now: number, maxAge: number, budget: number): boolean {
    if (!cleanSlice(this.harness.swarms, this.tables[this.next], now, maxAge, budget)) return false
    this.next++
    if (this.next === this.tables.length) return true
    startCleaning(this.tables[this.next])
    return false
  }

  finish(now: number, maxAge: number, budget: number): void {
    while (!this.slice(now, maxAge, budget));
  }
}

/** Word `index` of a peer's address, or of its peer id. */
export function address(family: Family, peer: number, index: number): number {
  const word = (peer / PORTS_PER_ADDRESS) | 0
  if (family === 'ipv4') return index === 0 ? word : 0
  if (family === 'websocket') return index === 0 ? 0x5457572d : peer ^ index
  if (index === 0) return 0x20010db8
  return index === 1 ? word ^ 0x5a5a5a : index === 2 ? 7 : word
}

/** What stands in the low bits of a peer's last word. */
function portWord(family: Family, peer: number): number {
  return family === 'websocket' ? GENERATION : portOf(peer)
}

export function portOf(peer: number): number {
  return PORT_BASE + (peer % PORTS_PER_ADDRESS)
}

/** A peer of an address (IPv4: `a0`), as far as it is asked what its source may do. */
export function sourceOf(ipv4: boolean, a0: number, a1: number): Peer {
  return peerOf(ipv4, [a0, a1, 0, 0], 0)
}

export function peerOf(ipv4: boolean, words: readonly number[], port: number): Peer {
  const peer = new Peer()
  setPeer(peer, ipv4 ? 'ipv4' : 'ipv6', words, port)
  return peer
}

/** `words` are an address (IPv4: the first, then zeros), or a peer id of five words. */
export function setPeer(peer: Peer, family: Family, words: readonly number[], port: number): void {
  peer.setWords(Int32Array.from(words), 0)
  peer.ipv4 = family === 'ipv4'
  peer.id4 = family === 'websocket' ? words[4] : 0
  peer.port = port
}

/** The number of the peer stored at `at`, or −1 for one that no test has announced. */
export function peerAt(family: Family, words: Int32Array, at: number): number {
  const { stride } = peerKindOf(family)
  if (family === 'websocket') {
    const peer = words[at + 4]
    const isRight = [0, 1, 2, 3].every((i) => words[at + i] === address(family, peer, i))
    return isRight ? peer : -1
  }
  const port = words[at + stride - 1] & PEER_PORT_MASK
  const peer = words[at + stride - 2] * PORTS_PER_ADDRESS + port - PORT_BASE
  for (let i = 0; i < stride - 1; i++) {
    if (words[at + i] !== address(family, peer, i)) return -1
  }
  return portOf(peer) === port ? peer : -1
}

/** A seeded generator of numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
}
