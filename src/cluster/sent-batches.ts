// The batches that this node has sent, or could not send, for nodes that have missed them. Filled by sender.ts, also
// while no engine is there: what happened meanwhile, leaves included, then reaches the others with its age.
// Owns one block of memory, which doubles up to a limit. The oldest batches make room.
import { isAfter } from './holes.ts'

const FIRST_WORDS = 2 ** 16
/** Places of batches, by sequence: at 20 batches a second they last for an hour, which is longer than peers do. */
const PLACES = 2 ** 16

export class SentBatches {
  /** Of the oldest batch that is kept, and of the next one to come. The same: none is. */
  oldest = 1
  next = 1
  /** Where `find` has found a batch: its place and length in `words`. */
  words: Int32Array
  at = 0
  count = 0
  /** Those that are older are of no use. */
  millisecondsMax: number
  private readonly wordsMax: number
  private readonly places = new Int32Array(PLACES)
  private readonly counts = new Int32Array(PLACES)
  private readonly times = new Float64Array(PLACES)
  /** Where the next one goes, if there is room. */
  private end = 0

  /** `bytesMax`: more than the longest batch. */
  constructor(bytesMax: number, millisecondsMax: number) {
    this.wordsMax = bytesMax / 4
    this.words = new Int32Array(Math.min(FIRST_WORDS, this.wordsMax))
    this.millisecondsMax = millisecondsMax
  }

  /** Keeps a copy, as the next sequence. */
  add(batch: Int32Array, now: number): void {
    const count = batch.length
    this.expire(now)
    const slot = this.next & (PLACES - 1)
    if ((this.next - this.oldest) >>> 0 >= PLACES) this.drop()
    const at = this.room(count)
    this.words.set(batch, at)
    this.places[slot] = at
    this.counts[slot] = count
    this.times[slot] = now
    this.end = at + count
    this.next = (this.next + 1) >>> 0
  }

  /** A sequence that nobody can ask for: what it stood for is lost, which others are to notice. */
  skip(): void {
    this.next = (this.next + 1) >>> 0
    this.oldest = this.next
    this.end = 0
  }

  /** False if it is not kept. */
  find(sequence: number): boolean {
    if (isAfter(this.oldest, sequence) || !isAfter(this.next, sequence)) return false
    const slot = sequence & (PLACES - 1)
    this.at = this.places[slot]
    this.count = this.counts[slot]
    return true
  }

  private isEmpty(): boolean {
    return this.oldest === this.next
  }

  private drop(): void {
    this.oldest = (this.oldest + 1) >>> 0
    if (this.isEmpty()) this.end = 0
  }

  private expire(now: number): void {
    const limit = now - this.millisecondsMax
    while (!this.isEmpty() && this.times[this.oldest & (PLACES - 1)] < limit) this.drop()
  }

  /** Where `count` words fit, after dropping what is in the way. */
  private room(count: number): number {
    for (;;) {
      if (this.isEmpty()) return 0
      const first = this.places[this.oldest & (PLACES - 1)]
      // In use: from `first` to `end`, or, once it has begun anew at 0, all but from `end` to `first`.
      if (first < this.end) {
        if (this.end + count <= this.words.length) return this.end
        if (count < first) return 0
      } else if (this.end + count < first) return this.end
      if (this.words.length * 2 <= this.wordsMax) this.grow()
      else this.drop()
    }
  }

  private grow(): void {
    const { words } = this
    const larger = new Int32Array(words.length * 2)
    let end = 0
    for (let sequence = this.oldest; sequence !== this.next; sequence = (sequence + 1) >>> 0) {
      const slot = sequence & (PLACES - 1)
      const at = this.places[slot]
      larger.set(words.subarray(at, at + this.counts[slot]), end)
      this.places[slot] = end
      end += this.counts[slot]
    }
    this.words = larger
    this.end = end
  }
}
