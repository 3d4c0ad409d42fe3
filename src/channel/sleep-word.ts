// One word by which a thread says that it is about to sleep, so that others wake it only then: a
// wake-up is a system call, and a busy thread needs none. Used by all of src/channel. Owns nothing.
//
//  0 awake, or about to be woken by somebody │ 1 about to sleep, or asleep
//
// The sleeper:  store 1;  look for work once more;  sleep unless there is some;  store 0
// The waker:    publish the work;  load the word;  when 1, exchange it for 0;  whoever got the 1 wakes it
//
// No wake-up is lost, because each side stores first and then loads, all four sequentially consistent:
// in the one order that all threads agree on, either the sleeper's second check comes after the work was
// published, and it stays awake, or the waker's load comes after the 1, and it wakes. With a weaker
// store each of the two could miss the other's. A wake-up that comes before the sleep must not be
// lost either: Atomics.wait sees that the word is no longer 1, an eventfd keeps its count, and a
// message its place in the queue.

// HOT: no allocation below this line.

/** Says that this thread is about to sleep. It has to look for work once more after this. */
export function prepareSleep(words: Int32Array, at: number): void {
  Atomics.store(words, at, 1)
}

/** Says that this thread is awake. False when somebody has decided to wake it meanwhile. */
export function cancelSleep(words: Int32Array, at: number): boolean {
  return Atomics.exchange(words, at, 0) === 1
}

/** After work was published: true when the caller has to wake the sleeper, and nobody else will. */
export function claimWake(words: Int32Array, at: number): boolean {
  return Atomics.load(words, at) === 1 && Atomics.exchange(words, at, 0) === 1
}
