// The two ends of a ring that a worker shares with the kernel: it produces what the kernel consumes, or the other way
// round. Used by queue.ts. Owns nothing: the kernel made the ring (os/xdp-socket.ts).
//
// Both indices only grow, modulo 2^32, and each is written by one side. Entries are written with plain stores, then
// the producer's index with an atomic one, which orders them; the consumer loads that index atomically before it reads
// entries, and stores its own atomically once it has read them. That is what the kernel does with load-acquire
// and store-release (net/xdp/xsk_queue.h), and more: `Atomics` is sequentially consistent.
// test/xdp/ring-model.test.ts goes through all interleavings.
//
// There is always room: a ring has as many places as there are frames that can be in it.
import { mappedWords } from '../os/ffi.ts'
import { XDP_RING_NEED_WAKEUP } from '../os/kernel.ts'
import type { MappedRing } from '../os/xdp-socket.ts'

abstract class Ring {
  /** Entry i is at `words[placeOf(i)]`. */
  readonly words: Int32Array
  protected readonly producer: number
  protected readonly consumer: number
  protected readonly flags: number
  protected readonly first: number
  protected readonly mask: number
  protected readonly entryShift: number

  /** `entries`: a power of two, of `entryWords` each (2 or 4). */
  constructor(place: MappedRing, entries: number, entryWords: 2 | 4, words = wordsOf(place)) {
    this.words = words
    this.producer = place.producer >> 2
    this.consumer = place.consumer >> 2
    this.flags = place.flags >> 2
    this.first = place.entries >> 2
    this.mask = entries - 1
    this.entryShift = entryWords === 2 ? 1 : 2
  }

  // HOT: no allocation below this line.

  /** Where in `words` the entry of index `i` is. */
  placeOf(i: number): number {
    return this.first + ((i & this.mask) << this.entryShift)
  }

  /** The kernel waits for a system call before it looks at the ring. */
  needsWakeUp(): boolean {
    return (Atomics.load(this.words, this.flags) & XDP_RING_NEED_WAKEUP) !== 0
  }
}

export class ProducerRing extends Ring {
  /** The index of the next entry. */
  private next = Atomics.load(this.words, this.producer)

  // HOT: no allocation below this line.

  /** Takes the next place, and returns where in `words` it is; it counts once `publish` is called. */
  take(): number {
    const at = this.placeOf(this.next)
    this.next = (this.next + 1) | 0
    return at
  }

  publish(): void {
    Atomics.store(this.words, this.producer, this.next)
  }

  /** Entries that the other side has not consumed. */
  waiting(): number {
    return (this.next - Atomics.load(this.words, this.consumer)) | 0
  }
}

export class ConsumerRing extends Ring {
  /** The index of the next entry to read. */
  private next = Atomics.load(this.words, this.consumer)

  // HOT: no allocation below this line.

  /** How many entries there are to read, at most `max`. */
  available(max: number): number {
    const count = (Atomics.load(this.words, this.producer) - this.next) | 0
    return count < max ? count : max
  }

  /** Where in `words` the next of the available entries is. */
  read(): number {
    const at = this.placeOf(this.next)
    this.next = (this.next + 1) | 0
    return at
  }

  /** Gives the places of all entries read so far back. */
  release(): void {
    Atomics.store(this.words, this.consumer, this.next)
  }
}

function wordsOf({ address, bytes }: MappedRing): Int32Array {
  return mappedWords(address, bytes)
}
