// Fills the table of an access list (its layout is in list.ts). Called by read-file.ts, in the main thread.
// Owns the table until it is handed to the workers.
import { hashWords } from '../memory/half-sip-hash.ts'
import { NO_EDITS } from './edits.ts'
import type { AccessListData } from './list.ts'
import { findSlot, isSame, SLOT_WORDS } from './slots.ts'

/** At most two of three slots are in use. */
const SLOTS_PER_ENTRY = 1.5
const SLOT_BYTES = SLOT_WORDS * 4
/** The most that a single shared buffer can have. */
const TABLE_BYTES_MAX = 2 ** 32
export const ENTRIES_MAX = Math.floor(TABLE_BYTES_MAX / SLOT_BYTES / SLOTS_PER_ENTRY) - 1

/** The key with which the swarms' tables hash info hashes, so that workers have each hash already. */
export interface HashKey {
  readonly key0: number
  readonly key1: number
}

export class ListBuilder {
  /** Distinct info hashes. */
  entries = 0
  private readonly key: HashKey
  private readonly slots: SharedArrayBuffer
  private readonly words: Int32Array
  private readonly slotCount: number
  private readonly entriesMax: number
  private hasZeros = false

  /** Throws RangeError when the system refuses the memory. */
  constructor(entriesMax: number, key: HashKey) {
    this.key = key
    this.entriesMax = entriesMax
    this.slotCount = Math.ceil((entriesMax + 1) * SLOTS_PER_ENTRY)
    this.slots = new SharedArrayBuffer(this.slotCount * SLOT_BYTES)
    this.words = new Int32Array(this.slots)
  }

  /** Adds the info hash at `source[0]`, if it is not there yet. */
  add(source: Int32Array): void {
    const { words } = this
    const hash = hashWords(source, 0, SLOT_WORDS, this.key.key0, this.key.key1)
    const slot = findSlot(words, this.slotCount, source, 0, hash)
    if (slot < 0) {
      if (!this.hasZeros) this.entries++
      this.hasZeros = true
      return
    }
    if (isSame(words, slot, source, 0)) return
    if (this.entries >= this.entriesMax) throw new Error('more entries than there is room for')
    for (let i = 0; i < SLOT_WORDS; i++) words[slot + i] = source[i]
    this.entries++
  }

  finish(mode: number): AccessListData {
    return {
      mode,
      slots: this.slots,
      slotCount: this.slotCount,
      hasZeros: this.hasZeros,
      edits: NO_EDITS,
    }
  }
}
