// The access list as workers use it: tells whether a torrent is forbidden. Called by the handlers for each
// announce and scrape, and by a cleaning after a change. Reads a table in shared memory that build.ts has
// filled and that is never written again; a new list is a new table.
//
// Open addressing with linear probing, 20 bytes per slot, at least a third of the slots empty: a look-up reads
// one or two cache lines. A slot of zeros is empty, so the info hash of 20 zeros is stored separately.
// Positions come from the keyed hash of the info hash, which the caller has anyway, so neither the author of
// the list nor a client can make many info hashes collide.

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
}

export const ALL_ALLOWED: AccessListData = {
  mode: MODE_OFF,
  slots: new SharedArrayBuffer(0),
  slotCount: 0,
  hasZeros: false,
}

export const SLOT_WORDS = 5

const TWO_32 = 4294967296

export class AccessList {
  private mode = MODE_OFF
  private words: Int32Array
  private slotCount = 0
  private hasZeros = false

  constructor(data = ALL_ALLOWED) {
    this.words = new Int32Array(data.slots)
    this.replace(data)
  }

  replace(data: AccessListData): void {
    this.mode = data.mode
    this.words = new Int32Array(data.slots)
    this.slotCount = data.slotCount
    this.hasZeros = data.hasZeros
  }

  // HOT: no allocation below this line.

  /** False if every torrent is allowed. */
  isOn(): boolean {
    return this.mode !== MODE_OFF
  }

  /** Whether the torrent with the info hash at `source[at]`, whose keyed hash is `hash`, is forbidden. */
  forbids(source: Int32Array, at: number, hash: number): boolean {
    if (this.mode === MODE_OFF) return false
    const words = this.words
    const slot = findSlot(words, this.slotCount, source, at, hash)
    const found = slot < 0 ? this.hasZeros : words[slot] !== 0 || !isEmpty(words, slot)
    return found === (this.mode === MODE_DENY)
  }
}

/** The slot of the info hash, or the empty slot where it would be; −1 for the one of zeros, which has none. */
export function findSlot(
  words: Int32Array,
  slotCount: number,
  source: Int32Array,
  at: number,
  hash: number,
): number {
  if (isEmpty(source, at)) return -1
  const end = slotCount * SLOT_WORDS
  let slot = Math.floor(((hash >>> 0) * slotCount) / TWO_32) * SLOT_WORDS
  // This ends because a third of the slots are empty.
  while (!isSame(words, slot, source, at) && !isEmpty(words, slot)) {
    slot += SLOT_WORDS
    if (slot === end) slot = 0
  }
  return slot
}

export function isSame(words: Int32Array, slot: number, source: Int32Array, at: number): boolean {
  return (
    words[slot] === source[at] &&
    words[slot + 1] === source[at + 1] &&
    words[slot + 2] === source[at + 2] &&
    words[slot + 3] === source[at + 3] &&
    words[slot + 4] === source[at + 4]
  )
}

function isEmpty(words: Int32Array, slot: number): boolean {
  return (words[slot] | words[slot + 1] | words[slot + 2] | words[slot + 3] | words[slot + 4]) === 0
}
