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
  PEER_PORT_MASK,
  PEER_SEEDER_BIT,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
  ROW_STATE,
  STATE_COMPLETED_MAX,
} from '../swarm/layout.ts'
import { locate } from '../swarm/peers/locate.ts'
import { hashPeer } from '../swarm/peers/peer.ts'
import { AHEAD_MAX_SEC, secondOf } from '../swarm/seconds.ts'
import { ANNOUNCED } from '../swarm/status.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { LookAhead } from '../swarm/table/look-ahead.ts'
import type { Table } from '../swarm/table/table.ts'
import { findTorrent } from '../swarm/table/torrents.ts'
import type { ClusterClock } from './cluster-clock.ts'
import { type Graves, NEVER } from './graves.ts'
import {
  ageOfRecord,
  BATCH_AGE_UNIT,
  BATCH_HEAD_WORDS,
  BATCH_PURPOSE,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  KIND_COMPLETED,
  KIND_COUNT,
  KIND_LEFT,
  kindOfRecord,
  PURPOSE_CATCH_UP,
  RECORD_ADDRESS,
  RECORD_KIND_SHIFT,
  RECORD_PORT_MASK,
  RECORD_WORDS_IPV4,
} from './layout.ts'
import { Learnt } from './learnt.ts'
import type { Packer } from './pack.ts'

/** Records that are looked through at once. */
const AHEAD = 32
/** Fewer than for announces: other threads use the caches meanwhile. */
const AHEAD_TORRENTS_MIN = 2000
/** Each is lost to a leave that this node notes within a microsecond: so many in a row do not happen. */
const TRIES_MAX = 1000

/** A leave that other nodes may be about to hear is not told again. */
const LEAVE_TOLD_SEC = 6

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
  readonly clock: ClusterClock
  /** Null: all are stored. */
  readonly addresses: PeerAddresses | null
  /** Null: no networks are refused. */
  readonly networks: ClientGate | null
  /** In seconds. */
  readonly maxPeerAge: number
}

export class Applier {
  readonly counts = noneApplied()
  /** When it learnt what others have told. */
  readonly learnt = new Learnt()
  maxPeerAge: number
  addresses: PeerAddresses | null
  networks: ClientGate | null
  private readonly swarms: Swarms
  private readonly graves: Graves
  private readonly packer: Packer
  private readonly clock: ClusterClock
  private readonly ahead: LookAhead
  private readonly announce = new Announce()
  private ipv4 = true
  private recordWords = RECORD_WORDS_IPV4
  private ageUnit = 1
  private addedAge = 0
  private now = 0
  private maxAge = 0
  /** What the sender has now, and not what it once was told. */
  private isState = false

  constructor(options: ApplierOptions) {
    const { swarms, totals, graves, packer, clock } = options
    this.swarms = swarms
    swarms.keepsOrder = true
    this.graves = graves
    this.packer = packer
    this.clock = clock
    this.addresses = options.addresses
    this.networks = options.networks
    this.maxPeerAge = options.maxPeerAge
    this.ahead = new LookAhead(swarms, totals, AHEAD, AHEAD_TORRENTS_MIN)
  }

  // HOT: no allocation below this line.

  /**
   * Applies a batch that unpack.ts has found good. `addedAge`: seconds to add to its ages, as of `now` (cluster-clock.ts);
   * nodes' clocks differ, so it may be below zero.
   */
  apply(batch: Int32Array, addedAge: number, now: number): void {
    const recordWords = batch[BATCH_RECORD_WORDS]
    this.ipv4 = recordWords === RECORD_WORDS_IPV4
    this.recordWords = recordWords
    this.ageUnit = batch[BATCH_AGE_UNIT]
    this.addedAge = addedAge - AHEAD_MAX_SEC
    this.isState = batch[BATCH_PURPOSE] === PURPOSE_CATCH_UP
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
    const age = ageOfRecord(last) * this.ageUnit + this.addedAge
    if (age > this.maxAge) {
      this.counts.expired++
      return
    }
    if (age < -AHEAD_MAX_SEC) {
      this.counts.stale++
      return
    }
    announce.now = this.clock.secondOf(this.now - age)
    if (ipv4) peer.setIPv4(words[at + RECORD_ADDRESS])
    else peer.setWords(words, at + RECORD_ADDRESS)
    peer.port = last & RECORD_PORT_MASK
    if (kind === KIND_LEFT) {
      this.leave(table)
      return
    }
    if (this.isUnwanted()) {
      this.counts.unwanted++
      return
    }
    announce.seeder = last < 0
    announce.completed = kind === KIND_COMPLETED
    this.enter(table, kind)
  }

  private isUnwanted(): boolean {
    const { peer } = this.announce
    if (this.networks?.deniesNetwork(peer)) return true
    return this.addresses !== null && this.addresses.judge(peer) !== ANNOUNCED
  }

  private leave(table: Table): void {
    const { announce, counts, graves, learnt, swarms } = this
    const { source, infoHash, hash, peer, now: second } = announce
    graves.bury(source, infoHash, peer, hash ^ hashPeer(table, peer), second)
    learnt.note(second, this.now)
    table.lock()
    const row = findTorrent(table, source, infoHash, hash)
    const at = row === 0 ? 0 : locate(table, row, peer)
    const known = at === 0 ? 0 : table.words[at + table.stride - 1]
    const isKnownBetter = at !== 0 && secondOf(known, this.now) > second
    if (at === 0 || isKnownBetter) counts.stale++
    else {
      swarms.leave(table, announce)
      counts.left++
    }
    table.unlock()
    if (isKnownBetter) this.tellKnown(known)
  }

  private enter(table: Table, kind: number): void {
    const { announce, clock, counts, packer } = this
    const { source, infoHash, hash } = announce
    let known = 0
    let left = NEVER
    table.lock()
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const row = findTorrent(table, source, infoHash, hash)
      const at = row === 0 ? 0 : locate(table, row, announce.peer)
      if (at !== 0) {
        known = this.renew(table, at)
        break
      }
      if (!packer.isBehind) {
        left = this.join(table, kind)
        break
      }
      // Whoever has left has to be known, and the lock is not held for as long as that takes.
      table.unlock()
      packer.collect(this.now)
      table.lock()
    }
    table.unlock()
    if (known === 0 && left === NEVER) this.learnt.note(announce.now, this.now)
    else counts.stale++
    if (known !== 0 && known < 0 !== announce.seeder) this.tellKnown(known)
    // Who tells what it has is told what it has missed, if it is not that it hears of it just now.
    const told = this.isState && left !== NEVER ? clock.ageOf(left, this.now) : 0
    if (told > LEAVE_TOLD_SEC) {
      const last = announce.peer.port | (KIND_LEFT << RECORD_KIND_SHIFT)
      packer.tell(source, infoHash, this.ipv4, last, left)
    }
  }

  /** Returns when it left, if that was later; otherwise NEVER. */
  private join(table: Table, kind: number): number {
    const { announce, counts, graves, swarms } = this
    const { source, infoHash, hash, peer } = announce
    const left = graves.secondOf(source, infoHash, peer, hash ^ hashPeer(table, peer))
    if (left >= announce.now) {
      if (kind === KIND_COMPLETED) this.countDownload(table)
      return left
    }
    announce.wanted = 0
    if (swarms.announce(table, announce) !== ANNOUNCED) {
      counts.noRoom++
      return NEVER
    }
    counts.joined++
    if (kind === KIND_COMPLETED) this.countDownload(table)
    return NEVER
  }

  /** A peer that is there, at `at`. Returns its last word if that is later, or the same; otherwise 0. */
  private renew(table: Table, at: number): number {
    const { announce, counts, swarms } = this
    const { words } = table
    const seenAt = at + table.stride - 1
    const known = words[seenAt]
    const younger = announce.now - secondOf(known, this.now)
    const isSameRole = known < 0 === announce.seeder
    if (younger < 0 || (younger === 0 && !(announce.seeder && !isSameRole))) return known
    if (isSameRole) {
      words[seenAt] =
        (known & ~(PEER_SEEN_MASK << PEER_SEEN_SHIFT)) |
        ((announce.now & PEER_SEEN_MASK) << PEER_SEEN_SHIFT)
      counts.renewed++
      return 0
    }
    announce.wanted = 0
    if (swarms.announce(table, announce) !== ANNOUNCED) {
      counts.noRoom++
      return 0
    }
    counts.changed++
    if (announce.counted) counts.completed++
    return 0
  }

  /**
   * Another node has told otherwise, and older: it, and those that believe it, may not have been told of the announce that this
   * node knows (note.ts).
   */
  private tellKnown(known: number): void {
    const { source, infoHash } = this.announce
    const last = known & (PEER_PORT_MASK | PEER_SEEDER_BIT)
    this.packer.tell(source, infoHash, this.ipv4, last, secondOf(known, this.now))
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
}
