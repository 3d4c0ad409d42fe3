// A sample of the peers and the beginnings of their peer ids, in shared memory of fixed size: all that the
// UDP tracker, which keeps no peer ids, knows about the clients that use it. All workers note in it who
// announces; the main thread reads it now and then (census.ts). Owns no memory but the buffer it is given.
//
// A peer is in the sample when its keyed hash begins with `level` zero bits. The level starts at 0, so
// that all peers are in it, and rises when a bucket is full: then half of the sample drops out at once. So
// each peer has the same chance, however often it announces, and stands for 2^level. Outsiders cannot
// choose who is in it, nor fill a bucket, because they do not know the key.
//
//  header: 0 level │ 1 maximum age of a peer (seconds); both by atomics
//  bucket, under its lock, 4 cache lines of 16 words, an entry in the same place of each:
//    0 lock, then 15 hashes (0 = free) │ second of the last announce │ peer id, first │ and second word
import { hashWords } from '../memory/half-sip-hash.ts'
import { lock, underLock, unlock } from '../memory/lock.ts'
import type { Peer } from '../swarm/peers/peer.ts'
import type { Tally } from './tally.ts'

/** Words of a peer id that are kept. */
export const PEER_ID_WORDS = 2

const LEVEL = 0
const MAX_AGE = 1
const HEADER_WORDS = 16
const ENTRIES = 15
const BUCKET_WORDS = 64
const SEEN = 16
const ID_0 = 32
const ID_1 = 48
/**
 * 1 MiB in all. With twelve keys and up to three million peers, the first bucket was full at 17,000 to
 * 27,000 peers in the sample, and 8,000 to 13,000 of them stayed. With 10,000 a share of 40 % is right to
 * half a percent point (standard deviation), one of 1 % to a tenth.
 */
const BUCKETS = 4096
export const SAMPLE_BYTES = (HEADER_WORDS + BUCKETS * BUCKET_WORDS) * 4
/** With fewer, the sample takes in more again: far below half of what fills a bucket. */
const SPARSE = 4096

/** What workers are given to attach a sample. */
export interface ClientSampleData {
  readonly words: SharedArrayBuffer
  readonly key0: number
  readonly key1: number
}

/** `maxAge` in seconds. */
export function createClientSample(key: Int32Array, maxAge: number): ClientSampleData {
  const words = new SharedArrayBuffer(SAMPLE_BYTES)
  Atomics.store(new Int32Array(words), MAX_AGE, maxAge)
  return { words, key0: key[0], key1: key[1] }
}

/** The main thread's side: it alone lowers the level. */
export class ClientSampleReader {
  private readonly words: Int32Array
  private readonly copy = new Int32Array(BUCKET_WORDS)
  /** After the level is lowered, peers that had dropped out come back only with their next announce. */
  private level = 0
  private settledAt = 0

  constructor({ words }: ClientSampleData) {
    this.words = new Int32Array(words)
  }

  setMaxAge(seconds: number): void {
    Atomics.store(this.words, MAX_AGE, seconds)
  }

  /** Counts all peers, as many as each of the sample stands for. `now`: seconds of the monotonic clock. */
  read(tally: Tally, now: number): void {
    const { words, copy } = this
    const maxAge = Atomics.load(words, MAX_AGE)
    const current = Atomics.load(words, LEVEL)
    if (current > this.level || now >= this.settledAt) this.level = current
    const { level } = this
    let live = 0
    for (let bucket = HEADER_WORDS; bucket < words.length; bucket += BUCKET_WORDS) {
      underLock(words, bucket, () => {
        for (let i = 0; i < BUCKET_WORDS; i++) copy[i] = words[bucket + i]
      })
      for (let at = 1; at <= ENTRIES; at++) {
        if (isFree(copy, at, level, now, maxAge)) continue
        tally.add(copy[at + ID_0], copy[at + ID_1], 2 ** level)
        live++
      }
    }
    if (live >= SPARSE || current === 0 || current !== level) return
    // Unless a worker has raised it meanwhile.
    Atomics.compareExchange(words, LEVEL, current, current - 1)
    this.settledAt = now + maxAge
  }
}

export class ClientSample {
  private readonly words: Int32Array
  private readonly key0: number
  private readonly key1: number
  private readonly key = new Int32Array(5)
  private now = 0

  constructor({ words, key0, key1 }: ClientSampleData) {
    this.words = new Int32Array(words)
    this.key0 = key0
    this.key1 = key1
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for the announces that follow. */
  setTime(now: number): void {
    this.now = now
  }

  /**
   * A peer is in the torrent of this keyed hash. Its peer id begins with `id0`, `id1`, words as they are
   * in memory.
   */
  note(torrent: number, peer: Peer, id0: number, id1: number): void {
    const hash = this.hashOf(torrent, peer)
    const words = this.words
    if (isOutside(hash, Atomics.load(words, LEVEL))) return
    const bucket = bucketOf(hash)
    lock(words, bucket)
    const at = find(words, bucket, hash) || this.makeRoom(bucket, hash)
    if (at !== 0) {
      words[at] = hash
      words[at + SEEN] = this.now
      words[at + ID_0] = id0
      words[at + ID_1] = id1
    }
    unlock(words, bucket)
  }

  /** The peer has left. */
  forget(torrent: number, peer: Peer): void {
    const hash = this.hashOf(torrent, peer)
    const words = this.words
    if (isOutside(hash, Atomics.load(words, LEVEL))) return
    const bucket = bucketOf(hash)
    lock(words, bucket)
    const at = find(words, bucket, hash)
    if (at !== 0) words[at] = 0
    unlock(words, bucket)
  }

  /**
   * Never 0, which marks a free entry. Torrent and port share a word: their sum is as good as the
   * torrent's hash, which nobody outside knows.
   */
  private hashOf(torrent: number, peer: Peer): number {
    const key = this.key
    key[0] = torrent + peer.port
    key[1] = peer.a0
    if (peer.ipv4) return hashWords(key, 0, 2, this.key0, this.key1) || 1
    key[2] = peer.a1
    key[3] = peer.a2
    key[4] = peer.a3
    return hashWords(key, 0, 5, this.key0, this.key1) || 1
  }

  /** A free entry of a bucket; 0 when the level had to rise so far that the peer is not in the sample. */
  private makeRoom(bucket: number, hash: number): number {
    const words = this.words
    const maxAge = Atomics.load(words, MAX_AGE)
    for (;;) {
      const level = Atomics.load(words, LEVEL)
      if (isOutside(hash, level)) return 0
      for (let at = bucket + 1; at <= bucket + ENTRIES; at++) {
        if (isFree(words, at, level, this.now, maxAge)) return at
      }
      // Ends: at level 31 only the hash 1 is left.
      Atomics.compareExchange(words, LEVEL, level, level + 1)
    }
  }
}

function isOutside(hash: number, level: number): boolean {
  return (hash >>> 1) >>> (31 - level) !== 0
}

function bucketOf(hash: number): number {
  return HEADER_WORDS + (hash & (BUCKETS - 1)) * BUCKET_WORDS
}

/** The entry of a hash in a bucket, or 0. */
function find(words: Int32Array, bucket: number, hash: number): number {
  for (let at = bucket + 1; at <= bucket + ENTRIES; at++) if (words[at] === hash) return at
  return 0
}

/** Whether an entry is empty, out of the sample, or of a peer that has gone without saying so. */
function isFree(
  words: Int32Array,
  at: number,
  level: number,
  now: number,
  maxAge: number,
): boolean {
  return words[at] === 0 || isOutside(words[at], level) || now - words[at + SEEN] > maxAge
}
