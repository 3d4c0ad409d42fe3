// Fills a table of access keys. Called by read-file.ts, in the main thread. Owns the table until the workers get
// it.
import { ListFileError } from '../list-file/lines.ts'
import { type HashKey, KeyHash } from './key-hash.ts'
import { createKeyTable, findKey, isInUse, type KeyTable, SLOT_END } from './table.ts'

export class KeyTableBuilder {
  readonly table: KeyTable
  /** The number of distinct keys. */
  keys = 0
  private readonly keysMax: number
  private readonly hash: KeyHash
  private readonly words: Int32Array

  /** Throws RangeError when the system refuses the memory. */
  constructor(keysMax: number, hashKey: HashKey) {
    this.table = createKeyTable(keysMax)
    this.keysMax = keysMax
    this.hash = new KeyHash(hashKey)
    this.words = new Int32Array(this.table.slots)
  }

  /** If a key is added twice, the last time counts. `end`: its expiry in seconds since 1970, 0 for none. */
  add(bytes: Uint8Array, from: number, to: number, end: number): void {
    const { words, hash } = this
    hash.compute(bytes, from, to)
    const slot = findKey(words, this.table.slotCount, hash.words)
    if (!isInUse(words, slot)) {
      // The table has a slot for every line that was counted, so lines have been added since.
      if (this.keys === this.keysMax) throw new ListFileError('has changed while it was read')
      this.keys++
    }
    words.set(hash.words, slot)
    words[slot + SLOT_END] = end
  }
}
