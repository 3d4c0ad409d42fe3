// The access list as workers use it: tells whether a torrent is forbidden. Called by the handlers for each
// announce and scrape, and by a cleaning after a change. Reads a table in shared memory that build.ts has
// filled and that is never written again; a new list is a new table, and single changes are in another one (edits.ts).
//
// Open addressing with linear probing, 20 bytes per slot, at least a third of the slots empty: a look-up reads
// one or two cache lines. A slot of zeros is empty, so the info hash of 20 zeros is stored separately.
// Positions come from the keyed hash of the info hash, which the caller has anyway, so neither the author of
// the list nor a client can make many info hashes collide.

import { ADDED, findEdit, NO_EDITS } from './edits.ts'
import { findSlot, isEmpty } from './slots.ts'

export const MODE_OFF = 0
export const MODE_ALLOW = 1
export const MODE_DENY = 2

/** The form in which workers receive it. */
export interface AccessListData {
  /** Whether the torrents in the list are the only ones allowed, or the only ones forbidden. */
  readonly mode: number
  readonly slots: SharedArrayBuffer
  readonly slotCount: number
  readonly hasZeros: boolean
  /** The memory of edits.ts. */
  readonly edits: SharedArrayBuffer
}

export const ALL_ALLOWED: AccessListData = {
  mode: MODE_OFF,
  slots: new SharedArrayBuffer(0),
  slotCount: 0,
  hasZeros: false,
  edits: NO_EDITS,
}

export class AccessList {
  private mode = MODE_OFF
  private words: Int32Array
  private slotCount = 0
  private hasZeros = false
  private edits: Int32Array

  constructor(data = ALL_ALLOWED) {
    this.words = new Int32Array(data.slots)
    this.edits = new Int32Array(data.edits)
    this.replace(data)
  }

  replace(data: AccessListData): void {
    this.mode = data.mode
    this.words = new Int32Array(data.slots)
    this.slotCount = data.slotCount
    this.hasZeros = data.hasZeros
    this.edits = new Int32Array(data.edits)
  }

  // HOT: no allocation below this line.

  /** False if every torrent is allowed. */
  isOn(): boolean {
    return this.mode !== MODE_OFF
  }

  /** Whether the torrent with the info hash at `source[at]`, whose keyed hash is `hash`, is forbidden. */
  forbids(source: Int32Array, at: number, hash: number): boolean {
    if (this.mode === MODE_OFF) return false
    const edit = findEdit(this.edits, source, at, hash)
    const found = edit === 0 ? this.isInFile(source, at, hash) : edit === ADDED
    return found === (this.mode === MODE_DENY)
  }

  /** Whether the file has it, whatever has been edited since. */
  isInFile(source: Int32Array, at: number, hash: number): boolean {
    const words = this.words
    const slot = findSlot(words, this.slotCount, source, at, hash)
    return slot < 0 ? this.hasZeros : words[slot] !== 0 || !isEmpty(words, slot)
  }
}
