// The table of access keys in shared memory: written by build.ts, in the main thread, and read by the gate of
// each worker (gate.ts). Nothing writes to it once workers have it; a new list is a new table.
//
//  slot: 0–3 keyed hash of the key (key-hash.ts) │ 4 expiry, in seconds since 1970, 0 for none
//
// Open addressing with linear probing, a third of the slots empty, as in access-list/list.ts: a look-up reads
// one or two cache lines. An empty slot is all zeros, which no hash ever is.
import { adviseHugePages } from '../memory/arena.ts'
import { HASH_WORDS } from './key-hash.ts'

export const SLOT_WORDS = HASH_WORDS + 1
export const SLOT_END = HASH_WORDS

/** At most two of three slots are in use. */
const SLOTS_PER_KEY = 1.5
/** The largest size of a shared buffer. */
const TABLE_BYTES_MAX = 2 ** 32
export const KEYS_MAX = Math.floor(TABLE_BYTES_MAX / (SLOT_WORDS * 4) / SLOTS_PER_KEY) - 1

export interface KeyTable {
  readonly slots: SharedArrayBuffer
  readonly slotCount: number
}

export const NO_KEYS: KeyTable = { slots: new SharedArrayBuffer(SLOT_WORDS * 4), slotCount: 1 }

/** Has room for `keysMax` keys. Throws RangeError when the system refuses the memory. */
export function createKeyTable(keysMax: number): KeyTable {
  const slotCount = Math.ceil((keysMax + 1) * SLOTS_PER_KEY)
  const slots = new SharedArrayBuffer(slotCount * SLOT_WORDS * 4)
  // Look-ups among ten million keys take a fifth less time with these (bench/access-keys.ts).
  adviseHugePages(new Int32Array(slots))
  return { slots, slotCount }
}

const TWO_32 = 4294967296

// HOT: no allocation below this line.

/**
 * Where the slot of the hash starts, or the empty slot where it would go. Each slot is compared as a whole, so that
 * the time taken does not tell how many bits of a guess are right.
 */
export function findKey(words: Int32Array, slotCount: number, hash: Int32Array): number {
  const h0 = hash[0]
  const h1 = hash[1]
  const h2 = hash[2]
  const h3 = hash[3]
  const end = slotCount * SLOT_WORDS
  let slot = Math.floor(((h0 >>> 0) * slotCount) / TWO_32) * SLOT_WORDS
  for (;;) {
    const w0 = words[slot]
    const w1 = words[slot + 1]
    const w2 = words[slot + 2]
    const w3 = words[slot + 3]
    if (((w0 ^ h0) | (w1 ^ h1) | (w2 ^ h2) | (w3 ^ h3)) === 0) return slot
    // The loop ends, because a third of the slots is empty.
    if ((w0 | w1 | w2 | w3) === 0) return slot
    slot += SLOT_WORDS
    if (slot === end) slot = 0
  }
}

/** Whether `findKey` found the hash at this slot. */
export function isInUse(words: Int32Array, slot: number): boolean {
  return (words[slot] | words[slot + 1] | words[slot + 2] | words[slot + 3]) !== 0
}
