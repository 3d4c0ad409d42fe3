// Records that wait for room in a ring to another worker, in the order in which they came. One per ring, used by
// exchange.ts, which bounds them. Its memory is allocated for the first record that has to wait, and dropped with the
// last: that is rare, and at its worst they are many.

const FIRST_WORDS = 2 ** 16

export class WaitingRecords {
  /** Each record after its number of words. */
  private words = new Int32Array(0)
  private from = 0
  private to = 0

  get empty(): boolean {
    return this.from === this.to
  }

  /** The first record's words are `memory[first]` to `memory[first + firstWords − 1]`. */
  get memory(): Int32Array {
    return this.words
  }

  get first(): number {
    return this.from + 1
  }

  get firstWords(): number {
    return this.words[this.from]
  }

  /** Copies `count` words. */
  add(words: Int32Array, count: number): void {
    if (this.to + 1 + count > this.words.length) this.makeRoom(count + 1)
    this.words[this.to] = count
    this.words.set(words.subarray(0, count), this.to + 1)
    this.to += 1 + count
  }

  removeFirst(): void {
    this.from += 1 + this.words[this.from]
    if (this.from < this.to) return
    this.words = new Int32Array(0)
    this.from = 0
    this.to = 0
  }

  private makeRoom(more: number): void {
    const used = this.to - this.from
    let length = Math.max(FIRST_WORDS, this.words.length)
    while (length < (used + more) * 2) length *= 2
    const words = new Int32Array(new ArrayBuffer(length * 4))
    words.set(this.words.subarray(this.from, this.to))
    this.words = words
    this.from = 0
    this.to = used
  }
}
