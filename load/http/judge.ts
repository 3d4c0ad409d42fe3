// Judges answers: everything that can be known about them is checked while measuring. Called by
// connections.ts with each whole answer. Counts what is wrong by kind.
//
// What a tracker must have right: the status, one canonical bencoded dictionary with all fields that
// clients need; an announcing peer is not returned to itself; every returned peer was announced in that
// torrent and address family, once; and the counts lie between what surely is there (announced and
// answered before this request was made) and what can be there (announced so far).
import {
  type Population,
  rankOf,
  SWARM_MAX,
  TORRENT_PEERS,
  TORRENT_SENT,
  torrentAt,
} from '../population.ts'
import { INTERVAL_MAX_SEC } from '../wrong-peers.ts'
import { ABSENT, AnswerFields, INFO_HASH_BYTES } from './answer.ts'
import { Bencode } from './bencode.ts'
import { ANNOUNCE, FLOOD, PLACE } from './counts.ts'
import { listScraped } from './generate.ts'
import {
  KIND,
  KNOWN_LEECHERS,
  KNOWN_SEEDERS,
  RANK,
  type Requests,
  requestAt,
  TORRENT,
} from './requests.ts'
import type { Source } from './source.ts'

const STATUS_OK = 200
const ADDRESS_BYTES_IPV4 = 4
const ADDRESS_BYTES_IPV6 = 16
const PORT_BYTES = 2
/** Each source's address takes so many bytes, whatever its family. */
const SOURCE_BYTES = 16

export interface CheckSettings {
  readonly ipv6: boolean
  /** Sixteen bytes for each source of all workers; IPv4 uses the first four. */
  readonly addresses: Uint8Array
  readonly peersWanted: number
  readonly scrapeTorrents: number
  /** The announcing peer must not be among the returned ones. */
  readonly ownPeer: boolean
  /** There is one way to write an answer, and it is that one. */
  readonly canonical: boolean
  /** A scrape lists torrents that nobody has announced, too. */
  readonly unknownTorrents: boolean
  /** The tracker holds no peers of an earlier run with the same seed. */
  readonly freshTracker: boolean
  /** Until this moment (ms) the tracker keeps every peer that announced. */
  readonly peersKeptUntilMs: number
}

export class Judge {
  private readonly settings: CheckSettings
  private readonly population: Population
  private readonly requests: Requests
  private readonly counts: Int32Array
  private readonly bencode = new Bencode()
  private readonly fields = new AnswerFields(this.bencode)
  /** By rank: the answer in which it was last seen. */
  private readonly seenIn = new Int32Array(SWARM_MAX + 1)
  private readonly list: Int32Array
  private readonly listed: Uint8Array
  private readonly words = new Int32Array(INFO_HASH_BYTES / 4)
  private readonly hash = new Uint8Array(this.words.buffer)
  private serial = 0
  private nowMs = 0
  // What is wrong with the peers of an answer.
  private unknown = 0
  private repeated = 0
  private own = 0

  constructor(
    settings: CheckSettings,
    population: Population,
    requests: Requests,
    counts: Int32Array,
  ) {
    this.settings = settings
    this.population = population
    this.requests = requests
    this.counts = counts
    this.list = new Int32Array(settings.scrapeTorrents)
    this.listed = new Uint8Array(settings.scrapeTorrents)
  }

  /** Where answers arrive; further calls tell of other memory. */
  begin(bytes: Uint8Array, nowMs: number): void {
    this.bencode.bytes = bytes
    this.nowMs = nowMs
  }

  // HOT: no allocation below this line.

  /** The answer to request `id`, whose body lies from `from` to `to`. */
  judge(id: number, source: Source, status: number, from: number, to: number): void {
    const { bencode, fields, counts, requests } = this
    const kind = requests.words[requestAt(id) + KIND]
    bencode.begin(bencode.bytes, to)
    const isDictionary = fields.read(from)
    if (kind === FLOOD) {
      const isServed = fields.peersFrom !== ABSENT || fields.filesAt !== ABSENT
      if (status === STATUS_OK && isDictionary && isServed) counts[PLACE.wrong_flood_answer]++
      return
    }
    if (status !== STATUS_OK) counts[PLACE.wrong_status]++
    else if (!isDictionary) counts[PLACE.wrong_bencoding]++
    else this.judgeFields(id, source, kind)
  }

  private judgeFields(id: number, source: Source, kind: number): void {
    const { bencode, fields, counts, settings } = this
    if (!bencode.isCanonical && settings.canonical) counts[PLACE.wrong_not_canonical]++
    if (fields.hasFailure) counts[PLACE.answered_error]++
    else if (kind === ANNOUNCE) this.announce(id)
    else this.scrape(id, source)
  }

  private announce(id: number): void {
    const { fields, counts, population, requests, settings } = this
    const { interval, minInterval, complete, incomplete, peersFrom } = fields
    const at = requestAt(id)
    const torrent = requests.words[at + TORRENT]
    const rank = requests.words[at + RANK]
    if (interval < 0 || complete < 0 || incomplete < 0 || peersFrom < 0) {
      counts[PLACE.wrong_fields]++
      return
    }
    if (interval === 0 || interval > INTERVAL_MAX_SEC || minInterval > interval) {
      counts[PLACE.wrong_interval]++
    }
    const peers = this.peers(torrent, rank)
    counts[PLACE.returned_peers] += peers
    if (peers > settings.peersWanted) counts[PLACE.wrong_too_many_peers]++
    this.checkCounts(id, complete, incomplete, peers)
    population.markKnown(torrent, rank, population.isSeeder(torrent, rank))
  }

  /** Looks each returned peer up by its rank; returns how many there are. */
  private peers(torrent: number, rank: number): number {
    const { fields, counts, settings } = this
    const { peersFrom, peersLength, peers6From, peers6Length } = fields
    const bytesOf6 = ADDRESS_BYTES_IPV6 + PORT_BYTES
    const bytesOf4 = ADDRESS_BYTES_IPV4 + PORT_BYTES
    const length6 = peers6From < 0 ? 0 : peers6Length
    if (peersLength % bytesOf4 !== 0 || length6 % bytesOf6 !== 0) {
      counts[PLACE.wrong_peers_length]++
    }
    const peers4 = Math.floor(peersLength / bytesOf4)
    const peers6 = Math.floor(length6 / bytesOf6)
    this.serial = (this.serial + 1) | 0
    this.unknown = 0
    this.repeated = 0
    this.own = 0
    this.lookUp(peersFrom, peers4, ADDRESS_BYTES_IPV4, torrent, rank)
    if (peers6 > 0) this.lookUp(peers6From, peers6, ADDRESS_BYTES_IPV6, torrent, rank)
    if (this.unknown > 0) counts[PLACE.wrong_unknown_peer]++
    if (this.repeated > 0) counts[PLACE.wrong_repeated_peer]++
    if (this.own > 0 && settings.ownPeer) counts[PLACE.wrong_own_peer]++
    return peers4 + peers6
  }

  private lookUp(
    from: number,
    peers: number,
    addressBytes: number,
    torrent: number,
    ownRank: number,
  ): void {
    const { population, settings, seenIn, serial } = this
    const { bytes } = this.bencode
    const base = population.portBase(torrent)
    const swarm = population.words[torrentAt(torrent) + TORRENT_PEERS]
    const isOurs = (addressBytes === ADDRESS_BYTES_IPV6) === settings.ipv6
    let at = from
    for (let i = 0; i < peers; i++) {
      const port = bytes[at + addressBytes] | (bytes[at + addressBytes + 1] << 8)
      const rank = rankOf(base, port)
      const exists = isOurs && port !== 0 && rank < swarm
      if (!exists || !this.isFrom(at, addressBytes, torrent, rank)) this.unknown++
      else if (rank === ownRank) this.own++
      else if (settings.freshTracker && !population.wasSent(torrent, rank)) this.unknown++
      else if (seenIn[rank] === serial) this.repeated++
      else seenIn[rank] = serial
      at += addressBytes + PORT_BYTES
    }
  }

  /** Whether the address at `at` is the one from which this peer announces. */
  private isFrom(at: number, addressBytes: number, torrent: number, rank: number): boolean {
    const { addresses } = this.settings
    const { bytes } = this.bencode
    const address = this.population.socketOf(torrent, rank) * SOURCE_BYTES
    for (let i = 0; i < addressBytes; i++)
      if (bytes[at + i] !== addresses[address + i]) return false
    return true
  }

  private checkCounts(id: number, seeders: number, leechers: number, peers: number): void {
    const { population, settings, counts } = this
    const { words } = this.requests
    const at = requestAt(id)
    const torrent = words[at + TORRENT]
    if (this.isTooHigh(torrent, seeders, leechers)) counts[PLACE.wrong_count_high]++
    // Some trackers count the announcing peer, some do not.
    const seeder = population.isSeeder(torrent, words[at + RANK])
    const own = population.isKnown(torrent, words[at + RANK]) ? 1 : 0
    const knownSeeders = words[at + KNOWN_SEEDERS] - (seeder ? own : 0)
    const knownLeechers = words[at + KNOWN_LEECHERS] - (seeder ? 0 : own)
    const isKept = this.nowMs < settings.peersKeptUntilMs
    // A tracker may give a seeder leechers only.
    const forIt = (seeder || knownSeeders < 0 ? 0 : knownSeeders) + knownLeechers
    if (peers === 0 && forIt > 0 && isKept) counts[PLACE.wrong_no_peers]++
    const isLow = seeders < knownSeeders || leechers < knownLeechers
    if ((isLow && isKept) || peers > seeders + leechers) counts[PLACE.wrong_count_low]++
  }

  private isTooHigh(torrent: number, seeders: number, leechers: number): boolean {
    const { words } = this.population
    const at = torrentAt(torrent)
    if (!this.settings.freshTracker) return seeders + leechers > words[at + TORRENT_PEERS]
    return seeders > words[at + TORRENT_SENT] || leechers > words[at + TORRENT_SENT + 1]
  }

  private scrape(id: number, source: Source): void {
    const { fields, bencode, counts, population, list, listed } = this
    const { words } = this.requests
    const at = requestAt(id)
    if (fields.filesAt === ABSENT) {
      counts[PLACE.wrong_fields]++
      return
    }
    const asked = listScraped(list, population, source, words[at + TORRENT], words[at + RANK])
    for (let i = 0; i < asked; i++) listed[i] = 0
    let seeders = 0
    let leechers = 0
    let others = 0
    let entry = fields.filesAt + 1
    while (!bencode.isEnd(entry)) {
      entry = fields.readEntry(entry)
      if (!fields.isEntry) {
        counts[PLACE.wrong_fields]++
        return
      }
      const found = this.findListed(asked)
      if (found < 0) others++
      else this.checkEntry(list[found])
      seeders += fields.complete
      leechers += fields.incomplete
    }
    if (others > 0 || this.isOneMissing(asked)) counts[PLACE.wrong_scrape_torrents]++
    const isLow = seeders < words[at + KNOWN_SEEDERS] || leechers < words[at + KNOWN_LEECHERS]
    if (isLow && this.nowMs < this.settings.peersKeptUntilMs) counts[PLACE.wrong_count_low]++
  }

  /** The asked torrent whose info hash was read last, marked as listed; −1 if it was not asked for. */
  private findListed(asked: number): number {
    const { bytes } = this.bencode
    const from = this.fields.infoHashFrom
    for (let i = 0; i < asked; i++) {
      if (this.listed[i] !== 0) continue
      this.population.writeInfoHash(this.words, 0, this.list[i])
      let same = 0
      while (same < INFO_HASH_BYTES && this.hash[same] === bytes[from + same]) same++
      if (same < INFO_HASH_BYTES) continue
      this.listed[i] = 1
      return i
    }
    return -1
  }

  private checkEntry(torrent: number): void {
    const { complete, incomplete } = this.fields
    if (this.isTooHigh(torrent, complete, incomplete)) this.counts[PLACE.wrong_count_high]++
  }

  /** What the tracker must list although it is not known, by a setting, is missed by its counts otherwise. */
  private isOneMissing(asked: number): boolean {
    if (!this.settings.unknownTorrents) return false
    for (let i = 0; i < asked; i++) if (this.listed[i] === 0) return true
    return false
  }
}
