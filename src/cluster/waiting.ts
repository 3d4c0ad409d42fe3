// A bounded queue of records with the seconds that their ages are counted from, in the form of the workers' rings
// (note.ts). Used by pack.ts. Owns its words.

export class Waiting {
  readonly words: Int32Array
  /** The second included. */
  readonly recordWords: number
  count = 0
  private readonly max: number
  private first = 0

  constructor(recordWords: number, max: number) {
    this.recordWords = recordWords
    this.max = max
    // An explicit buffer, whose memory the system provides as it is touched.
    this.words = new Int32Array(new SharedArrayBuffer(recordWords * max * 4))
  }

  // HOT: no allocation below this line.

  get isFull(): boolean {
    return this.count === this.max
  }

  /** Where the oldest record is. */
  get oldest(): number {
    return this.first * this.recordWords
  }

  get oldestSecond(): number {
    return this.words[this.oldest + this.recordWords - 1]
  }

  dropOldest(): void {
    this.first = this.first + 1 === this.max ? 0 : this.first + 1
    this.count--
  }

  /** Adds a copy of the record at `from[at]`, with `last` as its last word; there must be room. */
  append(from: Int32Array, at: number, last: number, second: number): void {
    const { words, recordWords, max } = this
    const index = this.first + this.count
    const to = (index >= max ? index - max : index) * recordWords
    for (let i = 0; i < recordWords - 2; i++) words[to + i] = from[at + i]
    words[to + recordWords - 2] = last
    words[to + recordWords - 1] = second
    this.count++
  }
}
