// A mutual exclusion lock in one word of shared memory. Used for every table of the swarm and for
// the page pool, by all worker threads. Owns nothing: the word belongs to the caller's buffer.
//
//  0 free │ 1 held │ 2 held, and somebody may be asleep
//
// Everything a holder wrote before `unlock` is seen by the next holder after `lock`: both are
// sequentially consistent atomics on the same word.

/** How often a waiter looks before it sleeps: a holder on another core is done within about a microsecond. */
const SPINS = 200

/** Bounds a sleep, so that even a lost wake-up (there is none known) would only cost this long. */
const SLEEP_MILLISECONDS = 50

// HOT: no allocation below this line.

/** Takes the lock; returns 0 when it was free, 1 when it was not, 2 when this thread slept for it. */
export function lock(words: Int32Array, at: number): number {
  if (Atomics.compareExchange(words, at, 0, 1) === 0) return 0
  return lockContended(words, at)
}

export function unlock(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1)
}

function lockContended(words: Int32Array, at: number): number {
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, 1) === 0) return 1
  }
  // From here on the word says 2, because others may sleep beside us and nobody counts them.
  while (Atomics.exchange(words, at, 2) !== 0) Atomics.wait(words, at, 2, SLEEP_MILLISECONDS)
  return 2
}
