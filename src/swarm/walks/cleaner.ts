// One worker's share of the cleaning: which table is next, and when. Called between batches.
// Owns its schedule only; clean.ts does the work.

import { TABLE_LEECHERS, TABLE_SEEDERS } from '../layout.ts'
import type { Swarms } from '../swarm.ts'
import type { Table } from '../table/table.ts'
import { cleanSlice, startCleaning } from './clean.ts'

/** A slice visits at least this many peers (some 20 µs), */
const SLICE_PEERS_MIN = 1000
/** and, where tables are not shared, at most this many: half a millisecond without an answer. */
const SLICE_PEERS_MAX = 8000
/** Slices per second that a busy worker finds time for, at least. */
const SLICES_PER_SECOND = 200

/** A worker without work sees a new access list after 0.2 s. */
const PURGE_DELAY_SEC = 2

export class Cleaner {
  private readonly swarms: Swarms
  private readonly tables: readonly Table[]
  private interval: number
  private maxAge: number
  private readonly slicePeersMax: number
  private nextStart: number
  private current = -1
  private slicePeers = SLICE_PEERS_MIN
  /** From when on a cleaning also forgets forbidden torrents; the end of time when there are none. */
  private purgeFrom = 0
  /** The next cleaning does, whatever the time. */
  private purgesNext = false
  private purging = false

  /** Times in seconds. `tables` are this worker's alone to clean; `shared`: others answer from them too. */
  constructor(
    swarms: Swarms,
    tables: readonly Table[],
    interval: number,
    maxAge: number,
    shared: boolean,
    now: number,
  ) {
    this.swarms = swarms
    this.tables = tables
    this.interval = interval
    this.maxAge = maxAge
    this.slicePeersMax = shared ? SLICE_PEERS_MIN : SLICE_PEERS_MAX
    this.nextStart = now + interval
  }

  /** Other times (seconds); the next cleaning starts after the new interval at the latest. */
  setTimes(interval: number, maxAge: number, now: number): void {
    this.interval = interval
    this.maxAge = maxAge
    this.nextStart = Math.min(this.nextStart, now + interval)
  }

  /**
   * The access list has changed: the next cleaning that starts forgets the torrents it forbids. Not at
   * once: another worker may still use the old list until it wakes up.
   */
  accessChanged(now: number): void {
    this.purgeFrom = now + PURGE_DELAY_SEC
  }

  /** Single torrents have become forbidden, in all workers at once. */
  accessEdited(): void {
    this.purgesNext = true
  }

  // HOT: no allocation below this line.

  /** Does one slice when a cleaning is due or under way. Returns true while there is more to do. */
  step(now: number): boolean {
    if (this.current < 0) {
      if (now < this.nextStart || this.tables.length === 0) return false
      this.nextStart = now + this.interval
      this.current = 0
      this.choosePurge(now)
      this.chooseSlice()
      startCleaning(this.tables[0])
    }
    const table = this.tables[this.current]
    const maxAge = this.swarms.pressure.age(this.maxAge)
    if (!cleanSlice(this.swarms, table, now, maxAge, this.slicePeers, this.purging)) return true
    this.current++
    if (this.current < this.tables.length) {
      startCleaning(this.tables[this.current])
      return true
    }
    this.current = -1
    return false
  }

  private choosePurge(now: number): void {
    this.purging = (now >= this.purgeFrom || this.purgesNext) && this.swarms.access.isOn()
    this.purgesNext = false
    if (now >= this.purgeFrom) this.purgeFrom = Number.MAX_SAFE_INTEGER
  }

  /** Large enough to finish before the next cleaning starts, if bounded slices allow that. */
  private chooseSlice(): void {
    let peers = 0
    for (let i = 0; i < this.tables.length; i++) {
      const { control, header } = this.tables[i]
      peers += Atomics.load(control, header + TABLE_SEEDERS)
      peers += Atomics.load(control, header + TABLE_LEECHERS)
    }
    const needed = peers / (this.interval * SLICES_PER_SECOND)
    this.slicePeers = Math.min(this.slicePeersMax, Math.max(SLICE_PEERS_MIN, needed)) | 0
  }
}
