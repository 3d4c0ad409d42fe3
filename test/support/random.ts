// Seeded numbers, so that a failure can be repeated. Used by the tests that try many packets.

/** A generator of 32-bit unsigned numbers (xorshift32). */
export function randomWords(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
