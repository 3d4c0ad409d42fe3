// Forgets peers that have been silent for too long, a bounded slice at a time.
// Called by the socket workers between batches; each table is cleaned by one of them.
// Owns the clean cursor in the table's header: the next slice continues where this one stopped.

import {
  DIRECTORY_BUCKETS,
  KIND_LARGE,
  ROW_BLOCK,
  ROW_LEECHER_DIRECTORY,
  ROW_LEECHERS,
  ROW_SEEDERS,
  ROW_STATE,
  TABLE_CLEAN_BUCKET,
  TABLE_CLEAN_ROW,
  TABLE_CLEAN_SWARM,
  TABLE_TORRENTS,
} from '../layout.ts'
import { entryAddress, entryCount } from '../peers/directory.ts'
import { expireBucket } from '../peers/large.ts'
import { reduceLarge } from '../peers/resize.ts'
import { closeSlot, closeSmall, kindOf, openSmall, shrinkSmall, small } from '../peers/small.ts'
import type { Swarms } from '../swarm.ts'
import type { Table } from '../table/table.ts'
import { hashInfoHash } from '../table/torrents.ts'
import { Expiry, isOver } from './expiry.ts'

// The bucket cursor: which role is under way, and how many of its buckets are still to visit.
const SEEDERS = 1 << 29
const LEECHERS = 1 << 30
const BUCKETS_MASK = SEEDERS - 1

/** Makes any peer and its connection too old, even if another worker saw it a moment later by its own clock. */
const PURGE_AHEAD_SEC = 2

/** Of the slice under way. */
const expiry = new Expiry()

// HOT: no allocation below this line.

/** Starts a cleaning of the table. */
export function startCleaning(table: Table): void {
  table.lock()
  table.control[table.header + TABLE_CLEAN_ROW] = table.control[table.header + TABLE_TORRENTS]
  table.control[table.header + TABLE_CLEAN_SWARM] = 0
  table.unlock()
}

/**
 * Visits about `peers` peers and removes those last seen more than `maxAge` seconds before `now`, unless
 * their connection shows life (expiry.ts).
 * With `purge`, removes all peers of torrents that the access list forbids.
 * Takes the lock. Returns true when the table is done.
 */
export function cleanSlice(
  swarms: Swarms,
  table: Table,
  now: number,
  maxAge: number,
  peers: number,
  purge = false,
): boolean {
  table.lock()
  const control = table.control
  const cursorAt = table.header + TABLE_CLEAN_ROW
  let budget = peers
  while (control[cursorAt] > 0 && budget > 0) {
    const torrents = control[table.header + TABLE_TORRENTS]
    if (control[cursorAt] > torrents) {
      control[cursorAt] = torrents
      control[table.header + TABLE_CLEAN_SWARM] = 0
      continue
    }
    // From the last row to the first: the row that fills a removed one's place has been visited.
    const row = table.rowAddress(table.rowId(control[cursorAt] - 1))
    const forbidden = purge && isForbidden(swarms, table, row)
    expiry.now = forbidden ? now + PURGE_AHEAD_SEC : now
    expiry.maxAge = forbidden ? 0 : maxAge
    expiry.connections = swarms.connections
    if (kindOf(table.words[row + ROW_STATE]) === KIND_LARGE) {
      budget -= cleanLarge(swarms, table, row, budget)
      if (control[table.header + TABLE_CLEAN_SWARM] !== 0) break
    } else {
      budget -= cleanSmall(swarms, table, row)
    }
    control[cursorAt]--
  }
  const done = control[cursorAt] === 0
  table.unlock()
  return done
}

function isForbidden(swarms: Swarms, table: Table, row: number): boolean {
  return swarms.access.forbids(table.words, row, hashInfoHash(table, table.words, row))
}

function cleanSmall(swarms: Swarms, table: Table, row: number): number {
  openSmall(table, row)
  const seeders = small.seeders
  const leechers = small.leechers
  const stride = table.stride
  // Backwards: what moves into a gap has been visited.
  for (let i = seeders + leechers - 1; i >= 0; i--) {
    if (isOver(table, small.base + i * stride, expiry)) closeSlot(table, i)
  }
  const gone = seeders - small.seeders + leechers - small.leechers
  if (gone > 0) {
    swarms.forgetPeers(table, seeders - small.seeders, leechers - small.leechers)
    shrinkSmall(table, row)
    closeSmall(table, row)
    swarms.dropIfEmpty(table, row)
  }
  return seeders + leechers + 1
}

/** Goes on at the table's bucket cursor, if that is inside this swarm; leaves it when the swarm is done. */
function cleanLarge(swarms: Swarms, table: Table, row: number, budget: number): number {
  const words = table.words
  const cursorAt = table.header + TABLE_CLEAN_BUCKET
  const swarmAt = table.header + TABLE_CLEAN_SWARM
  if (table.control[swarmAt] !== row) {
    table.control[swarmAt] = row
    openRole(table, row + ROW_BLOCK, SEEDERS)
  }
  let visited = 0
  while (visited < budget) {
    const leechers = (table.control[cursorAt] & LEECHERS) !== 0
    const slot = row + (leechers ? ROW_LEECHER_DIRECTORY : ROW_BLOCK)
    const bucketsLeft = table.control[cursorAt] & BUCKETS_MASK
    if (bucketsLeft === 0) {
      if (leechers) {
        table.control[swarmAt] = 0
        reduceLarge(table, row)
        swarms.dropIfEmpty(table, row)
        return visited + 1
      }
      openRole(table, row + ROW_LEECHER_DIRECTORY, LEECHERS)
      continue
    }
    // Backwards: a join only ever moves the last bucket, which has been visited. There are no
    // splits while the cursor is inside a swarm (large.ts).
    table.control[cursorAt]--
    const directory = words[slot]
    if (directory === 0 || bucketsLeft > words[directory + DIRECTORY_BUCKETS]) continue
    const bucket = bucketsLeft - 1
    const countAt = row + (leechers ? ROW_LEECHERS : ROW_SEEDERS)
    visited += entryCount(words[entryAddress(table, directory, bucket) + 1]) + 1
    const gone = expireBucket(table, slot, words[countAt], bucket, expiry)
    words[countAt] -= gone
    swarms.forgetPeers(table, leechers ? 0 : gone, leechers ? gone : 0)
  }
  return visited
}

/** Sets the bucket cursor to all buckets of a role. */
function openRole(table: Table, slot: number, role: number): void {
  const directory = table.words[slot]
  const buckets = directory === 0 ? 0 : table.words[directory + DIRECTORY_BUCKETS]
  table.control[table.header + TABLE_CLEAN_BUCKET] = role | buckets
}
