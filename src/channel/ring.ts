// A ring of records from one thread to another, in shared memory: one writer, one reader, no locks.
// One per pair of threads and direction; used by the workers of both trackers. Main makes it with
// `createRing` and hands the buffer to the two threads, which attach a RingWriter and a RingReader.
// Owns the buffer's words.
//
//  0 head: words published, by the writer │ 32 tail: words released, by the reader
//  │ 64 1 = the writer waits for room │ 96… capacity (a power of two) words of records
//
//  record: 0 payload words │ 1… payload.  A record never wraps: where too little is left before the
//  end of the ring, a record's first word says SKIP, and the next one is at the start.
//
// Head and tail only grow (modulo 2^32), so a full ring and an empty one differ. Each is written by
// one side alone and lies 128 bytes from everything else, because processors fetch cache lines in
// pairs. Each side keeps a copy of the other's index and reads it again only when that copy says that
// there is nothing to do; so a batch of records costs one store and about one load of a shared line.
//
// Why it is correct (test/channel/model.test.ts goes through all interleavings): records are written
// with plain stores, then head is published with a sequentially consistent one. In the memory model of
// JavaScript a thread that reads that value with an atomic load sees everything that was before the
// store. The same holds for tail in the other direction: the reader's loads of a record come before
// its store to tail, so the writer cannot overwrite what is still being read. Later plain stores of the
// writer may become visible before head, but they go to words that the reader does not look at yet.
//
// Payload words may be read, and handed to the kernel, where they lie, until `release`.
import { nowMilliseconds } from '../os/clock.ts'
import { cancelSleep, claimWake, prepareSleep } from './sleep-word.ts'

const HEAD = 0
const TAIL = 32
const WRITER_WAITS = 64
const RECORDS = 96

const SKIP = -1

/** Indices are compared as 32-bit numbers, and words are addressed as such. */
const CAPACITY_WORDS_MAX = 2 ** 28

/** A ring of at least `words` words. Memory is spent as it is touched. */
export function createRing(words: number): SharedArrayBuffer {
  const capacity = 2 ** Math.ceil(Math.log2(words))
  if (!(capacity <= CAPACITY_WORDS_MAX)) throw new RangeError(`a ring of ${words} words`)
  return new SharedArrayBuffer((RECORDS + capacity) * 4)
}

/** How much of a ring is in use, from 0 to 1. For statistics: both ends keep working meanwhile. */
export function ringFill(ring: SharedArrayBuffer): number {
  const words = new Int32Array(ring)
  const tail = Atomics.load(words, TAIL)
  const used = (Atomics.load(words, HEAD) - tail) | 0
  return Math.min(1, Math.max(0, used / (words.length - RECORDS)))
}

export class RingWriter {
  /** All of the ring: `room` gives places in it. */
  readonly words: Int32Array<SharedArrayBuffer>
  /** Payload words of the longest record. */
  readonly recordWordsMax: number
  private readonly mask: number
  private head = 0
  private published = 0
  private tail = 0

  constructor(ring: SharedArrayBuffer, recordWordsMax: number) {
    this.words = new Int32Array(ring)
    this.recordWordsMax = recordWordsMax
    this.mask = this.words.length - RECORDS - 1
    // With less, a record might never fit: in an empty ring nearly half may have to be skipped.
    if ((recordWordsMax + 1) * 2 > this.mask + 1) {
      throw new RangeError(`records of ${recordWordsMax} words need a larger ring`)
    }
    this.head = Atomics.load(this.words, HEAD)
    this.published = this.head
    this.tail = Atomics.load(this.words, TAIL)
  }

  // HOT: no allocation below this line.

  /**
   * Where to write a record of up to `count` words (at most `recordWordsMax`); 0 when the ring is
   * full. Nothing is taken before `append`.
   */
  room(count: number): number {
    const capacity = this.mask + 1
    const at = this.head & this.mask
    const left = capacity - at
    const skipped = count < left ? 0 : left
    const used = (this.head - this.tail) | 0
    if (used + skipped + count >= capacity) {
      this.tail = Atomics.load(this.words, TAIL)
      if (((this.head - this.tail) | 0) + skipped + count >= capacity) return 0
    }
    return RECORDS + (skipped === 0 ? at : 0) + 1
  }

  /** Takes the record at `at`, as `room` gave it, with the `count` words that were written. */
  append(at: number, count: number): void {
    const left = this.mask + 1 - (this.head & this.mask)
    if (at === RECORDS + 1 && left !== this.mask + 1) {
      this.words[RECORDS + (this.head & this.mask)] = SKIP
      this.head = (this.head + left) | 0
    }
    this.words[at - 1] = count
    this.head = (this.head + count + 1) | 0
  }

  /**
   * Appends the records at the start of `from`, each with its length in front as here, of `count` words in all. False when
   * they do not fit in one piece: then they are appended one by one.
   */
  appendAll(from: Int32Array, count: number): boolean {
    const { words, mask } = this
    const at = this.head & mask
    if (at + count > mask + 1) return false
    if (((this.head - this.tail) | 0) + count > mask + 1) {
      this.tail = Atomics.load(words, TAIL)
      if (((this.head - this.tail) | 0) + count > mask + 1) return false
    }
    const to = RECORDS + at
    for (let i = 0; i < count; i++) words[to + i] = from[i]
    this.head = (this.head + count) | 0
    return true
  }

  /** Shows all appended records to the reader at once. True when there were any; then wake it. */
  publish(): boolean {
    if (this.head === this.published) return false
    this.published = this.head
    Atomics.store(this.words, HEAD, this.head)
    return true
  }

  /** Waits until a record of `count` words fits, at most so long. Publish, and wake the reader, first. */
  waitForRoom(count: number, milliseconds: number): boolean {
    const end = nowMilliseconds() + milliseconds
    for (let left = milliseconds; left > 0; left = end - nowMilliseconds()) {
      prepareSleep(this.words, WRITER_WAITS)
      if (this.room(count) === 0) Atomics.wait(this.words, WRITER_WAITS, 1, left)
      cancelSleep(this.words, WRITER_WAITS)
      if (this.room(count) !== 0) return true
    }
    return false
  }
}

export class RingReader {
  /** All of the ring: `next` gives places in it. */
  readonly words: Int32Array<SharedArrayBuffer>
  /** Payload words of the record that `next` gave last. */
  count = 0
  private readonly mask: number
  private tail = 0
  private released = 0
  private head = 0

  constructor(ring: SharedArrayBuffer) {
    this.words = new Int32Array(ring)
    this.mask = this.words.length - RECORDS - 1
    this.tail = Atomics.load(this.words, TAIL)
    this.released = this.tail
    this.head = this.tail
  }

  // HOT: no allocation below this line.

  /** Looks for newly published records. True when `next` has one. */
  refresh(): boolean {
    this.head = Atomics.load(this.words, HEAD)
    return this.head !== this.tail
  }

  /** The first word of the next record known since `refresh`, of `count` words; 0 when there is none. */
  next(): number {
    for (;;) {
      if (this.tail === this.head) return 0
      const at = this.tail & this.mask
      const count = this.words[RECORDS + at]
      if (count === SKIP) {
        this.tail = (this.tail + this.mask + 1 - at) | 0
        continue
      }
      this.count = count
      this.tail = (this.tail + count + 1) | 0
      return RECORDS + at + 1
    }
  }

  /** Gives the space of all records taken so far back to the writer. Their words are gone then. */
  release(): void {
    if (this.tail === this.released) return
    this.released = this.tail
    Atomics.store(this.words, TAIL, this.tail)
    if (claimWake(this.words, WRITER_WAITS)) Atomics.notify(this.words, WRITER_WAITS, 1)
  }
}
