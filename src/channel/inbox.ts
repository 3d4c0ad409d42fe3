// The receiving end of a thread: the rings it reads, and the word that says that it sleeps.
// One per thread, over all its senders. Owns the readers' positions and the sleep word.
//
// A thread that waits for nothing but records sleeps in `sleep`. One that sleeps elsewhere, in poll or
// on its event loop (doorbell.ts), does so between `maySleep` and `awake`.
import type { RingReader } from './ring.ts'
import { cancelSleep, prepareSleep } from './sleep-word.ts'

/** The word for an inbox, alone in its pair of cache lines. Its wakers get it too. */
export function createSleepWord(): SharedArrayBuffer {
  return new SharedArrayBuffer(128)
}

export class Inbox {
  readonly readers: readonly RingReader[]
  private readonly words: Int32Array

  constructor(readers: readonly RingReader[], sleepWord: SharedArrayBuffer) {
    this.readers = readers
    this.words = new Int32Array(sleepWord)
  }

  // HOT: no allocation below this line.

  /** True when there are published records that have not been read. */
  hasRecords(): boolean {
    for (let i = 0; i < this.readers.length; i++) if (this.readers[i].refresh()) return true
    return false
  }

  /** True when there are no records, and whoever publishes one from now on wakes this thread. */
  maySleep(): boolean {
    prepareSleep(this.words, 0)
    if (!this.hasRecords()) return true
    cancelSleep(this.words, 0)
    return false
  }

  /** After `maySleep` was true. False when somebody has woken this thread, or is about to. */
  awake(): boolean {
    return cancelSleep(this.words, 0)
  }

  /** Sleeps until there are records, at most so long (milliseconds, may be fractional). */
  sleep(milliseconds: number): void {
    if (!this.maySleep()) return
    Atomics.wait(this.words, 0, 1, milliseconds)
    cancelSleep(this.words, 0)
  }
}
