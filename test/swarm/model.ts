// A tracker so simple that it must be right: maps of maps. Property tests do the same to it and to the
// real swarms, and compare.
import { expect } from 'bun:test'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import { findTorrent, hashInfoHash, INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { FAMILIES, type Family, type Harness, peerAt } from './harness.ts'
import { peersOfRow } from './invariants.ts'

interface ModelPeer {
  seeder: boolean
  seen: number
}

interface ModelTorrent {
  completed: number
  readonly peers: Map<number, ModelPeer>
}

const MODEL_MAX_AGE = 1200

class Model {
  readonly families = {
    ipv4: new Map<number, ModelTorrent>(),
    ipv6: new Map<number, ModelTorrent>(),
    websocket: new Map<number, ModelTorrent>(),
  }

  announce(
    family: Family,
    torrent: number,
    peer: number,
    seeder: boolean,
    done: boolean,
    now: number,
  ) {
    const torrents = this.families[family]
    const entry = torrents.get(torrent) ?? { completed: 0, peers: new Map() }
    torrents.set(torrent, entry)
    const before = entry.peers.get(peer)
    if (before !== undefined && !before.seeder && seeder && done) entry.completed++
    entry.peers.set(peer, { seeder, seen: now })
  }

  leave(family: Family, torrent: number, peer: number): void {
    const entry = this.families[family].get(torrent)
    entry?.peers.delete(peer)
    if (entry?.peers.size === 0) this.families[family].delete(torrent)
  }

  clean(now: number): void {
    for (const family of FAMILIES) {
      for (const [torrent, { peers }] of this.families[family]) {
        for (const [peer, { seen }] of peers) {
          if (now - seen > MODEL_MAX_AGE) this.leave(family, torrent, peer)
        }
      }
    }
  }

  /** Counts of a torrent, without one of its peers. */
  counts(family: Family, torrent: number, except = -1) {
    const entry = this.families[family].get(torrent)
    let seeders = 0
    let leechers = 0
    for (const [peer, { seeder }] of entry?.peers ?? []) {
      if (peer === except) continue
      if (seeder) seeders++
      else leechers++
    }
    return { seeders, leechers, completed: entry?.completed ?? 0 }
  }
}

/** The real swarms and the model, side by side. */
export class Twin {
  readonly harness: Harness
  readonly model = new Model()
  now = 1000
  /** Announces that the real swarms refused, for lack of memory: they must have changed nothing. */
  refused = 0
  private cleaned = 1000

  constructor(harness: Harness) {
    this.harness = harness
  }

  announce(
    family: Family,
    torrent: number,
    peer: number,
    seeder: boolean,
    completed: boolean,
    wanted: number,
  ): void {
    const { now } = this
    const answer = this.harness.announce(family, torrent, peer, { seeder, completed, wanted, now })
    if (this.isRefused(answer.status)) return
    this.model.announce(family, torrent, peer, seeder, completed, now)
    const { seeders, leechers } = this.model.counts(family, torrent, peer)
    expect(answer).toMatchObject({ status: ANNOUNCED, seeders, leechers })
    const others = this.model.families[family].get(torrent)?.peers
    for (const other of answer.peers) {
      if (other === peer || others?.get(other) === undefined) expect(other).toBe(-1)
      if (seeder && others?.get(other)?.seeder !== false) expect(other).toBe(-2)
    }
    expect(new Set(answer.peers).size).toBe(answer.peers.length)
    expect(answer.peers.length).toBe(Math.min(wanted, seeder ? leechers : seeders + leechers))
  }

  /** Many announces that want no peers: quick. */
  grow(family: Family, torrent: number, first: number, count: number, seeder: boolean): void {
    const options = { seeder, wanted: 0, now: this.now }
    for (let peer = first; peer < first + count; peer++) {
      const { status } = this.harness.announce(family, torrent, peer, options)
      if (this.isRefused(status)) continue
      this.model.announce(family, torrent, peer, seeder, false, this.now)
    }
    this.compareMembers(family, torrent)
  }

  leave(family: Family, torrent: number, peer: number): void {
    const { seeders, leechers } = this.harness.leave(family, torrent, peer)
    this.model.leave(family, torrent, peer)
    expect({ seeders, leechers }).toMatchObject(this.countsOf(family, torrent))
  }

  /** The first `count` peers of a torrent leave, in the order they came or in the opposite one. */
  shrink(family: Family, torrent: number, count: number, newestFirst: boolean): void {
    const peers = [...(this.model.families[family].get(torrent)?.peers.keys() ?? [])]
    if (newestFirst) peers.reverse()
    for (const peer of peers.slice(0, count)) {
      this.harness.leave(family, torrent, peer)
      this.model.leave(family, torrent, peer)
    }
    this.compareMembers(family, torrent)
  }

  scrape(family: Family, torrent: number): void {
    expect(this.harness.scrape(family, torrent)).toEqual(this.model.counts(family, torrent))
  }

  pass(seconds: number): void {
    this.now += seconds
    // Seconds are kept in 15 bits, so there is a cleaning at least every few hours.
    if (this.now - this.cleaned > 8000) this.clean(1000)
  }

  clean(budget: number): void {
    this.harness.clean(this.now, MODEL_MAX_AGE, budget)
    this.model.clean(this.now)
    this.cleaned = this.now
  }

  compareAll(): void {
    for (const family of FAMILIES) {
      for (const torrent of this.model.families[family].keys()) this.compareMembers(family, torrent)
    }
  }

  /** The stored peers, with role and time. */
  compareMembers(family: Family, torrent: number): void {
    this.scrape(family, torrent)
    const { harness } = this
    const table = harness.tableOf(family, torrent)
    const infoHash = new Int32Array(INFO_HASH_WORDS)
    harness.writeInfoHash(torrent, infoHash)
    const row = findTorrent(table, infoHash, 0, hashInfoHash(table, infoHash, 0))
    const expected = this.model.families[family].get(torrent)?.peers
    const stored = row === 0 ? [] : peersOfRow(table, row)
    expect(stored.length).toBe(expected?.size ?? 0)
    for (const at of stored) {
      const last = table.words[at + table.stride - 1]
      const peer = expected?.get(peerAt(family, table.words, at))
      if (peer === undefined) throw new Error(`a peer that nobody announced in torrent ${torrent}`)
      const wrong = peer.seeder !== last < 0 || (peer.seen & 0x7fff) !== ((last >>> 16) & 0x7fff)
      if (wrong) throw new Error(`a peer with the wrong role or time in torrent ${torrent}`)
    }
  }

  private isRefused(status: number): boolean {
    if (status === ANNOUNCED) return false
    this.refused++
    return true
  }

  private countsOf(family: Family, torrent: number) {
    const { seeders, leechers } = this.model.counts(family, torrent)
    return { seeders, leechers }
  }
}
