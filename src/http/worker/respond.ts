// Carries out valid announces and scrapes on the swarms and writes their answers, under the tables' locks.
// Called by handle.ts;
// what writes an answer returns where it ends.
import type { ClientSample } from '../../census/sample.ts'
import { jittered } from '../../config/announce-interval.ts'
import { STRIDE_IPV4, STRIDE_IPV6 } from '../../swarm/layout.ts'
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
import { hashInfoHash } from '../../swarm/table/torrents.ts'
import { INFO_HASH_WORDS } from '../wire/layout.ts'
import { order, orderInfoHashes } from '../wire/order.ts'
import type { HttpRequest } from '../wire/request.ts'
import {
  beginAnswer,
  endAnswer,
  failureText,
  writeCounts,
  writeFailure,
  writeIntervals,
  writePeerList,
  writePeersIPv4,
  writePeersIPv6,
  writeScrapeCounts,
  writeScrapeEnd,
  writeScrapeHash,
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
  RESPONSES_FAILURE,
  RESPONSES_SCRAPE,
} from './counters.ts'

const NOT_ALLOWED = failureText('Info hash not allowed')
const NEW_TORRENTS = failureText('Too many new torrents from this address: try again later')
const TORRENTS_ARE_RATIONED = failureText('Tracker is nearly full: no more new torrents for now')
const PEERS_ARE_RATIONED = failureText('Tracker is nearly full: no more new peers for now')
const TORRENTS_ARE_FULL = failureText('Tracker is full: no new torrents')
const PEERS_ARE_FULL = failureText('Tracker is full: no new peers')

const MINUTE_SEC = 60

export class Responder {
  readonly counts: Int32Array
  /** Notes who announces; null when clients are not counted. */
  clients: ClientSample | null = null
  private readonly swarms: Swarms
  private interval = 0
  private minInterval = 0
  /** Percent. */
  private jitter = 0
  private now = 0

  constructor(swarms: Swarms, counts: Int32Array) {
    this.swarms = swarms
    this.counts = counts
  }

  /** In seconds; also while it is at work. */
  setIntervals(interval: number, minInterval: number, jitterPercent: number): void {
    this.interval = interval
    this.minInterval = minInterval
    this.jitter = jitterPercent
  }

  setTime(now: number): void {
    this.now = now
    this.swarms.admission.gate?.setTime(now)
    this.clients?.setTime(now)
  }

  // HOT: no allocation below this line.

  announce(request: HttpRequest): number {
    const { announce } = request
    const { source, peer } = announce
    const swarms = this.swarms
    announce.infoHash = 0
    const hash = hashInfoHash(swarms.ipv4[0], source, 0)
    announce.hash = hash
    if (swarms.access.forbids(source, 0, hash)) {
      return this.refuse(request, REJECTED_NOT_ALLOWED, NOT_ALLOWED)
    }
    const table = swarms.tableOf(peer.ipv4, hash)
    announce.now = this.now
    let status = ANNOUNCED
    let end = 0
    table.lock()
    if (announce.stopped) swarms.leave(table, announce)
    else status = swarms.announce(table, announce)
    if (status === ANNOUNCED || status === CROWDED) end = this.announced(request, status, table)
    table.unlock()
    if (status === CROWDED) return end
    if (status !== ANNOUNCED) return this.full(request, status)
    const clients = this.clients
    if (clients === null) return end
    if (announce.stopped) clients.forget(hash, peer)
    else clients.note(hash, peer, source[INFO_HASH_WORDS], source[INFO_HASH_WORDS + 1])
    return end
  }

  scrape(request: HttpRequest): number {
    const { words, out } = request
    const swarms = this.swarms
    const count = orderInfoHashes(words, request.infoHashCount)
    let at = writeScrapeHead(out, beginAnswer(request))
    for (let i = 0; i < count; i++) {
      const infoHash = order[i] * INFO_HASH_WORDS
      const hash = hashInfoHash(swarms.ipv4[0], words, infoHash)
      at = writeScrapeHash(out, at, words, infoHash)
      if (swarms.access.forbids(words, infoHash, hash)) {
        at = writeScrapeCounts(out, at, 0, 0, 0)
        continue
      }
      const table = swarms.tableOf(request.source.ipv4, hash)
      table.lock()
      swarms.scrape(table, words, infoHash, hash)
      table.unlock()
      at = writeScrapeCounts(out, at, swarms.seeders, swarms.completed, swarms.leechers)
    }
    this.counts[request.family + RESPONSES_SCRAPE]++
    return endAnswer(request, writeScrapeEnd(out, at, this.minInterval))
  }

  /** Refuses a request with a reason that may pass. */
  refuse(request: HttpRequest, reason: number, text: Uint8Array): number {
    const minutes = Math.ceil(this.interval / MINUTE_SEC)
    return this.fail(request, reason, text, minutes)
  }

  /** Refuses a request that will never be right. */
  refuseForGood(request: HttpRequest, reason: number, text: Uint8Array): number {
    return this.fail(request, reason, text, 0)
  }

  private fail(request: HttpRequest, reason: number, text: Uint8Array, minutes: number): number {
    const { family } = request
    this.counts[family + reason]++
    this.counts[family + RESPONSES_FAILURE]++
    return writeFailure(request, text, this.interval, minutes)
  }

  /** Under the lock: the chosen peers are read where they live. */
  private announced(request: HttpRequest, status: number, table: Table): number {
    const { out, family } = request
    if (status === CROWDED) this.counts[family + REJECTED_PEERS_PER_ADDRESS]++
    this.counts[family + RESPONSES_ANNOUNCE]++
    const { seeders, leechers, completed, choice } = this.swarms
    const { runs, runCount } = choice
    const interval = jittered(this.interval, this.jitter, choice.random())
    const minInterval = this.minInterval < interval ? this.minInterval : interval
    let at = writeCounts(request, beginAnswer(request), seeders, leechers, completed)
    at = writeIntervals(out, at, interval, minInterval)
    const { ipv4 } = request.announce.peer
    const memory = table.words
    if (!request.compact) {
      const stride = ipv4 ? STRIDE_IPV4 : STRIDE_IPV6
      at = writePeerList(out, at, memory, runs, runCount, stride)
    } else if (ipv4) at = writePeersIPv4(out, at, memory, runs, runCount)
    else at = writePeersIPv6(out, at, memory, runs, runCount)
    return endAnswer(request, at)
  }

  private full(request: HttpRequest, status: number): number {
    switch (status) {
      case GATED:
        return this.refuse(request, REJECTED_NEW_TORRENT_RATE, NEW_TORRENTS)
      case TORRENTS_RATIONED:
        return this.refuse(request, REJECTED_TORRENT_RATION, TORRENTS_ARE_RATIONED)
      case PEERS_RATIONED:
        return this.refuse(request, REJECTED_PEER_RATION, PEERS_ARE_RATIONED)
      case TORRENTS_FULL:
        return this.refuse(request, REJECTED_TORRENTS_FULL, TORRENTS_ARE_FULL)
      default:
        return this.refuse(request, REJECTED_PEERS_FULL, PEERS_ARE_FULL)
    }
  }
}
