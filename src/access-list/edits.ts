// Single changes to an access list in force: info hashes that were added or removed since its file was read. Written
// by the main thread (list-edits.ts), read by all workers through list.ts. Owns the shared memory.
//
//  0 slots in use │ then slots of 6 words: 0 state │ 1 info hash (5)
//
// The file's table (list.ts) is never written again, so an edit costs no copy of it; what stands here comes first.
// Open addressing as there. One thread writes. A slot's info hash is written once, before its first state, and never
// changes; the state is one word, stored and loaded by atomics. So whoever sees a state sees the whole info hash, a
// look-up needs no lock, and an edit is in force in all threads once it is stored. Slots are never freed: each
// reading of the file makes a new table.
import { isSame, SLOT_WORDS } from './slots.ts'

// States of a slot; 0 is empty.
const EMPTY = 0
export const ADDED = 1
export const REMOVED = 2

/** More belong into the file. */
export const EDITS_MAX = 65_536
/** At most half of them are in use. */
const SLOTS = EDITS_MAX * 2
const EDIT_WORDS = 1 + SLOT_WORDS
const FIRST = 1

const TWO_32 = 4294967296

/** Of lists that cannot be edited. */
export const NO_EDITS = new SharedArrayBuffer(FIRST * 4)

/** 3 MB, of which untouched pages take no memory. */
export function createEdits(): SharedArrayBuffer {
  return new SharedArrayBuffer((FIRST + SLOTS * EDIT_WORDS) * 4)
}

/** Whether the info hash at `source[0]` can be edited: it has been, or there is room for one more. */
export function hasRoom(words: Int32Array, source: Int32Array, hash: number): boolean {
  return words[0] < EDITS_MAX || words[placeOf(words, source, hash)] !== EMPTY
}

/** By one thread alone, after `hasRoom`. */
export function writeEdit(
  words: Int32Array,
  source: Int32Array,
  hash: number,
  state: typeof ADDED | typeof REMOVED,
): void {
  const place = placeOf(words, source, hash)
  const isNew = words[place] === EMPTY
  if (isNew) {
    for (let i = 0; i < SLOT_WORDS; i++) words[place + 1 + i] = source[i]
  }
  Atomics.store(words, place, state)
  // After the slot: with 0 here nobody looks further.
  if (isNew) Atomics.store(words, 0, words[0] + 1)
}

/** For who writes: the slot of the info hash, or the empty one where it would be. */
function placeOf(words: Int32Array, source: Int32Array, hash: number): number {
  let place = firstPlace(hash)
  while (words[place] !== EMPTY && !isSame(words, place + 1, source, 0)) place = nextPlace(place)
  return place
}

// HOT: no allocation below this line.

/** ADDED or REMOVED; 0 if the file decides about the info hash at `source[at]`, whose keyed hash is `hash`. */
export function findEdit(words: Int32Array, source: Int32Array, at: number, hash: number): number {
  // A word that hardly ever changes: without edits, nothing else is read.
  if (Atomics.load(words, 0) === 0) return 0
  // This ends because half of the slots are empty. A state is loaded once: an empty slot may be filled meanwhile,
  // with another info hash.
  for (let place = firstPlace(hash); ; place = nextPlace(place)) {
    const state = Atomics.load(words, place)
    if (state === EMPTY || isSame(words, place + 1, source, at)) return state
  }
}

function firstPlace(hash: number): number {
  return FIRST + Math.floor(((hash >>> 0) * SLOTS) / TWO_32) * EDIT_WORDS
}

function nextPlace(place: number): number {
  const next = place + EDIT_WORDS
  return next === FIRST + SLOTS * EDIT_WORDS ? FIRST : next
}
