// The slots of an access list's table: one info hash each, found by open addressing. Used by list.ts, build.ts and
// edits.ts. Owns nothing.

export const SLOT_WORDS = 5

const TWO_32 = 4294967296

// HOT: no allocation below this line.

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

export function isEmpty(words: Int32Array, slot: number): boolean {
  return (words[slot] | words[slot + 1] | words[slot + 2] | words[slot + 3] | words[slot + 4]) === 0
}
