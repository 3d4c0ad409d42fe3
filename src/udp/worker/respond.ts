// Carries out valid requests on the swarms and writes their responses: the stage that owns, or locks,
// the tables. Called by handle.ts in a socket worker that answers by itself, and by request-worker.ts
// for requests that came through a channel.
import type { ClientSample } from '../../census/sample.ts'
import { jittered } from '../../config/announce-interval.ts'
import {
  ANNOUNCED,
  CROWDED,
  GATED,
  PEERS_RATIONED,
  TORRENTS_FULL,
  TORRENTS_RATIONED,
} from '../../swarm/status.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { hashInfoHash, INFO_HASH_WORDS } from '../../swarm/table/torrents.ts'
import { ANNOUNCE_INFO_HASH, ANNOUNCE_PEER_ID, ERROR_BYTES_MAX } from '../wire/layout.ts'
import { swapBytes } from '../wire/parse.ts'
import type { Request } from '../wire/request.ts'
import {
  type ErrorText,
  errorText,
  writeAnnounceHead,
  writeError,
  writePeersIPv4,
  writePeersIPv6,
  writeScrapeEntry,
  writeScrapeHead,
} from '../wire/serialize.ts'
import {
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

/** What a valid request becomes: answered at once (Responder), or passed to the owner (Forwarder). */
export interface Requests {
  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void
  /**
   * Carries an announce out, and writes the response; returns its bytes, 0 when there is none yet. Where
   * clients are counted, the peer id stands behind the info hash as in the packet, its first two words at
   * least.
   */
  announce(request: Request): number
  /** The same for the counts of the torrents of a scrape. The caller counts it. */
  scrape(request: Request): number
}

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

  announce(request: Request): number {
    const { announce } = request
    const { source, infoHash, hash, peer } = announce
    const swarms = this.swarms
    if (swarms.access.forbids(source, infoHash, hash)) {
      return this.refuse(request, REJECTED_NOT_ALLOWED, ERROR_NOT_ALLOWED)
    }
    const table = swarms.tableOf(peer.ipv4, hash)
    announce.now = this.now
    let status = ANNOUNCED
    table.lock()
    if (announce.stopped) swarms.leave(table, announce)
    else status = swarms.announce(table, announce)
    const bytes = this.announced(request, status, table)
    table.unlock()
    const clients = this.clients
    if (clients !== null && status === ANNOUNCED) {
      const peerId = infoHash + PEER_ID
      if (announce.stopped) clients.forget(hash, peer)
      else clients.note(hash, peer, source[peerId], source[peerId + 1])
    }
    return bytes
  }

  scrape(request: Request): number {
    const { words, out, to } = request
    const swarms = this.swarms
    let size = 0
    writeScrapeHead(out, to, request.transaction)
    for (let i = 0; i < request.infoHashCount; i++) {
      const infoHash = request.infoHashes + i * INFO_HASH_WORDS
      const hash = hashInfoHash(swarms.ipv4[0], words, infoHash)
      if (swarms.access.forbids(words, infoHash, hash)) {
        size = writeScrapeEntry(out, to, i, 0, 0, 0)
        continue
      }
      const table = swarms.tableOf(request.peer.ipv4, hash)
      table.lock()
      swarms.scrape(table, words, infoHash, hash)
      table.unlock()
      size = writeScrapeEntry(out, to, i, swarms.seeders, swarms.completed, swarms.leechers)
    }
    return size
  }

  /** The response to an announce. Under the lock: the chosen peers are read where they live. */
  private announced(request: Request, status: number, table: Table): number {
    const { out, to, transaction, family } = request
    if (status === CROWDED) this.counts[family + REJECTED_PEERS_PER_ADDRESS]++
    else if (status !== ANNOUNCED) return this.full(request, status)
    this.counts[family + RESPONSES_ANNOUNCE]++
    const { seeders, leechers, choice } = this.swarms
    const interval = swapBytes(jittered(this.interval, this.jitter, choice.random()))
    const { runs, runCount } = choice
    writeAnnounceHead(out, to, transaction, interval, leechers, seeders)
    return request.peer.ipv4
      ? writePeersIPv4(out, to, table.words, runs, runCount)
      : writePeersIPv6(out, to, table.words, runs, runCount)
  }

  private full(request: Request, status: number): number {
    switch (status) {
      case GATED:
        return this.refuse(request, REJECTED_NEW_TORRENT_RATE, ERROR_NEW_TORRENTS)
      case TORRENTS_RATIONED:
        return this.refuse(request, REJECTED_TORRENT_RATION, ERROR_TORRENTS_RATIONED)
      case PEERS_RATIONED:
        return this.refuse(request, REJECTED_PEER_RATION, ERROR_PEERS_RATIONED)
      case TORRENTS_FULL:
        return this.refuse(request, REJECTED_TORRENTS_FULL, ERROR_TORRENTS_FULL)
      default:
        return this.refuse(request, REJECTED_PEERS_FULL, ERROR_PEERS_FULL)
    }
  }

  private refuse(request: Request, reason: number, text: ErrorText): number {
    const { family, transaction, out, to } = request
    this.counts[family + reason]++
    this.counts[family + RESPONSES_ERROR]++
    return writeError(out, to, transaction, text, ERROR_BYTES_MAX)
  }
}
