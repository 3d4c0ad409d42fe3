// Applies records of other nodes to the swarms, beside this node's own announces, under the same locks and limits:
// access list, list of networks, which addresses are stored, ceilings, peers per address, pressure. Nothing older
// replaces what is younger (order.ts). Called by the link for each batch that unpack.ts has found good. Used by the
// cluster's thread alone. Owns the counts of what it did.
//
// A torrent's row and a known peer's are changed in place; only who comes, or changes the role, takes the way of an announce.
// In a large table records are looked through ahead like the announces of a batch (swarm/table/look-ahead.ts).
import type { ClientGate } from '../client-lists/gate.ts'
import type { PeerAddresses } from '../peer-addresses/peer-addresses.ts'
import { Announce } from '../swarm/announce.ts'
import {
  PEER_AGE_MAX,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
  ROW_STATE,
  STATE_COMPLETED_MAX,
} from '../swarm/layout.ts'
import { locate } from '../swarm/peers/locate.ts'
import { hashPeer } from '../swarm/peers/peer.ts'
import { ANNOUNCED } from '../swarm/status.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { LookAhead } from '../swarm/table/look-ahead.ts'
import type { Table } from '../swarm/table/table.ts'
import { findTorrent } from '../swarm/table/torrents.ts'
import type { Graves } from './graves.ts'
import {
  ageOfRecord,
  BATCH_AGE_UNIT,
  BATCH_HEAD_WORDS,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  KIND_CHANGED,
  KIND_COMPLETED,
  KIND_COUNT,
  KIND_LEFT,
  kindOfRecord,
  RECORD_ADDRESS,
  RECORD_PORT_MASK,
  RECORD_WORDS_IPV4,
} from './layout.ts'
import { SAME_MOMENT_SEC } from './order.ts'
import type { Packer } from './pack.ts'

/** Records that are looked through at once. */
const AHEAD = 32
/** Fewer than for announces: other threads use the caches meanwhile. */
const AHEAD_TORRENTS_MIN = 2000
/** Each is lost to a leave that this node notes within a microsecond: so many in a row do not happen. */
const TRIES_MAX = 1000

/** What happened to records. */
export interface ApplyCounts {
  joined: number
  renewed: number
  changed: number
  left: number
  completed: number
  /** Leaves of peers that are not there, and what is older than what is known. */
  stale: number
  /** Older than peers stay here. */
  expired: number
  /** By this node's own lists and rules for addresses, */
  unwanted: number
  /** or because there is no room: ceilings, peers per address, pressure. */
  noRoom: number
}

export function noneApplied(): ApplyCounts {
  return {
    joined: 0,
    renewed: 0,
    changed: 0,
    left: 0,
    completed: 0,
    stale: 0,
    expired: 0,
    unwanted: 0,
    noRoom: 0,
  }
}

export interface ApplierOptions {
  readonly swarms: Swarms
  /** The start of the swarms' control words. */
  readonly totals: Int32Array
  readonly graves: Graves
  readonly packer: Packer
  /** Null: all are stored. */
  readonly addresses: PeerAddresses | null
  /** Null: no networks are refused. */
  readonly networks: ClientGate | null
  /** In seconds. */
  readonly maxPeerAge: number
}

export class Applier {
  readonly counts = noneApplied()
  maxPeerAge: number
  addresses: PeerAddresses | null
  networks: ClientGate | null
  private readonly swarms: Swarms
  private readonly graves: Graves
  private readonly packer: Packer
  private readonly ahead: LookAhead
  private readonly announce = new Announce()
  private ipv4 = true
  private recordWords = RECORD_WORDS_IPV4
  private ageUnit = 1
  private addedAge = 0
  private now = 0
  private maxAge = 0

  constructor(options: ApplierOptions) {
    const { swarms, totals, graves, packer } = options
    this.swarms = swarms
    this.graves = graves
    this.packer = packer
    this.addresses = options.addresses
    this.networks = options.networks
    this.maxPeerAge = options.maxPeerAge
    this.ahead = new LookAhead(swarms, totals, AHEAD, AHEAD_TORRENTS_MIN)
  }

  // HOT: no allocation below this line.

  /**
   * Applies a batch that unpack.ts has found good. `addedAge`: seconds to add to its ages, from when it was packed to
   * `now`; by two clocks, so it may be below zero.
   */
  apply(batch: Int32Array, addedAge: number, now: number): void {
    const recordWords = batch[BATCH_RECORD_WORDS]
    this.ipv4 = recordWords === RECORD_WORDS_IPV4
    this.recordWords = recordWords
    this.ageUnit = batch[BATCH_AGE_UNIT]
    this.addedAge = addedAge
    this.now = now
    const { pressure } = this.swarms
    pressure.look()
    this.maxAge = pressure.age(this.maxPeerAge)
    this.addresses?.setTime(now)
    this.applyRecords(batch, BATCH_HEAD_WORDS, batch[BATCH_RECORDS])
  }

  private applyRecords(words: Int32Array, at: number, count: number): void {
    const { ahead, announce, ipv4, recordWords, swarms } = this
    announce.source = words
    for (let first = 0; first < count; first += AHEAD) {
      const rest = count - first
      const batch = rest < AHEAD ? rest : AHEAD
      const start = at + first * recordWords
      for (let i = 0; i < batch; i++) ahead.hash(i, ipv4, words, start + i * recordWords)
      if (ahead.isWorthwhile(batch)) ahead.readAll(batch)
      for (let i = 0; i < batch; i++) {
        const record = start + i * recordWords
        const hash = ahead.hashes[i]
        if (swarms.access.forbids(words, record, hash)) this.counts.unwanted++
        else this.applyRecord(words, record, hash)
      }
    }
  }

  private applyRecord(words: Int32Array, at: number, hash: number): void {
    const { announce, ipv4, swarms } = this
    const { peer } = announce
    const last = words[at + this.recordWords - 1]
    const kind = kindOfRecord(last)
    const table = swarms.tableOf(ipv4, hash)
    announce.infoHash = at
    announce.hash = hash
    if (kind === KIND_COUNT) {
      this.raiseCount(table, words[at + RECORD_ADDRESS])
      return
    }
    const counted = ageOfRecord(last) * this.ageUnit + this.addedAge
    const age = counted > -SAME_MOMENT_SEC ? counted : -SAME_MOMENT_SEC
    if (age > this.maxAge) {
      this.counts.expired++
      return
    }
    if (ipv4) peer.setIPv4(words[at + RECORD_ADDRESS])
    else peer.setWords(words, at + RECORD_ADDRESS)
    peer.port = last & RECORD_PORT_MASK
    if (kind === KIND_LEFT) {
      this.leave(table, age)
      return
    }
    if (this.isUnwanted()) {
      this.counts.unwanted++
      return
    }
    announce.seeder = last < 0
    announce.completed = kind === KIND_COMPLETED
    announce.now = this.now - age
    this.enter(table, kind, age)
  }

  private isUnwanted(): boolean {
    const { peer } = this.announce
    if (this.networks?.deniesNetwork(peer)) return true
    return this.addresses !== null && this.addresses.judge(peer) !== ANNOUNCED
  }

  private leave(table: Table, age: number): void {
    const { announce, counts, graves, swarms } = this
    const { source, infoHash, hash, peer } = announce
    graves.bury(source, infoHash, peer, hash ^ hashPeer(table, peer), this.now - age)
    table.lock()
    const row = findTorrent(table, source, infoHash, hash)
    const at = row === 0 ? 0 : locate(table, row, peer)
    if (at === 0) counts.stale++
    else if (this.ageAt(table, at) + SAME_MOMENT_SEC < age) {
      counts.stale++
      this.packer.tellAgain(source, infoHash, this.ipv4, this.now - age)
    } else {
      swarms.leave(table, announce)
      counts.left++
    }
    table.unlock()
  }

  private enter(table: Table, kind: number, age: number): void {
    const { announce } = this
    const { source, infoHash, hash, peer } = announce
    table.lock()
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const row = findTorrent(table, source, infoHash, hash)
      const at = row === 0 ? 0 : locate(table, row, peer)
      if (at !== 0) {
        this.renew(table, at, kind, age)
        break
      }
      if (!this.packer.isBehind) {
        this.join(table, kind)
        break
      }
      // Whoever has left has to be known, and the lock is not held for as long as that takes.
      table.unlock()
      this.packer.collect(this.now)
      table.lock()
    }
    table.unlock()
  }

  private join(table: Table, kind: number): void {
    const { announce, counts, graves, swarms } = this
    const { source, infoHash, hash, peer } = announce
    const left = graves.secondOf(source, infoHash, peer, hash ^ hashPeer(table, peer))
    if (left + SAME_MOMENT_SEC >= announce.now) {
      counts.stale++
      if (kind === KIND_COMPLETED) this.countDownload(table)
      return
    }
    announce.wanted = 0
    if (swarms.announce(table, announce) !== ANNOUNCED) {
      counts.noRoom++
      return
    }
    counts.joined++
    if (kind === KIND_COMPLETED) this.countDownload(table)
  }

  /** A peer that is there, at `at`. */
  private renew(table: Table, at: number, kind: number, age: number): void {
    const { announce, counts, swarms } = this
    const { words } = table
    const seenAt = at + table.stride - 1
    const known = words[seenAt]
    const knownAge = this.ageAt(table, at)
    if (known < 0 === announce.seeder) {
      if (age >= knownAge) {
        counts.stale++
        return
      }
      words[seenAt] =
        (known & ~(PEER_SEEN_MASK << PEER_SEEN_SHIFT)) |
        ((announce.now & PEER_SEEN_MASK) << PEER_SEEN_SHIFT)
      counts.renewed++
      return
    }
    if (!takesRole(announce.seeder, kind, knownAge - age)) {
      counts.stale++
      this.packer.tellAgain(announce.source, announce.infoHash, this.ipv4, announce.now)
      return
    }
    if (age > knownAge) announce.now = this.now - knownAge
    announce.wanted = 0
    if (swarms.announce(table, announce) !== ANNOUNCED) {
      counts.noRoom++
      return
    }
    counts.changed++
    // Another node may judge otherwise: then what this one has is the answer for all.
    if (age >= knownAge - SAME_MOMENT_SEC) {
      this.packer.tellAgain(announce.source, announce.infoHash, this.ipv4, announce.now)
    }
    if (announce.counted) counts.completed++
  }

  /** Raises a torrent's count of completed downloads. */
  private raiseCount(table: Table, completed: number): void {
    const { source, infoHash, hash } = this.announce
    if (!this.swarms.countDownloads) return
    table.lock()
    const row = findTorrent(table, source, infoHash, hash)
    const state = row === 0 ? 0 : table.words[row + ROW_STATE]
    if (row !== 0 && completed > (state & STATE_COMPLETED_MAX)) {
      table.words[row + ROW_STATE] = (state & ~STATE_COMPLETED_MAX) | completed
    }
    table.unlock()
  }

  /** The leecher that has completed was not known here, or has left. */
  private countDownload(table: Table): void {
    const { source, infoHash, hash } = this.announce
    if (!this.swarms.countDownloads) return
    const row = findTorrent(table, source, infoHash, hash)
    if (row === 0) return
    if ((table.words[row + ROW_STATE] & STATE_COMPLETED_MAX) === STATE_COMPLETED_MAX) return
    table.words[row + ROW_STATE]++
    this.counts.completed++
  }

  /** Below zero if it was seen in a second that has not begun for this thread. */
  private ageAt(table: Table, at: number): number {
    const seen = table.words[at + table.stride - 1] >>> PEER_SEEN_SHIFT
    const age = (this.now - seen) & PEER_SEEN_MASK
    return age > PEER_AGE_MAX ? age - PEER_SEEN_MASK - 1 : age
  }
}

/** Whether a record that is `younger` seconds younger than what is known, or older if negative, changes the role. */
function takesRole(seeder: boolean, kind: number, younger: number): boolean {
  if (younger > SAME_MOMENT_SEC) return true
  if (seeder) return younger >= -SAME_MOMENT_SEC
  return kind === KIND_CHANGED && younger >= 0
}
