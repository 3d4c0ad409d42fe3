// Decides by the key in its path whether a request or connection may use a private tracker. Called by the workers of
// all protocols. One per worker; the table of keys is in shared memory (table.ts) and is replaced when the list
// changes.
import { wallSeconds } from '../os/clock.ts'
import type { SourceCounterData } from '../source-limits/source-counters.ts'
import type { Peer } from '../swarm/peers/peer.ts'
import { GuessLimits } from './guess-limits.ts'
import { type HashKey, KeyHash } from './key-hash.ts'
import { findKey, isInUse, type KeyTable, NO_KEYS, SLOT_END } from './table.ts'
import { KEY_ENDED, KEY_GUESSES, KEY_MISSING, KEY_UNKNOWN, KEY_VALID } from './verdict.ts'

/** Shared by the gates of all workers for the life of the process. */
export interface KeyGateData {
  readonly hashKey: HashKey
  readonly guesses: SourceCounterData
}

/** The keys in force. */
export interface AccessKeys {
  /** Nothing is served without a valid key. */
  readonly required: boolean
  readonly table: KeyTable
  /** Per address; 0 = no limit. */
  readonly guessesPerMinute: number
}

export const KEYS_OFF: AccessKeys = { required: false, table: NO_KEYS, guessesPerMinute: 0 }

export class KeyGate {
  /** Nothing is served without a valid key. */
  required = false
  private words = new Int32Array(NO_KEYS.slots)
  private slotCount = NO_KEYS.slotCount
  private readonly hash: KeyHash
  private readonly guesses: GuessLimits
  private second = -1
  /** Seconds since 1970. */
  private time = 0

  constructor({ hashKey, guesses }: KeyGateData, keys: AccessKeys) {
    this.hash = new KeyHash(hashKey)
    this.guesses = new GuessLimits(guesses)
    this.replace(keys)
    this.setTime(0)
  }

  replace({ required, table, guessesPerMinute }: AccessKeys): void {
    this.required = required
    this.words = new Int32Array(table.slots)
    this.slotCount = table.slotCount
    this.guesses.setRate(guessesPerMinute)
  }

  /** The hash of a key, to pass to `verdictOf` later; null if it is too short or too long for one. */
  hashOf(bytes: Uint8Array, from: number, to: number): Int32Array | null {
    return this.hash.compute(bytes, from, to) ? this.hash.words.slice() : null
  }

  /** Sets the time, in seconds of the monotonic clock. Keys expire by the wall clock, which is read here too. */
  setTime(now: number): void {
    if (now === this.second) return
    this.second = now
    this.time = wallSeconds()
    this.guesses.setTime(now)
  }

  // HOT: no allocation below this line.

  /** The verdict on a request from this address with the key from `bytes[from]` to `bytes[to]`; empty = no key. */
  check(source: Peer, bytes: Uint8Array, from: number, to: number): number {
    if (from === to) return KEY_MISSING
    if (!this.guesses.mayTry(source)) return KEY_GUESSES
    const verdict = this.hash.compute(bytes, from, to)
      ? this.verdictOf(this.hash.words)
      : KEY_UNKNOWN
    if (verdict === KEY_UNKNOWN) this.guesses.count(source)
    return verdict
  }

  /** The same for a key whose hash is known. */
  verdictOf(hash: Int32Array): number {
    const { words } = this
    const slot = findKey(words, this.slotCount, hash)
    if (!isInUse(words, slot)) return KEY_UNKNOWN
    const end = words[slot + SLOT_END] >>> 0
    return end !== 0 && end <= this.time ? KEY_ENDED : KEY_VALID
  }
}
