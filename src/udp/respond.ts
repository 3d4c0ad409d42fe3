// Carries out valid requests on the swarms and writes their responses: the stage that owns, or locks,
// the tables. Called by handle.ts in a socket worker that answers by itself, and by request-worker.ts
// for requests that came through a channel. Owns nothing but what it counts.
import type { ClientSample } from '../census/sample.ts'
import { jittered } from '../config/announce-interval.ts'
import { Announce } from '../swarm/announce.ts'
import {
  ANNOUNCED,
  CROWDED,
  GATED,
  PEERS_RATIONED,
  TORRENTS_FULL,
  TORRENTS_RATIONED,
} from '../swarm/status.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { Table } from '../swarm/table.ts'
import { hashInfoHash } from '../swarm/torrents.ts'
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  REJECTED_NEW_TORRENT_RATE,
  REJECTED_NOT_ALLOWED,
  REJECTED_PEER_RATION,
  REJECTED_PEERS_FULL,
  REJECTED_PEERS_PER_ADDRESS,
  REJECTED_TORRENT_RATION,
  REJECTED_TORRENTS_FULL,
  RESPONSES_ANNOUNCE,
  RESPONSES_ERROR,
} from './counters.ts'
import { ANNOUNCE_INFO_HASH, ANNOUNCE_PEER_ID, ERROR_BYTES_MAX, INFO_HASH_BYTES } from './layout.ts'
import { swapBytes } from './parse.ts'
import {
  type ErrorText,
  errorText,
  writeAnnounceIPv4,
  writeAnnounceIPv6,
  writeError,
  writeScrapeEntry,
  writeScrapeHead,
} from './serialize.ts'

/** What a valid request becomes: answered at once (Responder), or passed to the owner (Forwarder). */
export interface Requests {
  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void
  /**
   * The peer at `port` (as on the wire) of an address (IPv4: `a0`) announces itself to the torrent
   * `words[infoHash]`, whose keyed hash is `hash`. `flags` as below; up to `wanted` peers. Writes the
   * response to `out[to]` and returns its bytes; 0 when there is none yet. Where clients are counted,
   * the peer id stands behind the info hash as in the packet, its first two words at least.
   */
  announce(
    words: Int32Array,
    infoHash: number,
    hash: number,
    ipv4: boolean,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    port: number,
    flags: number,
    wanted: number,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number
  /** The same for the counts of `count` torrents from `words[infoHashes]` on. The caller counts it. */
  scrape(
    words: Int32Array,
    infoHashes: number,
    count: number,
    ipv4: boolean,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number
}

// Flags of an announce.
export const SEEDER = 1
export const COMPLETED = 2
export const STOPPED = 4

/** From the info hash. */
const PEER_ID = ANNOUNCE_PEER_ID - ANNOUNCE_INFO_HASH

const ERROR_NOT_ALLOWED = errorText('Info hash not allowed')
const ERROR_NEW_TORRENTS = errorText('Too many new torrents from this address: try again later')
const ERROR_TORRENTS_RATIONED = errorText('Tracker is nearly full: no more new torrents for now')
const ERROR_PEERS_RATIONED = errorText('Tracker is nearly full: no more new peers for now')
const ERROR_TORRENTS_FULL = errorText('Tracker is full: no new torrents')
const ERROR_PEERS_FULL = errorText('Tracker is full: no new peers')

export class Responder implements Requests {
  readonly counts: Int32Array
  /** Notes who announces; null when clients are not counted. */
  clients: ClientSample | null = null
  private readonly swarms: Swarms
  private readonly request = new Announce()
  private interval = 0
  /** Percent. */
  private jitter = 0
  private now = 0

  constructor(swarms: Swarms, announceInterval: number, counts: Int32Array) {
    this.swarms = swarms
    this.counts = counts
    this.setInterval(announceInterval)
  }

  /** In seconds; also while it is at work. */
  setInterval(announceInterval: number, jitterPercent = 0): void {
    this.interval = announceInterval
    this.jitter = jitterPercent
  }

  setTime(now: number): void {
    this.now = now
    this.swarms.admission.gate?.setTime(now)
    this.clients?.setTime(now)
  }

  // HOT: no allocation below this line.

  announce(
    words: Int32Array,
    infoHash: number,
    hash: number,
    ipv4: boolean,
    a0: number,
    a1: number,
    a2: number,
    a3: number,
    port: number,
    flags: number,
    wanted: number,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number {
    const swarms = this.swarms
    if (swarms.access.forbids(words, infoHash, hash)) {
      return this.refuse(REJECTED_NOT_ALLOWED, ERROR_NOT_ALLOWED, ipv4, transaction, out, to)
    }
    const table = swarms.tableOf(ipv4, hash)
    const announce = this.request
    announce.source = words
    announce.infoHash = infoHash
    announce.hash = hash
    const { peer } = announce
    peer.ipv4 = ipv4
    peer.a0 = a0
    peer.a1 = a1
    peer.a2 = a2
    peer.a3 = a3
    peer.port = port
    announce.seeder = (flags & SEEDER) !== 0
    announce.completed = (flags & COMPLETED) !== 0
    announce.wanted = wanted
    announce.now = this.now
    let status = ANNOUNCED
    table.lock()
    if ((flags & STOPPED) !== 0) swarms.leave(table, announce)
    else status = swarms.announce(table, announce)
    const bytes = this.announced(status, table, ipv4, transaction, out, to)
    table.unlock()
    const clients = this.clients
    if (clients !== null && status === ANNOUNCED) {
      if ((flags & STOPPED) !== 0) clients.forget(hash, peer)
      else {
        const peerId = infoHash + PEER_ID
        clients.note(hash, peer, words[peerId], words[peerId + 1])
      }
    }
    return bytes
  }

  scrape(
    words: Int32Array,
    infoHashes: number,
    count: number,
    ipv4: boolean,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number {
    const swarms = this.swarms
    let size = 0
    writeScrapeHead(out, to, transaction)
    for (let i = 0; i < count; i++) {
      const infoHash = infoHashes + i * (INFO_HASH_BYTES / 4)
      const hash = hashInfoHash(swarms.ipv4[0], words, infoHash)
      if (swarms.access.forbids(words, infoHash, hash)) {
        size = writeScrapeEntry(out, to, i, 0, 0, 0)
        continue
      }
      const table = swarms.tableOf(ipv4, hash)
      table.lock()
      swarms.scrape(table, words, infoHash, hash)
      table.unlock()
      size = writeScrapeEntry(out, to, i, swarms.seeders, swarms.completed, swarms.leechers)
    }
    return size
  }

  /** The response to an announce. Under the lock: the chosen peers are read where they live. */
  private announced(
    status: number,
    table: Table,
    ipv4: boolean,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number {
    const family = familyOf(ipv4)
    if (status === CROWDED) this.counts[family + REJECTED_PEERS_PER_ADDRESS]++
    else if (status !== ANNOUNCED) return this.full(status, ipv4, transaction, out, to)
    this.counts[family + RESPONSES_ANNOUNCE]++
    const { seeders, leechers, choice } = this.swarms
    const interval = swapBytes(jittered(this.interval, this.jitter, this.swarms.choice.random()))
    const { runs, runCount } = choice
    const memory = table.words
    return ipv4
      ? writeAnnounceIPv4(out, to, transaction, interval, leechers, seeders, memory, runs, runCount)
      : writeAnnounceIPv6(out, to, transaction, interval, leechers, seeders, memory, runs, runCount)
  }

  private full(
    status: number,
    ipv4: boolean,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number {
    if (status === GATED) {
      return this.refuse(REJECTED_NEW_TORRENT_RATE, ERROR_NEW_TORRENTS, ipv4, transaction, out, to)
    }
    if (status === TORRENTS_RATIONED) {
      const text = ERROR_TORRENTS_RATIONED
      return this.refuse(REJECTED_TORRENT_RATION, text, ipv4, transaction, out, to)
    }
    if (status === PEERS_RATIONED) {
      return this.refuse(REJECTED_PEER_RATION, ERROR_PEERS_RATIONED, ipv4, transaction, out, to)
    }
    return status === TORRENTS_FULL
      ? this.refuse(REJECTED_TORRENTS_FULL, ERROR_TORRENTS_FULL, ipv4, transaction, out, to)
      : this.refuse(REJECTED_PEERS_FULL, ERROR_PEERS_FULL, ipv4, transaction, out, to)
  }

  private refuse(
    reason: number,
    text: ErrorText,
    ipv4: boolean,
    transaction: number,
    out: Int32Array,
    to: number,
  ): number {
    const family = familyOf(ipv4)
    this.counts[family + reason]++
    this.counts[family + RESPONSES_ERROR]++
    return writeError(out, to, transaction, text, ERROR_BYTES_MAX)
  }
}

/** Where the counters of an address family start. */
export function familyOf(ipv4: boolean): number {
  return ipv4 ? FAMILY_IPV4 : FAMILY_IPV6
}
