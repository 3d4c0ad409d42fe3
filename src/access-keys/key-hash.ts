// The keyed 128-bit hash of an access key, which the table stores instead of the key (table.ts). Used by build.ts and
// gate.ts. One per thread, with its own memory; the hash key is the same in the whole process.
//
// It is keyed so that neither the slots that a look-up reads nor the time it takes reveal anything about keys, and
// nobody can choose keys that collide. HalfSipHash-2-4 gives 64 bits; two of them with different hash keys make 128,
// so that a wrong key is never taken for a valid one.
import { randomFillSync } from 'node:crypto'
import { macWords } from '../memory/half-sip-hash.ts'

/** A SHA-512 in hexadecimal has 128; passkeys in use have 32 or 40, a UUID has 36. */
export const KEY_BYTES_MAX = 128

export const HASH_WORDS = 4

/** Four words, two for each half of the hash. */
export type HashKey = Int32Array

export function newHashKey(): HashKey {
  return randomFillSync(new Int32Array(HASH_WORDS))
}

export class KeyHash {
  /** The hash of the key last passed to `compute`; never all zeros. */
  readonly words = new Int32Array(HASH_WORDS)
  private readonly hashKey: HashKey
  /** The key's length in bytes, then its bytes. */
  private readonly message = new Int32Array(1 + KEY_BYTES_MAX / 4)
  private readonly half = new Int32Array(2)

  constructor(hashKey: HashKey) {
    this.hashKey = hashKey
  }

  // HOT: no allocation below this line.

  /** Hashes the key from `bytes[from]` to `bytes[to]`. False, and computes nothing, if no key has this length. */
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
