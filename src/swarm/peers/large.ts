// Large swarms: the peers of one role in hashed buckets, found through a directory.
// Called by swarm.ts, resize.ts and clean.ts under the table's lock. Owns the blocks of peers.
//
// A bucket is a run of peers as small swarms have, 24 on average. Linear hashing again: a set grows
// by one bucket at a time, so that no announce ever copies a large swarm. It is named by its «slot»,
// the word of the torrent row that points to its directory.
//
// Three bits of a peer's hash, the first that choose a bucket, come from its address alone. So in a set
// of up to eight buckets all peers of an address lie in the one that its announce searches anyway,
// and with more buckets in an eighth of them: how many it has is known, or can be estimated, at no cost.
// All bits would be exact in any set, but one address with 65,535 ports, where that is allowed, would
// fill a bucket beyond what a block holds; with three it has eight times the usual number, which fits.
import { ADDRESS_BITS, ADDRESS_BUCKETS } from '../address.ts'
import {
  BLOCK_CLASSES,
  DIRECTORY_BUCKETS,
  DIRECTORY_ENTRIES,
  DIRECTORY_LIST,
  ENTRY_CLASS_SHIFT,
  ROW_BLOCK,
  ROW_LEECHER_DIRECTORY,
  TABLE_CLEAN_SWARM,
} from '../layout.ts'
import type { Table } from '../table/table.ts'
import { bucketOf } from '../table/torrents.ts'
import { type Expiry, isOver } from '../walks/expiry.ts'
import { classFor, classWords, giveBlock, takeBlock } from './blocks.ts'
import { dropSegment, ensureEntry, entryAddress, entryCount, shrinkDirectory } from './directory.ts'
import { findPeer, hashPeerAt, type Peer } from './peer.ts'
import { copyPeer, copyWords } from './small.ts'

/**
 * A directory splits a bucket above this many peers per bucket, and joins two below the other.
 * 32 and not 16: an answer of 50 peers then comes from two blocks instead of four. In one process,
 * alternating: announces 4 to 6 % faster over many torrents, 15 to 19 % in one of 10,000 to a
 * million; 48 saves 3 to 9 % more, but a large swarm takes 13.5 bytes per peer instead of 12.3.
 * Bun 1.4.5, November 2026.
 */
export const SET_SPLIT_LOAD = 32
const SET_JOIN_LOAD = 12

/** Room in a new bucket, and the least that a bucket shrinks to. */
const FIRST_PEERS = 8

/**
 * Where a peer was found: by `findInSet`, or by `locate`, which tells the role too and for a small swarm only
 * the index. One per thread: valid under the lock, until the set changes.
 */
export const found = { entry: 0, bucket: 0, index: 0, seeder: false }

/**
 * In a set of more than eight buckets chance distributes the peers of an address: a bucket may hold this many
 * more than its share of the limit. An address with half of what it may have is refused for
 * less than one in a thousand of its peers; one that tries all ports comes to 2 % of a very large swarm.
 */
const UNEVEN_PEERS = 4

// HOT: no allocation below this line.

/** Looks a peer up; true fills `found`, false the peer's `neighbours`. */
export function findInSet(table: Table, directory: number, hash: number, peer: Peer): boolean {
  if (directory === 0) {
    peer.neighbours = 0
    return false
  }
  const words = table.words
  const bucket = bucketOf(hash, words[directory + DIRECTORY_BUCKETS])
  const entry = entryAddress(table, directory, bucket)
  const count = entryCount(words[entry + 1])
  const index = findPeer(table, words[entry], count, peer)
  if (index < 0) return false
  found.entry = entry
  found.bucket = bucket
  found.index = index
  return true
}

/** About how many peers of an address a set has, when `count` are in the bucket of one of its hashes. */
export function judgeBySample(
  table: Table,
  directory: number,
  hash: number,
  count: number,
): number {
  if (count === 0) return 0
  const buckets = table.words[directory + DIRECTORY_BUCKETS]
  const bucket = bucketOf(hash, buckets)
  // The bucket is one of so many of its size; a part of the others has not been split yet.
  const power = 1 << (31 - Math.clz32(buckets))
  const alike = (bucket & (power - 1)) + power < buckets ? power * 2 : power
  if (alike <= ADDRESS_BUCKETS) return count
  return count <= UNEVEN_PEERS ? 0 : (count - UNEVEN_PEERS) * (alike >>> ADDRESS_BITS)
}

/**
 * Makes room for one more peer in the set of `size`, in the bucket of its hash. Returns the address to write
 * it to and fills `found`; 0, and nothing changed, without memory.
 */
export function addToSet(table: Table, slot: number, size: number, hash: number): number {
  const words = table.words
  if (words[slot] === 0 && !createSet(table, slot)) return 0
  let buckets = words[words[slot] + DIRECTORY_BUCKETS]
  // Splits first, so that `found` is right afterwards.
  if (size + 1 > buckets * SET_SPLIT_LOAD && splitSet(table, slot)) buckets++
  const bucket = bucketOf(hash, buckets)
  const entry = entryAddress(table, words[slot], bucket)
  const count = entryCount(words[entry + 1])
  if (!ensureRoom(table, entry, count + 1)) return 0
  words[entry + 1]++
  found.entry = entry
  found.bucket = bucket
  found.index = count
  return words[entry] + count * table.stride
}

/** Removes the peer at `index` of a bucket from a set of `size`. */
export function removeFromSet(
  table: Table,
  slot: number,
  size: number,
  entry: number,
  index: number,
): void {
  const words = table.words
  const count = entryCount(words[entry + 1]) - 1
  const base = words[entry]
  if (index !== count) {
    copyPeer(table, base + count * table.stride, base + index * table.stride)
  }
  words[entry + 1]--
  if (size === 1) {
    freeSet(table, slot)
    return
  }
  shrinkBucket(table, entry, count)
  const buckets = words[words[slot] + DIRECTORY_BUCKETS]
  if (buckets > 1 && size - 1 < buckets * SET_JOIN_LOAD) joinSet(table, slot, buckets - 1)
}

/**
 * Removes the peers of a bucket that are older than allowed; returns how many. `size`: of the set.
 * `connections`: whose life renews them.
 */
export function expireBucket(
  table: Table,
  slot: number,
  size: number,
  bucket: number,
  expiry: Expiry,
): number {
  const words = table.words
  const stride = table.stride
  const entry = entryAddress(table, words[slot], bucket)
  const base = words[entry]
  const count = entryCount(words[entry + 1])
  let kept = 0
  for (let i = 0; i < count; i++) {
    const at = base + i * stride
    if (isOver(table, at, expiry)) continue
    if (kept !== i) copyWords(words, at, base + kept * stride, stride)
    kept++
  }
  const gone = count - kept
  if (gone === 0) return 0
  words[entry + 1] -= gone
  if (gone === size) {
    freeSet(table, slot)
    return gone
  }
  shrinkBucket(table, entry, kept)
  // Two joins a bucket keep pace with the emptiest of cleanings.
  for (let i = 0; i < 2; i++) {
    const buckets = words[words[slot] + DIRECTORY_BUCKETS]
    if (buckets > 1 && size - gone < buckets * SET_JOIN_LOAD) joinSet(table, slot, buckets - 1)
  }
  return gone
}

/** Gives back all memory of a set. */
export function freeSet(table: Table, slot: number): void {
  const words = table.words
  const directory = words[slot]
  if (directory === 0) return
  let buckets = words[directory + DIRECTORY_BUCKETS]
  while (buckets > 0) {
    buckets--
    giveBlock(table, words[entryAddress(table, directory, buckets)])
    dropSegment(table, directory, buckets)
  }
  giveBlock(table, directory)
  words[slot] = 0
}

function createSet(table: Table, slot: number): boolean {
  const words = table.words
  const directory = takeBlock(table, classFor(DIRECTORY_ENTRIES + 2))
  if (directory === 0) return false
  const sizeClass = classFor(FIRST_PEERS * table.stride)
  const block = takeBlock(table, sizeClass)
  if (block === 0) {
    giveBlock(table, directory)
    return false
  }
  words[directory + DIRECTORY_BUCKETS] = 1
  words[directory + DIRECTORY_LIST] = 0
  words[directory + DIRECTORY_ENTRIES] = block
  words[directory + DIRECTORY_ENTRIES + 1] = sizeClass << ENTRY_CLASS_SHIFT
  words[slot] = directory
  return true
}

function ensureRoom(table: Table, entry: number, count: number): boolean {
  const sizeClass = table.words[entry + 1] >>> ENTRY_CLASS_SHIFT
  if (count * table.stride <= classWords(sizeClass)) return true
  return exchangeBlock(table, entry, classFor(count * table.stride), count - 1)
}

function shrinkBucket(table: Table, entry: number, count: number): void {
  const sizeClass = table.words[entry + 1] >>> ENTRY_CLASS_SHIFT
  const least = count < FIRST_PEERS ? FIRST_PEERS : count
  if (sizeClass < 2 || least * table.stride > classWords(sizeClass - 2)) return
  exchangeBlock(table, entry, classFor(least * table.stride), count)
}

function exchangeBlock(table: Table, entry: number, sizeClass: number, count: number): boolean {
  const words = table.words
  if (sizeClass >= BLOCK_CLASSES) return false
  const block = takeBlock(table, sizeClass)
  if (block === 0) return false
  copyWords(words, words[entry], block, count * table.stride)
  giveBlock(table, words[entry])
  words[entry] = block
  words[entry + 1] = count | (sizeClass << ENTRY_CLASS_SHIFT)
  return true
}

/** Adds a bucket and moves about half of one other's peers there. False, and nothing changed, without memory. */
function splitSet(table: Table, slot: number): boolean {
  const words = table.words
  // While a cleaning is inside this swarm, peers that it has yet to visit would move past its cursor.
  const cleaned = table.control[table.header + TABLE_CLEAN_SWARM]
  if (slot === cleaned + ROW_BLOCK || slot === cleaned + ROW_LEECHER_DIRECTORY) return false
  const bucket = words[words[slot] + DIRECTORY_BUCKETS]
  if (!ensureEntry(table, slot, bucket)) return false
  const directory = words[slot]
  const bit = 1 << (31 - Math.clz32(bucket))
  const source = entryAddress(table, directory, bucket ^ bit)
  const count = entryCount(words[source + 1])
  // As large as the source: all its peers may move. It shrinks to fit right after.
  const sizeClass = words[source + 1] >>> ENTRY_CLASS_SHIFT
  const block = takeBlock(table, sizeClass)
  if (block === 0) {
    dropSegment(table, directory, bucket)
    return false
  }
  const target = entryAddress(table, directory, bucket)
  const moved = movePeersWithBit(table, words[source], count, block, bit)
  words[target] = block
  words[target + 1] = moved | (sizeClass << ENTRY_CLASS_SHIFT)
  words[source + 1] = (count - moved) | (sizeClass << ENTRY_CLASS_SHIFT)
  words[directory + DIRECTORY_BUCKETS] = bucket + 1
  shrinkBucket(table, source, count - moved)
  shrinkBucket(table, target, moved)
  return true
}

function movePeersWithBit(
  table: Table,
  base: number,
  count: number,
  target: number,
  bit: number,
): number {
  const words = table.words
  const stride = table.stride
  let kept = 0
  let moved = 0
  for (let i = 0; i < count; i++) {
    const at = base + i * stride
    if ((hashPeerAt(table, at) & bit) !== 0) {
      copyWords(words, at, target + moved * stride, stride)
      moved++
    } else {
      if (kept !== i) copyWords(words, at, base + kept * stride, stride)
      kept++
    }
  }
  return moved
}

/** Puts the last bucket's peers back to the one they were split from. */
function joinSet(table: Table, slot: number, bucket: number): void {
  const words = table.words
  const directory = words[slot]
  const source = entryAddress(table, directory, bucket)
  const target = entryAddress(table, directory, bucket ^ (1 << (31 - Math.clz32(bucket))))
  const moved = entryCount(words[source + 1])
  const kept = entryCount(words[target + 1])
  if ((moved + kept) * table.stride > classWords(words[target + 1] >>> ENTRY_CLASS_SHIFT)) {
    if (!exchangeBlock(table, target, classFor((moved + kept) * table.stride), kept)) return
  }
  copyWords(words, words[source], words[target] + kept * table.stride, moved * table.stride)
  words[target + 1] += moved
  giveBlock(table, words[source])
  words[directory + DIRECTORY_BUCKETS] = bucket
  dropSegment(table, directory, bucket)
  shrinkDirectory(table, slot, bucket)
}
