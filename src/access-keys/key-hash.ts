// The keyed hash of an access key, 128 bits: what the table of keys holds in place of the keys (table.ts).
// Used by build.ts and gate.ts. One per thread, with memory of its own; the hash key is the process's.
//
// Keyed, so that neither the places that a look-up reads nor the time it takes tell anything about keys, and
// nobody can aim keys at one place. HalfSipHash-2-4 gives 64 bits; two of them with keys of their own make 128,
// so that a wrong key is never taken for a right one.
import { randomFillSync } from 'node:crypto'
import { macWords } from '../memory/half-sip-hash.ts'

/** A hexadecimal SHA-512 has 128; passkeys in the wild have 32 or 40, a UUID 36. */
export const KEY_BYTES_MAX = 128

export const HASH_WORDS = 4

/** Four words, of which each half of the hash takes two. */
export type HashKey = Int32Array

export function newHashKey(): HashKey {
  return randomFillSync(new Int32Array(HASH_WORDS))
}

export class KeyHash {
  /** Of the key that `compute` was given last; never all zeros. */
  readonly words = new Int32Array(HASH_WORDS)
  private readonly hashKey: HashKey
  /** Length in bytes, then the bytes. */
  private readonly message = new Int32Array(1 + KEY_BYTES_MAX / 4)
  private readonly half = new Int32Array(2)

  constructor(hashKey: HashKey) {
    this.hashKey = hashKey
  }

  // HOT: no allocation below this line.

  /** Of the key from `bytes[from]` to `bytes[to]`; false, and nothing computed, for a length that no key has. */
  compute(bytes: Uint8Array, from: number, to: number): boolean {
    const length = to - from
    if (length <= 0 || length > KEY_BYTES_MAX) return false
    const { message, words, half, hashKey } = this
    const count = 1 + ((length + 3) >>> 2)
    message[0] = length
    for (let word = 1, at = from; at < to; word++, at += 4) {
      const left = to - at
      message[word] =
        bytes[at] |
        (left > 1 ? bytes[at + 1] << 8 : 0) |
        (left > 2 ? bytes[at + 2] << 16 : 0) |
        (left > 3 ? bytes[at + 3] << 24 : 0)
    }
    macWords(message, 0, count, hashKey[0], hashKey[1], half)
    words[0] = half[0]
    words[1] = half[1]
    macWords(message, 0, count, hashKey[2], hashKey[3], half)
    words[2] = half[0]
    words[3] = half[1]
    if ((words[0] | words[1] | words[2] | words[3]) === 0) words[3] = 1
    return true
  }
}
